"""The kit on a terminal and for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from stillup.cli.common import console, indented
from stillup.cli.say import put
from stillup.cli.terminal.columns import Cell, Column, lines
from stillup.kit.entry import Entry
from stillup.kit.index import Row
from stillup.sources.decode import clean


def facts(row: Row) -> dict[str, Any]:
    """One file for programs."""
    return {
        "name": row.name,
        "title": row.title,
        "kind": row.kind,
        "about": row.about,
        "tasks": row.tasks,
        "tags": row.tags,
        "variables": row.variables,
        "own": row.is_own,
        "trouble": row.trouble or None,
    }


def print_rows(rows: Sequence[Row], own: Path, *, color: bool | None) -> None:
    """A line each: name, title, what it is about."""
    out = console(color=color)
    columns = (
        Column(title="", cells=tuple(Cell("*" if row.is_own else "", "green") for row in rows)),
        Column(title="Name", cells=tuple(Cell(clean(row.name, 200), "bold") for row in rows), most=48),
        Column(title="Kind", cells=tuple(Cell(row.kind.value) for row in rows)),
        Column(title="For", cells=tuple(Cell(", ".join(row.tasks)) for row in rows), shrinks=True, most=24),
        Column(
            title="What it does",
            cells=tuple(Cell(clean(row.about or row.title, 200), "dim") for row in rows),
            shrinks=True,
            most=100,
        ),
    )
    for line in lines(columns, out.width if out.is_terminal else 120):
        out.print(line, soft_wrap=True)
    if not any(row.is_own for row in rows):
        out.print(f"\nYour own go into {clean(str(own), 500)} (`stillup kit new NAME`).", style="dim", soft_wrap=True)


def print_entry(entry: Entry, path: Path, *, color: bool | None) -> None:
    """Its head, its places to fill in, its text."""
    from rich.text import Text

    out = console(color=color)
    out.print(Text(clean(entry.title, 300), style="bold"))
    about = " · ".join(filter(None, (entry.kind.value, ", ".join(entry.tasks), ", ".join(entry.tags))))
    out.print(Text(clean(about, 500), style="dim"))
    out.print(Text(clean(str(path), 1000), style="dim"), soft_wrap=True)
    if entry.about:
        out.print(Text(clean(entry.about, 500)))
    for variable in entry.variables:
        has = "has to be given" if variable.default is None else f"default: {clean(variable.default, 80) or 'nothing'}"
        words = (
            f"{variable.name}  {clean(variable.about, 200)} ({has})" if variable.about else f"{variable.name}  ({has})"
        )
        out.print(indented(Text(words, style="cyan")))
    out.print()
    print_text(entry.text)


def print_text(text: str) -> None:
    """The text as it is; on a terminal without what could steer it."""
    if not sys.stdout.isatty():
        put(text.removesuffix("\n"))
        return
    for line in text.removesuffix("\n").split("\n"):
        indent = line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4)
        click.echo(indent + "".join(c for c in line.strip(" \r").expandtabs(4) if c.isprintable()))
