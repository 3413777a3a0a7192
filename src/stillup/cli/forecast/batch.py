"""``stillup forecast --batch``: questions about open incidents in, distributions of the seconds left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

from stillup.catalog.forecast import forecast_table, service_key
from stillup.cli.reading import bounded, opened
from stillup.cli.say import put, say
from stillup.errors import BadDataError, UsageError
from stillup.verdict.forecast.forecaster import Forecaster
from stillup.verdict.forecast.question import Question, Resolved, absurd
from stillup.verdict.forecast.record import Record

_LONGEST = 4_000_000
_SHOWN = 20
_NO_ID = "an id is a string, a number, true, false or null"
_UNREADABLE = (ValueError, OverflowError, RecursionError)  # msgspec's errors are ValueErrors

T = TypeVar("T", bound=Question | Resolved)


def answer_batch(questions: Path, history: Path | None) -> int:
    """Answer every question in the order they come; 65 when lines of either file could not be used."""
    if history is not None and str(questions) == str(history) == "-":
        msg = "only one of --batch and --history can be read from standard input."
        raise UsageError(msg)
    past = read_history(history)
    forecaster, record = Forecaster(forecast_table()), Record(past.rows)
    asked = Lines(questions, Question)
    encoder = msgspec.json.Encoder()
    until, early = datetime.fromisoformat(forecaster.table.provenance.until).replace(tzinfo=UTC), 0
    for question in asked:
        if isinstance(question, Nameless):
            put(encoder.encode({"id": question.id, "error": _NO_ID}))
            continue
        early += question.at < until
        put(encoder.encode({"id": question.id, **forecaster.predict(question, record).wire()}))
    asked.tell()
    if early:
        say(
            f"{early} of the questions {'is' if early == 1 else 'are'} earlier than {until:%Y-%m-%d}: the shipped "
            "table was fitted on incidents up to then, so these answers rest on some that were not over yet."
        )
    return BadDataError.exit_code if asked.bad_count or past.bad_count else 0


class _History(msgspec.Struct):
    rows: list[Resolved]
    bad_count: int


def read_history(path: Path | None) -> _History:
    """The rows of a history file that can be used; the others are named on stderr.

    :raises stillup.errors.BadDataError: there is no such file.
    """
    if path is None:
        return _History([], 0)
    lines = Lines(path, Resolved)
    rows = [row for row in lines if isinstance(row, Resolved)]
    lines.tell()
    return _History(rows, lines.bad_count)


class Nameless(msgspec.Struct):
    """A line that could be used, but for its id, which is an array or an object."""

    id: object


class Lines(Generic[T]):
    """The values of a file of JSON lines, with services called by their ids; what is bad is counted and kept."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._name = "standard input" if str(path) == "-" else str(path)
        self._decode = msgspec.json.Decoder(kind, strict=False).decode
        self._decode_id = msgspec.json.Decoder(Nameless).decode
        self._values = self._read(opened(path))
        self._bad: list[str] = []
        self.bad_count = 0

    def __iter__(self) -> Iterator[T | Nameless]:
        return self._values

    def _read(self, opened: AbstractContextManager[BinaryIO]) -> Iterator[T | Nameless]:
        with opened as lines:
            for number, line in enumerate(bounded(lines, _LONGEST), 1):
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if not text:
                    continue
                try:
                    value = self._value(text)
                except _UNREADABLE as exc:
                    self._refuse(number, "the line is too long" if len(line) > _LONGEST else str(exc))
                    if (nameless := self._nameless(text)) is not None:
                        yield nameless
                    continue
                yield value

    def _value(self, text: bytes) -> T:
        value = self._decode(text)
        if (why := absurd(value)) is not None:
            raise ValueError(why)
        return msgspec.structs.replace(value, service=service_key(value.service))

    def _nameless(self, text: bytes) -> Nameless | None:
        try:
            found = self._decode_id(text)
        except _UNREADABLE:
            return None
        return found if isinstance(found.id, (list, dict)) else None

    def _refuse(self, number: int, why: str) -> None:
        self.bad_count += 1
        if len(self._bad) < _SHOWN:
            self._bad.append(f"{self._name}, line {number}: {why}")

    def tell(self) -> None:
        """Name what could not be used, on stderr."""
        for bad in self._bad:
            say(bad)
        if self.bad_count > _SHOWN:
            say(f"… and {self.bad_count - _SHOWN} more bad lines in {self._name}")
