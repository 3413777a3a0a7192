"""Those whose reports were taken, until they are kept: all that came since the last saying wait as one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Lock
from typing import NamedTuple


class Waiter(NamedTuple):
    """All of one loop that came between two sayings."""

    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[None]

    def answer(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # that loop has ended, and nobody waits in it any more
            self.loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        if not self.kept.done():
            self.kept.set_result(None)


class Waiting:
    """Who waits now. One loop says things; others wait for it, in any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[asyncio.AbstractEventLoop, Waiter] = {}
        self._again: list[Waiter] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    async def news(self, within_s: float) -> None:
        """Until somebody waits, or so long; in the loop that says things."""
        self._loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()

    async def wait(self, within_s: float) -> bool:
        """Wait for what is said next; whether it was said in time."""
        loop = asyncio.get_running_loop()
        with self._lock:
            waiter = self._open.get(loop)
            if waiter is None:
                waiter = self._open[loop] = Waiter(loop, loop.create_future())
                self._wake()
        done, _ = await asyncio.wait((waiter.kept,), timeout=within_s)
        return bool(done)

    def take(self) -> list[Waiter]:
        """Those who wait now. Call it before gathering what is said: then what they handed in is in it."""
        with self._lock:
            taken = [*self._again, *self._open.values()]
            self._again, self._open = [], {}
            self._news.clear()
        return taken

    def give_back(self, those: list[Waiter]) -> None:
        """It could not be said: they wait for the next saying."""
        with self._lock:
            self._again = those

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._news.set)
