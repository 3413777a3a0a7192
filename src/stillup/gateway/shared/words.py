"""What goes over the bus between gateways, and how much of it is taken in.

A replica's name is its own and its start's (``gw-1.5f3a``): what one says after a restart replaces nothing of before.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from stillup.bus.base import UNREADABLE
from stillup.errors import BadDataError
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why

MOST_OPEN = 500
"""Of each kind in one word; with more, upstreams as wholes come first."""
MOST_USERS = 5_000
"""In one word; a gateway with more users says several."""
_MOST_BYTES = 1 << 20
_LONGEST_S = 3600.0

_Name = Annotated[str, Meta(max_length=300)]
_LeftS = Annotated[float, Meta(ge=0, le=_LONGEST_S)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Usd = Annotated[float, Meta(ge=0, le=1e12)]


class Open(Struct, frozen=True, array_like=True):
    """An upstream that the replica leaves alone by what it saw itself; ``model`` None: all of it.

    ``number`` is another with each opening, so that one is believed once. ``left_s`` as of the word.
    """

    upstream: _Name
    model: _Name | None
    operation: Operation | None
    number: int
    left_s: _LeftS
    level: Annotated[int, Meta(ge=-1, le=10)]
    fault: Fault | None


class Shut(Struct, frozen=True, array_like=True):
    """A key of the installation's own that was refused; ``key`` tells keys apart without telling the key."""

    upstream: _Name
    model: _Name
    operation: Operation
    key: Annotated[str, Meta(max_length=64)]
    number: int
    left_s: Annotated[float, Meta(ge=0, le=86_400)]
    why: Why


class Health(Struct, frozen=True, kw_only=True, tag_field="is", tag="health"):
    """How one replica finds its upstreams and keys."""

    open: Annotated[tuple[Open, ...], Meta(max_length=2 * MOST_OPEN)] = ()
    shut: Annotated[tuple[Shut, ...], Meta(max_length=MOST_OPEN)] = ()


class Asked(Struct, frozen=True, kw_only=True, tag_field="is", tag="asked"):
    """Requests of the last minute by user, of users whose requests are limited."""

    users: dict[_Name, _Count]


class Spent(Struct, frozen=True, kw_only=True, tag_field="is", tag="spent"):
    """US dollars of one day (UTC) by user, since the replica's start; they only grow."""

    day: Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\d\Z")]
    users: dict[_Name, _Usd]


Told = Health | Asked | Spent
_T = TypeVar("_T", Health, Asked, Spent)


def pack(told: Told) -> bytes:
    """A value of a table."""
    return msgspec.msgpack.encode(told)


def unpack(value: bytes, type_: type[_T]) -> _T:
    """What it says.

    :raises BadDataError: it is none of ours, or of another version of stillup.
    """
    if len(value) > _MOST_BYTES:
        msg = f"another gateway's word has {len(value)} bytes; {_MOST_BYTES} are allowed"
        raise BadDataError(msg)
    try:
        return msgspec.msgpack.decode(value, type=type_)
    except UNREADABLE as exc:
        msg = "another gateway's word cannot be read by this version of stillup"
        raise BadDataError(msg) from exc
