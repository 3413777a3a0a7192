"""Who is there: every process of a cluster says so every few seconds, and how it is; who falls silent is gone.

It is kept in memory on the bus, and nowhere else. ``stillup doctor``, the watchdog and ``/metrics`` read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.bus.base import UNREADABLE
from stillup.daemon.cluster.skew import Skew
from stillup.errors import BadDataError, BusError, UsageError
from stillup.model.signal import At

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Table
    from stillup.catalog.load import Service
    from stillup.clock import Clock
    from stillup.daemon.roles.role import Say

REPLICAS = "replicas"
EVERY_S, STANDS_S = 3.0, 12.0
ROLES = ("monitor", "hub", "gateway", "web")

SKEW_S = 2.0
"""So much may a clock be off before it is said; a monitor stops at :data:`stillup.daemon.cluster.skew.MOST_S`."""

_MOST_BYTES = 16_384


class Beat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process, as it last said of itself."""

    replica: str
    life: str
    """Of this run of it alone: two that share a name differ in it."""
    role: str
    version: str
    since: At
    host: str = ""
    pid: int = 0
    watches: str = ""
    """A digest of the services it was given: processes that differ in it do not belong to one cluster."""
    skew_s: float | None = None
    """How far its clock is ahead of the bus's, seconds; None where that could not be measured."""
    says: dict[str, str] = {}
    """What its role adds, by name."""


_beat = msgspec.msgpack.Decoder(Beat)


def pack(beat: Beat) -> bytes:
    """A value of the table."""
    return msgspec.msgpack.encode(beat)


def unpack(value: bytes) -> Beat:
    """What it says.

    :raises BadDataError: it is none of ours.
    """
    try:
        if len(value) > _MOST_BYTES:
            msg = "what a process says of itself is too long"
            raise BadDataError(msg)
        return _beat.decode(value)
    except UNREADABLE as exc:
        msg = "what a process says of itself cannot be read by this version of stillup"
        raise BadDataError(msg) from exc


def digest_of(services: Sequence[Service]) -> str:
    """Which services these are, and what they stand on, in twelve letters."""
    known = sorted((s.id, sorted(d.service for d in s.dependencies)) for s in services)
    return blake2b(repr(known).encode(), digest_size=6).hexdigest()


def table_of(bus: Bus) -> Table:
    """Where they say it."""
    return bus.table(REPLICAS, stands_s=STANDS_S, in_memory=True)


async def present(bus: Bus) -> list[Beat]:
    """Who is there, by role and name; what cannot be read is passed over.

    :raises stillup.errors.BusError: the bus does not answer.
    """
    found = []
    for entry in await table_of(bus).entries():
        try:
            found.append(unpack(entry.value or b""))
        except BadDataError:
            continue
    return sorted(found, key=lambda b: (ROLES.index(b.role) if b.role in ROLES else len(ROLES), b.replica))


class Beating:
    """Says that this process is there. ``says`` is looked at anew each time."""

    def __init__(self, bus: Bus, clock: Clock, first: Beat, says: Mapping[str, str], say: Say) -> None:
        self._bus, self._clock, self._first, self._says, self._say = bus, clock, first, says, say
        self._table = table_of(bus)
        self._skew = Skew(bus, clock)
        self._is_off = False
        self._revision: int | None = None
        self._has_double = False

    @property
    def skew_s(self) -> float | None:
        """How far this machine's clock is ahead of the bus's, as of the last beat; None: not known."""
        return self._skew.seconds

    async def go_on(self) -> None:
        """Until it is cancelled; then it says good-bye."""
        try:
            while True:
                await self.beat()
                await self._clock.sleep(EVERY_S)
        finally:
            try:
                async with asyncio.timeout(1.0):
                    await self._table.delete(self._first.replica)
            except (BusError, TimeoutError):
                pass  # who does not say good-bye is missed a little later

    async def beat(self) -> None:
        """Say it once; a bus that is away is no trouble of this."""
        skew_s = await self._skew.measure()
        beat = msgspec.structs.replace(
            self._first, skew_s=None if skew_s is None else round(skew_s, 3), says=dict(self._says)
        )
        try:
            await self._put(beat)
        except BusError:
            self._revision = None
            return
        is_off = skew_s is not None and abs(skew_s) > SKEW_S
        if is_off != self._is_off:
            self._is_off = is_off
            self._say(
                f"{self._skew.says}; set it by NTP" if is_off else "this machine's clock agrees with the bus again"
            )

    async def _put(self, beat: Beat) -> None:
        """Say it over our own last word; where another's stands, two live under one name, which is said once."""
        name = self._first.replica
        revision = await self._table.put(name, pack(beat), revision=self._revision)
        if revision is None:
            entry = await self._table.get(name)
            self._tell_double(entry.value if entry is not None else None)
            revision = await self._table.put(name, pack(beat))
        self._revision = revision

    def _tell_double(self, value: bytes | None) -> None:
        try:
            other = unpack(value or b"")
        except BadDataError:
            return
        if other.life != self._first.life and not self._has_double:
            self._has_double = True
            self._say(f"{_double(other)}: what both count is counted once")


def _double(other: Beat) -> str:
    return (
        f"another process is called {other.replica!r} in this cluster (a {other.role} on {other.host}, process "
        f"{other.pid})"
    )


async def must_be_alone(bus: Bus, clock: Clock, replica: str, *, is_given: bool) -> None:
    """See that nobody else lives under this name: what two of one name count would be counted once.

    A process that has just died leaves its last word behind for some seconds; whether it lives shows by the next.

    :raises UsageError: somebody does.
    :raises stillup.errors.BusError: the bus does not answer.
    """
    if not is_given:
        return
    table = table_of(bus)
    first = await table.get(replica)
    waited_s = 0.0
    while first is not None and first.value is not None and waited_s < EVERY_S * 2:
        await clock.sleep(0.5)
        waited_s += 0.5
        now = await table.get(replica)
        if now is None or now.value is None:
            return
        if now.revision != first.revision:
            try:
                other = _double(unpack(now.value))
            except BadDataError:
                other = f"another process, of another version of stillup, is called {replica!r} in this cluster"
            msg = f"{other}; `--name` or `cluster.name` gives each its own"
            raise UsageError(msg)
