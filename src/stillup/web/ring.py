"""What was told of late, so that a reader who was away for a moment misses nothing. Plain values; no loop, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from stillup.board import Board
from stillup.model.verdict import Verdict, iso
from stillup.sources.decode import clean

_LINE = 500
_MOST, _MOST_BYTES = 512, 4 * 1024 * 1024
"""Some hours of a few services, a quarter of an hour of many; who was away for longer takes the board as it stands."""

_encode = msgspec.json.Encoder().encode


class Told(Struct, frozen=True):
    """One event as it goes out: whole, and as those hear it who asked for one service."""

    id: int
    whole: bytes
    parts: dict[str, bytes]
    brief: bytes = b""
    """That it is, for those who take the page anew anyway; empty where it is short as it is."""

    def of(self, service: str | None, *, brief: bool = False) -> bytes:
        """The bytes for a reader, none where it is not for them."""
        found = self.whole if service is None else self.parts.get(service, b"")
        return self.brief if found and brief and self.brief else found

    @property
    def size(self) -> int:
        """Bytes it keeps."""
        return len(self.whole) + sum(len(part) for part in self.parts.values() if part is not self.whole)


class Ring:
    """The newest events. ``first`` is the number they begin with: higher than any that an earlier process gave.

    ``life`` is this process's own, and stands in every id behind the number: two pages that tell the same people count
    each for itself, and what one calls 7 is not what the other does.
    """

    def __init__(self, first: int, life: str = "") -> None:
        self.life = life
        self._events: deque[Told] = deque()
        self._bytes = 0
        self._oldest = self.last = first
        """Whoever has heard ``_oldest`` has missed nothing that is gone."""
        self._board: Told | None = None

    def add(self, board: Board, changes: Sequence[Verdict]) -> list[Told]:
        """A board that was judged, after the changes it brought: the events, in their order."""
        made = [self._change(change) for change in changes]
        made.append(self._minute(board))
        for told in made:
            self._events.append(told)
            self._bytes += told.size
        while len(self._events) > _MOST or (self._bytes > _MOST_BYTES and len(self._events) > 1):
            gone = self._events.popleft()
            self._bytes -= gone.size
            self._oldest = gone.id
        return made

    def since(self, heard: int, life: str, service: str | None, *, brief: bool = False) -> bytes | None:
        """What a reader missed who heard all up to ``heard`` of that life; None where that is not known here."""
        if life != self.life or not self._oldest <= heard <= self.last:
            return None
        return b"".join(told.of(service, brief=brief) for told in self._later(heard))

    def now(self, board: Board, service: str | None) -> bytes:
        """How things stand, for a reader who has just come; nothing new happened, so it has no number of its own."""
        return self._frame("board", _board(board, service))

    def reset(self) -> bytes:
        """What was missed is gone: the reader must look at the whole anew."""
        return self._frame("reset", {"after": self._id})

    def _later(self, heard: int) -> Iterator[Told]:
        newer: list[Told] = []
        for told in reversed(self._events):
            if told.id <= heard:
                break
            newer.append(told)
        return reversed(newer)

    def _change(self, change: Verdict) -> Told:
        self.last += 1
        frame = self._frame("verdict", change.wire())
        brief = self._frame("verdict", {"service": change.service, "at": iso(change.at)})
        return Told(self.last, frame, {change.service: frame}, brief)

    def _minute(self, board: Board) -> Told:
        self.last += 1
        parts = {service: self._frame("board", _board(board, service)) for service in board.services}
        return Told(self.last, self._frame("board", _board(board, None)), parts)

    @property
    def _id(self) -> str:
        return f"{self.last}-{self.life}" if self.life else str(self.last)

    def _frame(self, kind: str, data: object) -> bytes:
        """An event with the newest id."""
        # JSON has no line break of its own, so the data is one line.
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self._id.encode(), kind.encode(), _encode(data))


def _board(board: Board, service: str | None) -> dict[str, object]:
    shown = board.services if service is None else {service: board.services[service]}
    return {
        "seq": board.seq,
        "at": iso(board.at),
        "services": {
            name: {
                "state": one.state.value,
                "confidence": one.verdict.confidence and one.verdict.confidence.value,
                "headline": clean(one.headline, _LINE),
            }
            for name, one in shown.items()
        },
    }
