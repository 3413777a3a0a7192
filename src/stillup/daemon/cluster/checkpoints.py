"""Where a partition's judge stands, on the shelf: whoever goes on from there is as if the one before had not died.

The newest few are kept: one that is damaged, stale, or of another version or catalogue is left alone for the one before
it, and at the last the log is read from its beginning. A checkpoint is taken right after a minute, and only of what the
database has: what was judged and could not be written yet is judged again by whoever takes over, and written then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup import __version__
from stillup.bus.base import UNREADABLE
from stillup.daemon.cluster.log_judge import LogJudge
from stillup.errors import BadDataError
from stillup.hub.adding import AddingState
from stillup.model.signal import At

if TYPE_CHECKING:
    from stillup.bus.base import Shelf

SHELF = "checkpoints"
KEPT = 3
OLDEST = timedelta(days=7)
"""What was usual longer ago is learned anew."""
_MAGIC = b"stillup partition 1\n"
_DIGEST_BYTES = 16

Say = Callable[[str], None]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A judge's whole state after record ``seq`` of the log of that ``birth``."""

    stillup: str
    profiles: str
    birth: str
    seq: int
    judged: At
    reads: list[tuple[str, str, At]]
    adding: AddingState
    monitor: bytes
    marks: list[tuple[At, int]] = []
    """Which record stood at which time, each half hour: so whoever goes on knows what of the log is old."""


class Meant(Struct, frozen=True, kw_only=True):
    """What a checkpoint must be of to be gone on from."""

    profiles: str
    birth: str
    now: datetime
    oldest: int
    """The oldest record that the log still has, and the newest."""
    newest: int
    kept: int | None = None
    """Up to which record the database has the log; None where that is not known."""


_decoder = msgspec.msgpack.Decoder(Checkpoint)


def take(judge: LogJudge, profiles: str, birth: str, marks: Iterable[tuple[datetime, int]] = ()) -> Checkpoint:
    """The state of a judge that has just judged a minute; some 10 ms a service."""
    if judge.judged is None:
        msg = "a judge that has judged nothing has no state to keep"
        raise ValueError(msg)
    return Checkpoint(
        stillup=__version__,
        profiles=profiles,
        birth=birth,
        seq=judge.seq,
        judged=judge.judged,
        reads=[(service, source, at) for (service, source), at in judge.reads.items()],
        adding=judge.adding.state(),
        monitor=judge.machine.monitor.checkpoint(),
        marks=list(marks),
    )


def pack(checkpoint: Checkpoint) -> bytes:
    """It in bytes, with a digest that shows damage."""
    body = msgspec.msgpack.encode(checkpoint)
    return _MAGIC + _digest(body) + body


def unpack(data: bytes) -> Checkpoint:
    """What was packed.

    :raises BadDataError: it is none, is damaged, or was laid out by another version.
    """
    if not data.startswith(_MAGIC):
        msg = "it is no checkpoint of this version of stillup"
        raise BadDataError(msg)
    digest, body = data[len(_MAGIC) :][:_DIGEST_BYTES], data[len(_MAGIC) + _DIGEST_BYTES :]
    if digest != _digest(body):
        msg = "it is cut short or damaged: its digest does not fit"
        raise BadDataError(msg)
    try:
        return _decoder.decode(body)
    except UNREADABLE as exc:
        msg = "it is not laid out as a checkpoint of this version of stillup"
        raise BadDataError(msg) from exc


def why_not(checkpoint: Checkpoint, meant: Meant) -> str:
    """Why a judge cannot go on from there, in words; empty where it can."""
    if checkpoint.profiles != meant.profiles:
        return f"it was made with another catalogue (by stillup {checkpoint.stillup})"
    if checkpoint.birth != meant.birth or checkpoint.seq > meant.newest:
        return "it is of another log, one that is gone"
    if meant.kept is not None and checkpoint.seq > meant.kept:
        return "the database has less than that: it was restored, or is a new one"
    if checkpoint.judged <= meant.now - OLDEST:
        return f"it is of {checkpoint.judged:%Y-%m-%d %H:%M} UTC"
    return ""


class Checkpoints:
    """Those of one partition. ``say`` is told of each that cannot be gone on from, and why."""

    def __init__(self, shelf: Shelf, partition: str, say: Say) -> None:
        self._shelf = shelf
        self._partition = partition
        self._say = say
        self._place = 0
        self._seqs: dict[int, int] = {}

    @property
    def oldest_seq(self) -> int:
        """The record that the oldest of them stands at: what lies before it nobody reads again. 0: not known."""
        return min(self._seqs.values()) if len(self._seqs) == KEPT else 0

    async def keep(self, checkpoint: Checkpoint) -> None:
        """Put one in place of the oldest.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        await self._shelf.put(self._name(self._place), await asyncio.to_thread(pack, checkpoint))
        self._seqs[self._place] = checkpoint.seq
        self._place = (self._place + 1) % KEPT

    async def newest(self, meant: Meant) -> list[Checkpoint]:
        """Those that can be gone on from, the newest first.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        found: dict[int, Checkpoint] = {}
        for place in range(KEPT):
            one = await self._read(place, meant)
            if one is not None:
                found[place] = one
        self._seqs = {place: one.seq for place, one in found.items()}
        newest_first = sorted(found, key=lambda place: found[place].seq, reverse=True)
        free = [place for place in range(KEPT) if place not in found]
        self._place = free[0] if free else newest_first[-1]
        return [found[place] for place in newest_first]

    async def _read(self, place: int, meant: Meant) -> Checkpoint | None:
        data = await self._shelf.get(self._name(place))
        if data is None:
            return None
        try:
            one = unpack(data)
        except BadDataError as exc:
            self._say(f"checkpoint {place} of partition {self._partition} cannot be used: {exc}")
            return None
        why = why_not(one, meant)
        if why:
            self._say(f"checkpoint {place} of partition {self._partition} is not gone on from: {why}")
            return None
        return one

    def _name(self, place: int) -> str:
        return f"{self._partition}.{place}"


def begun_from(
    checkpoints: Iterable[Checkpoint], restored: Callable[[Checkpoint], LogJudge], say: Say
) -> LogJudge | None:
    """A judge that goes on from the first checkpoint that its monitor can be restored from; None where none is.

    ``restored`` raises :class:`~stillup.errors.BadDataError` where a state does not fit the code here.
    """
    for one in checkpoints:
        try:
            return restored(one)
        except BadDataError as exc:
            say(f"the checkpoint of {one.judged:%H:%M} UTC is not gone on from: {exc}")
    return None


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES).digest()
