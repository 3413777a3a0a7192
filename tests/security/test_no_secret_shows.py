"""A whole run with marked keys and words: none of them shows anywhere but where it belongs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from stillup.registry import usable_sources
from stillup.sim.provider_server import ProviderServer
from tests.security.test_page_routes import RULES, Rule, asked

KEYED = ("statusgator", "cloudflare_radar", "openrouter")
OFF = "\n".join(f"[sources.{s.id}]\nenabled = false" for s in usable_sources() if s.id not in KEYED)
CONFIG = """
data = "{data}"
services = ["claude"]
[web]
listen = "127.0.0.1:0"
token_env = "PAGE_TOKEN"
"""
MARKED = """
[gateway]
listen = "127.0.0.1:0"
journal = true
[[gateway.users]]
id = "ann"
token_env = "ANN"
[[gateway.upstreams]]
id = "echo"
protocol = "anthropic"
base_url = "{echo}"
key_env = "ECHO_KEY"
service = "claude"
[[gateway.upstreams]]
id = "good"
protocol = "anthropic"
base_url = "{good}"
key_env = "GOOD_KEY"
[[gateway.routes]]
match = "echo*"
chain = ["echo"]
[[gateway.routes]]
chain = ["echo", "good"]
[[alerts.channels]]
id = "ops"
url_env = "HOOK"
secret_env = "HOOK_SECRET"
[[alerts.rules]]
id = "all"
channels = ["ops"]
"""
SECRETS = {
    "PAGE_TOKEN": "dummy-page-token-3f9c1b7a2d5e",
    "ANN": "dummy-user-token-8a1d4c6e9b20",
    "ECHO_KEY": "dummy-echo-key-5b7e2f914c3a",
    "GOOD_KEY": "dummy-good-key-c04d8e6a1f7b",
    "HOOK_SECRET": "dummy-hook-secret-71be93ad5c04",
    **{f"{source.upper()}_KEY": f"dummy-source-key-{source}-6e1f" for source in KEYED},
}
CLIENTS = "dummy-clients-own-key-2c9f7d1e"
WORDS = "walrus-and-carpenter-words-4471"
CODE = "import faulthandler, sys; faulthandler.enable(); from stillup.__main__ import main; sys.exit(main())"


def sources_at(echo):
    """The sources that have a key, read there."""
    return "\n".join(f'[sources.{s}]\nbase_url = "{echo}"\ninterval_s = 1\nkey_env = "{s.upper()}_KEY"' for s in KEYED)


@asynccontextmanager
async def echoing():
    """A server that has an error for everybody, and repeats in it all that it was sent."""
    seen: list[bytes] = []

    async def serve(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append(head)
            length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length:" in line]
            body = await reader.readexactly(length[0] if length else 0)
            said = f"that is no good: {head.decode('latin-1')} {body.decode('latin-1')}"
            told = json.dumps({"type": "error", "error": {"type": "x", "message": said}}).encode()
            status = b"400 Bad Request" if b"echo-400" in body else b"401 Unauthorized"
            kind = b"content-type: application/json\r\nconnection: close\r\nx-you-sent: %b\r\n" % head.splitlines()[-1]
            writer.write(b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, kind, len(told), told))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


class Run:
    """``stillup up`` with all of them, and what it said."""

    def __init__(self, process, folder):
        self.process, self.folder, self.said = process, folder, b""

    async def until(self, words):
        while words not in self.said:
            line = await self.process.stderr.readline()
            assert line, self.said
            self.said += line
        return next(line for line in self.said.splitlines() if words in line).decode()


@pytest.fixture
async def run(tmp_path):
    async with echoing() as (echo, seen), ProviderServer("A") as good:
        config = tmp_path / "stillup.toml"
        text = (CONFIG + MARKED).format(data=tmp_path / "data", echo=echo, good=good.url)
        config.write_text(f"{text}{OFF}\n{sources_at(echo)}")
        hook = f"{echo}/hook/dummy-hook-path-90ab17"
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | SECRETS | {"HOOK": hook}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CODE, "up", "--config", str(config), "--log", str(tmp_path / "access.log")),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=environ, cwd=tmp_path,
        )  # fmt: skip
        made = Run(process, tmp_path)
        made.environ, made.config, made.seen = environ, config, seen
        try:
            yield made
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def shown_in(text: bytes, *besides: str) -> list[str]:
    """The marks that stand in it."""
    marks = [*SECRETS.values(), CLIENTS, "dummy-hook-path"]
    return [mark for mark in marks if mark not in besides and mark.encode() in text]


async def ask(client, gateway, model, **headers):
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": WORDS}]}
    sent = {"x-stillup-token": SECRETS["ANN"], "x-api-key": CLIENTS, "anthropic-version": "2023-06-01"} | headers
    async with client.post(f"{gateway}/v1/messages?key={CLIENTS}", json=body, headers=sent) as got:
        return got.status, await got.read(), repr(got.headers).encode()


async def test_no_key_and_no_token_shows_in_answers_pages_metrics_logs_files_and_crash_reports(run):
    gateway = (await run.until(b"listens on")).partition("listens on ")[2].split()[0]
    page = (await run.until(b"page: ")).partition("page: ")[2].split()[0]
    answers = []
    async with aiohttp.ClientSession() as client:
        status, body, heads = await ask(client, gateway, "echo-400")
        assert (status, b"that is no good" in body) == (400, True), body
        answers += [body, heads]
        status, body, heads = await ask(client, gateway, "claude-opus-4-5")
        assert status == 200
        answers += [body, heads]
        for headers in ({}, {"x-stillup-token": "wrong"}, {"origin": "https://evil.example"}):
            _, body, heads = await ask(client, gateway, "echo-1", **headers)
            answers += [body, heads]
        user, owner = {"x-stillup-token": SECRETS["ANN"]}, {"authorization": f"Bearer {SECRETS['PAGE_TOKEN']}"}
        for path in ("/metrics", "/stillup/status", "/stillup/models", "/stillup/later", "/stillup/fault"):
            async with client.get(gateway + path, headers=user) as got:
                answers.append(await got.read())
        for path, rule in RULES.items():
            if path != "/events":
                async with client.get(page + asked(path), headers=owner) as got:
                    text = await got.read()
                    answers.append(text)
                    assert rule is Rule.NOBODY or WORDS.encode() not in text, path
    assert [found for answer in answers if (found := shown_in(answer))] == []

    tested = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stillup", "alert", "test", "--config", str(run.config), env=run.environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await tested.communicate()
    assert shown_in(told) == []
    used = b"".join(run.seen)
    assert SECRETS["ECHO_KEY"].encode() in used, "the marks were sent where they belong"
    assert b"dummy-hook-path" in used

    run.process.send_signal(signal.SIGABRT)  # what crashes tells its stack
    run.said += await run.process.stderr.read()
    assert b"Fatal Python error" in run.said
    assert shown_in(run.said) == []
    assert WORDS.encode() not in run.said
    for path in run.folder.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert shown_in(raw) == [], path
            assert WORDS.encode() not in raw or "journal" in str(path), path
            assert path == run.config or path.name == "access.log" or not path.stat().st_mode & 0o077, path
