"""What gateways say of their chains on the bus, and what pages hear of it."""

from __future__ import annotations

import asyncio
import platform
from contextlib import suppress
from datetime import timedelta
from hashlib import blake2b
from threading import Event
from typing import TYPE_CHECKING

from stillup.daemon.gateway import journal_folder
from stillup.daemon.gateway_facts import FACTS, STANDS_S, Facts, facts_of, pack, unpack, with_faults
from stillup.daemon.gateways import Heard
from stillup.daemon.risk.used import Reading, Usage
from stillup.errors import BadDataError, BusError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stillup.bus.base import Bus, Entry, Table
    from stillup.daemon.roles.role import Here
    from stillup.gateway.app import Gateway

EVERY_S = 1.0
"""Between two looks at what faults are played."""
RENEW_S = 10.0
READ_S = 900.0
"""Between two looks into the journal."""
USED = timedelta(days=30)
_MOST_BYTES = 32 << 20
"""Of the journal, at one look: reading it takes turns with requests."""
_PAUSE_S = 0.012
_MOST_HEARD = 500
_GOOD_BYE_S = 1.0


def facts_table(bus: Bus) -> Table:
    """Where they say it."""
    return bus.table(FACTS, stands_s=STANDS_S, in_memory=True)


class GatewaySays:
    """Says it as long as the gateway lives: at once where it changed, else every ten seconds."""

    def __init__(self, here: Here, gateway: Gateway) -> None:
        self._here, self._gateway, self._clock = here, gateway, here.clock
        self._table = facts_table(here.bus)
        self._folder = journal_folder(here.config)
        self._ended = Event()
        self._reading = Reading(self._folder, _MOST_BYTES, USED, self._pause)
        self._said: tuple[float, tuple[object, ...] | None] = (float("-inf"), None)

    async def go_on(self) -> None:
        """Until cancelled; then it takes it back."""
        try:
            await self._say_on()
        finally:
            self._ended.set()
            with suppress(BusError, TimeoutError):
                async with asyncio.timeout(_GOOD_BYE_S):
                    await self._table.delete(self._here.life)

    async def _say_on(self) -> None:
        """While the journal is read, which takes its time, what was known before is said."""
        facts, read_s = self._facts(Usage()), float("-inf")
        reading: asyncio.Future[Facts] | None = None
        while True:
            if reading is None and self._gateway.keeps and self._clock.monotonic_s() - read_s >= READ_S:
                reading = asyncio.ensure_future(asyncio.to_thread(self._read))
            await self.say(facts)
            await self._clock.sleep(EVERY_S)
            if reading is not None and reading.done():
                facts, reading, read_s = reading.result(), None, self._clock.monotonic_s()

    def _pause(self) -> None:
        """Reading has one part in five of the time: requests are answered in the same process, which is not held up."""
        if self._ended.wait(_PAUSE_S):
            msg = "the gateway ends"
            raise StoreError(msg)

    def _read(self) -> Facts:
        """Blocks."""
        return self._facts(self._reading.look(self._clock.now()))

    def _facts(self, usage: Usage) -> Facts:
        journal = f"{platform.node()}:{self._folder.absolute()}".encode()
        kept = blake2b(journal, digest_size=8).hexdigest() if self._gateway.keeps else ""
        return facts_of(self._gateway.plan, usage, kept, self._here.config.services)

    async def say(self, facts: Facts) -> None:
        """Say it once if it is news or due; a bus that is away is tried again."""
        now_s = self._clock.monotonic_s()
        played = self._gateway.faults.shown()
        news = (facts, *((p.upstream, p.mode, p.share) for p in played))
        at_s, said = self._said
        if now_s - at_s < RENEW_S and news == said:
            return
        try:
            await self._table.put(self._here.life, pack(with_faults(facts, played, self._clock.now())))
        except BusError:
            return
        self._said = now_s, news


class GatewaysHeard:
    """Implements :class:`stillup.daemon.gateways.Gateways` from the bus."""

    def __init__(self, bus: Bus, say: Callable[[str], None]) -> None:
        self._bus, self._say = bus, say
        self._heard: dict[str, Heard] = {}
        self._all: tuple[Heard, ...] = ()
        self._cannot: set[str] = set()

    @property
    def is_there(self) -> bool:
        """Whether the bus answers."""
        return self._bus.is_there

    def heard(self) -> tuple[Heard, ...]:
        """What each gateway says, by name."""
        return self._all  # put in place whole: other threads ask

    async def go_on(self) -> None:
        """Hear of it until cancelled."""
        async for entry in facts_table(self._bus).watch():
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """One entry of the table."""
        if entry.value is None:
            self._heard.pop(entry.key, None)
            self._cannot.discard(entry.key)
        elif entry.key in self._heard or len(self._heard) < _MOST_HEARD:
            try:
                self._heard[entry.key] = Heard(name_of(entry.key), unpack(entry.value))
            except BadDataError as exc:
                self._heard.pop(entry.key, None)
                if entry.key not in self._cannot and len(self._cannot) < _MOST_HEARD:
                    self._cannot.add(entry.key)
                    self._say(f"{FACTS}, {entry.key[:100]}: {exc}")
        self._all = tuple(sorted(self._heard.values(), key=lambda one: one.name))


async def said_by_gateways(bus: Bus) -> list[Heard]:
    """What each says now; what cannot be read is passed over.

    :raises BusError: the bus does not answer.
    """
    heard = GatewaysHeard(bus, lambda _: None)
    for entry in await facts_table(bus).entries():
        heard.take(entry)
    return list(heard.heard())


def name_of(life: str) -> str:
    """The replica whose life that is."""
    return (life.rpartition(".")[0] or life)[:100]
