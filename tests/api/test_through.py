"""A gateway for SDKs: whose it is, whom it lets in, what goes on, and that nothing of it is left."""

import asyncio
import logging
import os
import subprocess
import sys
import threading

import aiohttp
import anthropic
import openai
import pytest
from google import genai

import stillup
from stillup.clock import SystemClock
from stillup.config import load_config
from stillup.daemon.gateway import build, listen
from stillup.errors import ConfigError, UsageError
from stillup.gateway.plan import resolve
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port
from tests import stranger

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
CONFIG = """
data = "{data}"
[gateway]
listen = "127.0.0.1:{port}"
{more}
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
key_env = "A_KEY"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "{b}/v1"
key_env = "B_KEY"
[[gateway.routes]]
match = "*"
chain = ["a/claude-simulated-1", "b/gpt-simulated-1"]
"""
ENVIRON = {"A_KEY": "key-of-a", "B_KEY": "key-of-b", "PATH": "/bin", "TEAM_TOKEN": "token-of-the-team"}
USERS = '[[gateway.users]]\nid = "ada"\ntoken_env = "TEAM_TOKEN"\n'
ASKED = {"model": "claude-simulated-1", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def providers():
    async with ProviderServer("A") as a, ProviderServer("B") as b:
        yield a, b


@pytest.fixture
def configured(tmp_path, providers):
    """A configuration's file before the two providers; ``more`` are further keys of the gateway."""
    a, b = providers

    def write(more="", port=0):
        path = tmp_path / "stillup.toml"
        path.write_text(CONFIG.format(data=tmp_path / "data", a=a.url, b=b.url, more=more, port=port))
        return path

    return write


async def said(f):
    async with anthropic.AsyncAnthropic(**f.anthropic) as client, client.messages.stream(**ASKED) as stream:
        return await stream.get_final_text()


async def status_of(url, headers=None):
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/v1/messages", json=ASKED, headers=headers) as answer,
    ):
        return answer.status


async def test_an_answer_that_breaks_off_is_whole_all_the_same_for_every_sdk(configured, providers):
    a, b = providers
    a.set(Behaviour(failure=Failure.CUT, after=3))
    async with stillup.failover(config=configured(), environ=ENVIRON) as f:
        assert f.is_own
        text = await said(f)
        assert "A2" in text
        assert text.strip().endswith("B9")
        async with openai.AsyncOpenAI(**f.openai) as client:
            chat = await client.chat.completions.create(model="gpt-simulated-1", messages=ASKED["messages"])
            assert chat.choices[0].finish_reason == "stop"
        google = genai.Client(**f.gemini)
        answer = await google.aio.models.generate_content(model="gemini-simulated-1", contents="hello")
        assert "B9" in answer.text
        await google.aio.aclose()
        google.close()
    keys = {value for server in (a, b) for r in server.requests for n, value in r.headers if n.lower() in
            (b"x-api-key", b"authorization", b"x-goog-api-key")}  # fmt: skip
    assert keys == {b"key-of-a", b"Bearer key-of-b"}, "the token of the context goes to no provider"


async def test_its_own_gateway_lets_in_nobody_but_this_program(configured):
    async with stillup.failover(config=configured(), environ=ENVIRON) as f:
        assert await status_of(f.url) == 401
        assert await status_of(f.url, {"x-api-key": "key-of-a"}) == 401
        assert await status_of(f.url, {"x-api-key": f.anthropic["api_key"]}) == 200
        assert f.anthropic["api_key"] not in repr(f)


async def test_nothing_of_it_is_left_after_the_context_and_nothing_was_kept(configured, tmp_path):
    before = threading.active_count()
    async with stillup.failover(config=configured(), environ=ENVIRON) as f:
        url = f.url
        await said(f)
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_of(url)
    assert not any(t.name == "stillup-gateway" for t in threading.enumerate())
    assert threading.active_count() <= before + 2  # the loop's own helpers stay
    assert not (tmp_path / "data" / "journal").exists()
    assert not (tmp_path / "data" / "later").exists()
    with pytest.raises(UsageError, match="inside the context only"):
        f.url  # noqa: B018 - it is the question


async def test_a_journal_is_kept_where_the_configuration_says_so(configured, tmp_path):
    async with stillup.failover(config=configured("journal = true"), environ=ENVIRON) as f:
        await said(f)
    assert any((tmp_path / "data" / "journal").iterdir())


async def test_an_error_in_the_block_is_the_callers_and_ends_the_gateway(configured):
    with pytest.raises(ZeroDivisionError):
        async with stillup.failover(config=configured(), environ=ENVIRON):
            1 / 0  # noqa: B018 - it is the error
    assert not any(t.name == "stillup-gateway" for t in threading.enumerate())


