"""The poller: one scheduler for every source of every service. ``schedule`` decides; this does.

A source that fails, hangs or crashes is a :class:`~stillup.sources.report.Report` with a reason, and nothing else
happens: no retry before its time, no effect on its neighbours. Waiting is done on the clock (a scaled clock runs
ahead); bounds on the network are real seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from random import Random
from typing import NoReturn

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.clock import Clock
from stillup.errors import Blame
from stillup.net import Meter, Net
from stillup.registry import SourceSpec
from stillup.sources.base import Context, Reading, Setting, Source
from stillup.sources.report import Failure, FailureKind, Report, failure_of, late
from stillup.sources.schedule import (
    Decision,
    Moment,
    Rules,
    State,
    Why,
    after_cut,
    after_failure,
    after_success,
    allowance,
    next_poll,
    rules_for,
)

__all__ = ["Failure", "FailureKind", "Job", "Poller", "Report"]

_SLICE_S = 30.0
"""The longest sleep: a machine that slept, or a clock that was set, is noticed within it."""
_TICK_S = 0.001
"""The shortest sleep: rounding must not make the last billionth of a second a busy loop."""
_GRACE_S = 0.25
"""Real seconds a cancelled reading is given to put things away before it is left behind."""
_WITHHELD = (Why.RETRY_AFTER, Why.BUDGET)
"""What stops even a person's own asking; the cadence does not."""


class Job(Struct, frozen=True, kw_only=True):
    """One source to read for one service, as the user set it up."""

    source: Source
    spec: SourceSpec
    service: Service
    setting: Setting


class _Track:
    """What the poller knows of one job as time goes on."""

    def __init__(self, job: Job, rules: Rules) -> None:
        self.job = job
        self.rules = rules
        self.state = State()
        self.since: datetime | None = None

    @property
    def read_s(self) -> float:
        """When it was last read, on the steady clock; before everything when never."""
        return self.state.read.steady_s if self.state.read else float("-inf")


