"""A gateway on a real socket before scripted providers, and a client that sees every byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from random import Random

import h11
import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.journal import Journal
from stillup.gateway.journal import Settings as JournalSettings
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider_server import ProviderServer
from tests.gateway.app.sparing import never_again

KEYS = {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b", "C_KEY": "dummy-key-of-c"}
CLIENTS_KEY = "dummy-key-of-the-client"
WITHIN_S = 20.0
"""Nothing here takes so long unless it hangs."""
LONG_S = 30.0
"""A patience that does not end within a test."""
PATHS = {"anthropic": "", "openai": "/v1", "gemini": ""}
MODELS = {"claude*": "anthropic", "gemini*": "gemini", "*": "openai"}
"""Whose models are asked of which upstreams: each request stays in its own dialect unless a test gives a chain."""
UPSTREAM = """
[[gateway.upstreams]]
id = "{name}-{protocol}"
protocol = "{protocol}"
base_url = "{url}{path}"
{more}
"""
CLOUD = """
[[gateway.upstreams]]
id = "cloud"
protocol = "bedrock"
base_url = "{url}"
region = "us-east-1"
key_env = "A_KEY"
"""
"""Models on Amazon Bedrock, by A's key."""


class Speech:
    """How one protocol is asked, in either manner, and read."""

    def __init__(self, protocol, stream):
        self.protocol, self.stream = protocol, stream
        self.upstream = {"messages": "anthropic", "gemini": "gemini"}.get(protocol, "openai")

    @property
    def model(self):
        return {"messages": "claude-simulated-1", "gemini": "gemini-simulated-1"}.get(self.protocol, "gpt-simulated-1")

    @property
    def path(self):
        paths = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
        method = "streamGenerateContent?alt=sse" if self.stream else "generateContent"
        return paths.get(self.protocol, f"/v1beta/models/{self.model}:{method}")

    def body(self, text="hello"):
        said = [{"role": "user", "content": text}]
        body = {
            "messages": {"max_tokens": 64, "messages": said},
            "chat": {"messages": said},
            "responses": {"input": text},
            "gemini": {"contents": [{"role": "user", "parts": [{"text": text}]}]},
        }[self.protocol]
        if self.protocol != "gemini":
            body = {"model": self.model, **body, **({"stream": True} if self.stream else {})}
        return json.dumps(body).encode()

    @property
    def key(self):
        header = {"messages": "x-api-key", "gemini": "x-goog-api-key"}.get(self.protocol, "authorization")
        return header, CLIENTS_KEY if header != "authorization" else f"Bearer {CLIENTS_KEY}"

    def text(self, reply):
        """What was said; only for a whole answer."""
        return self.said(reply.body)

    def said(self, body):
        """What was said as far as it came."""
        if not self.stream:
            return _words(self.protocol, json.loads(body))
        data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: {")]
        return "".join(_delta(self.protocol, json.loads(each)) for each in data)

    def ended(self, reply):
        """Whether it came to its own end."""
        mark = {
            "messages": b"event: message_stop",
            "chat": b"data: [DONE]",
            "responses": b"event: response.completed",
            "gemini": b'"finishReason"',
        }
        return (mark[self.protocol] in reply.body) if self.stream else reply.status == 200

    def error_in(self, reply):
        """The protocol's error event in a stream that broke, as a value; None where there is none."""
        for line in reversed(reply.body.split(b"\n")):
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                return event.get("error")
        return None

    def __repr__(self):
        return f"{self.protocol}-{'stream' if self.stream else 'whole'}"


def _delta(protocol, event):
    match protocol:
        case "messages":
            return event.get("delta", {}).get("text", "")
        case "chat":
            return "".join(c.get("delta", {}).get("content") or "" for c in event.get("choices", ()))
        case "responses":
            return event["delta"] if event.get("type") == "response.output_text.delta" else ""
    parts = [c.get("content", {}).get("parts", ()) for c in event.get("candidates", ())]
    return "".join(part.get("text", "") for each in parts for part in each)


def _words(protocol, answer):
    match protocol:
        case "messages":
            return "".join(block["text"] for block in answer["content"])
        case "chat":
            return answer["choices"][0]["message"]["content"]
        case "responses":
            return "".join(part["text"] for item in answer["output"] for part in item["content"])
    return _delta(protocol, answer)


PROTOCOLS = ("messages", "chat", "responses", "gemini")
STREAMS = [Speech(protocol, stream=True) for protocol in PROTOCOLS]
WHOLES = [Speech(protocol, stream=False) for protocol in PROTOCOLS]
SPEECHES = [*STREAMS, *WHOLES]
MESSAGES = STREAMS[0]


class Reply:
    """An answer as it came over the socket. ``broken``: it did not end as HTTP says that answers end."""

    def __init__(self):
        self.status, self.headers, self.body, self.broken = 0, [], bytearray(), False
        self.trailers = []

    def header(self, name):
        return ", ".join(v.decode() for k, v in self.headers if k.lower() == name.encode())

    def trailer(self, name):
        return ", ".join(v.decode() for k, v in self.trailers if k.lower() == name.encode())

    @property
    def error(self):
        """The error of a body that is one."""
        return json.loads(self.body)["error"]

    def __repr__(self):
        return f"Reply({self.status}, {bytes(self.body[:300])!r})"


class Line:
    """One connection of a client."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    def send(self, method, path, headers=(), body=b"", *, host="localhost"):
        """Send a request."""
        lines = [("host", host), *headers]
        if body:
            lines.append(("content-length", str(len(body))))
        raw = self._http.send(h11.Request(method=method, target=path, headers=lines))
        raw += (self._http.send(h11.Data(body)) if body else b"") + self._http.send(h11.EndOfMessage())
        self.writer.write(raw)

    async def event(self):
        """The next event of the answer; None when the connection broke in the middle of one."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                return None
            if event is not h11.NEED_DATA:
                return event
            try:
                data = await self.reader.read(65_536)
            except ConnectionError:
                return None
            try:
                self._http.receive_data(data)
            except h11.RemoteProtocolError:
                return None

    async def reply(self, until=None):
        """The answer, or as much of it as it takes for ``until`` to be in it."""
        reply = Reply()
        while until is None or until not in reply.body:
            event = await self.event()
            if isinstance(event, h11.Response):
                reply.status, reply.headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                reply.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                reply.trailers = list(event.headers)
                return reply
            elif event is None or isinstance(event, h11.ConnectionClosed):
                reply.broken = True
                return reply
        return reply

    def again(self):
        """Ready for the next request."""
        self._http.start_next_cycle()

    def reset(self):
        """Leave without a word."""
        self.writer.transport.abort()


class Client:
    """Asks one gateway."""

    def __init__(self, gateway):
        self._gateway = gateway

    @asynccontextmanager
    async def line(self):
        """A connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._gateway.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def send(self, method, path, headers=(), body=b"", **more):
        """Ask anything."""
        async with asyncio.timeout(WITHIN_S), self.line() as line:
            line.send(method, path, headers, body, **more)
            return await line.reply()

    async def ask(self, speech, text="hello", headers=()):
        """Ask for an answer."""
        lines = [speech.key, ("content-type", "application/json"), *headers]
        return await self.send("POST", speech.path, lines, speech.body(text))


@asynccontextmanager
async def asking(client, speech, text="hello"):
    """A connection on which an answer was asked for."""
    async with asyncio.timeout(WITHIN_S), client.line() as line:
        line.send("POST", speech.path, [speech.key], speech.body(text))
        yield line


def words(name, count=10, start=0):
    """What the server of that name says."""
    return "".join(f"{name}{i} " for i in range(start, count))


class SkippingClock(SystemClock):
    """The real time, of which a test may leave some out."""

    def __init__(self):
        self._skipped_s = 0.0

    def monotonic_s(self):
        return super().monotonic_s() + self._skipped_s

    def now(self):
        return super().now() + timedelta(seconds=self._skipped_s)

    def skip(self, seconds):
        """So much time has passed."""
        self._skipped_s += seconds


@pytest.fixture
def clock():
    """The gateway's clock."""
    return SkippingClock()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """A proxy has no business on loopback."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def a():
    async with ProviderServer("A") as server:
        yield server


@pytest.fixture
async def b():
    async with ProviderServer("B") as server:
        yield server


@pytest.fixture
async def c():
    async with ProviderServer("C") as server:
        yield server


def config_of(urls, *, more="", upstream=None, chain=None, match="*"):
    """Each of the named URLs in every protocol, the first of them first."""
    lines = ["[gateway]", more if "listen" in more else f'listen = "127.0.0.1:0"\n{more}']
    for name, url in urls.items():
        for protocol, path in PATHS.items():
            own = f'key_env = "{name.upper()}_KEY"' if upstream is None else upstream
            own = own if isinstance(own, str) else own[name]
            lines.append(UPSTREAM.format(name=name, protocol=protocol, url=url, path=path, more=own))
    routes = {match: chain} if chain else {
        match if match != "*" else pattern: [f"{name}-{protocol}" for name in urls]
        for pattern, protocol in MODELS.items()
    }  # fmt: skip
    for pattern, hops in routes.items():
        lines += ["[[gateway.routes]]", f'match = "{pattern}"', f"chain = {hops}"]
    return "\n".join(lines)


@pytest.fixture
async def start(tmp_path, clock):
    """Start a gateway before servers or raw URLs; all are stopped behind the test.

    Silence is borne long unless a test says otherwise: none hangs on how busy the machine is.
    """
    async with AsyncExitStack() as stack:

        async def started(
            *servers, more="", hedge_after_s=LONG_S, journal=False, environ=KEYS, upstream=None, chain=None, say=print,
            view=None, observer=None, patience=None, match="*", later=False,
        ):  # fmt: skip
            urls = {s.name.lower(): s.url for s in servers}
            text = config_of(
                urls, more=f"hedge_after_s = {hedge_after_s}\n{more}", upstream=upstream, chain=chain, match=match
            )
            config = parse_config(text)
            kept = None
            if journal:
                kept = Journal.open(tmp_path / "journal", clock.now().timestamp(), JournalSettings(), say)
            gateway = Gateway(
                resolve(config, environ), config.gateway, seen=Seen(clock), clock=clock, environ={}, journal=kept,
                view=view, observer=observer, patience=patience, random=Random(1),
                later=tmp_path / "later" if later else None, say=say,
            )  # fmt: skip
            await gateway.start()
            stack.push_async_callback(gateway.stop, 0.0)
            if later:  # what is put off has failed for good: nobody need wait for the pauses before that
                never_again(gateway)
            return gateway

        yield started


class Raw:
    """An upstream scripted to the byte: ``answer`` is given each request's head and body and writes what it likes."""

    name = "A"

    def __init__(self, answer: Callable):
        self._answer = answer
        self.heads: list[bytes] = []
        self.port = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = next((x[15:] for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), b"0")
                body = await reader.readexactly(int(length))
                await self._answer(writer, head, body)
        writer.close()


@pytest.fixture
async def raw():
    """Serve with a function."""
    async with AsyncExitStack() as stack:

        async def served(answer):
            made = Raw(answer)
            server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
            made.port = server.sockets[0].getsockname()[1]
            stack.callback(server.close)
            return made

        yield served
