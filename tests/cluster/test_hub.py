"""Desks of a cluster over a real NATS: what was acknowledged is in the log once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from stillup.bus.base import Bus
from stillup.bus.local import LocalBus
from stillup.bus.open import Where, open_bus
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.records import Partial, unpack
from stillup.daemon.cluster.together import end
from stillup.daemon.reports.counts import put, table_of
from stillup.daemon.reports.desk import SharedDesk
from stillup.daemon.reports.keys import DAY, TABLE, Keys
from stillup.errors import BadDataError, BusError
from stillup.hub.adding import Adding
from stillup.hub.values import CrowdReport, Reason
from stillup.model.service import Problem

SERVICES = [catalogue()["claude"], catalogue()["chatgpt"]]
(PARTITION,) = [p for p in partitions_of(SERVICES) if "claude" in p.services]
SAID = CrowdReport(service="claude", problem=Problem.SIGN_IN, component="web")


def sender(n: int) -> str:
    return f"{20 + n % 200}.{n // 200}.1.7"


class Desks:
    """Some desks that live on a bus."""

    def __init__(self, buses: list[Bus], clock: SystemClock, **rest) -> None:
        self.said: list[str] = []
        self.all = [
            SharedDesk(bus, clock, SERVICES, f"hub-{n}.{id(self):x}", self.said.append, Random(n).randbytes, **rest)
            for n, bus in enumerate(buses)
        ]
        self._lives = [asyncio.create_task(desk.go_on()) for desk in self.all]

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def shared(self) -> None:
        """Wait for the keys."""
        await self.until(lambda: len({d.replica._shared_key.born_s for d in self.all} - {0}) == 1)
        await self.until(lambda: all(d.replica._shared_key.born_s for d in self.all))

    async def kill(self, n: int) -> None:
        self._lives[n].cancel()
        with suppress(asyncio.CancelledError):
            await self._lives[n]

    async def end(self) -> None:
        for n in range(len(self._lives)):
            await self.kill(n)


@pytest.fixture(params=["one process", "nats"])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[list[Bus]]:
    clock = SystemClock()
    if request.param == "nats":
        where: Where = request.getfixturevalue("nats")
        opened = [await open_bus(where, clock) for _ in range(2)]
    else:
        opened = [LocalBus(clock)] * 2
    yield opened
    for bus in opened:
        await bus.close()


@pytest.fixture
async def desks(buses: list[Bus]) -> AsyncIterator[Desks]:
    made = Desks(buses, SystemClock())
    yield made
    await made.end()


async def partials(bus: Bus) -> list[Partial]:
    """All that stands in the log."""
    log = bus.log(PARTITION.log)
    _, newest = await log.ends()
    found = []
    if newest:
        async for record in log.read(0):
            found.append(unpack(record.body))
            if record.seq >= newest:
                break
    return [said for said in found if isinstance(said, Partial)]


async def added(bus: Bus) -> Counter[str]:
    """What the log adds up to, by problem."""
    adding, said = Adding(PARTITION.services), await partials(bus)
    for one in said:
        adding.hear(one, None, one.end)
    total: Counter[str] = Counter()
    for signal in adding.due(max(one.end for one in said)):
        total[str(getattr(signal, "problem", ""))] += getattr(signal, "count", 0)
    return total


async def hand_in(
    desk: SharedDesk, who: str, said: CrowdReport = SAID, token: str | None = None
) -> tuple[Reason, bool]:
    reason = desk.hand_in(said, who, token, datetime.now(UTC)).reason
    return reason, await desk.kept()


async def test_all_that_was_acknowledged_is_in_the_log_once_though_a_desk_dies(buses, desks):
    await desks.shared()
    answers = [asyncio.create_task(hand_in(desks.all[n % 2], sender(n))) for n in range(300)]
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    await desks.kill(0)  # whoever waits still at this desk gets no answer
    answers += [asyncio.create_task(hand_in(desks.all[1], sender(n))) for n in range(300, 400)]
    done, waiting = await asyncio.wait(answers, timeout=8)
    acknowledged = sum(answer.result() == (Reason.ADMITTED, True) for answer in done)

    assert not waiting
    assert acknowledged >= 250
    in_doubt = (
        150 if acknowledged == 250 else 0
    )  # all of the dead desk's: it may have died between saying and answering
    assert (await added(buses[0])).total() in {acknowledged, acknowledged + in_doubt}


async def test_a_network_that_reports_to_both_desks_counts_once(buses, desks):
    await desks.shared()
    for desk in desks.all:
        await asyncio.gather(*(hand_in(desk, sender(n)) for n in range(40)))

    assert (await added(buses[1])).total() == 40


async def test_a_form_of_one_desk_is_taken_by_the_other_and_then_by_none(desks):
    await desks.shared()
    one, other = desks.all
    token = one.token(datetime.now(UTC))

    assert (await hand_in(other, "203.0.113.7", token=token))[0] is Reason.ADMITTED
    await desks.until(lambda: one.replica._shared_forms._used.size_bytes > 0)
    assert {(await hand_in(desk, sender(5), token=token))[0] for desk in desks.all} == {Reason.REPLAYED}


async def test_what_a_sender_said_at_one_desk_is_folded_at_the_other(desks):
    await desks.shared()
    one, other = desks.all
    await hand_in(one, "203.0.113.7")
    await desks.until(lambda: other.replica._gate._folds.size_bytes > 0)

    assert (await hand_in(other, "203.0.113.7"))[0] is Reason.FOLDED


async def test_what_crosses_the_bus_grows_with_what_is_active_and_not_with_reports(buses, desks):
    await desks.shared()
    sizes = []
    for reports in (10, 1_000):
        before = sum(desk.bytes_said for desk in desks.all)
        for n in range(reports):
            desks.all[0].hand_in(SAID, sender(n), None, datetime.now(UTC))
        await desks.all[0].kept()
        sizes.append(sum(desk.bytes_said for desk in desks.all) - before)

    assert sizes[1] < 10 * sizes[0]


async def test_every_desk_gives_other_hubs_what_all_have_counted(buses, desks):
    await desks.shared()
    for n in range(40):
        await hand_in(desks.all[n % 2], sender(n)) if n > 37 else desks.all[n % 2].hand_in(
            SAID, sender(n), None, datetime.now(UTC)
        )
    for desk in desks.all:
        await desk.kept()
    adding, said = Adding(PARTITION.services), await partials(buses[0])
    for one in said:
        adding.hear(one, None, one.end)
    tick = max(one.end for one in said)
    adding.due(tick)
    await put(table_of(buses[0]), PARTITION.name, adding, PARTITION.services, tick, tick)
    await put(
        table_of(buses[0]), PARTITION.name, Adding(PARTITION.services), PARTITION.services, tick, tick
    )  # repeated

    def told(desk: SharedDesk) -> int:
        return sum(c.count for minute in desk.minutes("claude", tick)[1] for c in minute.counts)

    await desks.until(lambda: [told(desk) for desk in desks.all] == [40, 40])


async def test_desks_that_begin_at_once_agree_on_a_key(buses):
    now_s = datetime.now(UTC).timestamp()
    keys = [Keys(bus, Random(n).randbytes) for n, bus in enumerate(buses * 4)]
    found = await asyncio.gather(*(one.both(now_s) for one in keys))

    assert len({(day.key, forms.key) for day, forms in found}) == 1
    assert not any(str(day.key)[2:-1] in repr(found) for day, _ in found)


async def test_a_days_key_is_replaced_after_a_day_and_a_bus_that_forgot_it_is_told_again(buses):
    now_s = datetime.now(UTC).timestamp()
    keys = Keys(buses[0], Random(1).randbytes)
    first, forms = await keys.both(now_s)
    for name in (DAY, "forms"):
        await buses[0].table(TABLE, in_memory=True).delete(name)

    assert await keys.both(now_s + 60) == (first, forms)
    later, same = await Keys(buses[1], Random(2).randbytes).both(now_s + 86_401)
    assert (later.key != first.key, same) == (True, forms)
    assert (await keys.both(now_s + 86_402))[0] == later


@pytest.mark.parametrize("said", [b"", b"\x00", b"\xff" * 40, b"\x92\xc4\x01x\x01"])
async def test_a_key_that_is_none_is_refused_in_words(buses, said):
    await buses[0].table(TABLE, in_memory=True).put(DAY, said)
    with pytest.raises(BadDataError, match="key on the bus"):
        await Keys(buses[0], Random(1).randbytes).both(0.0)


class Broken(LocalBus):
    """A bus whose logs take nothing until it is mended."""

    is_broken = True

    def log(self, name: str):
        log = super().log(name)
        if not self.is_broken:
            return log

        class Refusing:
            async def append(self, id: str, body: bytes) -> int:  # noqa: A002
                msg = "the bus is away"
                raise BusError(msg)

        return Refusing()


async def test_while_the_bus_takes_nothing_nothing_is_acknowledged_and_afterwards_all_counts_once():
    bus = Broken(SystemClock())
    desks = Desks([bus, bus], SystemClock(), kept_within_s=0.3)
    try:
        await desks.shared()
        answers = await asyncio.gather(*(hand_in(desks.all[n % 2], sender(n)) for n in range(40)))
        assert set(answers) == {(Reason.ADMITTED, False)}
        assert len([s for s in desks.said if "cannot be kept" in s]) == 2

        bus.is_broken = False
        await desks.until(lambda: all(desk.replica.said == 20 for desk in desks.all))
        assert (await hand_in(desks.all[0], sender(0))) == (Reason.FOLDED, True)
        assert (await added(bus)).total() == 40
        await desks.until(lambda: sum("kept again" in s for s in desks.said) == 2)
    finally:
        await desks.end()


async def test_a_desk_whose_clock_is_off_counts_in_the_minute_that_is():
    clock, wrong = SystemClock(), _Off()
    bus = LocalBus(clock)
    desk = SharedDesk(bus, wrong, SERVICES, "hub-1.x", print, Random(1).randbytes)
    life = asyncio.create_task(desk.go_on())
    try:
        async with asyncio.timeout(10):
            while not desk.replica.ahead_s:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        desk.hand_in(SAID, "203.0.113.7", None, wrong.now())
        assert await desk.kept()
        ends = {one.end for one in await partials(bus) if one.parts}
        assert all(abs(end - clock.now()) <= timedelta(minutes=1) for end in ends)
    finally:
        await end([life])


class _Off(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)

    def wall_s(self) -> float:
        return super().wall_s() + 3_600
