"""Server-sent events as bytes: where they end, what they say, and the watch that all streams of events share."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator

from stillup.gateway.core.fault import Fault
from stillup.gateway.dialects.base import CONTENT, END, ERROR, MAX_HELD_BYTES, Watch
from stillup.gateway.dialects.lenient import NoJson

BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
"""Two line ends, one after the other, whichever of the three kinds each is."""
_usual = re.compile(rb"(?:event: ([^\n]*)\n)?data: ([^\n]*)\n\n+").match
"""An event of the two usual shapes, where lines end in a line feed alone, with its name and its data."""


class Splitter:
    """Cuts a byte stream after each event. What is not yet a whole event is ``held``."""

    __slots__ = ("_carriage", "held")

    def __init__(self) -> None:
        self.held = bytearray()
        self._carriage = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are whole now, each with its blank line."""
        held = self.held
        # A blank line may have begun in the last three bytes of what was held; nothing before them is looked at again.
        start = max(len(held) - 3, 0)
        held += chunk
        if self._carriage or b"\r" in chunk:
            self._carriage = True
            return self._cut_any(start)
        return self._cut_plain(start)

    def _cut_plain(self, start: int) -> list[bytes]:
        held = self.held
        events = []
        begin = 0
        while (at := held.find(b"\n\n", start)) >= 0:
            events.append(bytes(held[begin : at + 2]))
            begin = start = at + 2
        del held[:begin]
        return events

    def _cut_any(self, start: int) -> list[bytes]:
        held = self.held
        events = []
        begin = 0
        while match := _BLANK_LINE.search(held, start):
            end = match.end()
            # A last \r after \n may be half of \r\n. After another \r it is not: that stream's lines end in \r alone,
            # and if a \n follows all the same it is a blank line before the next event, which says nothing.
            if end == len(held) and held[-1:] == b"\r" and held[-2:-1] == b"\n":
                break
            events.append(bytes(held[begin:end]))
            begin = start = end
        del match  # it holds a view of the buffer, which could not shrink
        del held[:begin]
        return events


def fields_of_lines(event: bytes) -> tuple[bytes, bytes | None]:
    """The name and the data of one event; no data is None."""
    name = b""
    data: list[bytes] = []
    for line in event.splitlines():
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return name, b"\n".join(data) if data else None


def events(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of each of the whole events in ``data``; the last may lack its blank line."""
    at, size = 0, len(data)
    while at < size:
        event = _usual(data, at)
        if event is None:
            yield from _less_usual(data[at:])
            return
        name, inside = event.groups(b"")
        yield name, inside
        at = event.end()


def _less_usual(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    splitter = Splitter()
    for event in (*splitter.feed(data.removeprefix(BOM)), bytes(splitter.held)):
        name, inside = fields_of_lines(event)
        if inside is not None:
            yield name, inside


def _closed(event: bytes) -> bytes:
    """An event that came without the blank line behind it, which readers wait for."""
    return event.rstrip(b"\r\n") + b"\n\n" if event else b""


class SseWatch(Watch):
    """The part of a watch that is the same for every stream of events; a dialect says what each event means."""

    __slots__ = ("_begun", "_careful", "_splitter")

    def __init__(self) -> None:
        super().__init__()
        self._splitter = Splitter()
        self._begun = False
        # Set while the usual path does not do: before the first event (a BOM may come), while a part of an event is
        # held, after a failure.
        self._careful = True

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self._careful or b"\r" in chunk:
            return self._feed_less_usual(chunk)
        at, size = 0, len(chunk)
        while at < size:
            event = _usual(chunk, at)
            if event is None:  # a comment, several lines of data, an event that is not whole yet
                ready = self._feed_carefully(chunk[at:])[1]
                return self.flags, chunk[:at] + ready
            name, data = event.groups(b"")
            try:
                is_well = self._see(name, data)
            except NoJson:  # what the first look passed over, a second one wanted to read
                is_well = self._malformed()
            if not is_well:
                self._broke(event[0])
                return self.flags, chunk[:at]
            at = event.end()
        return self.flags, chunk

    def _feed_less_usual(self, chunk: bytes) -> tuple[int, bytes]:
        # Google ends its lines in \r\n; one event of one line is the usual chunk there.
        if (
            not self._careful
            and chunk.endswith(b"\r\n\r\n")
            and chunk.find(b"\n") == len(chunk) - 3
            and chunk.find(b"\r") == len(chunk) - 4
            and chunk.startswith(b"data: ")
        ):
            return (self.flags, chunk) if self._read(chunk, b"", chunk[6:]) else (self.flags, b"")
        return self._feed_carefully(chunk)

    def _feed_carefully(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & ERROR:
            return self.flags, b""
        splitter = self._splitter
        nothing_held = not splitter.held
        events = splitter.feed(chunk)
        for n, event in enumerate(events):
            if not self._read(event, *self._fields(event)):
                splitter.held.clear()
                return self.flags, b"".join(events[:n])
        if len(splitter.held) > MAX_HELD_BYTES:
            self._fail(Fault.MALFORMED, bytes(splitter.held[:1024]), "an event is too long")
            splitter.held.clear()
            return self.flags, b"".join(events)
        self._careful = bool(splitter.held) or not self._begun
        return self.flags, chunk if nothing_held and not splitter.held else b"".join(events)

    def _fields(self, event: bytes) -> tuple[bytes, bytes | None]:
        if self._begun:
            return fields_of_lines(event)
        self._begun = True
        return fields_of_lines(event.removeprefix(BOM))

    def _read(self, event: bytes, name: bytes, data: bytes | None) -> bool:
        try:
            if data is None or self._see(name, data):
                return True
        except NoJson:
            self._malformed()
        self._broke(event)
        return False

    def _broke(self, event: bytes) -> bytes:
        self.error_event = event
        self._careful = True
        return b""

    @abstractmethod
    def _see(self, name: bytes, data: bytes) -> bool:
        """Read the data of one event; False when the answer fails with it (``_fail`` was called)."""

    def _end(self) -> bool:
        """The end marker came: an end before any content is an empty answer."""
        if self.flags & CONTENT:
            self.flags |= END
            return True
        self._fail(Fault.EMPTY)
        return False

    def _malformed(self) -> bool:
        self._fail(Fault.MALFORMED, message="an event of the stream is no JSON")
        return False

    def _ended_kindly(self) -> bool:
        """Whether the answer may count as whole though its end marker is missing."""
        return False

    def finish(self) -> tuple[Fault | None, bytes]:
        rest = bytes(self._splitter.held)
        self._splitter.held.clear()
        if self.flags & ERROR or self.flags & END:
            return (None, rest) if self.flags & END else (self.fault, b"")
        before = self.flags
        whole = True
        if rest and not self._read(rest, *self._fields(rest)):
            whole = False
            if self.fault is not Fault.MALFORMED:
                return self.fault, b""
            self.flags &= ~ERROR  # half an event at the end is a cut, not a broken event
        if self.flags & END or self._ended_kindly():
            self.flags |= END
            self.fault = None
            return None, _closed(rest) if whole else b""
        self.flags = before  # what stood in the last, unfinished event is not handed out
        self._fail(Fault.CUT if before & CONTENT else Fault.EMPTY, self.error_event, "the stream ended early")
        return self.fault, b""
