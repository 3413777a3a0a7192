"""``stillup up`` as a process: it says where it listens, answers, and ends gently, whatever the monitor's part does."""

import asyncio
import signal
import socket
import sys
from contextlib import asynccontextmanager
from queue import Queue

import aiohttp
import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.up import hop_models, services_of, up
from stillup.daemon.watching import LateView, Watching
from stillup.errors import ConfigError
from stillup.gateway.core.views import Prior
from stillup.gateway.plan import resolve
from stillup.registry import usable_sources
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer

OFF = "\n".join(f"[sources.{s.id}]\nenabled = false" for s in usable_sources())
CONFIG = """
data = "{data}"
services = ["claude"]
[web]
listen = "127.0.0.1:{web}"
[gateway]
listen = "127.0.0.1:{port}"
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{url}"
service = "claude"
component = "api"
[[gateway.routes]]
chain = ["a"]
"""


class Up:
    """A running ``stillup up``."""

    def __init__(self, process):
        self.process = process
        self.address = ""
        self.said = []

    async def until(self, words):
        """Read what it says until a line holds these words; that line."""
        while True:
            line = (await self.process.stderr.readline()).decode()
            assert line, f"it ended without saying {words!r}: {self.said}"
            self.said.append(line)
            if words in line:
                return line

    async def ended(self):
        """Its exit code, once it has ended; what it still said is kept."""
        self.said += (await self.process.stderr.read()).decode().splitlines()
        return await self.process.wait()


