"""What a partition's log says: all that its judge ever hears, in an order that is the same for everybody."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stillup.bus.base import UNREADABLE
from stillup.errors import BadDataError
from stillup.model.service import Problem
from stillup.model.signal import At, Name, Signal

MOST_BYTES = 1 << 20
"""Of one record; a larger batch of signals is several."""


class Read(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which reading of which source signals come from: whoever reads next counts no post again."""

    service: str
    source: str
    at: At


class Heard(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="is", tag="heard"):
    """Signals of one reading, or of one turn of a process that sees things itself."""

    signals: tuple[Signal, ...]
    by: str = ""
    """Whose they are, where others could see the same: equal counts of two replicas are two."""
    read: Read | None = None
    trace: str = ""
    """Whose doing it was, as W3C ``traceparent``."""


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many crowd reports of one kind in a minute; ``sketch``: on what grounds (:mod:`stillup.hub.partial`)."""

    service: Name
    count: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    component: Name | None = None
    region: Name | None = None
    problem: Problem | None = None
    sketch: bytes = b""


class Partial(Struct, frozen=True, kw_only=True, tag_field="is", tag="partial"):
    """What one replica has counted of one minute so far: the kinds that have changed since its last word on it.

    Its newest word on a kind stands. No parts: a sign of life.
    """

    replica: Name
    end: At
    parts: tuple[Part, ...]


class Minute(Struct, frozen=True, kw_only=True, tag_field="is", tag="minute"):
    """Everything up to ``at`` is judged now, with what stands before this in the log."""

    at: At
    owner: str
    fence: int
    """The number of the lease under which it was said; greater with each owner."""


Said = Heard | Partial | Minute

_decoder = msgspec.msgpack.Decoder(Said)


def pack(said: Said) -> bytes:
    """A record's body."""
    return msgspec.msgpack.encode(said)


def unpack(body: bytes) -> Said:
    """What a record says.

    :raises BadDataError: it is none of ours, or of a newer stillup.
    """
    if len(body) > MOST_BYTES:
        msg = f"a record of the log has {len(body)} bytes; {MOST_BYTES} are allowed"
        raise BadDataError(msg)
    try:
        said: Said = _decoder.decode(body)
    except UNREADABLE as exc:
        msg = "a record of the log cannot be read by this version of stillup"
        raise BadDataError(msg) from exc
    return said


def id_of(said: Heard) -> str:
    """An id that the same signals have again: what is published twice is in the log once."""
    return blake2b(msgspec.msgpack.encode((said.by, said.signals)), digest_size=16).hexdigest()


def minute_id(partition: str, at: datetime) -> str:
    """The id of a minute: two owners cannot both say it."""
    return f"minute:{partition}:{int(at.timestamp())}"
