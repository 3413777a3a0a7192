"""Lines of columns that fit a terminal: what is fixed keeps its width, the rest shares what is left, nothing wraps."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.text import Text

GAP = 2


class Cell(Struct, frozen=True):
    """One cell: its words and their style."""

    text: str
    style: str = ""


class Column(Struct, frozen=True, kw_only=True):
    """One column. One that may ``shrink`` gives way to the others, down to nothing."""

    title: str
    cells: tuple[Cell, ...]
    shrinks: bool = False
    most: int = 40
    right: bool = False

    @property
    def natural(self) -> int:
        """The width at which nothing is cut; 0 where the column has nothing to say."""
        widest = max((cell_len(c.text) for c in self.cells), default=0)
        return min(max(widest, cell_len(self.title)), self.most) if widest else 0


def lines(columns: Sequence[Column], width: int, *, header: bool = True) -> list[Text]:
    """A line for the titles and one for each row; columns without a word are left out."""
    shown = [(c, w) for c, w in zip(columns, widths(columns, width), strict=True) if w]
    rows = [[Cell(c.title, "dim") for c, _ in shown]] if header else []
    rows += [[c.cells[n] for c, _ in shown] for n in range(len(columns[0].cells) if columns else 0)]
    return [_line(row, shown, width) for row in rows]


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """How wide each column is: they fit, or those that shrink have nothing left to give."""
    out = [c.natural for c in columns]
    while sum(out) + GAP * (sum(map(bool, out)) - 1) > width:
        soft = [n for n, c in enumerate(columns) if c.shrinks and out[n]]
        if not soft:
            break
        widest = max(soft, key=lambda n: (out[n], n))
        out[widest] -= 1
        if out[widest] < min(columns[widest].natural, _LEAST):
            out[widest] = 0
    return out


_LEAST = 6
"""A column of fewer letters says nothing."""


def _line(row: Sequence[Cell], shown: Sequence[tuple[Column, int]], width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for place, (cell, (column, room)) in enumerate(zip(row, shown, strict=True)):
        words = cut(cell.text, room)
        space = " " * (room - cell_len(words))
        text.append(" " * GAP if place else "")
        text.append(f"{space}{words}" if column.right else words, style=cell.style)
        text.append("" if column.right else space)
    text.rstrip()
    text.truncate(width, overflow="ellipsis")
    return text


def cut(words: str, width: int) -> str:
    """The words in so many columns, cut with an ellipsis where they are longer."""
    if cell_len(words) <= width:
        return words
    return f"{set_cell_size(words, width - 1).rstrip(' ,')}…" if width else ""
