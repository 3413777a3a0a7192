"""Days and marked words of the vault's pages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

Piece = tuple[str, bool]
"""Some words, and whether they are what was looked for."""


def day(at_s: float | None) -> str:
    """The day, empty where none is known or none could be."""
    try:
        return "" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return ""


def marked(text: str, marks: Iterable[tuple[int, int]]) -> tuple[Piece, ...]:
    """The text cut where marks begin and end."""
    return tuple(piece for piece in _cut(text, marks) if piece[0])


def _cut(text: str, marks: Iterable[tuple[int, int]]) -> Iterator[Piece]:
    at = 0
    for start, end in marks:
        yield text[at:start], False
        yield text[start:end], True
        at = end
    yield text[at:], False
