"""Lines on stdout for programs, words on stderr for people.

Whatever a message quotes (a file, an argument, a name) cannot steer the terminal.
"""

from __future__ import annotations

import click

_MAX_LINE = 1000


class ReaderGone(Exception):
    """Whoever read the output has gone. Not a BrokenPipeError: click would turn that into exit code 1."""


def put(line: bytes | str, *, nl: bool = True) -> None:
    """Write one line of machine-readable output; without ``nl`` the bytes or the text as they are.

    :raises ReaderGone: nobody reads it any more.
    """
    try:
        click.echo(line, nl=nl)
    except BrokenPipeError:
        raise ReaderGone from None


def say(message: str) -> None:
    """Print a message on stderr, its lines cleaned of control characters and cut at a thousand characters."""
    from stillup.sources.decode import clean

    for line in message.splitlines():
        click.echo(" " * (len(line) - len(line.lstrip(" "))) + clean(line, _MAX_LINE), err=True)


def warn(message: str) -> None:
    """The same, and who says it."""
    say(f"stillup: {message}")


def tamed(text: str) -> str:
    """A text of many lines without what steers a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
