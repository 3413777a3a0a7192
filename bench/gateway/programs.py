"""Claude Code and Codex, the real programs, at a task of several turns with tools, before upstreams that break off.

``script/real-clients`` installs them. Each run has a home and a folder of its own, dummy keys, and a proxy that nobody
listens at: whom else a program would ask is not reached. Gateway and upstreams are in this process, on loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import msgspec
from msgspec.structs import replace

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Turn
from stillup.sim.provider.call import read_call
from stillup.sim.provider.connection import Request
from stillup.sim.provider.reply import Stream, reply_to
from stillup.sim.provider.voices import voice_for
from stillup.sim.provider_server import ProviderServer

BIN = Path(__file__).parents[2] / ".clients" / "node_modules" / ".bin"
PATIENCE_S = 120.0
TURNS = 4
NOTE, RUNS = "note.txt", "runs.txt"
BEFORE, AFTER = "The day was cold.\n", "The day was warm.\n"
_ASK = f"Read {NOTE}, put warm for cold in it, print it, and say what it says then."
_RUN = f"echo once >> {RUNS}; cat {NOTE}"
_SAID = (
    "I read the note first, and change nothing yet.",
    "Now I put the one word in place of the other.",
    "I print it, so that we see what it says.",
    "It says that the day was warm; that is all, and it is done.",
)
LAST = _SAID[-1]
_DEAD = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Program:
    """One program: whose protocol it speaks, how it is started, and how it is told to do its task."""

    name: str
    protocol: str
    turns: tuple[Turn, ...]
    argv: tuple[str, ...]
    environ: tuple[tuple[str, str], ...]
    """``{url}`` in either is the gateway's address."""

    @property
    def is_there(self) -> bool:
        """It is installed."""
        return (BIN / self.argv[0]).exists() and shutil.which("node") is not None


def _turns(*calls: Called) -> tuple[Turn, ...]:
    return tuple(Turn(text=text, calls=calls[i : i + 1]) for i, text in enumerate(_SAID))


CLAUDE_CODE = Program(
    name="Claude Code",
    protocol="anthropic",
    turns=_turns(
        Called("Read", {"file_path": f"{{folder}}/{NOTE}"}),
        Called("Edit", {"file_path": f"{{folder}}/{NOTE}", "old_string": "cold", "new_string": "warm"}),
        Called("Bash", {"command": _RUN, "description": "Print the note"}),
    ),
    argv=("claude", "-p", _ASK, "--model", "claude-sonnet-5", "--dangerously-skip-permissions"),
    environ=(
        ("ANTHROPIC_BASE_URL", "{url}"),
        ("ANTHROPIC_API_KEY", "dummy-key"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", "0"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("IS_SANDBOX", "1"),  # what it runs is what is scripted here
    ),
)
_PATCH = f"*** Begin Patch\n*** Update File: {NOTE}\n@@\n-The day was cold.\n+The day was warm.\n*** End Patch\n"
CODEX = Program(
    name="Codex",
    protocol="openai-responses",
    turns=_turns(
        Called("exec_command", {"cmd": f"cat {NOTE}"}),
        Called("apply_patch", {"input": _PATCH}),
        Called("exec_command", {"cmd": _RUN}),
    ),
    argv=(
        "codex", "exec", "-c", 'openai_base_url="{url}/v1"',
        *("-c", "analytics.enabled=false", "-c", "features.plugins=false"),
        # What is run is what is scripted here; its sandbox needs rights that a container does not have.
        *("--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check", "--model", "gpt-5.5", _ASK),
    ),
    environ=(("OPENAI_API_KEY", "dummy-key"),),
)  # fmt: skip
PROGRAMS = {each.name: each for each in (CLAUDE_CODE, CODEX)}
MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-4.1",
    "openai-responses": "gpt-4.1",
    "gemini": "gemini-2.5-pro",
}
"""What each upstream is asked for; the second's, where it is another."""
_RESULTS = ("tool_result", "function_call_output", "custom_tool_call_output")
_BASES = {"anthropic": "", "openai": "/v1", "openai-responses": "/v1", "gemini": ""}


@dataclass(frozen=True)
class Break:
    """How the first upstream's answer to one turn goes wrong, and behind how many tokens."""

    failure: Failure
    after: int = 0


@dataclass(frozen=True)
class Done:
    """What came of one task."""

    trouble: str
    """What is wrong; empty: all is as it must be."""
    at_first: int
    broken: int
    """Answers of the first upstream that went wrong."""
    at_second: int
    seams: int
    """Answers that were gone on with; the others had not reached the program yet, or ended behind their call."""
    tokens: tuple[int, ...] = ()
    """How many the first upstream had to say in each turn that it was asked for."""