@pytest.fixture
def started(tmp_path):
    @asynccontextmanager
    async def start(url="http://127.0.0.1:1", *arguments, port=0, web=0, switched=None):
        config = tmp_path / "stillup.toml"
        config.write_text(CONFIG.format(data=tmp_path / "data", url=url, port=port, web=web) + OFF)
        for section, line in (switched or {}).items():
            config.write_text(config.read_text().replace(f"[{section}]\n", f"[{section}]\n{line}\n"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stillup", "up", "--config", str(config), *arguments),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Up(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return start


@asynccontextmanager
async def asking(address):
    """A stream asked for; the answer, with its first bytes still to be read."""
    body = {
        "model": "claude-opus-4-5",
        "max_tokens": 10,
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    headers = {"anthropic-version": "2023-06-01"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{address}/v1/messages", json=body, headers=headers) as got,
    ):
        yield got.content


def address_in(line):
    return line.partition("listens on ")[2].split()[0]


async def test_it_says_where_it_listens_answers_logs_and_ends_with_zero(started):
    async with ProviderServer("A") as a, started(a.url, "--log", "-") as running:
        line = await running.until("listens on")
        assert running.said == [line]
        async with asking(address_in(line)) as content:
            assert b"message_stop" in await content.read()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
    (logged,) = (said for said in running.said if said.startswith("time="))
    assert "outcome=answered" in logged
    assert "upstream=a" in logged


async def test_a_stream_that_is_under_way_is_finished(started):
    async with ProviderServer("A") as a, started(a.url) as running:
        a.set(Behaviour(failure=Failure.STALL, after=3))
        async with asking(address_in(await running.until("listens on"))) as content:
            first = await content.readuntil(b"A2 ")
            running.process.send_signal(signal.SIGTERM)
            await running.until("stopping")
            a.release()
            assert b"message_stop" in first + await content.read()
        assert await running.ended() == 0


async def test_a_second_signal_ends_it_at_once(started):
    async with ProviderServer("A") as a, started(a.url) as running:
        a.set(Behaviour(failure=Failure.STALL, after=3))
        async with asking(address_in(await running.until("listens on"))) as content:
            await content.readuntil(b"A2 ")
            running.process.send_signal(signal.SIGINT)
            await running.until("stopping")
            running.process.send_signal(signal.SIGINT)
            assert await running.ended() == 0  # and the stream never went on
            with pytest.raises(aiohttp.ClientError):
                await content.read()


async def get(url):
    """Status and body of a page."""
    async with aiohttp.ClientSession() as client, client.get(url) as got:
        return got.status, await got.text()


async def test_the_page_is_served_beside_the_gateway_and_knows_where_the_chat_asks(started):
    async with ProviderServer("A") as a, started(a.url) as running:
        gateway = address_in(await running.until("listens on"))
        page = (await running.until("page: ")).split()[2]
        status, body = await get(f"{page}/claude")
        assert (status, "Claude" in body) == (200, True)
        metrics = await get(f"{page}/metrics")
        assert "stillup_gateway" in metrics[1]
        await running.until("data: ")
        assert f"ANTHROPIC_BASE_URL={gateway}" in "".join(running.said)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_the_page_shows_drills_and_that_one_is_under_way_on_this_gateway(started, tmp_path):
    async with started() as running:
        gateway = address_in(await running.until("listens on"))
        page = (await running.until("page: ")).split()[2]
        headers = {"authorization": f"Bearer {(tmp_path / 'data' / 'web.token').read_text().strip()}"}
        fault = {"upstream": "a", "mode": "529", "for_s": 60}
        async with aiohttp.ClientSession(headers=headers) as client:
            for is_under_way in (False, True):
                async with client.get(f"{page}/drills") as got:
                    text = await got.text()
                assert "no outage has been practised yet" in text
                assert "provider:claude" in text
                assert ("a fails with 529" in text) is is_under_way
                await client.post(f"{gateway}/stillup/fault", json=fault, headers={"authorization": ""})


async def test_no_line_has_the_token_in_it(started, tmp_path):
    async with started() as running:
        await running.until("data: ")
        token = (tmp_path / "data" / "web.token").read_text().strip()
        assert len(token) > 20
        assert token not in "".join(running.said)
        assert str(tmp_path / "data" / "web.token") in "".join(running.said)


@pytest.mark.parametrize(("section", "says"), [("web", "`web.listen`"), ("port", "`gateway.listen`")])
async def test_an_address_that_is_taken_is_refused_before_anything_begins(started, tmp_path, section, says):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with started(**{section: taken.getsockname()[1]}) as running:
            assert await running.ended() == 64
    assert len(running.said) == 1
    assert "cannot listen on 127.0.0.1" in running.said[0]
    assert says in running.said[0]
    assert not (tmp_path / "data" / "stillup.db").exists()


async def test_what_is_switched_off_does_not_run(started):
    async with started(switched={"web": "enabled = false"}) as running:
        await running.until("listens on")
        await running.until("data: ")
        assert not any("page:" in line for line in running.said)
    async with started(switched={"gateway": "enabled = false"}) as running:
        page = (await running.until("page: ")).split()[2]
        await running.until("data: ")
        assert not any("listens on" in line or "chat" in line for line in running.said)
        assert (await get(page))[0] == 200
        running.process.send_signal(signal.SIGINT)
        assert await running.ended() == 0


async def test_a_bad_file_of_the_teams_steps_is_said_and_stops_nothing(started, tmp_path):
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "all.md").write_text("- ring the desk\n-\n")
    async with started() as running:
        await running.until("all.md:2: a step without a word")
        await running.until("data: ")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_a_folder_of_steps_that_is_named_and_not_there_is_said(started, tmp_path, monkeypatch):
    monkeypatch.setenv("STILLUP_PLAYBOOK__FOLDER", str(tmp_path / "nowhere"))
    async with started() as running:
        await running.until(f"playbook.folder: {tmp_path / 'nowhere'} is no folder yet")
        await running.until("data: ")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_a_broken_database_stops_neither_the_watch_nor_the_gateway(started, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "stillup.db").write_bytes(b"no database" * 1_000)
    async with ProviderServer("A") as a, started(a.url) as running:
        address = address_in(await running.until("listens on"))
        await running.until("nothing is kept of what is watched")
        async with asking(address) as content:
            assert b"message_stop" in await content.read()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


# -- its parts --------------------------------------------------------------------------------------------------------


def test_what_upstreams_stand_on_is_watched_beside_what_the_configuration_names(tmp_path):
    config = parse_config(
        CONFIG.format(data=tmp_path, url="http://127.0.0.1:1", port=0, web=0).replace('["claude"]', '["github"]')
    )
    assert [s.id for s in services_of(config, resolve(config, {}))] == ["github", "claude"]


def test_models_that_routes_name_are_known(tmp_path):
    config = parse_config(
        CONFIG.format(data=tmp_path, url="http://127.0.0.1:1", port=0, web=0).replace('["a"]', '["a/ours", "a"]')
    )
    assert list(hop_models(config)) == ["ours", ""]


def test_a_key_that_cannot_be_read_is_refused_before_anything_listens(tmp_path):
    key = tmp_path / "key"
    key.write_text("dummy")
    key.chmod(0o600)
    config = parse_config(f'[sources.statusgator]\nkey_file = "{key}"\n')
    key.unlink()
    with pytest.raises(ConfigError, match="the key cannot be read"):
        up(config, {}, pytest.fail, pytest.fail)


def test_a_monitor_that_dies_is_said_and_takes_its_word_with_it(tmp_path):
    """It would begin anew a minute later; the end comes first, and is not waited for."""

    class Dies(Watching):
        async def _watch(self, listener):
            seat.view = None
            raise RuntimeError("of an odd thing")

    said, seat = Queue(), LateView()
    watching = Dies(parse_config(""), {}, (), SystemClock(), said.put, seat=seat, feeds=())
    watching.start(None)
    assert said.get(timeout=10) == "the monitor ended and begins anew in a minute: RuntimeError: of an odd thing"
    watching.stop()
    assert not watching._thread.is_alive()
    assert seat.prior("claude", "api", "claude-opus-4-5") == Prior()


def test_before_the_monitor_is_there_nothing_is_known():
    assert LateView().prior("claude", "api", "claude-opus-4-5") == Prior()
