"""What replicas tell each other about reports that were just taken, so that nobody says to each what may be said once.

A few numbers under the day's key, told once and kept nowhere: half an hour's folding, the rates of a sender and its
networks, what a report took of their room, and the form. They are told within a quarter of a second, and no more than
64 in it by each replica: in a flood the rest stays untold, and then a sender or a network has, at worst, what each
replica gives. It changes nothing about who can move a verdict: shares of a crowd add up, and a crowd is counted by its
networks wherever they were heard.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from struct import Struct as Packed
from typing import NamedTuple

from stillup.errors import BadDataError
from stillup.hub.admission import Admitted
from stillup.hub.values import Reason
from stillup.hub.weight import Spent

MOST = 64
"""In one telling."""

_NOTE = Packed(">8QBB")
_HEAD = Packed(">IH")


class Noted(NamedTuple):
    """A report that was taken: its numbers, what it took of its networks' room, its form (0: none), and its cost."""

    found: Admitted
    spent: Spent
    form: int
    cost: float

    def __repr__(self) -> str:
        return "Noted(****)"


def pack(born_s: int, replica: str, notes: Iterable[Noted]) -> bytes:
    """The newest notes of a replica, under the key that was made at ``born_s``."""
    name = replica.encode()
    parts = [_HEAD.pack(born_s, len(name)), name]
    for found, spent, form, cost in list(notes)[-MOST:]:
        numbers = found.said, found.sender, found.near, found.wide, spent.service, spent.near, spent.wide, form
        parts.append(_NOTE.pack(*numbers, min(255, int(cost)), spent.near_alone | spent.wide_alone << 1))
    return b"".join(parts)


def unpack(body: bytes) -> tuple[int, str, list[Noted]]:
    """The key's birth, the replica, and its notes.

    :raises BadDataError: it is none of these.
    """
    try:
        born_s, size = _HEAD.unpack_from(body)
        name = body[_HEAD.size : _HEAD.size + size].decode()
        rest = body[_HEAD.size + size :]
        # What is too long is cut to no whole note.
        return born_s, name, list(_notes(rest[: MOST * _NOTE.size + 1]))
    except (ValueError, struct.error) as exc:
        msg = "a word of another replica of the hub cannot be read by this version of stillup"
        raise BadDataError(msg) from exc


def _notes(body: bytes) -> Iterator[Noted]:
    for said, sender, near, wide, service, spent_near, spent_wide, form, cost, alone in _NOTE.iter_unpack(body):
        found = Admitted(Reason.ADMITTED, sender, near, wide, said)
        spent = Spent(service, spent_near, spent_wide, bool(alone & 1), bool(alone & 2))
        yield Noted(found, spent, form, float(cost))