async def run(
    program: Program, breaks: Sequence[Break | None], second: str, *, first: str = "", hedge_after_s: float = 30.0
) -> Done:
    """Let a program do its task, of which each turn may break; ``second`` is the protocol of who goes on."""
    with TemporaryDirectory(prefix="stillup-program-", ignore_cleanup_errors=True) as name:
        home, folder = Path(name) / "home", Path(name) / "work"
        home.mkdir()
        folder.mkdir()
        (folder / NOTE).write_text(BEFORE)
        # The pauses let the tokens out one by one; without them much of an answer is held with the call behind it.
        script = Behaviour(turns=_placed(program.turns, folder), verbatim=True, gap_s=0.002)
        async with ProviderServer("A") as a, ProviderServer("B") as b:
            a.set(script)
            a.script([replace(script, failure=each.failure, after=each.after) if each else script for each in breaks])
            b.set(replace(script, keeps_rules=True, knows_its_end=True))
            async with _gateway(program, a, b, first or program.protocol, second, hedge_after_s) as url:
                status, said, trouble = await _told(program, url, home, folder)
                seams = await asyncio.to_thread(_seams, url)
            wrong = _wrong(folder, status, said, trouble) or _lost(a, b)
            tokens = tuple(_tokens(request, script) for request in a.requests)
            return Done(wrong, a.counts.requests, a.counts.failed, b.counts.requests, seams, tokens)


def _seams(url: str) -> int:
    """How many answers were gone on with, as the gateway counts them itself."""
    with urlopen(f"{url}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return round(sum(map(float, re.findall(r"^stillup_gateway_continuations_total{.*} (\S+)$", text, re.MULTILINE))))


def _tokens(request: Request, script: Behaviour) -> int:
    """Thoughts, words and pieces of arguments in the answer to a request."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
    call = read_call(request.method, request.target, headers, request.body)
    reply = reply_to(call, script, "A", None, voice_for(call, ""))
    return len(reply.shape.tokens) if isinstance(reply, Stream) else 0


def _placed(turns: Sequence[Turn], folder: Path) -> tuple[Turn, ...]:
    raw = msgspec.json.encode(list(turns)).decode().replace("{folder}", str(folder))
    return msgspec.json.decode(raw, type=tuple[Turn, ...])


@asynccontextmanager
async def _gateway(
    program: Program, a: ProviderServer, b: ProviderServer, first: str, second: str, hedge_after_s: float
) -> AsyncIterator[str]:
    lines = ["[gateway]", 'listen = "127.0.0.1:0"', f"hedge_after_s = {hedge_after_s}", "stall_after_s = 0.3"]
    for name, protocol, server in (("a", first, a), ("b", second, b)):
        lines += ["[[gateway.upstreams]]", f'id = "{name}"', f'protocol = "{protocol}"']
        lines += [f'base_url = "{server.url}{_BASES[protocol]}"', f'key_env = "{name.upper()}_KEY"']
    chain = ["a" if first == program.protocol else f"a/{MODELS[first]}", f"b/{MODELS[second]}"]
    lines += ["[[gateway.routes]]", 'match = "*"', f"chain = {json.dumps(chain)}"]
    config, clock = parse_config("\n".join(lines)), SystemClock()
    plan = resolve(config, {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b"})
    gateway = Gateway(plan, config.gateway, seen=Seen(clock), clock=clock, environ={})
    await gateway.start()
    try:
        yield gateway.address
    finally:
        await gateway.stop(0.0)


async def _told(program: Program, url: str, home: Path, folder: Path) -> tuple[int | None, str, str]:
    """Its exit code, and what it printed."""
    name, *more = (word.replace("{url}", url) for word in program.argv)
    running = await asyncio.create_subprocess_exec(
        BIN / name,
        *more,
        cwd=folder,
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            "HTTPS_PROXY": _DEAD,
            "HTTP_PROXY": _DEAD,
            "NO_PROXY": "127.0.0.1",
        }
        | {key: value.replace("{url}", url) for key, value in program.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, trouble = await asyncio.wait_for(running.communicate(), PATIENCE_S)
    except TimeoutError:
        return None, "", f"it did not end within {PATIENCE_S:g} s"
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    return running.returncode, said.decode(errors="replace"), trouble.decode(errors="replace")


def _wrong(folder: Path, status: int | None, said: str, trouble: str) -> str:
    """What is wrong with what the program did."""
    if status != 0:
        return f"it ended with {status}: {(trouble or said).strip()[-300:]}"
    if said.strip() != LAST:
        return f"it said {said.strip()[-300:]!r}"
    if (note := (folder / NOTE).read_text()) != AFTER:
        return f"the note says {note!r}"
    ran = (folder / RUNS).read_text() if (folder / RUNS).exists() else ""
    return "" if ran == "once\n" else f"the command ran {ran.count('once')} times"


def _lost(a: ProviderServer, b: ProviderServer) -> str:
    """What is wrong with the turns as the upstreams saw them: each in order, once, and with one result a call."""
    at_first = [_results(_body(request)) for request in a.requests]
    at_second = [_results(_body(request)) for request in b.requests]
    if at_first != sorted(set(at_first)) or at_second != sorted(set(at_second)):
        return f"asked for the turns {at_first} and {at_second}"
    if {*at_first, *at_second} != set(range(TURNS)):
        return f"only the turns {at_first} and {at_second} were asked for"
    twice = len(at_first) + len(at_second) - TURNS
    return "" if twice <= a.counts.failed else f"{twice} turns were asked for twice, {a.counts.failed} broke off"


def _body(request: Request) -> object:
    return json.loads(request.body or b"{}")


def _results(body: object) -> int:
    """How many results of tools a conversation holds."""
    if isinstance(body, list):
        return sum(_results(each) for each in body)
    if not isinstance(body, dict):
        return 0
    if body.get("type") in _RESULTS or body.get("role") == "tool" or "functionResponse" in body:
        return 1
    return sum(_results(each) for each in body.values())
