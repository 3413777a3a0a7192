"""What somebody wrote to the bus who should not have, or a disk that lies: refused, or gone within minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zlib import compress

import msgspec
import pytest

from stillup.board import Board
from stillup.bus.local import LocalBus
from stillup.daemon.cluster.partitions import Partition
from stillup.daemon.cluster.publish import BOARDS, Shown, Word, pack, pack_board, unpack, unpack_board
from stillup.daemon.cluster.telling import RENEWED, Telling
from stillup.daemon.reports import counts
from stillup.daemon.roles.boards import Boards
from stillup.errors import BadDataError
from stillup.hub.adding import Adding
from stillup.hub.values import Minute
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict
from stillup.testing import FakeClock
from tests.cluster.roles import SERVICES, shown

T = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
NAIVE = datetime(2026, 4, 7, 14, 0)  # noqa: DTZ001 - that is the point


def verdict(**more):
    return Verdict(**{"at": T, "service": "claude", **more})


def evidence(**more):
    return Evidence(family=Family.CROWD, standing=Standing.ALARM, **more)


def incident(**more):
    of = {"id": "i", "service": "claude", "opened_at": T, "since": T, "state": State.MAJOR_OUTAGE}
    return Incident(confidence=Confidence.CONFIRMED, **of | more)


@pytest.mark.parametrize(
    "said",
    [
        {"verdicts": (verdict(at=NAIVE),)},
        {"verdicts": (verdict(since=NAIVE),)},
        {"verdicts": (verdict(probability=float("nan")),)},
        {"evidence": (evidence(since=NAIVE),)},
        {"evidence": (evidence(heard_at=NAIVE),)},
        {"evidence": (evidence(stage_since=NAIVE),)},
        {"evidence": (evidence(log_e=float("inf")),)},
        {"evidence": (evidence(observed=float("-inf")),)},
    ],
    ids=str,
)
def test_a_time_without_a_zone_and_a_number_that_is_none_are_refused_in_a_word(said):
    with pytest.raises(BadDataError):
        unpack(pack(Word(at=T, service="claude", seq=1, fence=1, **said)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"incidents": (incident(opened_at=NAIVE),)},
        {"incidents": (incident(recovered_at=NAIVE),)},
        {"incidents": (incident(first_seen=((Family.CROWD, NAIVE),)),)},
        {"likely_p": float("nan")},
        {"latency_ms": float("inf")},
    ],
    ids=str,
)
def test_so_they_are_in_a_board(wrong):
    board = msgspec.structs.replace(shown("claude", State.OPERATIONAL, T), **wrong)
    with pytest.raises(BadDataError):
        unpack_board(pack_board(Shown(at=T, board=board)))


@pytest.mark.parametrize("plain", [b"\x91" * 100_000, b"\xc1", b"", b"\xdd\xff\xff\xff\xff", b"\x00" * (5 << 20)])
def test_what_is_nested_without_end_or_larger_than_it_says_is_refused(plain):
    for read in (unpack, unpack_board):
        with pytest.raises(BadDataError):
            read(compress(plain))


def test_a_board_shows_its_service_under_the_name_and_with_the_links_of_this_processes_own_catalogue():
    board = shown("claude", State.MAJOR_OUTAGE, T)
    forged = msgspec.structs.replace(board.service, name="Call +1 555 0100", home="https://evil.example/")
    boards = Boards(SERVICES, T)
    boards.take(Shown(at=T, board=msgspec.structs.replace(board, service=forged)))
    made, _ = boards.due(T)
    assert made.services["claude"].service is board.service
    assert made.services["claude"].verdict.state is State.MAJOR_OUTAGE


async def test_what_came_to_stand_where_a_board_stood_stands_for_minutes_though_nothing_changes():
    bus, clock = LocalBus(FakeClock(T)), FakeClock(T)
    telling = Telling(Partition(name="p1", services=("claude",)), bus, clock, 1, print)
    true = Board(at=T, services={"claude": shown("claude", State.OPERATIONAL, T)})

    async def minute(n):
        telling.show(msgspec.structs.replace(true, at=T + timedelta(minutes=n)), [])
        for key, (when, value) in [*telling._due.items()]:
            await telling._tell(*key, when, value)
            del telling._due[key]

    async def stands():
        return unpack_board((await bus.table(BOARDS).get("claude")).value).board.verdict.state

    await minute(0)
    await bus.table(BOARDS).put("claude", pack_board(Shown(at=T, board=shown("claude", State.MAJOR_OUTAGE, T))))
    await minute(1)
    assert await stands() is State.MAJOR_OUTAGE
    await minute(RENEWED // timedelta(minutes=1))
    assert await stands() is State.OPERATIONAL


def sums(until, *ends):
    return counts.Told(until=until, services={"claude": tuple(Minute(end=end, counts=()) for end in ends)})


@pytest.mark.parametrize(
    "forged",
    [
        b"\xff" * 40,
        msgspec.msgpack.encode({"until": "2026-04-07T14:00:00", "services": {}}),
        msgspec.msgpack.encode(sums(T + timedelta(days=1))),
    ],
    ids=["no sums", "a time without a zone", "of tomorrow"],
)
async def test_sums_that_cannot_be_are_replaced_in_the_next_minute(forged):
    table = counts.table_of(LocalBus(FakeClock(T)))
    await table.put("p", forged)
    await counts.put(table, "p", Adding(("claude",)), ("claude",), T, T)
    assert counts.unpack((await table.get("p")).value).until == T


async def test_sums_of_a_later_minute_stand():
    table = counts.table_of(LocalBus(FakeClock(T)))
    later = msgspec.msgpack.encode(sums(T + timedelta(minutes=2)))
    await table.put("p", later)
    await counts.put(table, "p", Adding(("claude",)), ("claude",), T, T)
    assert (await table.get("p")).value == later


def test_sums_of_a_time_to_come_silence_no_desk():
    recent = counts.Recent(T - timedelta(minutes=5))
    minute = timedelta(minutes=1)
    recent.take(sums(T + timedelta(days=1), T), T)
    recent.take(sums(T, T - minute, T, T + minute), T)
    until, minutes = recent.minutes("claude")
    assert (until, [m.end for m in minutes]) == (T, [T - minute, T])
    recent.take(sums(T + minute, T + minute), T + minute)
    assert [m.end for m in recent.minutes("claude")[1]] == [T - minute, T, T + minute]
