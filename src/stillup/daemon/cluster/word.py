"""What the judge of a service says of it, as everybody else reads it: the table of verdicts."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from stillup.errors import BadDataError
from stillup.model.evidence import Evidence
from stillup.model.verdict import Verdict

TABLE = "verdicts"
"""A key is a service's id; its value is a :class:`Word`. Whoever judges says it anew with every minute."""

STANDS_S = 300.0
"""A word that is not renewed for so long is nobody's any more: the table lets it go."""

MOST_BYTES = 1 << 20


class Word(Struct, frozen=True, kw_only=True):
    """All that is said of one service as of the minute ``at``: its verdicts, as a whole and by part, and the grounds.

    Of two words the one with the later ``at`` holds; with the same, both are the same, whoever said them.
    """

    at: datetime
    verdicts: tuple[Verdict, ...]
    evidence: tuple[Evidence, ...] = ()
    partition: str = ""
    owner: str = ""
    fence: int = 0
    """The number of the lease under which it was said."""


_decoder = msgspec.msgpack.Decoder(Word)


def pack(word: Word) -> bytes:
    """A word as the table holds it."""
    return msgspec.msgpack.encode(word)


def unpack(value: bytes) -> Word:
    """What is said.

    :raises BadDataError: it is none of ours, or of a newer stillup.
    """
    if len(value) > MOST_BYTES:
        msg = f"a verdict in the table has {len(value)} bytes; {MOST_BYTES} are allowed"
        raise BadDataError(msg)
    try:
        word: Word = _decoder.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        msg = "a verdict in the table cannot be read by this version of stillup"
        raise BadDataError(msg) from exc
    return word
