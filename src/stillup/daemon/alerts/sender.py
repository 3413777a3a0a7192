"""Delivers what is in the outbox: each channel's messages in their order, each until it is taken or given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Protocol

from msgspec.structs import replace

from stillup.channels.base import Channel
from stillup.clock import Clock
from stillup.errors import StoreError
from stillup.response.alerts.delivery import Delivery, Fate, Sent, after
from stillup.store.outbox import Queued, Settled, Status

_AGAIN_S = 5.0
_LOOK_S = 60.0
"""So often the outbox is looked at without being told: another process may have put something in."""

_FATES = {
    Fate.DEAD_TRIES: "given up after {tries} tries",
    Fate.DEAD_AGE: "given up: it is too old to be of use",
    Fate.DEAD_DOUBT: "given up: it may have arrived, and this channel is not to get it twice",
}


class Takes(Protocol):
    """An outbox as a sender sees it: :class:`stillup.store.outbox.Outbox`, or what stands in for it."""

    def take(
        self, party: str, channel: str, now: datetime, before: Settled | None = None, who: str | None = None
    ) -> Queued | None:
        """Note how the message before went, and take the next one."""
        ...

    def settle(self, settled: Settled) -> None:
        """Note how a message went."""
        ...

    def listed(self, statuses: Iterable[Status] = ..., limit: int = ...) -> list[Queued]:
        """The newest messages, newest first."""
        ...


class Sender:
    """One channel's messages.

    ``say`` is told of what is given up, ``told`` of what arrived, ``went`` how far each message is; ``known`` says
    what was told of a key last, where this process knows.
    """

    def __init__(
        self,
        channel: Channel,
        outbox: Takes,
        party: str,
        clock: Clock,
        *,
        say: Callable[[str], None],
        told: Callable[[Queued, datetime], None] = lambda _message, _at: None,
        went: Callable[[Queued], None] = lambda _: None,
        known: Callable[[str], Queued | None] = lambda _: None,
        luck: Random | None = None,
        who: str | None = None,
    ) -> None:
        """``who`` this is, where several machines take turns (:meth:`Outbox.hold`)."""
        self.channel = channel
        self.tries: Counter[Sent] = Counter()
        self._outbox = outbox
        self._party = party
        self._clock = clock
        self._say = say
        self._told = told
        self._went = went
        self._known = known
        self._who = who
        self._luck = luck or Random()  # noqa: S311 - jitter, not secrets
        self._settled: Settled | None = None
        """How the last one went, until that is written."""
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
        if self._settled is not None:
            with suppress(StoreError):
                self._outbox.settle(self._settled)

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
        # What is known of the last one is forgotten only once it is written: it is not sent again in this life.
        row = self._outbox.take(self._party, self.channel.id, self._clock.now(), self._settled, self._who)
        self._settled = None
        if row is None:
            return _LOOK_S
        known = self._known(row.message.key)
        if known is not None and known.status is Status.DELIVERED:
            # It was this process, and the outbox went away before that could be written, or fell back behind it.
            key, done_at = row.message.key, known.done_at
            self._settled = Settled(seq=row.seq, key=key, status=Status.DELIVERED, done_at=done_at)
            return 0.0
        if row.status is Status.ATTEMPTING:
            # This process did not begin it: the one that did has ended, and nobody knows whether it was sent.
            doubt = Delivery(sent=Sent.IN_DOUBT, says="the process ended while it was being sent")
            self._settled = self._settle(row, doubt, row.tries)
            return 0.0
        wait_s = (row.due_at - self._clock.now()).total_seconds()
        if wait_s > 0:
            return wait_s
        # Until it is known how it went nobody could say.
        tried = replace(row, status=Status.ATTEMPTING, tries=row.tries + 1)
        self._went(tried)
        delivery = await self._send(row)
        self.tries[delivery.sent] += 1
        self._settled = self._settle(row, delivery, tried.tries)
        self._went(tried.settled(self._settled))
        return 0.0

    async def _send(self, row: Queued) -> Delivery:
        try:
            return await self.channel.send(row.message)
        except Exception as exc:  # noqa: BLE001 - a channel's own mistake must not end the others'
            return Delivery(sent=Sent.FAILED, says=f"it failed ({type(exc).__name__})")

    def _settle(self, row: Queued, delivery: Delivery, tries: int) -> Settled:
        now = self._clock.now()
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
            self._told(row, now)
            return Settled(seq=row.seq, key=row.message.key, status=Status.DELIVERED, done_at=now)
        if following.at is not None:
            # What another process left half done was refused by nobody: there is nothing to wait for.
            due_at = now if row.status is Status.ATTEMPTING else following.at
            return Settled(seq=row.seq, key=row.message.key, status=Status.WAITING, due_at=due_at, why=why)
        fate = _FATES[following.fate].format(tries=tries)
        self._say(f'a message to {self.channel.id} ("{row.message.title}") was {fate}: {why}')
        return Settled(seq=row.seq, key=row.message.key, status=Status.DEAD, done_at=now, why=f"{fate} ({why})")
