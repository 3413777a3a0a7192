"""A large source is read in a process of its own: reading takes one core, indexing the other.

What is read comes through a pipe, made ready to be stored. The process writes nothing, and ends when nobody reads it.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from msgspec import Struct

from stillup.vault.ahead import ahead
from stillup.vault.codec import readable
from stillup.vault.ready import Talk, made_ready
from stillup.vault.values import Importer, Read, Skipped

LEAST_BYTES = 8_000_000
"""Of a source that is worth a process: to start one takes as long as to read a few megabytes."""
AHEAD_BYTES = 16 * 1024 * 1024
_FRAME_BYTES = 512 * 1024
_LENGTH = struct.Struct("<I")
_SELDOM = 50_000


class Coming(Struct, array_like=True, gc=False):
    """A thing read, as :class:`~stillup.vault.values.Read`, ready to be stored."""

    what: Talk | None
    skipped: tuple[str, str] | None
    """Where, and why."""
    mark: str
    done_bytes: int

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return sum(one.size for one in self.what.turns) if self.what else 0


class _Frame(Struct, array_like=True):
    """Some of it. ``failed`` ends it: what the system said, by its number and its words."""

    coming: list[Coming]
    is_last: bool = False
    failed: tuple[int, str] | None = None


_frame_of = msgspec.msgpack.Decoder(_Frame).decode


def coming(reads: Iterable[Read]) -> Iterator[Coming]:
    """What an importer reads, made ready."""
    for read in reads:
        what = read.what
        if isinstance(what, Skipped):
            yield Coming(None, (readable(what.where), readable(what.why)), read.mark, read.done_bytes)
        else:
            yield Coming(made_ready(what), None, read.mark, read.done_bytes)


@contextmanager
def read_apart(source: Path, importer: Importer, mark: str) -> Iterator[Iterator[Coming]]:
    """What the importer, one of ours, reads from the mark on; the process has ended when the block is left.

    :raises OSError: while it is read: what the importer met, or the process ended too early.
    """
    program = (sys.executable, "-P", "-m", "stillup.vault.apart", importer.name, os.fspath(source), mark)
    with subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        frames = _frames(cast("BinaryIO", process.stdout))
        with ahead(((frame, len(frame)) for frame in frames), AHEAD_BYTES) as packed:
            try:
                yield _unpacked(packed)
            finally:
                process.kill()  # before the thread is waited for, which may be reading from it


def _frames(pipe: BinaryIO) -> Iterator[bytes]:
    """As they come; a process that ended early has no last one."""
    while len(head := pipe.read(_LENGTH.size)) == _LENGTH.size:
        yield pipe.read(_LENGTH.unpack(head)[0])


def _unpacked(frames: Iterator[bytes]) -> Iterator[Coming]:
    for packed in frames:
        try:
            frame = _frame_of(packed)
        except msgspec.DecodeError:
            break  # cut off
        yield from frame.coming
        if frame.failed:
            raise OSError(*frame.failed)
        if frame.is_last:
            return
    raise OSError(errno.EIO, "the process that reads it ended before it was done")


def _tell(reads: Iterator[Coming], pipe: BinaryIO) -> None:
    held: list[Coming] = []
    size = 0
    failed = None
    try:
        for one in reads:
            held.append(one)
            size += one.size + _LENGTH.size
            if size >= _FRAME_BYTES or len(held) >= 1_000:
                _send(_Frame(held), pipe)
                held, size = [], 0
    except OSError as exc:
        failed = (exc.errno or errno.EIO, readable(exc.strerror or type(exc).__name__))
    _send(_Frame(held, is_last=True, failed=failed), pipe)


def _send(frame: _Frame, pipe: BinaryIO) -> None:
    packed = msgspec.msgpack.encode(frame)
    pipe.write(_LENGTH.pack(len(packed)))
    pipe.write(packed)
    pipe.flush()


def main(name: str, source: str, mark: str) -> None:
    """In the process of its own."""
    from stillup.vault.exchanges import GatewayJournal
    from stillup.vault.importing import importers

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells both: the other one ends this
    gc.set_threshold(_SELDOM)
    importer = next(one for one in (GatewayJournal(), *importers()) if one.name == name)
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    try:
        _tell(coming(importer.read(Path(source), mark)), pipe)
    except BrokenPipeError:  # nobody wants it any more
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
