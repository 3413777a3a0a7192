"""The senders of all channels, in the one of several processes that sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from stillup.channels.make import Address, make
from stillup.clock import Clock
from stillup.daemon.alerts.sender import Sender, Takes
from stillup.daemon.alerts.turn import Turn
from stillup.errors import ConfigError, StoreError
from stillup.response.alerts.delivery import Sent
from stillup.store.outbox import Queued, Status

if TYPE_CHECKING:
    from stillup.net import Net

_LOCK_S = 5.0
_MOST_TOLD = 256


class From(NamedTuple):
    """An outbox, and whether it is our turn to send what is in it."""

    turn: Turn
    outbox: Takes


class Senders:
    """One party's, in one event loop; ``tries`` and ``told_at`` any thread may ask.

    ``say`` is told of trouble, ``went`` how far each message is, ``known`` says it again.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        party: str,
        clock: Clock,
        say: Callable[[str], None],
        went: Callable[[Queued], None] = lambda _: None,
        known: Callable[[str], Queued | None] = lambda _: None,
    ) -> None:
        self._addresses = addresses
        self._party = party
        self._clock = clock
        self._say = say
        self._went = went
        self._known = known
        self._running: list[Sender] = []
        self._is_leaving = False
        self._told: dict[str, datetime] = {}

    @property
    def channels(self) -> list[str]:
        """The names of the channels."""
        return [a.id for a in self._addresses]

    @property
    def is_sending(self) -> bool:
        """Whether it is this process that sends."""
        return bool(self._running)

    @property
    def tries(self) -> Mapping[str, Mapping[Sent, int]]:
        """How often each channel was tried, and how that went."""
        return {s.channel.id: dict(s.tries) for s in tuple(self._running)}

    def told_at(self, incident: str) -> datetime | None:
        """When somebody was first told of an incident; None where nobody was."""
        return self._told.get(incident)

    def wake(self) -> None:
        """There may be something new."""
        for sender in self._running:
            sender.wake()

    def leave(self) -> None:
        """Send nothing more after what is being sent."""
        self._is_leaving = True
        for sender in self._running:
            sender.leave()

    async def run(self, sources: Sequence[From], net: Net) -> None:
        """Deliver until told to leave, from the first of these whose turn is ours, as long as it is."""
        rest_s = min(s.turn.renew_s or _LOCK_S for s in sources)
        while not self._is_leaving:
            self._running = []
            while (source := next((s for s in sources if s.turn.taken()), None)) is None:
                await self._clock.sleep(rest_s)
            turn, outbox = source
            self._recall(outbox)
            self._running = list(self._made(turn, outbox, net))
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._keep(turn))
                sending = [group.create_task(sender.run()) for sender in self._running]
                if sending:
                    await asyncio.wait(sending)
                    keeping.cancel()
            if not sending:
                return

    def _made(self, turn: Turn, outbox: Takes, net: Net) -> Iterator[Sender]:
        for address in self._addresses:
            try:
                channel = make(address, net)
            except ConfigError as exc:
                self._say(f"{exc}; what is for it waits")
                continue
            yield Sender(
                channel,
                outbox,
                self._party,
                self._clock,
                say=self._say,
                told=self._note,
                went=self._went,
                known=self._known,
                who=turn.who,
            )

    async def _keep(self, turn: Turn) -> None:
        """Ask for the turn again and again; when it is another's, send nothing more."""
        if turn.renew_s is None:
            return
        while turn.taken():
            await self._clock.sleep(turn.renew_s)
        for sender in self._running:
            sender.leave()

    def _recall(self, outbox: Takes) -> None:
        with suppress(StoreError):
            for row in reversed(outbox.listed([Status.DELIVERED], _MOST_TOLD)):
                if row.party in ("", self._party) and row.done_at is not None:
                    self._note(row, row.done_at)

    def _note(self, row: Queued, at: datetime) -> None:
        verdict = row.message.verdict
        for incident in (row.message.incident, verdict.incident if verdict else None):
            if incident:
                self._told.setdefault(incident, at)
        while len(self._told) > _MOST_TOLD:
            del self._told[next(iter(self._told))]
