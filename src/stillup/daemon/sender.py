"""Delivers what is in the outbox: each channel's messages in their order, each until it is taken or given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from stillup.channels.base import Channel
from stillup.clock import Clock
from stillup.errors import StoreError
from stillup.response.alerts.delivery import Delivery, Fate, Sent, after
from stillup.store.outbox import Queued, Status

if TYPE_CHECKING:
    from stillup.store.outbox import Outbox

_AGAIN_S = 5.0
_LOOK_S = 60.0
"""So often the outbox is looked at without being told: another process may have put something in."""

_FATES = {
    Fate.DEAD_TRIES: "given up after {tries} tries",
    Fate.DEAD_AGE: "given up: it is too old to be of use",
    Fate.DEAD_DOUBT: "given up: it may have arrived, and this channel is not to get it twice",
}


class Sender:
    """One channel's messages. ``say`` is told of what is given up, ``told`` of what arrived."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        party: str,
        clock: Clock,
        *,
        say: Callable[[str], None],
        told: Callable[[Queued, datetime], None] = lambda _message, _at: None,
        luck: Random | None = None,
    ) -> None:
        self.channel = channel
        self.tries: Counter[Sent] = Counter()
        self._outbox = outbox
        self._party = party
        self._clock = clock
        self._say = say
        self._told = told
        self._luck = luck or Random()  # noqa: S311 - jitter, not secrets
        self._news = asyncio.Event()
        self._is_leaving = False

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def leave(self) -> None:
        """Send nothing more after what is being sent."""
        self._is_leaving = True
        self._news.set()

    async def run(self) -> None:
        """Deliver until told to leave."""
        while not self._is_leaving:
            self._news.clear()
            try:
                rest_s = await self._one()
            except StoreError as exc:
                self._say(f"{self.channel.id}: {exc}")
                rest_s = _AGAIN_S
            if rest_s > 0 and not self._is_leaving:
                await self._rest(rest_s)

    async def _rest(self, seconds: float) -> None:
        news = asyncio.ensure_future(self._news.wait())
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((news, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            pause.cancel()
            await asyncio.gather(news, pause, return_exceptions=True)

    async def _one(self) -> float:
        """Send the next message if there is one and its time has come; how long to rest afterwards."""
        row = self._outbox.next(self._party, self.channel.id)
        if row is None:
            return _LOOK_S
        if row.status is Status.ATTEMPTING:
            # This process did not begin it: the one that did has ended, and nobody knows whether it was sent.
            self._settle(row, Delivery(sent=Sent.IN_DOUBT, says="the process ended while it was being sent"), row.tries)
            return 0.0
        wait_s = (row.due_at - self._clock.now()).total_seconds()
        if wait_s > 0:
            return wait_s
        self._outbox.attempt(row.seq)
        delivery = await self._send(row)
        self.tries[delivery.sent] += 1
        while True:
            try:
                self._settle(row, delivery, row.tries + 1)
            except StoreError as exc:
                # What is known now must not be lost: it is not sent again while this process lives.
                self._say(f"{self.channel.id}: {exc}")
                await self._clock.sleep(_AGAIN_S)
                if self._is_leaving:
                    return 0.0
            else:
                return 0.0

    async def _send(self, row: Queued) -> Delivery:
        try:
            return await self.channel.send(row.message)
        except Exception as exc:  # noqa: BLE001 - a channel's own mistake must not end the others'
            return Delivery(sent=Sent.FAILED, says=f"it failed ({type(exc).__name__})")

    def _settle(self, row: Queued, delivery: Delivery, tries: int) -> None:
        now = self._clock.now()
        doubted = delivery.sent is Sent.IN_DOUBT and row.status is Status.ATTEMPTING
        following = after(
            delivery,
            tries=tries,
            queued_at=row.queued_at,
            now=now,
            repeat_in_doubt=self.channel.repeat_in_doubt,
            luck=self._luck.random(),
        )
        why = f"{delivery.sent}: {delivery.says}" if delivery.says else delivery.sent.value
        if following.fate is Fate.DONE:
            self._outbox.delivered(row.seq, now)
            self._told(row, now)
        elif following.at is not None:
            # What another process left half done was not refused by anybody: there is nothing to wait for.
            self._outbox.again(row.seq, now if doubted else following.at, why)
        else:
            fate = _FATES[following.fate].format(tries=tries)
            self._outbox.give_up(row.seq, now, f"{fate} ({why})")
            self._say(f'a message to {self.channel.id} ("{row.message.title}") was {fate}: {why}')
