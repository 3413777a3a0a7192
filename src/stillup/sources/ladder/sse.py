"""Answers read as they arrive: server-sent events, lines of JSON, or one whole body."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Framing(StrEnum):
    """What an answer comes in; the value is its content type."""

    EVENTS = "text/event-stream"
    LINES = "application/x-ndjson"
    WHOLE = "application/json"


class Event(Struct, frozen=True):
    """One event: its name (empty: the default) and its data lines put together."""

    name: str
    data: str


class Reader(Protocol):
    """Turns pieces of a body into events. The caller bounds how many bytes it feeds."""

    def feed(self, piece: bytes) -> list[Event]:
        """The events this piece completes."""
        ...

    def end(self) -> list[Event]:
        """The events the end of the body completes."""
        ...


def reader_of(framing: Framing) -> Reader:
    """A reader for one answer."""
    readers: dict[Framing, type[Reader]] = {
        Framing.EVENTS: EventReader,
        Framing.LINES: LineReader,
        Framing.WHOLE: WholeReader,
    }
    return readers[framing]()


class LineReader:
    """Lines of JSON, an event each; the last one needs no line end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Event]:
        """The events this piece completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [Event("", line.decode("utf-8", "replace")) for line in lines if line.strip()]

    def end(self) -> list[Event]:
        """The last line, if it is one."""
        return self.feed(b"\n")


class WholeReader:
    """A body that is one event, when it is complete."""

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, piece: bytes) -> list[Event]:
        """Nothing yet."""
        self._body += piece
        return []

    def end(self) -> list[Event]:
        """All of it."""
        return [Event("", self._body.decode("utf-8", "replace"))]


class EventReader:
    """Server-sent events."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events this piece completes. All three line ends of the format are taken, CR LF across pieces too."""
        text = self._rest + piece
        held = b"\r" if text.endswith(b"\r") else b""  # its LF may be in the next piece
        lines = text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        return [event for line in lines if (event := self._take(line.decode("utf-8", "replace"))) is not None]

    def end(self) -> list[Event]:
        """Nothing: an event ends with its blank line, or not at all."""
        return []

    def _take(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name, "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
        elif field == "event":
            self._name = value.removeprefix(" ")
        return None
