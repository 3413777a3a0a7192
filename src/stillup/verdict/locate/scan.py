"""Which sets of leaves explain a table's excess or shortfall: a subset scan, best first.

docs/localisation.md has the method with its formulas, its figures and where it is weak.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.verdict.locate.search import Scanner, apart, together
from stillup.verdict.locate.subsets import Choice
from stillup.verdict.locate.table import Table

TOGETHER = frozenset({"component", "region", "problem", "client", "model"})
"""Attributes of which one fault takes several values: a table with any of them is answered in such sets.

In other tables a set has one value an attribute, and several faults are several sets.
"""

MOST_SETS = 10


class Standing(StrEnum):
    """What a set is told as."""

    FAULT = "fault"
    """It stands out, of what the faults before it leave."""
    DOUBTFUL = "doubtful"
    """Too much for chance, but no more than this table's forecasts are off elsewhere."""
    ALTERNATIVE = "alternative"
    """It explains again, less well, what a set before it explains."""


class Found(Struct, frozen=True):
    """A set of leaves; ``where`` names the values of each attribute it is bound to, all of the others being in it.

    ``score`` is in nats: the log-likelihood ratio over the forecast, less what its description costs; for a set further
    down the list no more than for one before it.
    """

    where: dict[str, tuple[str, ...]]
    expected: float
    observed: float
    score: float
    standing: Standing


def scan(table: Table, *, most: int = MOST_SETS, several: bool | None = None) -> list[Found]:
    """The sets that explain what is unusual in a table, the best first; empty when nothing is.

    ``several`` says whether a set may have several values an attribute; by default that follows the attributes' names.
    Sets of several values are told only when they stand out. Among sets of one value, faults are followed by what is
    less sure: someone who asks about a table of his own mostly knows that something is wrong with it.
    Cost: some ten milliseconds for ten thousand leaves.
    """
    if not len(table.codes):
        return []
    scanner = Scanner(table)
    if several is None:
        several = not TOGETHER.isdisjoint(table.attributes)
    if several:
        sets = [(choice, Standing.FAULT) for choice in together(scanner)]
    else:
        found = apart(scanner)
        sets = [(choice, Standing.FAULT) for choice in found.faults]
        sets += [(choice, Standing.ALTERNATIVE if again else Standing.DOUBTFUL) for choice, again in found.others]
    return _told(table, sets[:most])


def _told(table: Table, sets: list[tuple[Choice, Standing]]) -> list[Found]:
    told: list[Found] = []
    for choice, standing in sets:
        inside = choice.inside(table.codes)
        where = {
            name: tuple(sorted(v for v, is_in in zip(labels, chosen, strict=True) if is_in and v is not None))
            for name, labels, chosen in zip(table.attributes, table.labels, choice.values, strict=True)
            if chosen is not None
        }
        score = min(choice.net, told[-1].score) if told else choice.net
        told.append(
            Found(where, float(table.expected[inside].sum()), float(table.observed[inside].sum()), score, standing)
        )
    return told
