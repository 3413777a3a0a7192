"""A transcript's whole lines from a byte on, while it may still be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from stillup.vault.importing.bounds import CHUNK_BYTES, LINE_BYTES, MIB, said
from stillup.vault.importing.marks import seal_of

_SEAL_BYTES = 1024


class Line(Struct, frozen=True, gc=False):
    """One line without its end; ``raw`` is empty with ``why`` where it was too long. ``end`` is behind its end."""

    raw: bytes
    end: int
    why: str = ""


def seal(source: Path) -> str:
    """A check on the first line, or the first kilobyte of it: appending does not change it."""
    with source.open("rb") as file:
        return seal_of(file.readline(_SEAL_BYTES))


def lines(file: BinaryIO, start: int = 0) -> Iterator[Line]:
    """Whole lines from ``start`` on; half a last one waits for another time."""
    file.seek(start)
    end = start
    while raw := file.readline(LINE_BYTES + 1):
        end += len(raw)
        if raw.endswith(b"\n"):
            yield Line(raw.strip(), end)
            continue
        if len(raw) <= LINE_BYTES:
            return  # it is being written
        del raw
        begin = end - LINE_BYTES - 1
        while rest := file.readline(CHUNK_BYTES):
            end += len(rest)
            if rest.endswith(b"\n"):
                yield Line(b"", end, f"It is {said(end - begin)} long; at most {LINE_BYTES // MIB} MiB are read.")
                break
        else:
            return
