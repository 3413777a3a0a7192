"""A provider server as a program of its own, with a second port that takes orders.

``GET /set?failure=cut&after=3`` (any field of :class:`~stillup.sim.provider.behaviour.Behaviour`; what is absent is
healthy), ``POST /script`` with a JSON list of behaviours, ``GET /release``, ``GET /reset``, ``GET /stats``, and
``GET /last``: the newest request as it came. Answers are JSON. One line on stdout says where both ports are (0 takes
a free one), and that it is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from stillup.sim.gate import bound
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.connection import Connection, Request
from stillup.sim.provider.heads import head_bytes
from stillup.sim.provider.steps import Send, Step
from stillup.sim.provider.voices import vendor_of, voices
from stillup.sim.provider_server import ProviderServer

_USAGE = "usage: python -m stillup.sim.provider_server NAME PORT CONTROLPORT [--vendor VENDOR] [FIELD=VALUE ...]"
_HELP = f"""\
{_USAGE}

A scripted provider on loopback that speaks every protocol; it runs until it is interrupted. The protocols are those of
Anthropic, OpenAI (Chat Completions and Responses), Gemini, Bedrock, Vertex, DeepL, Ollama and llama.cpp.

  NAME         what it calls itself in every answer
  PORT         where it answers; 0 takes a free one
  CONTROLPORT  where it takes orders: /set?FIELD=VALUE&..., /script, /release, /reset, /stats, /last
  VENDOR       whose API it stands for: its words for errors, its headers, what keeps its streams alive; without it
               each protocol is its maker's. A service's id of the catalogue, or one of these:
               {", ".join(voices())}
  FIELD=VALUE  how it answers from the start; healthy where nothing is said

Fields: {", ".join(Behaviour.__struct_fields__)}
Failures (failure=...): {", ".join(Failure)}
Reasons (reason=..., of failure=status, error_first, error_event, failed_event): {", ".join(Reason)}

  --vendor deepl failure=status status=456                     the allowance is used up
  --vendor gemini failure=status status=503 generates_only=1   the list of models answers, generation fails
  --vendor openrouter failure=error_event status=502 after=3   an error inside the stream
  --vendor deepseek pings=5 first_token_after_s=2              kept alive, then answered
  --vendor mistral text="It goes on." failure=cut after=2      a script, cut; asked with its beginning, the rest follows
  tool=look 'arguments={{"city": "Paris"}}'                      a call, as JSON; lists are JSON too
"""


def behaviour_of(fields: dict[str, str]) -> Behaviour:
    """A behaviour from words.

    :raises msgspec.ValidationError: no such field, or not a value of it.
    """
    return msgspec.convert({name: _value(name, text) for name, text in fields.items()}, Behaviour, strict=False)


def _value(name: str, text: str) -> object:
    """Lists and objects are JSON; everything else is words."""
    if name not in _JSON:
        return text
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        msg = f"{text!r} is no JSON - at `$.{name}`"
        raise msgspec.ValidationError(msg) from None
    return found


_JSON = frozenset({"headers", "arguments", "calls", "turns", "refuses"})


class Control:
    """Answers on the control port."""

    def __init__(self, server: ProviderServer) -> None:
        self._server = server

    def opened(self, connection: Connection) -> bool:  # noqa: ARG002
        """Everyone may."""
        return True

    def closed(self, connection: Connection) -> None:
        """Nothing to forget."""

    def ended(self, request: Request) -> None:
        """Nothing to count."""

    async def released(self) -> None:
        """Never silent."""

    def asked(self, request: Request) -> Iterator[Step]:
        """Obey, and answer."""
        try:
            status, said = 200, self._obey(request)
        except msgspec.MsgspecError as exc:
            status, said = 400, {"error": str(exc)}
        body = msgspec.json.encode(said) + b"\n"
        head = head_bytes(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        yield Send(head + body)

    def _obey(self, request: Request) -> Any:  # noqa: ANN401 - whatever JSON can say
        server, url = self._server, urlsplit(request.target)
        if url.path == "/set":
            fields = dict(parse_qsl(url.query))
            model = fields.pop("for_model", "")
            behaviour = msgspec.json.decode(request.body, type=Behaviour) if request.body else behaviour_of(fields)
            server.set(behaviour, model=model)
            return behaviour
        if url.path == "/script":
            behaviours = msgspec.json.decode(request.body, type=list[Behaviour])
            server.script(behaviours)
            return {"scripted": len(behaviours)}
        if url.path == "/last":
            return _told(server.requests[-1]) if server.requests else {}
        if url.path == "/release":
            server.release()
        elif url.path == "/reset":
            server.reset()
        return {"name": server.name} | msgspec.structs.asdict(server.counts)


def _told(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "target": request.target,
        "headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in request.headers],
        "body": request.body.decode("utf-8", "replace"),
    }


async def serve(name: str, port: int, control_port: int, behaviour: Behaviour, vendor: str = "") -> None:
    """Serve on both ports until a signal ends it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    async with ProviderServer(name, port=port, vendor=vendor) as server:
        server.set(behaviour)
        control = Control(server)
        sock = bound(control_port)
        orders = await loop.create_server(lambda: Connection(control), sock=sock)
        sys.stdout.write(f"{server.url} orders at http://127.0.0.1:{sock.getsockname()[1]}\n")
        sys.stdout.flush()
        await ended.wait()
        orders.close()


def _fields(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            msg = f"{word} is no FIELD=VALUE"
            raise ValueError(msg)
    return dict(word.split("=", 1) for word in words)


def _vendor(words: list[str]) -> str:
    """Take ``--vendor X`` out of the words.

    :raises ValueError: no such vendor.
    """
    at = next((i for i, word in enumerate(words) if word.partition("=")[0] == "--vendor"), None)
    if at is None:
        return ""
    option = words.pop(at)
    name = option.partition("=")[2] if "=" in option else words.pop(at) if at < len(words) else ""
    if not vendor_of(name):
        msg = f"{name or '--vendor'} is no vendor; there are {', '.join(voices())}"
        raise ValueError(msg)
    return vendor_of(name)


def run(arguments: Sequence[str]) -> int:
    """The program; its exit code."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(_HELP)
        return 0
    words = list(arguments)
    try:
        vendor = _vendor(words)
    except ValueError as exc:
        sys.stderr.write(f"{_USAGE}\n{exc}\n")
        return 64
    if len(words) < 3:
        sys.stderr.write(f"{_USAGE}\n")
        return 64
    name, port, control_port, *fields = words
    try:
        behaviour = behaviour_of(_fields(fields))
        ports = int(port), int(control_port)
    except ValueError as exc:  # msgspec's are among them
        sys.stderr.write(f"{_USAGE}\n{exc}\n")
        return 64
    with contextlib.suppress(ImportError):
        from uvloop import new_event_loop

        asyncio.Runner(loop_factory=new_event_loop).run(serve(name, *ports, behaviour, vendor))
        return 0
    asyncio.run(serve(name, *ports, behaviour, vendor))
    return 0
