"""Values for the places of an entry: given, from a file, the pipe or the clipboard, asked for, or their defaults."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from stillup.errors import BadDataError, UsageError
from stillup.kit.entry import Entry, Variable
from stillup.kit.places import filled
from stillup.sources.decode import clean

_MOST_BYTES = 16 << 20


def filled_in(entry: Entry, given: Sequence[str], *, pasted: str | None, takes_defaults: bool) -> str:
    """The text with every place filled in. ``date`` is today's where nothing else is said.

    :raises UsageError: a value is for no place, or a place has none and there is nobody to ask.
    :raises BadDataError: a file cannot be read.
    """
    values = _given(entry, given)
    if pasted:
        from stillup.cli.terminal import clipboard

        values[_known(entry, pasted)] = clipboard.read()
    missing = [v for v in map(_with_today, entry.variables) if v.name not in values]
    if sys.stdin.isatty():
        asked = [v for v in missing if v.default is None or not takes_defaults]
        values |= {v.name: _ask(v) for v in asked}
    values = {v.name: v.default for v in missing if v.default is not None} | values
    lacks = [v.name for v in entry.variables if v.name not in values]
    if lacks:
        how = " ".join(f"{name}=…" for name in lacks)
        msg = f"{entry.name} has no value for {', '.join(lacks)}; give {how}"
        raise UsageError(msg)
    return filled(entry.text, values)


def _with_today(variable: Variable) -> Variable:
    if variable.name != "date" or variable.default is not None:
        return variable
    from stillup.clock import SystemClock

    today = SystemClock().now().astimezone().date().isoformat()
    return Variable(name=variable.name, about=variable.about, default=today)


def _given(entry: Entry, given: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals:
            msg = f"{word[:60]!r} is no VARIABLE=VALUE; {_names(entry)}"
            raise UsageError(msg)
        values[_known(entry, name)] = _value(value)
    return values


def _known(entry: Entry, name: str) -> str:
    if name in {v.name for v in entry.variables}:
        return name
    msg = f"{entry.name} has no place called {name[:60]!r}; {_names(entry)}"
    raise UsageError(msg)


def _names(entry: Entry) -> str:
    return f"it has: {', '.join(v.name for v in entry.variables) or 'none'}"


def _value(word: str) -> str:
    """``-`` is the pipe, ``@FILE`` a file, ``@@…`` a text that begins with @."""
    if word == "-":
        return _text(sys.stdin.buffer.read(_MOST_BYTES + 1), "standard input")
    if word.startswith("@@") or not word.startswith("@"):
        return word.removeprefix("@")
    return read_text(Path(word[1:]).expanduser())


def read_text(path: Path) -> str:
    """A file as text.

    :raises BadDataError: it cannot be read, is too long, or no text.
    """
    try:
        with path.open("rb") as file:
            return _text(file.read(_MOST_BYTES + 1), str(path))
    except OSError as exc:
        msg = f"{path} cannot be read: {exc.strerror or exc}"
        raise BadDataError(msg) from exc


def _text(body: bytes, where: str) -> str:
    if len(body) > _MOST_BYTES:
        msg = f"{where} is longer than {_MOST_BYTES >> 20} MiB"
        raise BadDataError(msg)
    try:
        return body.decode("utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError as exc:
        msg = f"{where} is no text in UTF-8"
        raise BadDataError(msg) from exc


def _ask(variable: Variable) -> str:
    """On stderr, so that the text alone goes to the pipe."""
    about = f" ({clean(variable.about, 120)})" if variable.about else ""
    answer: str = click.prompt(
        f"{variable.name}{about}", default=variable.default, err=True, show_default=bool(variable.default)
    )
    return answer
