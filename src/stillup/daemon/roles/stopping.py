"""How a role is told to end, and to begin anew: signals of the system, counted from the first moment on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress


class Stopping:
    """A :class:`~stillup.daemon.roles.role.Stop` that :meth:`tell` counts up."""

    def __init__(self) -> None:
        self._times = 0
        self._again = asyncio.Event()

    async def until(self, times: int) -> None:
        """Wait until it was told so often."""
        while self._times < times:
            self._again.clear()
            await self._again.wait()

    def tell(self) -> None:
        """Once more."""
        self._times += 1
        self._again.set()

    def gently(self) -> None:
        """Once, if it was not told yet."""
        if not self._times:
            self.tell()


class Signals:
    """SIGINT and SIGTERM end the life at hand, and what would come after; SIGHUP asks for a new configuration."""

    def __init__(self, on_reload: Callable[[], None]) -> None:
        self.stop = Stopping()
        self.is_ending = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self.end)
        with suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(signal.SIGHUP, on_reload)

    def anew(self) -> None:
        """The next life has a stop of its own."""
        self.stop = Stopping()

    def end(self) -> None:
        """As SIGTERM: gently the first time, at once the second, whatever a new configuration has begun meanwhile."""
        if self.is_ending:
            self.stop.tell()
        self.is_ending = True
        self.stop.gently()
