"""Reading a table of leaves: a CSV file into columns to scan, with a word on every line that could not be used."""

from __future__ import annotations

from io import StringIO
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct

from stillup.cli.judge.csvfile import Record, plain_float, records
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.verdict.locate.table import Table

MAX_BYTES = 64 * 1024 * 1024
MAX_LEAVES = 500_000
MAX_ATTRIBUTES = 8
MAX_COUNT = 1e15
"""Above it a double no longer holds every whole number, and no count is so large."""

_EXPECTED = ("expected", "predict", "predicted", "prediction", "forecast", "baseline")
_OBSERVED = ("observed", "real", "actual", "value", "count")
_NAMED = 20
_REPLACED = "\ufffd"
_NOT_TEXT = f"not UTF-8 text; used with {_REPLACED} in its place"


class Leaves(Struct, frozen=True):
    """The table, lines left out (``bad``), and lines used in a way one should know (``notes``)."""

    table: Table
    bad: list[str]
    notes: list[str]


class _Header(Struct, frozen=True):
    names: list[str]
    expected: int
    observed: int
    attributes: list[int]


def read_leaves(name: str, raw: bytes) -> Leaves:
    """Read a CSV file with attributes, ``expected`` and ``observed``; ``name`` is what complaints call it.

    :raises BadDataError: it is no such file, too large, or has no usable line.
    """
    from stillup.verdict.locate.table import Table

    if len(raw) > MAX_BYTES:
        _refuse(f"{name}: more than {MAX_BYTES // 1024 // 1024} MB; a table has at most that")
    text, whole = _text(raw)
    rows = (row for row in records(StringIO(text, newline="")) if any(cell.strip() for cell in row.fields))
    header = _header(name, next(rows, Record(1, [])))
    columns: list[list[str | None]] = [[] for _ in header.attributes]
    expected: list[float] = []
    observed: list[float] = []
    bad = [] if whole or not any(_REPLACED in n for n in header.names) else [f"{name}: line 1: {_NOT_TEXT}"]
    notes: list[str] = []
    for record in rows:
        number, row = record.line, record.fields
        if len(expected) >= MAX_LEAVES:
            _refuse(f"{name}: line {number}: more than {MAX_LEAVES:,} leaves; a table has at most that")
        told = record.bad or _counts(header, row)
        if isinstance(told, str):
            bad.append(f"{name}: line {number}: {told}; the line is left out")
            continue
        if not whole and any(_REPLACED in cell for cell in row):
            bad.append(f"{name}: line {number}: {_NOT_TEXT}")
        usual, seen, note = told
        if note:
            notes.append(f"{name}: line {number}: {note}")
        expected.append(usual)
        observed.append(seen)
        for column, a in zip(columns, header.attributes, strict=True):
            column.append(row[a].strip() or None)
    if not expected:
        _refuse("\n".join([f"{name}: no line of it can be used", *_first(bad)]))
    table = Table.of([header.names[a] for a in header.attributes], columns, expected, observed)
    return Leaves(table, _first(bad), _first(notes))


def _text(raw: bytes) -> tuple[str, bool]:
    """The text, and whether all of it is UTF-8; what is not is replaced."""
    try:
        return raw.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return raw.decode("utf-8-sig", "replace"), False


def _header(name: str, first: Record) -> _Header:
    names = [cell.strip() for cell in first.fields]
    if first.bad:
        _refuse(f"{name}: line {first.line}: {first.bad}")
    if not names:
        _refuse(f"{name}: empty; a table begins with a line of column names")
    expected, observed = _column(name, names, _EXPECTED), _column(name, names, _OBSERVED)
    attributes = [i for i in range(len(names)) if i not in (expected, observed)]
    if not 1 <= len(attributes) <= MAX_ATTRIBUTES:
        _refuse(f"{name}: line 1: {len(attributes)} columns of attributes; 1 to {MAX_ATTRIBUTES} are allowed")
    for i in attributes:
        if not names[i] or names.index(names[i]) != i:
            _refuse(f"{name}: line 1, column {i + 1}: {names[i]!r} is no name of its own for an attribute")
    return _Header(names, expected, observed, attributes)


def _column(name: str, names: list[str], allowed: tuple[str, ...]) -> int:
    """Where the column is that has the first of the allowed names."""
    lowered = [n.lower() for n in names]
    word = next((word for word in allowed if word in lowered), None)
    if word is None:
        _refuse(f"{name}: line 1: no column `{allowed[0]}` (or {', '.join(allowed[1:])}) among: {', '.join(names)}")
    return lowered.index(word)


def _counts(header: _Header, row: list[str]) -> tuple[float, float, str] | str:
    """Expected, observed and a note on how they were read; or what is wrong with the row."""
    if len(row) != len(header.names):
        return f"{len(row)} columns where the first line has {len(header.names)}"
    seen = _number(row[header.observed])
    if seen is None or seen < 0:
        return f"column {header.observed + 1}: {row[header.observed]!r} is no count from 0 to {MAX_COUNT:g}"
    told = row[header.expected].strip()
    if not told:
        return 0.0, seen, f"column {header.expected + 1}: nothing is expected; read as 0"
    usual = _number(told)
    if usual is None:
        return f"column {header.expected + 1}: {told!r} is no number up to {MAX_COUNT:g}"
    if usual < 0:  # forecasts dip below zero where little is usual
        return 0.0, seen, f"column {header.expected + 1}: {told} is below zero; read as 0"
    return usual, seen, ""


def _number(cell: str) -> float | None:
    try:
        number = plain_float(cell.strip())
    except ValueError:
        return None
    return number if isfinite(number) and abs(number) <= MAX_COUNT else None


def _first(complaints: list[str]) -> list[str]:
    more = len(complaints) - _NAMED
    return [*complaints[:_NAMED], f"… and {more} more such lines"] if more > 0 else complaints


def _refuse(message: str) -> NoReturn:
    raise BadDataError(message)
