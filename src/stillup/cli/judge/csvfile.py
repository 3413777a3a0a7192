"""Records of a CSV text, one after the other: a quote left open spoils its own line and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_MOST_LINES = 100
"""A record has at most so many lines; a quote that is open longer was never meant to be."""


class Record(NamedTuple):
    """The fields of a record and the line where it begins; with ``bad``, why it is no CSV and a guess at the fields."""

    line: int
    fields: list[str]
    bad: str = ""


def records(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a text given as lines with their ends; an empty line is a record without fields.

    Reads no further than a record needs.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, strict=True)
    while True:
        feed.taken = []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            (line, text), *more = feed.taken
            feed.put_back(more)
            why = "a quote is not closed" if more or "unexpected end" in str(exc) else str(exc)
            yield Record(line, _guess(text), f"not CSV: {why}")
        else:
            yield Record(feed.taken[0][0], fields)


class _Feed:
    """Lines for a reader, so many a record; what a record took and did not need can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = enumerate(lines, 1)
        self._again: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) == _MOST_LINES:
            raise StopIteration
        numbered = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(numbered)
        return numbered[1]

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        self._again.extendleft(reversed(lines))


def _guess(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(",")]


def plain_float(text: str) -> float:
    """A number as programs write it: ASCII digits, no underscores between them.

    :raises ValueError: it is none.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)
