"""Codex, the real program, does its work though OpenAI's answers break off and a model of another provider goes on.

Its tools are not what others know: one takes free text, others stand in namespaces or come in an item of the input.
"""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Turn

CODEX = Path(__file__).parents[3] / ".clients" / "node_modules" / ".bin" / "codex"
PATIENCE_S = 120.0
NOBODY = "no command-line clients: script/real-clients installs them"
pytestmark = pytest.mark.skipif(not CODEX.exists() or shutil.which("node") is None, reason=NOBODY)

CONFIG = """
[gateway]
listen = "127.0.0.1:0"
hedge_after_s = 30

[[gateway.upstreams]]
id = "first"
protocol = "openai"
base_url = "{a}/v1"
key_env = "A_KEY"

[[gateway.upstreams]]
id = "second"
protocol = "{protocol}"
base_url = "{b}"
key_env = "B_KEY"

[[gateway.routes]]
match = "*"
chain = ["first", "second/{model}"]
"""
OTHERS = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro"}
SCRIPT = "I will write the file now, as you wish it to be, and then tell you of it."
NOTE = "note.txt"
PATCH = f"*** Begin Patch\n*** Add File: {NOTE}\n+it is there\n*** End Patch\n"
JOBS = {
    "gpt-5.5": Called("apply_patch", {"input": PATCH}),
    "gpt-6-sol": Called("functions__exec", {"input": f"await tools.apply_patch({PATCH!r});"}),
}
"""By Codex's model: what it offers depends on it, and so does how its file is written."""


@asynccontextmanager
async def gateway(a, b, protocol):
    config = parse_config(CONFIG.format(a=a.url, b=b.url, protocol=protocol, model=OTHERS[protocol]))
    clock = SystemClock()
    plan = resolve(config, {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b"})
    running = Gateway(plan, config.gateway, seen=Seen(clock), clock=clock, environ={})
    await running.start()
    try:
        yield running
    finally:
        await running.stop(0.0)


async def codex(url, model, home, folder):
    """What it printed at last."""
    settings = [f'openai_base_url="{url}/v1"', "analytics.enabled=false", "features.plugins=false"]
    options = [word for setting in settings for word in ("-c", setting)]
    free = "--dangerously-bypass-approvals-and-sandbox"  # what is run is what this test scripts
    program = await asyncio.create_subprocess_exec(
        CODEX,
        *("exec", *options, free, "--skip-git-repo-check", "--model", model, "Write the file."),
        cwd=folder,
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            "OPENAI_API_KEY": "dummy-key",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody is there, and nobody is to be asked
            "NO_PROXY": "127.0.0.1",
        },
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


@pytest.mark.parametrize("protocol", OTHERS)
@pytest.mark.parametrize("model", JOBS)
async def test_codex_writes_its_file_though_every_answer_of_openai_breaks_off(model, protocol, a, b, tmp_path):
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    a.set(Behaviour(text=SCRIPT, verbatim=True, failure=Failure.CUT_RESET, after=6))
    b.set(
        Behaviour(
            turns=(Turn(text=SCRIPT, calls=(JOBS[model],)), Turn(text=f"{SCRIPT} It is done.")),
            verbatim=True,
        )
    )
    async with gateway(a, b, protocol) as running:
        said = await codex(running.address, model, home, folder)

    assert said.strip() == f"{SCRIPT} It is done."
    assert (folder / NOTE).read_text() == "it is there\n"
    assert len(b.requests) == 2