class Poller:
    """Reads ``jobs``, at once or for ever, and hands each report to ``on_reading`` as it comes.

    ``rng`` gives each job its phase now and the jitter of back-offs later; seed it with the installation's id to keep
    the phases over restarts. ``on_reading`` must not block; what it raises ends the poller. At most ``at_once``
    readings run together in :meth:`run`; each is given up after ``reading_s`` real seconds. ``since`` is when another
    process has read sources last, by service and source, so that what it counted is not counted again.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        net: Net,
        clock: Clock,
        rng: Random,
        on_reading: Callable[[Report], None] = lambda _report: None,
        *,
        at_once: int = 16,
        reading_s: float = 60.0,
        since: Mapping[tuple[str, str], datetime] | None = None,
    ) -> None:
        self._net = net
        self._clock = clock
        self._rng = rng
        self._on_reading = on_reading
        self._at_once = at_once
        self._reading_s = reading_s
        self._tracks = [_Track(job, rules_for(job.setting, rng.random())) for job in jobs]
        for track in self._tracks:
            track.since = (since or {}).get((track.job.service.id, track.job.spec.id))

    @property
    def size(self) -> int:
        """How many sources it reads."""
        return len(self._tracks)

    async def once(self, deadline_s: float) -> list[Report]:
        """Read every source now, side by side, and answer within ``deadline_s`` real seconds, in the jobs' order.

        Whoever has not answered by then is cancelled and reported late. A source that asked for patience, or whose
        budget is spent, is reported so and not asked. Not to be called while :meth:`run` runs.
        """
        begun = self._moment()
        reports: dict[_Track, Report] = {}

        def tell(track: _Track, report: Report) -> None:
            reports[track] = report
            self._on_reading(report)

        for track in self._tracks:
            decision = next_poll(track.state, track.rules, begun)
            if decision.wait_s > 0 and decision.reason in _WITHHELD:
                tell(track, self._report(track, begun, 0.0, _withheld(decision)))
        tasks = {asyncio.create_task(self._read(track)): track for track in self._tracks if track not in reports}
        try:
            async with aclosing(_as_they_come(tasks, deadline_s)) as ended:
                async for task in ended:
                    tell(tasks[task], task.result())
        finally:
            await _stop(tasks)
        for track in self._tracks:
            if track not in reports:
                tell(track, self._report(track, begun, deadline_s * 1000, late(deadline_s)))
        return [reports[track] for track in self._tracks]

    async def run(self) -> NoReturn:
        """Read each source at its own cadence until cancelled."""
        tasks: dict[asyncio.Task[Report], _Track] = {}
        try:
            while True:
                wait_s = self._start_due(tasks)
                for task in await self._something(tasks, wait_s):
                    del tasks[task]
                    self._on_reading(task.result())
        finally:
            await _stop(tasks)

    def _start_due(self, tasks: dict[asyncio.Task[Report], _Track]) -> float:
        """Start every reading that is due and has a place; how long the clock may sleep then."""
        now, busy = self._moment(), set(tasks.values())
        idle = [track for track in self._tracks if track not in busy]
        # Of those due, who was read longest ago comes first: places go round.
        waits = sorted((next_poll(t.state, t.rules, now).wait_s, t.read_s, n) for n, t in enumerate(idle))
        for wait_s, _, number in waits:
            if wait_s > 0:
                return min(max(wait_s, _TICK_S), _SLICE_S)
            if len(tasks) >= self._at_once:
                break
            tasks[asyncio.create_task(self._read(idle[number]))] = idle[number]
        return _SLICE_S

    async def _something(self, tasks: Collection[asyncio.Task[Report]], wait_s: float) -> list[asyncio.Task[Report]]:
        """Sleep so long, or until a reading ends; those that ended."""
        nap = asyncio.create_task(self._clock.sleep(wait_s))
        try:
            done, _ = await asyncio.wait({nap, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            await asyncio.wait({nap})
        if nap in done:
            nap.result()  # a clock that cannot sleep would make this loop a storm
        return [task for task in tasks if task in done]

    async def _read(self, track: _Track) -> Report:
        """Read one source; never raises but to be cancelled."""
        begun, began_s = self._moment(), _real_s()
        meter = Meter(self._net, allowance(track.state, track.rules, begun))
        result: Reading | Failure
        try:
            async with asyncio.timeout(self._reading_s) as bound:
                result = await track.job.source.read(self._context(track, begun.at), meter)
        except asyncio.CancelledError:
            track.state = after_cut(track.state, self._moment(), _cost(meter))
            raise
        except Exception as exc:  # noqa: BLE001 - a fault of one source is that source's alone
            result = late(self._reading_s) if bound.expired() else failure_of(exc)
        self._learn(track, result, meter, begun.at)
        return self._report(track, begun, (_real_s() - began_s) * 1000, result)

    def _context(self, track: _Track, now: datetime) -> Context:
        since = track.since
        if since is not None and since > now:
            # The clock was set back. A window as long as usual: the little it may count twice or miss is the cost.
            since = now - timedelta(seconds=track.rules.interval_s)
        return Context(now=now, service=track.job.service, setting=track.job.setting, since=since)

    def _learn(self, track: _Track, result: Reading | Failure, meter: Meter, begun: datetime) -> None:
        now = self._moment()
        if isinstance(result, Reading):
            # An answer kept by another process is older than this reading: what came between is still to be counted.
            track.since = min(begun, meter.oldest or begun)
            track.state = after_success(track.state, now, _cost(meter))
        else:
            luck, wait_s = self._rng.random(), result.retry_after_s
            track.state = after_failure(track.state, track.rules, now, _cost(meter), luck=luck, retry_after_s=wait_s)

    def _report(self, track: _Track, begun: Moment, elapsed_ms: float, result: Reading | Failure) -> Report:
        decision = next_poll(track.state, track.rules, self._moment())
        return Report(
            source=track.job.spec.id,
            service=track.job.service.id,
            started_at=begun.at,
            elapsed_ms=elapsed_ms,
            next_at=decision.at,
            why_next=decision.reason,
            reading=result if isinstance(result, Reading) else None,
            error=result if isinstance(result, Failure) else None,
        )

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic_s())


def _withheld(decision: Decision) -> Failure:
    why = "it asked us to wait" if decision.reason is Why.RETRY_AFTER else "our daily budget for it is spent"
    says = f"not asked: {why} until {decision.at:%H:%M} UTC"
    return Failure(kind=FailureKind.RATE_LIMITED, says=says, blame=Blame.US, retry_after_s=decision.wait_s)


def _cost(meter: Meter) -> int:
    """What a reading took; one that never used the net (a probe, a local file) counts as one request."""
    return meter.spent if meter.calls else 1


def _real_s() -> float:
    """The event loop's time: the network's bounds are real even where the clock is scaled."""
    return asyncio.get_running_loop().time()


async def _as_they_come(
    tasks: Collection[asyncio.Task[Report]], within_s: float
) -> AsyncGenerator[asyncio.Task[Report], None]:
    """The tasks as they end, those that do within so many real seconds."""
    pending, end_s = set(tasks), _real_s() + within_s
    while pending:
        left_s = max(0.0, end_s - _real_s())
        done, pending = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return
        for task in done:
            yield task


async def _stop(tasks: Collection[asyncio.Task[Report]]) -> None:
    """Cancel what still runs and see it end; one that will not be cancelled is left behind, not waited for."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=_GRACE_S)
