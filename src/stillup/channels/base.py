"""What a channel is, and how one that blocks is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Protocol

from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.values import Message

TIMEOUT_S = 20.0
"""Longer nobody is waited for."""


class Channel(Protocol):
    """One way to reach somebody."""

    id: str
    kind: str
    repeat_in_doubt: bool
    """Whether a message is sent again when nobody knows if it arrived."""

    async def send(self, message: Message) -> Delivery:
        """Send one message, once. Never raises for what the other side does; what it says holds no secret."""


class Aside:
    """Runs calls that block in a thread of its own, one at a time.

    A daemon thread, not a pool's: a call that hangs must not hold up the end of the program. While one hangs no other
    is begun.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._running: Thread | None = None

    async def run(self, call: Callable[[], Delivery]) -> Delivery:
        """What the call gives, or that it is in doubt after the time is over."""
        if self._running is not None and self._running.is_alive():
            return Delivery(sent=Sent.BUSY, says="the last try still hangs")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Delivery] = loop.create_future()

        def settle(result: Delivery) -> None:
            if not done.done():
                done.set_result(result)

        def work() -> None:
            try:
                result = call()
            except Exception as exc:  # noqa: BLE001 - a library's own trouble: its words may hold an address
                result = Delivery(sent=Sent.FAILED, says=f"it failed ({type(exc).__name__})")
            with suppress(RuntimeError):  # the loop has closed: nobody waits for it any more
                loop.call_soon_threadsafe(settle, result)

        self._running = Thread(target=work, name="stillup-channel", daemon=True)
        self._running.start()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await done
        except TimeoutError:
            return Delivery(sent=Sent.IN_DOUBT, says=f"no word after {self._timeout_s:g} s")
