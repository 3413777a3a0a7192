"""Do many things side by side, several tries each, all within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from stillup.clock import Clock
from stillup.sources.ladder.pace import Pace
from stillup.sources.ladder.result import Climb

Attempt = Callable[[float], Coroutine[Any, Any, Climb | None]]
"""One try with so many seconds of patience; None when it must not be made, which settles the matter."""


class Job:
    """One thing to try until it is settled. ``climbs`` fills while it runs, so that a deadline loses nothing."""

    def __init__(self, attempt: Attempt, is_settled: Callable[[Climb], bool], pace: Pace) -> None:
        self._attempt = attempt
        self._is_settled = is_settled
        self._pace = pace
        self.climbs: list[Climb] = []

    async def run(self, clock: Clock) -> None:
        """Try as the pace says; later tries stand beside earlier ones that are still silent."""
        pace, started_s = self._pace, clock.monotonic_s()
        running: set[asyncio.Task[Climb | None]] = set()
        try:
            for turn in range(pace.tries):
                left_s = pace.cutoff_s - (clock.monotonic_s() - started_s)
                if turn and left_s < pace.least_s:
                    break
                running.add(asyncio.create_task(self._attempt(min(pace.patience_s, left_s))))
                done, running = await _first_of(running, pace.overlap_s)
                if self._note(done):
                    return
                if done and turn + 1 < pace.tries:
                    await clock.sleep(pace.pause_s)
            while running:
                done, running = await _first_of(running, None)
                if self._note(done):
                    return
        finally:
            await _cancel(running)

    def _note(self, done: set[asyncio.Task[Climb | None]]) -> bool:
        """Keep the results; True when one of them settles it."""
        results = [task.result() for task in done]
        found = [climb for climb in results if climb is not None]
        self.climbs += found
        return len(found) < len(results) or any(self._is_settled(climb) for climb in found)


async def run_all(jobs: Iterable[Job], deadline_s: float, clock: Clock) -> None:
    """Run every job, and stop them all at the deadline; what they found by then is in them."""
    tasks = [asyncio.create_task(job.run(clock)) for job in jobs]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, timeout=deadline_s)
    finally:
        await _cancel(tasks)
    for task in done:
        task.result()


async def _first_of(
    tasks: set[asyncio.Task[Climb | None]], timeout_s: float | None
) -> tuple[set[asyncio.Task[Climb | None]], set[asyncio.Task[Climb | None]]]:
    if not tasks:
        return set(), set()
    return await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End tasks and wait until their connections are closed."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
