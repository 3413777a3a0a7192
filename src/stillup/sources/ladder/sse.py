"""Server-sent events, read as they arrive."""

from __future__ import annotations

from msgspec import Struct


class Event(Struct, frozen=True):
    """One event: its name (empty: the default) and its data lines put together."""

    name: str
    data: str


class EventReader:
    """Turns pieces of a body into events. The caller bounds how many bytes it feeds."""

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
