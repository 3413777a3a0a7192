"""Law 7: write, then send. What waits is written to the journal in one go, once a turn of the loop, and then sent.

Without a journal it waits for the end of the turn all the same. Who is answered at once comes back at once, alone; who
is answered together comes back together, and the loop turns once for all of them: that is a quarter of what a small
request costs a busy gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from stillup.gateway.journal import Journal

Now = Callable[[], float]
MOST_BYTES = 1 << 20
"""More than that waits for no turn's end: a turn may read megabytes of each of hundreds of streams before it is over,
and as long as nothing is sent, nobody's slowness can hold its upstream back."""


class Outbox:
    """Holds back what is to be sent until the turn of the loop is over and the journal has it."""

    def __init__(self, journal: Journal | None, wall_s: Now) -> None:
        self._journal = journal
        self._wall_s = wall_s
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._waiting_bytes = 0
        self._is_sending = False

    def put(self, send: Callable[..., None], *args: object, size: int = 0) -> None:
        """Call ``send(*args)`` as soon as everything that was journalled before is written; ``size`` is in bytes."""
        if self._waiting_bytes > MOST_BYTES and not self._is_sending:
            self.flush()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((send, args))
        self._waiting_bytes += size

    def flush(self) -> None:
        """Write, then send, in the order in which it was put in."""
        self._waiting_bytes, self._is_sending = 0, True
        try:
            self._write_and_send()
        finally:
            self._is_sending = False

    def _write_and_send(self) -> None:
        if self._journal is not None:
            self._journal.commit(self._wall_s())
        waiting, self._waiting = self._waiting, []
        for send, args in waiting:
            try:
                send(*args)
            except Exception as exc:  # noqa: BLE001 - a mistake in one request must not cost the others their answers
                told = {"message": "an answer could not be sent", "exception": exc}
                asyncio.get_running_loop().call_exception_handler(told)
