"""An end to waiting for a server that takes what is sent and never answers.

No time bound of the server's own holds when the server itself stands still, and the driver has none. So one thread
shuts the socket of whoever has waited too long; the driver takes that for a broken connection.
"""

from __future__ import annotations

import heapq
import socket
from contextlib import suppress
from itertools import count
from threading import Condition, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.clock import Clock


class Deadlines:
    """Of any number of connections; the thread begins with the first and never ends.

    Those that have ended stay in the heap until their time: to wake the thread for each would cost more.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = Condition()
        self._heap: list[tuple[float, int]] = []
        self._sockets: dict[int, int] = {}
        self._numbers = count()
        self._is_running = False

    def begin(self, fileno: int, within_s: float) -> int:
        """From now on, so long; what to :meth:`end` it by."""
        with self._changed:
            number = next(self._numbers)
            self._sockets[number] = fileno
            heapq.heappush(self._heap, (self._clock.monotonic_s() + within_s, number))
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, name="store-deadlines", daemon=True).start()
            if self._heap[0][1] == number:
                self._changed.notify()
            return number

    def end(self, number: int) -> None:
        """It was answered; to be called before the connection is closed, for its number is given to another then."""
        with self._changed:
            self._sockets.pop(number, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                while self._heap and self._heap[0][1] not in self._sockets:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._changed.wait()
                    continue
                wait_s = self._heap[0][0] - self._clock.monotonic_s()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                _shut(self._sockets.pop(heapq.heappop(self._heap)[1]))


def _shut(fileno: int) -> None:
    with suppress(OSError), socket.fromfd(fileno, socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.shutdown(socket.SHUT_RDWR)
