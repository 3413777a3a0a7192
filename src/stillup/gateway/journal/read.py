"""Reading what was kept: after a crash too, and while another process goes on writing."""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from stillup.errors import StoreError
from stillup.gateway.journal.records import (
    HASH_BYTES,
    HEAD,
    Answering,
    Begin,
    End,
    Kind,
    Seam,
    TryRecord,
    began_at,
    scan,
)
from stillup.gateway.journal.segment import in_use, segments

_begin = msgspec.msgpack.Decoder(Begin).decode
_try = msgspec.msgpack.Decoder(TryRecord).decode
_answering = msgspec.msgpack.Decoder(Answering).decode
_seam = msgspec.msgpack.Decoder(Seam).decode
_end = msgspec.msgpack.Decoder(End).decode


class View(Struct, frozen=True):
    """One segment: where each exchange's records and each blob stand in it."""

    data: memoryview
    began_s: float
    exchanges: dict[int, array[int]]
    """Offsets of an exchange's records, in order."""
    blobs: dict[bytes, tuple[int, int]]


class Exchange(Struct, frozen=True, kw_only=True, eq=False):
    """One exchange. Its body and its answer are read when they are asked for."""

    at_s: float
    begin: Begin
    tries: tuple[TryRecord, ...] = ()
    answering: tuple[Answering, ...] = ()
    """Who answered."""
    seams: tuple[Seam, ...] = ()
    """Who went on with an answer that broke off, one after another."""
    end: End | None = None
    ended_s: float | None = None
    is_running: bool = False
    """It has no end yet, and the process that writes it lives."""
    view: View
    chunks_at: array[int]

    @property
    def id(self) -> str:
        return self.begin.id

    @property
    def outcome(self) -> str:
        """How it ended; ``running``, or ``unfinished`` where the gateway or its journal ended first."""
        if self.end:
            return self.end.outcome
        return "running" if self.is_running else "unfinished"

    def body(self) -> bytes | None:
        """What the client sent, byte for byte; None if the file is damaged there."""
        literals, refs = self.begin.literals, self.begin.refs
        parts: list[bytes | memoryview] = [literals[0]]
        for n, literal in enumerate(literals[1:]):
            place = self.view.blobs.get(refs[n * HASH_BYTES : (n + 1) * HASH_BYTES])
            if place is None:
                return None
            parts += (self.view.data[place[0] : place[1]], literal)
        return b"".join(parts)

    def chunks(self) -> Iterator[tuple[float, bytes]]:
        """What was forwarded, in order, each piece with the time it was written."""
        for at in self.chunks_at:
            length, _, _, _, ms = HEAD.unpack_from(self.view.data, at)
            start = at + HEAD.size
            yield self.view.began_s + ms / 1000, bytes(self.view.data[start : start + length])

    def answer(self) -> bytes:
        """All that was forwarded, as the client got it."""
        return b"".join(chunk for _, chunk in self.chunks())


def read_exchanges(folder: Path, *, newest_first: bool = False, having: bytes = b"") -> Iterator[Exchange]:
    """Every exchange that was kept, by the time it began, as far as it was kept.

    Files in which the bytes ``having`` do not stand are passed over, which is far faster than reading them.

    In memory are the places of one file's records, about 50 MB at most, and what the caller holds on to.

    :raises StoreError: the folder or a file in it cannot be read.
    """
    try:
        paths = segments(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for path in reversed(paths) if newest_first else paths:
        for _, exchange in read_segment(path, newest_first=newest_first, having=having):
            yield exchange


def read_segment(path: Path, *, newest_first: bool = False, having: bytes = b"") -> Iterator[tuple[int, Exchange]]:
    """The exchanges of one file, each with its number in it.

    :raises StoreError: the file cannot be read.
    """
    writing = _in_use(path)  # before it is read: what ends meanwhile must not look broken off
    view = _open(path, having)
    if view is None:
        return
    for number in sorted(view.exchanges, reverse=newest_first):
        found = _exchange(view, view.exchanges[number], writing=writing)
        if found:
            yield number, found


def load(folder: Path, id: str) -> Exchange | None:  # noqa: A002
    """The newest exchange whose id begins so, or None."""
    exchanges = read_exchanges(folder, newest_first=True, having=id.encode())
    return next((found for found in exchanges if found.id.startswith(id)), None)


def _in_use(path: Path) -> bool:
    try:
        return in_use(path)
    except OSError:
        return False


def _open(path: Path, having: bytes) -> View | None:
    """The segment, or None if it is none, lacks those bytes, or was deleted just now."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:  # nothing to map
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    data = memoryview(mapped)
    began_s = began_at(data)
    if began_s is None or mapped.find(having) < 0:
        return None
    exchanges: dict[int, array[int]] = {}
    blobs: dict[bytes, tuple[int, int]] = {}
    for kind, exchange, _, start, stop in scan(data):
        if kind == Kind.BLOB:
            blobs[bytes(data[start : start + HASH_BYTES])] = (start + HASH_BYTES, stop)
        elif exchange in exchanges:
            exchanges[exchange].append(start - HEAD.size)
        else:
            exchanges[exchange] = array("Q", (start - HEAD.size,))
    return View(data, began_s, exchanges, blobs)


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"the journal {path} cannot be read: {error.strerror or type(error).__name__}")


def _exchange(view: View, places: array[int], *, writing: bool) -> Exchange | None:
    """Put one together, or None where its beginning is damaged or of a version we cannot read."""
    begin, begun_ms, end, ended_ms = None, 0, None, None
    tries, answering, seams, chunks = [], [], [], array("Q")
    for at in places:
        length, _, kind, _, ms = HEAD.unpack_from(view.data, at)
        if kind == Kind.BYTES:
            chunks.append(at)
            continue
        payload = view.data[at + HEAD.size : at + HEAD.size + length]
        try:
            match kind:
                case Kind.BEGIN:
                    begin, begun_ms = _begin(payload), ms
                case Kind.TRY:
                    tries.append(_try(payload))
                case Kind.ANSWERING:
                    answering.append(_answering(payload))
                case Kind.SEAM:
                    seams.append(_seam(payload))
                case Kind.END:
                    end, ended_ms = _end(payload), ms
        except msgspec.MsgspecError:
            continue
    if begin is None:
        return None
    return Exchange(
        at_s=view.began_s + begun_ms / 1000,
        begin=begin,
        tries=tuple(tries),
        answering=tuple(answering),
        seams=tuple(seams),
        end=end,
        ended_s=None if ended_ms is None else view.began_s + ended_ms / 1000,
        is_running=writing and end is None,
        view=view,
        chunks_at=chunks,
    )
