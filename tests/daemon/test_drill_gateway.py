"""Drills on a gateway that runs: real requests meet the failure, and it ends whatever happens."""

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack

import aiohttp
import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.drill.run import possible, run_drill
from stillup.daemon.drill.under_way import abort, drills_folder
from stillup.daemon.gateway import build
from stillup.drill.history import read
from stillup.drill.scenes import play_called
from stillup.drill.score import score_of, worth_of
from stillup.drill.values import Shape, Wanted, What, Where
from stillup.errors import UsageError
from stillup.gateway.plan import resolve
from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port

BODY = {"model": "m", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "a secret question"}]}
TEXT = " ".join(f"word{n}" for n in range(30))
CONFIG = """
data = "{data}"
[gateway]
listen = "127.0.0.1:{port}"
stall_after_s = 0.3
journal = {journal}
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
service = "claude"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "{b}/v1"
service = "mistral"
[[gateway.routes]]
chain = ["a/claude-sonnet-5-5", "b/other"]
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def running(tmp_path):
    """Starts a gateway before two scripted providers; gives it and its configuration."""
    async with AsyncExitStack() as stack:

        async def start(*, journal="true"):
            servers = [await stack.enter_async_context(ProviderServer(name)) for name in "AB"]
            for server in servers:
                server.set(Behaviour(text=TEXT, verbatim=True))
            text = CONFIG.format(
                data=tmp_path / "data", port=free_port(), journal=journal, a=servers[0].url, b=servers[1].url
            )
            config = parse_config(text, {}, tmp_path / "stillup.toml")
            gateway = build(config, resolve(config, {}), SystemClock(), say=lambda _: None)
            await gateway.start()
            stack.push_async_callback(gateway.stop, 0.0)
            return gateway, config

        yield start


async def asking(gateway, times=10**6):
    """Somebody who works on meanwhile."""
    async with aiohttp.ClientSession() as http:
        for _ in range(times):
            async with http.post(f"{gateway.address}/v1/messages", data=json.dumps(BODY)) as answer:
                await answer.read()
            await asyncio.sleep(0.02)


async def drilled(config, word, *, for_s=2.5, told=lambda _: None, aborted=None):
    wanted = Wanted(plays=(play_called(word, possible(config, {})),), where=Where.GATEWAY, for_s=for_s)
    aborted = aborted or asyncio.Event()
    return await run_drill(wanted, config, environ={}, told=told, aborted=aborted, say=pytest.fail)


@pytest.fixture
async def beside():
    """Work that goes on beside a drill, until the test is over."""
    tasks = []
    yield lambda work: tasks.append(asyncio.create_task(work))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_real_requests_meet_it_and_are_told_of_without_a_word_of_them(running, beside):
    gateway, config = await running()
    beside(asking(gateway))
    drill = await drilled(config, "mode:cut")
    (scene,) = drill.scenes
    (lane,) = scene.lanes
    found = score_of(scene, lane)
    assert found.requests > 3
    assert found.continuity == 1.0
    assert {each.shape for each in lane.asked} == {Shape.OTHER}
    assert any(each.continued and each.upstream == "b" for each in lane.asked)
    assert not drill.simulated
    assert gateway.faults.shown() == ()
    kept = (drills_folder(config) / f"{drill.id}.json").read_text()
    assert "secret" not in kept
    assert "word1" not in kept


@pytest.mark.parametrize("word", ["provider:claude", "all"])
async def test_what_fails_for_everybody_is_an_error_with_its_reason(running, beside, word):
    gateway, config = await running()
    beside(asking(gateway))
    drill = await drilled(config, word)
    (scene,) = drill.scenes
    found = score_of(scene, scene.lanes[0])
    if word == "all":
        assert found.errors > 0
        assert any("a: " in each.says for each in scene.lanes[0].asked if not each.ok)
    else:
        assert found.continuity == 1.0
        assert found.switch_s is not None
        assert "Requests through the gateway are rerouted." in [step.says for step in scene.steps if step.done]
    assert gateway.faults.shown() == ()


async def test_nothing_asked_meanwhile_is_said_and_is_no_success(running):
    _, config = await running()
    drill = await drilled(config, "mode:529", for_s=1.0)
    found = worth_of(drill)
    assert found.backed is None
    assert not found.is_whole
    assert "nobody asked" in found.says
    assert "no proof" in drill.scenes[0].happened[-1].says


async def test_without_a_journal_it_says_that_it_cannot_see(running, beside):
    gateway, config = await running(journal="false")
    beside(asking(gateway))
    drill = await drilled(config, "mode:529", for_s=1.0)
    assert not worth_of(drill).is_whole
    assert "no journal" in drill.scenes[0].happened[-1].says


async def test_aborted_it_is_off_at_once_and_what_was_seen_is_kept(running, beside):
    gateway, config = await running()
    beside(asking(gateway))

    def told(moment):
        if moment.what is What.FAILS:
            asyncio.get_running_loop().call_later(0.5, abort, drills_folder(config))

    async with asyncio.timeout(30):
        drill = await drilled(config, "mode:529", for_s=600, told=told)
    assert drill.aborted
    assert drill.scenes[0].aborted
    assert gateway.faults.shown() == ()
    assert read(drills_folder(config)).drills == (drill,)


async def test_cancelled_it_is_off_all_the_same(running):
    gateway, config = await running()
    begun = asyncio.Event()

    def told(moment):
        if moment.what is What.FAILS:
            begun.set()

    task = asyncio.create_task(drilled(config, "all", for_s=600, told=told))
    async with asyncio.timeout(30):
        await begun.wait()
        assert len(gateway.faults.shown()) == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert gateway.faults.shown() == ()


async def test_without_a_gateway_it_says_how_to_have_one(tmp_path):
    config = parse_config(f'data = "{tmp_path}"\n[gateway]\nlisten = "127.0.0.1:{free_port()}"\n')
    with pytest.raises(UsageError, match="stillup gateway"):
        await drilled(config, "mode:529", for_s=1.0)


async def test_an_upstream_that_the_gateway_does_not_know_is_refused_in_its_words(running):
    _, config = await running()
    other = parse_config(
        f'data = "{config.data}"\n[gateway]\nlisten = "{config.gateway.listen}"\n'
        '[[gateway.upstreams]]\nid = "c"\nprotocol = "anthropic"\n[[gateway.routes]]\nchain = ["c"]\n'
    )
    with pytest.raises(UsageError, match="no upstream is called 'c'"):
        await drilled(other, "mode:529", for_s=1.0)


async def test_what_is_proposed_can_be_played_on_the_gateway_and_it_is_asked_first(running, tmp_path):
    _, config = await running()
    path = tmp_path / "stillup.toml"
    path.write_text(CONFIG.format(
        data=tmp_path / "data", port=config.gateway.listen.rpartition(":")[2], journal="true",
        a="http://127.0.0.1:9", b="http://127.0.0.1:9",
    ))  # fmt: skip
    words = ("drill", "run", "--on-gateway", "--for", "1s", "--config", str(path))
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stillup", *words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, told = await program.communicate()
    assert program.returncode == 64
    assert b"real requests will meet" in told
    assert b"its page says" not in told
    assert b"nobody is there to be asked" in told


async def test_what_a_killed_drill_left_failing_is_ended_by_abort(running, tmp_path):
    gateway, config = await running()
    path = tmp_path / "stillup.toml"
    path.write_text(
        f"data = {json.dumps(str(tmp_path / 'data'))}\n[gateway]\nlisten = {json.dumps(config.gateway.listen)}\n"
    )
    gateway.faults.begin(b'{"upstream": "a", "mode": "529", "for_s": 60}', "")
    for code, says in ((0, b"is ended: a."), (1, b"No drill is under way.\n")):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stillup", "drill", "abort", "--config", str(path), stderr=subprocess.PIPE
        )
        _, told = await program.communicate()
        assert (program.returncode, told.endswith(says) or says in told) == (code, True), told
        assert gateway.faults.shown() == ()
