"""The real Claude Code and Codex fail against a server of this machine; what they note is understood.

They get a home of their own, dummy keys and a proxy that leads nowhere.
"""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from aiohttp import web

from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.model.signal import Outcome
from stillup.registry import load_source
from stillup.sources.base import Context, Setting

BIN = Path(__file__).parents[2] / ".clients" / "node_modules" / ".bin"
PATIENCE_S = 120.0
pytestmark = pytest.mark.skipif(
    not (BIN / "claude").exists() or shutil.which("node") is None,
    reason="no command-line clients: script/real-clients installs them",
)
CLAUDE = {
    "ANTHROPIC_API_KEY": "dummy-key",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}


ANTHROPIC = {
    529: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    401: {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
}
OPENAI = {
    503: {"error": {"type": "service_unavailable_error", "code": "server_is_overloaded", "message": "overloaded"}},
    429: {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Rate limit reached"}},
}


@pytest.fixture
async def failing():
    """Start a server that answers every request for a model with one error, and has no sockets."""
    runners = []

    async def start(status, body):
        async def fail(request):
            await request.read()
            return web.json_response(body, status=status if request.method == "POST" else 426)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", fail)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def claude(url):
    return ["claude", "-p", "Say something.", "--model", "claude-sonnet-5"], CLAUDE | {"ANTHROPIC_BASE_URL": url}


def codex(url):
    settings = [f'openai_base_url="{url}/v1"', "analytics.enabled=false", "features.plugins=false"]
    options = [word for setting in settings for word in ("-c", setting)]
    free = "--dangerously-bypass-approvals-and-sandbox"
    command = ["codex", "exec", *options, free, "--skip-git-repo-check", "--model", "gpt-simulated-1", "Say something."]
    return command, {"OPENAI_API_KEY": "dummy-key"}


async def run(command, environment, home):
    """Run a program to its end; what it says is not looked at."""
    surroundings = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb", "NO_PROXY": "127.0.0.1"}
    surroundings |= dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), "http://127.0.0.1:9")
    program = await asyncio.create_subprocess_exec(
        BIN / command[0],
        *command[1:],
        cwd=home,
        env=surroundings | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(program.wait(), PATIENCE_S)
    except TimeoutError:
        program.kill()
        raise


async def noted(source, service, path, home):
    """The errors that are read of what was noted, and how many requests are said to have failed."""
    setting = Setting(options={"path": str(home / path)})
    ctx = Context(now=SystemClock().now(), service=catalogue()[service], setting=setting)
    reading = await load_source(source).read(ctx, None)
    failed = [s for s in reading.signals if isinstance(s, Outcome) and s.ok is False]
    return {s.error for s in failed}, len(failed)


@pytest.mark.parametrize(("status", "error"), [(529, "overloaded"), (401, "authentication")])
async def test_claude_codes_errors_are_understood_and_its_retries_are_one_request(failing, tmp_path, status, error):
    await run(*claude(await failing(status, ANTHROPIC[status])), tmp_path)

    errors, number = await noted("claude_code", "claude", ".claude/projects", tmp_path)
    assert errors == {error}
    assert number <= 2  # one, or one a minute where the clock went over a minute's end


async def test_claude_codes_refused_connection_is_no_server_error(tmp_path):
    await run(*claude("http://127.0.0.1:9"), tmp_path)

    assert (await noted("claude_code", "claude", ".claude/projects", tmp_path))[0] == {"connection"}


@pytest.mark.parametrize(("status", "error"), [(503, "overloaded"), (429, "rate_limit")])
async def test_codexs_errors_are_understood(failing, tmp_path, status, error):
    await run(*codex(await failing(status, OPENAI[status])), tmp_path)

    assert (await noted("codex", "chatgpt", ".codex/sessions", tmp_path))[0] == {error}
