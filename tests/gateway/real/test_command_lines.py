"""Claude Code and Codex, the real programs, ask through the gateway and never notice that the first upstream is down.

They get a home of their own, dummy keys, and a proxy that lets nothing out: whom else they would ask is seen there.
"""

import asyncio
import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure

BIN = Path(__file__).parents[3] / ".clients" / "node_modules" / ".bin"
PATIENCE_S = 120.0
HEDGE_S = 1.0
SECRET = "marmalade-7301"
"""It is in a file that only a tool can read; who says it has run the tool."""

NOBODY = "no command-line clients: script/real-clients installs them"
pytestmark = pytest.mark.skipif(not (BIN / "claude").exists() or shutil.which("node") is None, reason=NOBODY)

DEAD = [
    Behaviour(failure=Failure.STATUS, status=529),
    Behaviour(failure=Failure.HANG),
    Behaviour(failure=Failure.REFUSED),
    Behaviour(failure=Failure.ERROR_FIRST),
]


class ClaudeCode:
    name = "claude"

    def command(self, url, prompt):
        return ["-p", prompt, "--model", "claude-sonnet-5"]

    def environment(self, url):
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "dummy-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def reads(self, path):
        """What the model says to have a file read."""
        return Behaviour(tool="Read", arguments={"file_path": str(path)})


class Codex:
    name = "codex"

    def command(self, url, prompt):
        settings = [f'openai_base_url="{url}/v1"', "analytics.enabled=false", "features.plugins=false"]
        options = [word for setting in settings for word in ("-c", setting)]
        # What is run is what this test scripts; the sandbox needs rights that a container does not have.
        free = "--dangerously-bypass-approvals-and-sandbox"
        return ["exec", *options, free, "--skip-git-repo-check", "--model", "gpt-simulated-1", prompt]

    def environment(self, url):
        return {"OPENAI_API_KEY": "dummy-key"}

    def reads(self, path):
        return Behaviour(tool="exec_command", arguments={"cmd": f"cat {path}"})


CLIENTS = {"Claude Code": ClaudeCode(), "Codex": Codex()}


@pytest.fixture(params=CLIENTS)
def client(request):
    return CLIENTS[request.param]


class Outside:
    """A proxy through which nobody gets anywhere, and which remembers where they wanted to go."""

    def __init__(self):
        self.wanted = []

    async def refuse(self, reader, writer):
        self.wanted.append((await reader.readline()).decode("latin-1").strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


@pytest.fixture
async def outside():
    proxy = Outside()
    async with await asyncio.start_server(proxy.refuse, "127.0.0.1", 0) as server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


@pytest.fixture
def run(outside, tmp_path):
    """Run a client once in a folder of its own; what it printed."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    (folder / "note.txt").write_text(f"The word is {SECRET}.\n")

    async def ran(client, url, prompt="Say something."):
        environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            "HTTPS_PROXY": outside.url,
            "HTTP_PROXY": outside.url,
            "NO_PROXY": "127.0.0.1",
        }
        program = await asyncio.create_subprocess_exec(
            BIN / client.name,
            *client.command(url, prompt),
            cwd=folder,
            env=environment | client.environment(url),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, trouble = await asyncio.wait_for(program.communicate(), PATIENCE_S)
        except TimeoutError:
            program.kill()
            raise
        assert program.returncode == 0, trouble.decode()
        return said.decode()

    ran.folder = folder
    return ran


async def test_it_is_answered_through_the_gateway_and_asks_nobody_else(client, run, outside, a, b, start, words):
    gateway = await start(a, b)

    said = await run(client, gateway.address)

    assert words("A").strip() in said
    assert b.counts.requests == 0
    assert outside.wanted == []


@pytest.mark.parametrize("mode", DEAD, ids=lambda mode: mode.failure.value)
async def test_the_second_upstream_answers_it_where_the_first_is_dead(client, mode, run, a, b, start, words):
    gateway = await start(a, b, hedge_after_s=HEDGE_S)
    a.set(mode)

    said = await run(client, gateway.address)

    assert words("B").strip() in said
    assert b.counts.requests >= 1


async def test_it_uses_a_tool_while_upstreams_fail_in_turn(client, run, a, b, start, words):
    """The second upstream asks for a file to be read; the first, alive again, is told what is in it, and ends."""
    gateway = await start(a, b)
    a.script([Behaviour(failure=Failure.ERROR_FIRST)])
    b.script([client.reads(run.folder / "note.txt")])

    said = await run(client, gateway.address, "What does note.txt say?")

    asked = [r.body for r in (*a.requests, *b.requests) if SECRET.encode() in r.body]
    assert len(asked) == 1
    assert any(words(name).strip() in said for name in "AB")


class Wire:
    """Between a client and the gateway: what was asked there, and with which status it was answered."""

    def __init__(self, address):
        self._host, _, self._port = address.removeprefix("http://").partition(":")
        self.sent, self.got = b"", b""

    async def connected(self, reader, writer):
        back, forth = await asyncio.open_connection(self._host, int(self._port))
        await asyncio.gather(self._relay(reader, forth, "sent"), self._relay(back, writer, "got"))

    async def _relay(self, reader, writer, what):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                setattr(self, what, getattr(self, what) + data)
                writer.write(data)
        writer.close()

    @property
    def asked(self):
        return [line.decode() for line in re.findall(rb"^([A-Z]+ /\S*) HTTP/1\.1\r$", self.sent, re.MULTILINE)]

    @property
    def statuses(self):
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.got)]


@pytest.fixture
async def wire(a, start):
    wire = Wire((await start(a)).address)
    async with await asyncio.start_server(wire.connected, "127.0.0.1", 0) as server:
        wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield wire


class Chatty(ClaudeCode):
    """As it is without a word about traffic, and looking for models."""

    def environment(self, url):
        quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"
        more = {"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"}
        return {name: value for name, value in super().environment(url).items() if name != quiet} | more


async def test_whatever_else_claude_code_asks_is_served_too(run, wire):
    await run(Chatty(), wire.url)

    assert sorted(wire.asked) == ["GET /v1/models?limit=1000", "POST /v1/messages?beta=true"]
    assert wire.statuses == [200, 200]


async def test_codex_falls_back_from_its_websocket_at_the_first_no(run, wire):
    await run(Codex(), wire.url)

    assert wire.asked == ["GET /v1/responses", "POST /v1/responses"]
    assert wire.statuses == [426, 200]
