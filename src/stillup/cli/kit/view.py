"""The kit on a terminal and for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from stillup.cli.common import console, indented
from stillup.cli.say import put
from stillup.kit.entry import Entry
from stillup.kit.index import Row
from stillup.sources.decode import clean

_WIDE, _PIPED, _MOST_NAME = 100, 400, 40
"""Columns: from the first on there is room for kind and tasks; so many where no terminal wraps; most of a name."""


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
    """Name, kind, what it is for and about: whole, on as many lines as the terminal needs; on one where it is piped."""
    from rich.table import Table
    from rich.text import Text

    out = console(color=color)
    if not out.is_terminal:
        out.width = _PIPED
    is_wide = out.width >= _WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    has_own = any(row.is_own for row in rows)
    shown = ("" if has_own else None, "Name", "Kind" if is_wide else None, "For" if is_wide else None, "What it does")
    for title in filter(lambda title: title is not None, shown):
        table.add_column(title or "", no_wrap=title == "Kind", max_width=_MOST_NAME if title == "Name" else None)
    for row in rows:
        cells = (
            Text("*" if row.is_own else "", "green"),
            Text(clean(row.name, 200), "bold"),
            Text(row.kind.value),
            Text(", ".join(row.tasks)),
            Text(clean(row.about or row.title, 200), "dim"),
        )
        table.add_row(*(cell for cell, title in zip(cells, shown, strict=True) if title is not None))
    out.print(table)
    if not has_own:
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
