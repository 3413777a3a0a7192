"""What other hubs are told of the reports here: put in a table by whoever judges, given out by every desk.

One entry a partition, each minute; a desk keeps a quarter of an hour. Minutes that are over never change, whoever
says them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.bus.base import UNREADABLE
from stillup.daemon.cluster.publish import AHEAD
from stillup.errors import BadDataError
from stillup.hub.values import Minute
from stillup.hub.windows import KEPT, WINDOW_S
from stillup.model.signal import At

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Table
    from stillup.hub.adding import Adding

TABLE = "hub-counts"
STANDS_S = 1_200.0
_SPAN = timedelta(seconds=KEPT * WINDOW_S)


class Told(Struct, frozen=True, kw_only=True):
    """The last quarter of an hour of some services, up to ``until``."""

    until: At
    services: dict[str, tuple[Minute, ...]]


_decoder = msgspec.msgpack.Decoder(Told)


def table_of(bus: Bus) -> Table:
    """Where it stands."""
    return bus.table(TABLE, stands_s=STANDS_S)


async def put(
    table: Table, partition: str, adding: Adding, services: Iterable[str], tick: datetime, now: datetime
) -> None:
    """Say what was counted up to a tick that was just told; an older tick replaces no newer one.

    What nobody can read, or is of a time that is yet to come, is replaced.

    :raises stillup.errors.BusError: the bus cannot take it now.
    """
    found = {service: minutes for service in services if (minutes := adding.minutes(service, tick)[1])}
    value = msgspec.msgpack.encode(Told(until=tick, services=found))
    before = await table.get(partition)
    revision = 0
    if before is not None and before.value is not None:
        revision = before.revision
        with suppress(BadDataError):
            if tick <= unpack(before.value).until <= now + AHEAD:
                return
    await table.put(partition, value, revision=revision)


def unpack(value: bytes) -> Told:
    """What was put there.

    :raises BadDataError: it is none of ours.
    """
    try:
        return _decoder.decode(value)
    except UNREADABLE as exc:
        msg = "what the reports add up to cannot be read by this version of stillup"
        raise BadDataError(msg) from exc


class Recent:
    """What a desk knows of it. While nobody has told, nothing is known of what came after it began."""

    def __init__(self, began: datetime) -> None:
        self._until = datetime.fromtimestamp(began.timestamp() // WINDOW_S * WINDOW_S, UTC)
        self._minutes: dict[str, dict[datetime, Minute]] = {}

    def take(self, told: Told, now: datetime) -> None:
        """Take in a partition's newest word, unless it is of a time that is yet to come.

        Whoever has just taken over knows less of the past than was said.
        """
        if told.until > now + AHEAD:
            return
        self._until = max(self._until, told.until)
        for service, minutes in told.services.items():
            known = self._minutes.setdefault(service, {})
            for minute in minutes:
                if minute.end <= told.until:
                    known.setdefault(minute.end, minute)
        for service, known in list(self._minutes.items()):
            self._minutes[service] = {end: m for end, m in known.items() if end > self._until - _SPAN}

    def minutes(self, service: str) -> tuple[datetime, tuple[Minute, ...]]:
        """As :meth:`stillup.hub.values.Desk.minutes`."""
        known = self._minutes.get(service, {})
        return self._until, tuple(known[end] for end in sorted(known) if self._until - _SPAN < end <= self._until)
