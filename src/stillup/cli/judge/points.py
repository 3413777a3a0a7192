"""Rows of a CSV with the columns ``timestamp`` and ``value``: points to judge, or why not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from math import isfinite
from statistics import median
from typing import NamedTuple, NoReturn, TextIO

from stillup.cli.judge.csvfile import Record, plain_float, records
from stillup.errors import BadDataError

_MAX_LINE = 100_000
MOST = 1e15
"""Values beyond that are absurd."""

FAR_S = 86_400.0
"""A row is far ahead of those before when it is later by more than that and by more than a hundred usual steps."""

_FAR_STEPS = 100
_STEPS = 25
_MOST_WAITING = 1000
_DAY_DIGITS = 8
_AHEAD = "its time is far ahead of the rows around it; not judged"
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Epoch numbers from here up are nanoseconds, microseconds, milliseconds."""


class Point(NamedTuple):
    """A row that can be judged, with the line where it begins; ``timestamp`` is as it was written."""

    timestamp: str
    line: int
    at_s: float
    value: float


class Bad(NamedTuple):
    """A row that cannot."""

    timestamp: str
    line: int
    why: str


def points(lines: TextIO, least: float) -> Iterator[Point | Bad]:
    """Every row after the header, in the order of the file; empty lines are no rows, values below ``least`` are bad.

    :raises BadDataError: the header lacks one of the columns.
    """
    rows = (row for row in records(_bounded(lines)) if row.fields)
    columns = _columns(next(rows, Record(1, [])).fields)
    begin, days = _days(rows, columns)
    order = Order()
    for row in chain(begin, rows):
        yield from order.take(_point(row, columns, least, days=days))
    yield from order.end()


def _point(row: Record, columns: tuple[int, int], least: float, *, days: bool) -> Point | Bad:
    at, value = columns
    stamp = _stamp(row, at)
    try:
        if row.bad:
            _refuse(row.bad)
        if len(row.fields) <= max(columns):
            _refuse(f"{len(row.fields)} columns where {max(columns) + 1} are needed")
        return Point(stamp, row.line, seconds(stamp, days=days), _number(row.fields[value].strip(), least))
    except ValueError as exc:
        return Bad(stamp[:100], row.line, str(exc))


def _stamp(row: Record, at: int) -> str:
    return row.fields[at].strip() if len(row.fields) > at else ""


def _days(rows: Iterator[Record], columns: tuple[int, int]) -> tuple[list[Record], bool]:
    """The first rows, and whether eight digits are days (20240101) rather than seconds: the first two must be."""
    begin = list(islice(rows, 1))
    if begin and _day(_stamp(begin[0], columns[0])):
        begin += islice(rows, 1)
    return begin, all(_day(_stamp(row, columns[0])) for row in begin)


def _day(stamp: str) -> datetime | None:
    """The day that eight digits name, if it lies between 1970 and 2100."""
    if not (len(stamp) == _DAY_DIGITS and stamp.isascii() and stamp.isdigit() and "1970" <= stamp[:4] <= "2100"):
        return None
    try:
        return datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def seconds(stamp: str, *, days: bool = False) -> float:
    """Seconds since the epoch of an ISO time (UTC where it names no zone) or an epoch number in s, ms, µs or ns.

    With ``days`` eight digits are a day.

    :raises ValueError: it is neither.
    """
    if not stamp.isascii() or "_" in stamp:
        _refuse(f"timestamp {stamp[:40]!r} is neither an ISO time nor seconds since 1970")
    if days and len(stamp) == _DAY_DIGITS and stamp.isdigit():
        return (_day(stamp) or _refuse(f"timestamp {stamp!r} is no day between 1970 and 2100")).timestamp()
    try:
        number = float(stamp)
    except ValueError:
        try:
            at = datetime.fromisoformat(stamp)
        except ValueError:
            _refuse(f"timestamp {stamp[:40]!r} is neither an ISO time nor seconds since 1970")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not 0.0 <= number <= 1e19:
        _refuse(f"timestamp {stamp[:40]!r} lies outside of time")
    return number / next((unit for least, unit in _UNITS if number >= least), 1.0)


class Order:
    """Lets rows through in the order of time.

    The first row, and one far ahead of all before it, wait until the next row shows whether time has really moved on:
    one bad clock does not silence the rest.
    """

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._held: Point | None = None
        self._after: list[Bad] = []  # bad rows that follow the one held back

    def take(self, row: Point | Bad) -> Iterator[Point | Bad]:
        """The rows that are certain now."""
        if self._held is not None:
            if isinstance(row, Bad) and len(self._after) < _MOST_WAITING:
                self._after.append(row)
                return
            yield from self._settle(self._held, None if isinstance(row, Bad) else row.at_s)
        if isinstance(row, Bad):
            yield row
        elif self._last_s is None or self._far(row.at_s, self._last_s):
            self._held = row
        else:
            yield self._placed(row)

    def end(self) -> Iterator[Point | Bad]:
        """What still waits."""
        if self._held is not None:
            yield from self._settle(self._held, None)

    def _settle(self, held: Point, next_s: float | None) -> Iterator[Point | Bad]:
        """The row held counts when the next is not before it; where none follows, when no usual step is known."""
        after, self._held, self._after = self._after, None, []
        slack_s = FAR_S if self._last_s is None else 0.0  # nothing is known of the first row but what follows it
        real = not self._steps if next_s is None else next_s >= held.at_s - slack_s
        yield self._placed(held) if real else Bad(held.timestamp, held.line, _AHEAD)
        yield from after

    def _far(self, at_s: float, last_s: float) -> bool:
        ahead_s = at_s - last_s
        if ahead_s <= FAR_S:
            return False
        return not self._steps or ahead_s > _FAR_STEPS * median(self._steps)

    def _placed(self, row: Point) -> Point | Bad:
        if self._last_s is not None:
            step_s = row.at_s - self._last_s
            if step_s <= 0:
                why = "earlier than a row before" if step_s else "the same time as the row before"
                return Bad(row.timestamp, row.line, f"{why}; not judged")
            self._steps.append(step_s)
        self._last_s = row.at_s
        return row


def quoted(text: str) -> str:
    """A field as CSV wants it."""
    if not any(c in text for c in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _bounded(lines: TextIO) -> Iterator[str]:
    """Lines of which no more is held than a bound."""
    while line := lines.readline(_MAX_LINE):
        whole = line
        while len(whole) == _MAX_LINE and not whole.endswith(("\n", "\r")) and (whole := lines.readline(_MAX_LINE)):
            pass
        yield line.replace("\0", "")


def _columns(header: list[str]) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    for wanted in ("timestamp", "value"):
        if wanted not in names:
            found = ", ".join(names)[:200] or "nothing"
            msg = f"line 1: no column {wanted!r} (found: {found}); the header must name `timestamp` and `value`"
            raise BadDataError(msg)
    return names.index("timestamp"), names.index("value")


def _number(text: str, least: float) -> float:
    try:
        number = plain_float(text)
    except ValueError:
        _refuse(f"value {text[:40]!r} is not a number")
    if not isfinite(number):
        _refuse(f"value {text[:40]!r} is not a finite number")
    if not least <= number <= MOST:
        _refuse(f"value {text[:40]!r} is not between {least:g} and {MOST:g}")
    return number


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
