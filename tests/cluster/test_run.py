"""``stillup run``: a role as a process, how it begins, what it refuses, how it ends and begins anew."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import asynccontextmanager, suppress

import pytest

from stillup.bus.local import LocalBus
from stillup.bus.open import open_bus
from stillup.cli.main import run as stillup
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.roles.beat import present
from stillup.daemon.roles.health import NOT_READY
from stillup.daemon.roles.running import _be_alone, _say_end
from stillup.daemon.roles.stopping import Signals
from stillup.errors import BusError
from stillup.store import open_store
from stillup.testing import free_port
from tests.cluster.roles import Process, here_of


@pytest.fixture
def config(nats, tmp_path):
    """Writes the configuration of a cluster on the test's own NATS."""
    path = tmp_path / "stillup.toml"

    def write(more: str = "", bus: str = nats.servers[0], prefix: str = nats.prefix):
        path.write_text(
            f'data = "{tmp_path / "data"}"\n[web]\nlisten = "127.0.0.1:0"\n'
            f'[cluster]\nbus = ["{bus}"]\nprefix = "{prefix}"\ndrain_s = 0\n{more}'
        )
        return path

    return write


@asynccontextmanager
async def running(*words, config):
    process = await Process.start(*words, config=config)
    try:
        yield process
    finally:
        await process.end()


async def test_a_role_says_where_it_is_is_seen_by_others_and_leaves_without_a_trace(config, nats):
    async with running("web", "--name", "w1", config=config()) as web:
        await web.until("page: http://127.0.0.1:")
        assert "the token is in /" in " ".join(web.said)
        bus = await open_bus(nats, SystemClock())
        (beat,) = await present(bus)
        assert (beat.replica, beat.role, beat.pid) == ("w1", "web", web.child.pid)
        web.tell(signal.SIGTERM)
        assert await web.code() == 0
        assert await present(bus) == []
        await bus.close()


async def test_what_it_says_is_json_for_whoever_collects_logs(config):
    async with running("web", "--log-format", "json", config=config()) as web:
        line = json.loads(await web.until("page: "))
        assert line["role"] == "web"
        assert line["at"].endswith("Z")


async def test_a_name_is_given_once(config):
    async with running("web", "--name", "w1", config=config()) as web:
        await web.until("page: ")
        async with running("web", "--name", "w1", config=config()) as second:
            assert await second.code() == 64
            assert "another process is called 'w1'" in second.said[-1]


async def test_a_new_configuration_is_taken_on_sighup_and_a_bad_one_is_not(config):
    path = config()
    async with running("web", config=path) as web:
        await web.until("page: ")
        path.write_text(path.read_text() + "\n[webb]\n")
        web.tell(signal.SIGHUP)
        assert "did you mean web?" in await web.until("the new configuration is not taken")
        config("[hub]\nenabled = false\n")
        web.tell(signal.SIGHUP)
        await web.until("page: ", times=2)
        web.tell(signal.SIGTERM)
        assert await web.code() == 0


async def test_without_the_bus_it_begins_all_the_same_and_says_so(config):
    async with running("web", config=config(bus=f"nats://127.0.0.1:{free_port()}")) as web:
        await web.until("the bus does not answer")
        await web.until("page: ")
        web.tell(signal.SIGTERM)
        assert await web.code() == 0


class Leaderless(LocalBus):
    """Servers that are there, and have not chosen a leader."""

    def table(self, name, **_):
        msg = "NATS does not answer in time"
        raise BusError(msg)


async def test_servers_that_have_no_leader_yet_do_not_keep_it_from_beginning():
    said, clock = [], SystemClock()
    await _be_alone(Leaderless(clock), clock, parse_config('[cluster]\nname = "w1"\n'), "w1", said.append)
    assert said == ["whether another process has this name cannot be seen now: NATS does not answer in time"]


async def test_a_forgotten_address_of_the_database_is_said_before_every_machine_has_a_past_of_its_own(config):
    async with running("web", config=config()) as web:
        await web.until("no PostgreSQL is named (STILLUP_DATABASE_URL is not set): what is judged is kept in ")


async def test_the_database_of_another_installation_is_refused(config, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        store.claim("elsewhere", SystemClock().now())
    async with running("web", config=config()) as web:
        assert await web.code() == 70
        assert "belongs to the installation 'elsewhere'" in web.said[-1]


async def told(stop) -> int:
    """How often it was told."""
    times = 0
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0):
                await stop.until(times + 1)
            times += 1
    return times


async def test_a_first_sigterm_is_gentle_also_while_a_new_configuration_drains_and_a_second_is_not():
    signals = Signals(lambda: None)
    signals.stop.gently()
    signals.stop.gently()
    assert await told(signals.stop) == 1
    signals.end()
    assert (await told(signals.stop), signals.is_ending) == (1, True)
    signals.end()
    assert await told(signals.stop) == 2


def test_without_a_bus_in_the_configuration_there_is_nothing_to_join(tmp_path, capfd):
    path = tmp_path / "stillup.toml"
    path.write_text("")
    assert stillup(["run", "monitor", "--config", str(path)]) == 64
    assert "`cluster.bus`" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["runner"], "'runner'"),
        (["web", "--health", "nowhere"], "cluster.health"),
        (["web", "--name", "a.b"], "letters, digits and `-`"),
        (["web", "--name", "a b"], "stillup: --name: cluster.name: is 'a b'"),
        (["gateway", "--listen", "nowhere"], "stillup: --listen: gateway.listen"),
        (["monitor", "--listen", "127.0.0.1:0"], "--health opens"),
    ],
)
def test_what_it_cannot_be_told_is_refused(tmp_path, capfd, words, says):
    path = tmp_path / "stillup.toml"
    path.write_text("")
    assert stillup(["run", *words, "--config", str(path)]) == 64
    assert says in capfd.readouterr().err


async def test_while_it_drains_it_says_that_it_is_not_ready():
    here = here_of()
    saying = asyncio.create_task(_say_end(here))
    here.stop.tell()
    await saying
    assert here.beats == {NOT_READY: "it is being ended"}