async def test_code_that_blocks_goes_on_too(configured, providers):
    providers[0].set(Behaviour(failure=Failure.CUT, after=3))
    path = configured()

    def blocking():
        with stillup.failover(config=path, environ=ENVIRON) as f, anthropic.Anthropic(**f.anthropic) as client:
            return client.messages.create(**ASKED).content[0].text

    assert "B9" in await asyncio.to_thread(blocking)


async def test_blocking_where_a_loop_runs_is_refused_with_what_to_write(configured):
    with pytest.raises(UsageError, match="async with"), stillup.failover(config=configured(), environ=ENVIRON):
        pass


async def test_contexts_beside_each_other_do_not_know_each_other(configured):
    path = configured()
    async with (
        stillup.failover(config=path, environ=ENVIRON) as one,
        stillup.failover(config=path, environ=ENVIRON) as two,
    ):
        assert one.url != two.url
        assert await status_of(one.url, {"x-api-key": two.anthropic["api_key"]}) == 401


async def test_where_there_is_nobody_to_ask_it_says_so(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text(
        f'data = "{tmp_path}"\n[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\nkey_env = "NO_KEY"\n'
    )
    with pytest.raises(UsageError, match="nobody to ask"):
        async with stillup.failover(config=path, environ={}):
            pass
    assert not any(t.name == "stillup-gateway" for t in threading.enumerate())


async def test_a_bad_configuration_is_told_with_its_line_before_anything_begins(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text("\ngatway = 1\n")
    with pytest.raises(ConfigError, match=r"stillup\.toml:2"):
        stillup.failover(config=path, environ={})


@pytest.mark.parametrize("more", ["", USERS])
async def test_the_gateway_that_runs_on_this_machine_is_taken_with_its_users_own_key(configured, more):
    path = configured("", free_port())
    path.write_text(path.read_text() + more)
    config = load_config(path, {})
    gateway = build(config, resolve(config, ENVIRON), SystemClock(), say=lambda _: None)
    environ = ENVIRON | ({"STILLUP_TOKEN": "token-of-the-team"} if more else {"ANTHROPIC_API_KEY": "mine"})
    await listen(gateway)
    try:
        async with stillup.failover(config=path, environ=environ) as f:
            assert (f.url, f.is_own) == (gateway.address, False)
            assert f.anthropic["api_key"] == ("token-of-the-team" if more else "mine")
            assert "A9" in await said(f)
        async with stillup.failover(config=path, environ=environ, own=True) as f:
            assert f.is_own
            assert f.url != gateway.address
    finally:
        await gateway.stop(0.0)


async def test_without_the_token_of_a_running_gateway_one_of_its_own_is_begun(configured):
    path = configured("", free_port())
    path.write_text(path.read_text() + USERS)
    config = load_config(path, {})
    gateway = build(config, resolve(config, ENVIRON), SystemClock(), say=lambda _: None)
    await listen(gateway)
    try:
        async with stillup.failover(config=path, environ=ENVIRON) as f:
            assert f.is_own
            assert "A9" in await said(f)
    finally:
        await gateway.stop(0.0)


async def test_a_program_gets_the_address_the_token_and_no_proxy_to_here(configured):
    environ = ENVIRON | {"HTTPS_PROXY": "http://proxy.example:1"}
    async with stillup.failover(config=configured(), environ=environ) as f:
        env = f.environ
        assert env["OPENAI_BASE_URL"] == f"{f.url}/v1"
        assert env["ANTHROPIC_BASE_URL"] == env["GOOGLE_GEMINI_BASE_URL"] == f.url
        assert env["ANTHROPIC_API_KEY"] == env["OPENAI_API_KEY"] == f.openai["api_key"]
        assert env["NO_PROXY"] == "127.0.0.1"
        assert env["PATH"] == "/bin"


async def test_entering_that_is_cancelled_leaves_no_gateway(configured):
    entering = asyncio.create_task(stillup.failover(config=configured(), environ=ENVIRON, own=True).__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert not any(t.name == "stillup-gateway" for t in threading.enumerate())


async def test_what_the_gateway_has_to_say_goes_to_the_log_and_not_to_the_terminal(configured, capfd, caplog):
    caplog.set_level(logging.INFO, "stillup")
    async with stillup.failover(config=configured(), environ=ENVIRON) as f:
        await said(f)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="takes root to be somebody else")
def test_a_gateway_of_another_person_on_this_machine_gets_no_key(configured):
    path = configured("", free_port())
    base = load_config(path, {}).gateway.listen
    with subprocess.Popen((sys.executable, stranger.__file__, base), stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"there\n"
        try:
            with stillup.failover(config=path, environ=ENVIRON | {"ANTHROPIC_API_KEY": "mine"}) as f:
                assert f.is_own
                assert f.anthropic["api_key"] != "mine"
        finally:
            program.kill()
