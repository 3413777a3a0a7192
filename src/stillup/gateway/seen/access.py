"""The access log: one line a request, of who was asked what and what came of it. Never a word of content, no key."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from stillup.gateway.seen.passage import Passage

MOST_BYTES = 4 * 1024 * 1024
"""Lines that wait to be written; beyond that they are dropped and counted, for a slow disk must not slow requests."""

_LONGEST_NAME = 100
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+")


class Style(StrEnum):
    """How a line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


class Sink(Protocol):
    """Where the lines go."""

    def write(self, lines: bytes) -> None:
        """Write whole lines. May block.

        :raises OSError: they cannot be written.
        """
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Descriptor:
    """An open file, such as standard error; it is not closed."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, lines: bytes) -> None:
        _write_all(self._number, lines)

    def close(self) -> None:
        """It belongs to somebody else."""


class LogFile:
    """A file for its owner alone, made anew when it was moved away (as log rotation does)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = self._open()

    def write(self, lines: bytes) -> None:
        if self._was_moved():
            os.close(self._number)
            self._number = self._open()
        _write_all(self._number, lines)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._number)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _was_moved(self) -> bool:
        try:
            found, ours = self._path.stat(), os.fstat(self._number)
        except FileNotFoundError:
            return True
        return (found.st_ino, found.st_dev) != (ours.st_ino, ours.st_dev)


def sink_of(where: str) -> Sink:
    """The sink a person means: a file's path, or ``-`` for standard error.

    :raises OSError: the file cannot be opened.
    """
    return Descriptor(sys.stderr.fileno()) if where == "-" else LogFile(Path(where).expanduser())


def _write_all(number: int, lines: bytes) -> None:
    view = memoryview(lines)
    while view:
        view = view[os.write(number, view) :]


class AccessLog:
    """Lines as they come; :meth:`flush` writes them out. The two may run in different threads."""

    def __init__(self, sink: Sink, style: Style = Style.LOGFMT) -> None:
        self._sink = sink
        self._line = _json_line if style is Style.JSON else _logfmt_line
        self._lines: list[bytes] = []
        self._bytes = 0
        self._second, self._second_says = -1.0, ""
        self.dropped = 0
        """Lines that found no room or could not be written."""

    def ended(self, passage: Passage, now_s: float) -> None:
        """Note one request that ended at ``now_s``, seconds since the epoch; costs some five microseconds."""
        if self._bytes >= MOST_BYTES:
            self.dropped += 1
            return
        line = self._line(passage, self._time(now_s))
        self._lines.append(line)
        self._bytes += len(line)

    def _time(self, now_s: float) -> str:
        """ISO 8601 with milliseconds; what stands before them is made once a second, for that is the dear part."""
        second, part = divmod(now_s, 1.0)
        if second != self._second:
            self._second = second
            self._second_says = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._second_says}.{int(part * 1000.0):03d}Z"

    def flush(self) -> None:
        """Write what has come. Blocks as long as the sink does; what it refuses is dropped and counted."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            self._sink.write(b"".join(lines))
        except OSError:
            self.dropped += len(lines)
        finally:  # only now: what is being written still takes room
            self._bytes -= sum(map(len, lines))

    def close(self) -> None:
        """Write the rest and give the sink up."""
        self.flush()
        self._sink.close()


# -- lines ------------------------------------------------------------------------------------------------------------


class Line(Struct, omit_defaults=True):
    """What one line says, in its order; what is not known is not there."""

    time: str
    id: str
    protocol: str
    operation: str
    model: str
    outcome: str
    stream: bool = False
    user: str = ""
    status: int | None = None
    upstream: str = ""
    served: str = ""
    attempts: int = 0
    hedges: int = 0
    reason: str = ""
    first_token_ms: float | None = None
    total_ms: float | None = None
    received_bytes: int = 0
    sent_bytes: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    usd: float | None = None
    drill: str = ""
    """The upstream that a drill made fail, and how."""
    continued: int = 0
    """How often it broke off and went on elsewhere."""


def line_of(passage: Passage, time: str) -> Line:
    """The line of a request that ended at that time."""
    usage, was_tried = passage.usage, bool(passage.tries)
    first_s = passage.first_token_s if passage.stream else None
    return Line(
        time,
        passage.id,
        passage.protocol.value,
        passage.operation.value,
        safe(passage.asked_model),
        passage.ending.value,
        passage.stream,
        safe(passage.user),
        passage.status,
        passage.upstream if was_tried else "",
        safe(passage.model) if was_tried else "",
        len(passage.tries),
        passage.hedges,
        passage.reason,
        None if first_s is None else round(first_s * 1000.0, 1),
        round(passage.total_s * 1000.0, 1),
        passage.body_bytes,
        passage.sent_bytes,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        None if passage.usd is None else round(passage.usd, 6),
        next((f"{each.target.upstream}={each.drill}" for _, each in passage.tries if each.drill), ""),
        passage.seams,
    )


@lru_cache(maxsize=1_024)
def safe(name: str) -> str:
    """A name that a client wrote, short and without anything that a terminal or a log reader would act on."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return short if short.isprintable() else "".join(c if c.isprintable() else "?" for c in short)


_encode = msgspec.json.Encoder().encode


def _json_line(passage: Passage, time: str) -> bytes:
    return _encode(line_of(passage, time)) + b"\n"


def _logfmt_line(passage: Passage, time: str) -> bytes:
    """The same, written out by hand: twice as fast as a loop over the fields, and as long as them."""
    x = line_of(passage, time)
    said = (
        f"time={x.time} id={x.id} protocol={x.protocol} operation={x.operation} model={_word(x.model)}"
        f" outcome={x.outcome}{' stream=true' if x.stream else ''}"
    )
    if x.user:
        said += f" user={_word(x.user)}"
    if x.status is not None:
        said += f" status={x.status}"
    if x.attempts:
        said += f" upstream={x.upstream} served={_word(x.served)} attempts={x.attempts}"
        said += f" drill={_word(x.drill)}" if x.drill else ""
        said += f" continued={x.continued}" if x.continued else ""
    if x.hedges:
        said += f" hedges={x.hedges}"
    if x.reason:
        said += f" reason={_word(x.reason)}"
    if x.first_token_ms is not None:
        said += f" first_token_ms={x.first_token_ms}"
    said += f" total_ms={x.total_ms} received_bytes={x.received_bytes} sent_bytes={x.sent_bytes}"
    if x.input_tokens is not None or x.output_tokens is not None:
        said += f" input_tokens={x.input_tokens or 0} output_tokens={x.output_tokens or 0}"
    if x.cache_read_tokens is not None:
        said += f" cache_read_tokens={x.cache_read_tokens}"
    if x.cache_write_tokens is not None:
        said += f" cache_write_tokens={x.cache_write_tokens}"
    return f"{said} usd={x.usd}\n".encode() if x.usd is not None else f"{said}\n".encode()


@lru_cache(maxsize=1_024)
def _word(value: str) -> str:
    return value if value and _PLAIN.issuperset(value) else json.dumps(value, ensure_ascii=False)
