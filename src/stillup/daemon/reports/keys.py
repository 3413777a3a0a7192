"""The keys that all desks share: under the day's key networks are told apart, under the other forms are signed.

Under a third, of a day too, those who share counts are told apart; a fourth is the name under which this installation
shares its own.

They lie in a table that is never on a disk. The day's keys are overwritten after a day, as a single desk's is, and with
them goes what was hashed by them; a bus that lost all its memory is given back those that are in use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.errors import BadDataError
from stillup.hub.keyed import DAY_S

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Entry

TABLE = "hub-keys"
DAY, FORMS, POOL, NAME = "day", "forms", "pool", "pool-name"
_KEY_BYTES = 32
_AHEAD_S = 3_600
_TRIES = 5


class Key(Struct, frozen=True):
    """A key, and the second it was made at."""

    key: bytes
    born_s: int

    def __repr__(self) -> str:
        return "Key(****)"


_decoder = msgspec.msgpack.Decoder(Key)


class Keys:
    """Those that this process knows, and how it comes by them."""

    def __init__(self, bus: Bus, entropy: Callable[[int], bytes]) -> None:
        self._table = bus.table(TABLE, in_memory=True)
        self._entropy = entropy
        self._mine: dict[str, Key] = {}

    async def both(self, now_s: float) -> tuple[Key, Key]:
        """The day's and the forms', as of now by the bus's clock; whoever finds none, or one that is over, makes one.

        :raises stillup.errors.BusError: the bus does not answer.
        :raises BadDataError: what lies there is no key.
        """
        return await self._one(DAY, now_s, DAY_S), await self._one(FORMS, now_s, float("inf"))

    async def pool(self, now_s: float) -> Key:
        """Under which those who share counts are told apart today.

        :raises stillup.errors.BusError: the bus does not answer.
        :raises BadDataError: what lies there is no key.
        """
        return await self._one(POOL, now_s, DAY_S)

    async def name(self, now_s: float) -> str:
        """The name of the day under which the whole cluster shares its counts; raises as :meth:`pool`."""
        return (await self._one(NAME, now_s, DAY_S)).key.hex()[:32]

    async def _one(self, name: str, now_s: float, lives_s: float) -> Key:
        for _ in range(_TRIES):
            entry = await self._table.get(name)
            known = _read(entry)
            if known is None:
                known = self._mine.get(name)  # the bus has forgotten it
            is_there = entry is not None and entry.value is not None
            if known is None or not -_AHEAD_S <= now_s - known.born_s < lives_s:
                known, is_there = Key(self._entropy(_KEY_BYTES), int(now_s)), False
            if is_there or await self._put(name, known, entry):
                self._mine[name] = known
                return known
        msg = "other desks change the key all the time"
        raise BadDataError(msg)

    async def _put(self, name: str, key: Key, over: Entry | None) -> bool:
        """Whether it was put there; somebody else may have been quicker, and theirs it is then."""
        revision = over.revision if over is not None and over.value is not None else 0
        return await self._table.put(name, msgspec.msgpack.encode(key), revision=revision) is not None


def _read(entry: Entry | None) -> Key | None:
    if entry is None or entry.value is None:
        return None
    try:
        key = _decoder.decode(entry.value)
    except (msgspec.MsgspecError, ValueError) as exc:
        msg = "the desks' key on the bus cannot be read by this version of stillup"
        raise BadDataError(msg) from exc
    if len(key.key) != _KEY_BYTES:
        msg = f"the desks' key on the bus has {len(key.key)} bytes; {_KEY_BYTES} are right"
        raise BadDataError(msg)
    return key
