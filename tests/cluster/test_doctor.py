"""``stillup doctor --cluster``: what it finds, and that it changes nothing by looking."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from stillup import __version__
from stillup.bus.lease import STANDS_S, Lease
from stillup.bus.open import open_bus
from stillup.cli.main import run as stillup
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.cluster.owning import LEASES
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.publish import VERDICTS, Word, pack
from stillup.daemon.roles.beat import Beat, Beating, digest_of
from stillup.daemon.roles.examine import Mark, examine, partition_says, processes
from stillup.store import open_store
from stillup.testing import free_port
from tests.cluster.nats_server import NatsServer
from tests.cluster.roles import SERVICES

NOW = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
WATCHES = digest_of(SERVICES)
(PARTITION, *_) = partitions_of(SERVICES)


def beat(replica: str = "m1", role: str = "monitor", **rest) -> Beat:
    told = {"version": __version__, "since": NOW - timedelta(minutes=5), "host": "a", "watches": WATCHES}
    return Beat(replica=replica, life=f"{replica}.0", role=role, **{**told, **rest})


def found(*beats: Beat, config: str = "") -> list[tuple[Mark, str]]:
    return [(f.mark, f.says) for f in processes(parse_config(config), beats, WATCHES, NOW)]


def test_a_process_that_is_well_is_told_with_what_it_says_of_itself():
    said = found(beat(says={"owns": "p1", "trouble": ""}))
    assert said == [(Mark.WELL, f"{__version__} on a, up 5 min; owns p1")]


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ({"skew_s": 3.0}, "its clock is 3.0 s ahead"),
        ({"skew_s": -60.0}, "its clock is 60.0 s behind: it judges nothing"),
        ({"watches": "another"}, "it was told to watch other services than this configuration names"),
        ({"version": "0.0.1"}, f"it is of version 0.0.1, this is {__version__}"),
        (
            {"says": {"trouble": "the database is away"}},
            "the database is away: what it judges waits to be written",
        ),
    ],
)
def test_what_is_wrong_with_one_is_told_first(rest, says):
    ((mark, told),) = found(beat(**rest))
    assert mark is Mark.WRONG
    assert told.startswith(says)


def test_a_role_that_is_short_and_a_cluster_without_a_judge_are_wrong():
    said = found(beat("w1", "web"), config="[cluster.expect]\nweb = 2")
    assert said[1:] == [(Mark.WRONG, "1 of 2 are there"), (Mark.WRONG, "there is none, so nothing is judged")]


def words(seq: int, at: datetime = NOW) -> list[Word]:
    return [Word(at=at, service=s, seq=seq, fence=1) for s in PARTITION.services]


@pytest.mark.parametrize(
    ("holder", "said", "mark", "says"),
    [
        ("", [], Mark.WRONG, "nobody judges it; log of 10 records"),
        ("m1", [], Mark.WORTH_A_WORD, "has said nothing yet"),
        ("m1", words(10), Mark.WELL, "last 14:00 UTC; log of 10 records, 0 not judged yet"),
        ("m1", words(10, NOW - timedelta(minutes=9)), Mark.WRONG, "that is 9 min ago"),
    ],
)
def test_a_partition_is_as_its_judge_and_its_log_are(holder, said, mark, says):
    told = partition_says(PARTITION, holder, (1, 10), said, NOW)
    assert told.mark is mark
    assert says in told.says


def test_a_judge_that_is_far_behind_its_log_is_worth_a_word():
    told = partition_says(PARTITION, "m1", (1, 5_000), words(10), NOW)
    assert (told.mark, "4990 not judged yet" in told.says) == (Mark.WORTH_A_WORD, True)


@pytest.fixture
def config(nats, tmp_path):
    def read(bus=nats.servers[0], prefix=nats.prefix):
        text = f'data = "{tmp_path / "data"}"\n[cluster]\nbus = ["{bus}"]\nprefix = "{prefix}"\n'
        (tmp_path / "stillup.toml").write_text(text)
        return parse_config(text)

    return read


def parts(findings):
    return [(f.part, f.mark) for f in findings]


async def test_a_cluster_that_works_is_found_well_on_a_real_bus(config, nats, tmp_path):
    clock = SystemClock()
    (tmp_path / "data").mkdir(mode=0o700)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        store.claim(nats.prefix, clock.now())
    bus = await open_bus(nats, clock)
    services, keeping = ("claude", "chatgpt"), []
    await Beating(bus, clock, beat(since=clock.now()), {"owns": "all"}, print).beat()
    for partition in partitions_of(SERVICES):
        lease = Lease(bus.table(LEASES, stands_s=STANDS_S), partition.name, "m1.0", clock=clock)
        keeping.append(asyncio.create_task(lease.keep()))
        await lease.until_held()
        await bus.log(partition.log).append("one", b"x")
    for service in services:
        word = Word(at=clock.now(), service=service, seq=1, fence=1)
        await bus.table(VERDICTS).put(service, pack(word))
    findings = await examine(config(), {}, clock)
    for task in keeping:
        task.cancel()
    await asyncio.wait(keeping)
    await bus.close()
    assert [m for _, m in parts(findings) if m is Mark.WRONG] == []
    assert {p for p, _ in parts(findings)} == {"bus", "database", "clock", "process", "partition"}


async def test_nothing_is_made_or_claimed_by_looking(config, tmp_path):
    first = await examine(config(), {}, SystemClock())
    assert not (tmp_path / "data").exists()
    assert ("database", Mark.WRONG) in parts(first)
    (tmp_path / "data").mkdir(mode=0o700)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        await examine(config(), {}, SystemClock())
        assert store.installation() is None


async def test_the_database_of_another_installation_is_wrong(config, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        store.claim("elsewhere", SystemClock().now())
    (database,) = [f for f in await examine(config(), {}, SystemClock()) if f.part == "database"]
    assert database.says == "belongs to the installation 'elsewhere', not to this"


async def test_a_bus_that_is_away_is_said_and_the_database_all_the_same(config):
    findings = await examine(config(bus=f"nats://127.0.0.1:{free_port()}"), {}, SystemClock())
    assert parts(findings)[0] == ("bus", Mark.WRONG)
    assert [p for p, _ in parts(findings)] == ["bus", "database"]


async def test_a_bus_without_jetstream_is_said_plainly(config, tmp_path, nats_server):
    server = NatsServer(tmp_path / "plain", jetstream=False).start()
    try:
        bus, *_ = await examine(config(bus=server.url), {}, SystemClock())
    finally:
        server.stop()
    assert bus.mark is Mark.WRONG
    assert "JetStream" in bus.says


def test_programs_get_a_line_each_and_an_exit_code(config, tmp_path, capfd):
    config()
    assert stillup(["doctor", "--cluster", "--json", "--config", str(tmp_path / "stillup.toml")]) == 1
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[0]["part"] == "bus"
    assert {line["mark"] for line in lines} <= {"well", "worth_a_word", "wrong"}


def test_without_a_cluster_there_is_none_to_look_at(tmp_path, capfd):
    path = tmp_path / "stillup.toml"
    path.write_text("")
    assert stillup(["doctor", "--cluster", "--config", str(path)]) == 64
    assert "`cluster.bus`" in capfd.readouterr().err
