"""The watchdog's last word and who is still owed it, on the bus: whoever speaks next goes on from there."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.bus.base import UNREADABLE
from stillup.daemon.cluster.publish import AHEAD
from stillup.model.signal import At

if TYPE_CHECKING:
    from stillup.bus.base import Bus

TABLE = "watchdog"
_KEY = "word"
_MOST_BYTES = 16_384


class Given(Struct, frozen=True, kw_only=True):
    """What was said is wrong (empty: nothing any more), when, and the channels that have not taken it yet."""

    at: At
    wrong: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()


_given = msgspec.msgpack.Decoder(Given)


async def read(bus: Bus, now: datetime) -> Given | None:
    """It; None where nothing was said yet, or by another version, or at a time that is yet to come.

    :raises stillup.errors.BusError: the bus does not answer.
    """
    entry = await bus.table(TABLE).get(_KEY)
    if entry is None or entry.value is None or len(entry.value) > _MOST_BYTES:
        return None
    try:
        given = _given.decode(entry.value)
    except UNREADABLE:
        return None
    return given if given.at <= now + AHEAD else None


async def write(bus: Bus, given: Given) -> None:
    """Keep it.

    :raises stillup.errors.BusError: the bus cannot take it now.
    """
    await bus.table(TABLE).put(_KEY, msgspec.msgpack.encode(given))
