"""What a client has of an answer so far."""

from __future__ import annotations

from stillup.gateway.dialects.neutral import (
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Gives,
    Part,
    Piece,
    Refused,
    Refuses,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)

CHARACTERS_A_TOKEN = 4.0
"""Where nobody counts."""
_MOST_PIECES = 4_096
"""So many are put together: a piece is often one letter, which takes fifty bytes alone."""


class Said:
    """Adds up pieces. ``calls`` are those that went out whole; ``is_thinking``: a thought is open.

    ``began``, ``ended`` and ``counts`` are what was told of them.
    """

    __slots__ = ("_cites", "_open", "_parts", "_pieces", "began", "counts", "ended", "is_thinking")

    def __init__(self) -> None:
        self.began: Began | None = None
        self.ended: Ended | None = None
        self.counts = Counts()
        self.is_thinking = False
        self._parts: list[Part] = []
        self._open: type[Text | Thought | Refused] | None = None
        self._pieces: list[str] = []
        self._cites: list[Citation] = []

    def add(self, piece: Piece) -> None:
        """One more piece went to the client."""
        match piece:
            case Words(text):
                self._say(Text, text)
            case Thinks(text):
                self._say(Thought, text)
                self.is_thinking = True
            case Refuses(text):
                self._say(Refused, text)
            case Cites(citation):
                self._cites.append(citation)
            case Counted(counts):
                self.counts = merged(self.counts, counts)
            case Began():
                self.began = self.began or piece
            case _:
                self._close_with(piece)

    def _close_with(self, piece: Piece) -> None:
        """A piece that ends the part that is open."""
        if isinstance(piece, ThoughtEnds):
            text = "".join(self._pieces) if self._open is Thought else ""
            self._close(but_thoughts=True)
            self._parts.append(Thought(text=text, seal=piece.seal))
            return
        self._close()
        if isinstance(piece, Calls):
            self._parts.append(piece.call)
        elif isinstance(piece, Gives):
            self._parts.append(piece.part)
        elif isinstance(piece, Ended):
            self.ended = piece

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in order, the open one as far as it came."""
        return (*self._parts, *self._so_far())

    @property
    def text(self) -> str:
        """All words, of every text part."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls the client has."""
        return tuple(part for part in self._parts if isinstance(part, Call))

    @property
    def is_plain(self) -> bool:
        """It is nothing but text and thoughts: another upstream can go on with it."""
        return all(isinstance(part, Thought) or (isinstance(part, Text) and not part.citations) for part in self.parts)

    @property
    def tokens(self) -> int:
        """An estimate of what it cost to say: four characters to a token."""
        said = sum(len(part.text) for part in self.parts if isinstance(part, Text | Thought | Refused))
        called = sum(len(call.name) + len(call.arguments) for call in self.calls)
        return round((said + called) / CHARACTERS_A_TOKEN)

    def _say(self, kind: type[Text | Thought | Refused], text: str) -> None:
        if self._open is not kind:
            self._close()
            self._open = kind
        self._pieces.append(text)
        if len(self._pieces) > _MOST_PIECES:
            self._pieces = ["".join(self._pieces)]

    def _so_far(self) -> tuple[Part, ...]:
        if self._open is None:
            return ()
        text = "".join(self._pieces)
        if self._open is Text:
            return (Text(text=text, citations=tuple(self._cites)),)
        return (self._open(text=text),)

    def _close(self, *, but_thoughts: bool = False) -> None:
        if not (but_thoughts and self._open is Thought):
            self._parts += self._so_far()
        self._open, self._pieces, self._cites, self.is_thinking = None, [], [], False


def merged(before: Counts, later: Counts) -> Counts:
    """The later counts, and the earlier ones where those are silent."""

    def pick(new: int | None, old: int | None) -> int | None:
        return old if new is None else new

    return Counts(
        fresh=pick(later.fresh, before.fresh),
        cache_read=pick(later.cache_read, before.cache_read),
        cache_write=pick(later.cache_write, before.cache_write),
        output=pick(later.output, before.output),
        thought=pick(later.thought, before.thought),
    )
