"""Rows of a CSV with the columns ``timestamp`` and ``value``: points to judge, or why not."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import NamedTuple, NoReturn, TextIO

from stillup.errors import BadDataError

_MAX_LINE = 100_000
MOST = 1e15
"""Values beyond that are absurd."""

_FUTURE_S = 253_402_300_800.0  # the year 10000
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Epoch numbers from here up are nanoseconds, microseconds, milliseconds."""


class Point(NamedTuple):
    """A row that can be judged; ``timestamp`` is as it was written."""

    timestamp: str
    at_s: float
    value: float


class Bad(NamedTuple):
    """A row that cannot, with its number in the file."""

    timestamp: str
    line: int
    why: str


def points(lines: TextIO, least: float) -> Iterator[Point | Bad]:
    """Every row after the header, in the order of the file; empty lines are no rows, values below ``least`` are bad.

    :raises BadDataError: the header lacks one of the columns.
    """
    numbered = _fields(lines)
    at, value = _columns(next(numbered, (1, []))[1])
    last_s = -_FUTURE_S
    for number, fields in numbered:
        if not fields:
            continue
        stamp = fields[at].strip() if len(fields) > at else ""
        try:
            if len(fields) <= max(at, value):
                _refuse(f"{len(fields)} columns where {max(at, value) + 1} are needed")
            at_s = seconds(stamp)
            _mind_order(at_s, last_s)
            point = Point(stamp, at_s, _number(fields[value].strip(), least))
        except ValueError as exc:
            yield Bad(stamp[:100], number, str(exc))
            continue
        last_s = at_s
        yield point


def seconds(stamp: str) -> float:
    """Seconds since the epoch of an ISO time (UTC where it names no zone) or an epoch number in s, ms, µs or ns.

    :raises ValueError: it is neither.
    """
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


def quoted(text: str) -> str:
    """A field as CSV wants it."""
    if not any(c in text for c in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _fields(lines: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Lines as fields with their numbers; no line is held beyond a bound."""
    number = 0
    while line := lines.readline(_MAX_LINE):
        number += 1
        whole = line
        while len(whole) == _MAX_LINE and not whole.endswith("\n") and (whole := lines.readline(_MAX_LINE)):
            pass
        yield number, next(csv.reader([line.replace("\0", "")]), [])


def _columns(header: list[str]) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    for wanted in ("timestamp", "value"):
        if wanted not in names:
            found = ", ".join(names)[:200] or "nothing"
            msg = f"line 1: no column {wanted!r} (found: {found}); the header must name `timestamp` and `value`"
            raise BadDataError(msg)
    return names.index("timestamp"), names.index("value")


def _mind_order(at_s: float, last_s: float) -> None:
    if at_s == last_s:
        _refuse("the same time as the row before; not judged")
    if at_s < last_s:
        _refuse("earlier than a row before; not judged")


def _number(text: str, least: float) -> float:
    try:
        number = float(text)
    except ValueError:
        _refuse(f"value {text[:40]!r} is not a number")
    if not isfinite(number):
        _refuse(f"value {text[:40]!r} is not a finite number")
    if not least <= number <= MOST:
        _refuse(f"value {text[:40]!r} is not between {least:g} and {MOST:g}")
    return number


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
