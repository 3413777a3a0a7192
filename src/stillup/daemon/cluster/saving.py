"""Judged minutes on their way into the database: nothing waits for it, and nothing is lost or written twice by it.

What cannot be written waits; when too much waits, all of it is let go and the judge begins anew from its checkpoint
once the database is back: the log still has it. So it does when the database has less than it is known to have had: it
was restored from a backup, or is a new one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NoReturn

from stillup.daemon.unsaved import Unsaved
from stillup.errors import StoreError
from stillup.store import Report as KeptReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stillup.clock import Clock
    from stillup.daemon.cluster.machine import Step
    from stillup.store.store import Store

MOST_STEPS = 1_440
_MOST_SIGNALS = 100_000
_BATCH = 60
_AGAIN_S = 5.0
_REPORTS_KEPT = 1_000


class BeginAnew(Exception):
    """The judge is to begin anew, and why."""


class Saver:
    """Writes steps in their order. ``log`` is the name under which the database knows where it stands.

    ``store`` gives the database, in a thread: it raises :class:`~stillup.errors.StoreError` while there is none to be
    had. ``say`` is told of trouble once, and of its end; ``saved`` that a change of verdict is in the database.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        log: str,
        clock: Clock,
        say: Callable[[str], None],
        *,
        most_steps: int = MOST_STEPS,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        self._saved = saved
        self._most_steps = most_steps
        self._store = store
        self._log = log
        self._clock = clock
        self._say = say
        self._steps: deque[Step] = deque()
        self._signals = 0
        self._reports: list[KeptReport] = []
        self._news = asyncio.Event()
        self._done = asyncio.Event()
        self._overflowed = False
        self._fails = ""
        self.seq = 0
        """Everything up to this record of the log is written."""
        self.vouched = -1
        """Up to which record the database must have the log; -1: whatever it has, nobody can begin further back."""

    @property
    def waiting(self) -> int:
        """Minutes that wait."""
        return len(self._steps)

    @property
    def trouble(self) -> str:
        """Why nothing can be written; empty where it can."""
        return self._fails

    def add(self, step: Step) -> None:
        """Let a minute be written."""
        if not self._overflowed:
            self._steps.append(step)
            self._signals += len(step.arrived)
        if len(self._steps) > self._most_steps or self._signals > _MOST_SIGNALS:
            self._overflowed = True
            self._steps.clear()
            self._signals = 0
        self._news.set()

    def report(self, report: KeptReport) -> None:
        """Let it be written how a reading went."""
        self._reports.append(report)
        del self._reports[:-_REPORTS_KEPT]

    async def room(self) -> None:
        """Wait while much waits and the database takes it: a long log is not read faster than it can be written."""
        while len(self._steps) >= 2 * _BATCH and not self._fails:
            self._done.clear()
            await self._done.wait()

    async def flush(self) -> None:
        """Write what waits, as far as it can be done at once; nobody runs :meth:`run` any more."""
        with suppress(BeginAnew):  # whoever comes next finds the same
            while self._steps and await self._write():
                pass

    async def run(self) -> NoReturn:
        """Write until cancelled.

        :raises BeginAnew: too much had to be let go, and the database is back; or it has less than it had.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            while self._steps or self._overflowed:
                if await self._write():
                    if self._overflowed:
                        msg = "the database is back, and more was judged than could wait for it"
                        raise BeginAnew(msg)
                else:
                    await self._clock.sleep(_AGAIN_S)

    async def _write(self) -> bool:
        """Write the oldest of what waits; whether it was.

        :raises BeginAnew: minutes are missing before these.
        """
        steps, reports = list(islice(self._steps, _BATCH)), tuple(self._reports)
        batch = Unsaved(log=self._log)
        for step in steps:
            batch.add(step)
        try:
            # A thread goes on when we are cancelled: what it writes is harmless twice.
            dropped = await asyncio.to_thread(self._put, batch, reports)
        except StoreError as exc:
            self._trouble(str(exc))
            self._done.set()
            return False
        self._trouble("")
        self._reports = [r for r in self._reports if r not in reports]
        if steps and not self._overflowed:
            for _ in steps:
                self._signals -= len(self._steps.popleft().arrived)
            self.seq = self.vouched = batch.seq
            if batch.changes:
                self._saved()
        if dropped:
            self._say(f"{dropped} signals cannot be stored and were left out")
        self._done.set()
        return True

    def _put(self, batch: Unsaved, reports: Sequence[KeptReport]) -> int:
        """Write it behind what is there; how many signals had to be left out. Blocks."""
        store = self._store()
        if self.vouched >= 0 and store.kept_of(self._log) < self.vouched:
            msg = "the database has less of its log than it had: it was restored from a backup, or is a new one"
            raise BeginAnew(msg)
        return batch.write(store, reports)

    def _trouble(self, why: str) -> None:
        if why and not self._fails:
            self._say(f"{why}; what is judged waits for the database, and the log has it")
        elif self._fails and not why:
            self._say("the database is back: what waited is written")
        self._fails = why
