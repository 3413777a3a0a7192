"""A table to scan: leaves with attributes, what was expected of each and what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]

MAX_GROUPED = 4_000_000
"""Leaves times cuboids looked at; beyond it the deepest combinations are left out."""


class Table(Struct, frozen=True):
    """``codes[i, a]`` is the index in ``labels[a]`` of leaf ``i``'s value; counts are finite and not negative."""

    attributes: tuple[str, ...]
    labels: tuple[tuple[str | None, ...], ...]
    codes: Codes
    expected: Floats
    observed: Floats

    @classmethod
    def of(
        cls,
        attributes: Sequence[str],
        columns: Sequence[Sequence[str | None]],
        expected: Sequence[float],
        observed: Sequence[float],
    ) -> Table:
        """A table of columns of labels; leaves with the same labels are added up, and those of zero left out."""
        labels, codes = [], []
        for column in columns:
            known: dict[str | None, int] = {}
            codes.append([known.setdefault(value, len(known)) for value in column])
            labels.append(tuple(known))
        told = np.array(codes, dtype=np.intp).reshape(len(columns), len(expected)).T
        usual, seen = np.array(expected, dtype=float), np.array(observed, dtype=float)
        first, inverse = _distinct(told, [len(column) for column in labels])
        usual, seen = sums(inverse, usual, len(first)), sums(inverse, seen, len(first))
        kept = (usual > 0) | (seen > 0)
        return cls(tuple(attributes), tuple(labels), told[first][kept], usual[kept], seen[kept])


class Cuboid(Struct, frozen=True):
    """The groups the leaves fall into by some of the attributes.

    ``group[i]`` is the group of leaf ``i``; ``first[g]`` is a leaf of group ``g``.
    """

    attributes: tuple[int, ...]
    group: Codes
    first: Codes

    def sums(self, values: Floats) -> Floats:
        """The sum of ``values`` over each group."""
        return sums(self.group, values, len(self.first))


def sums(group: Codes, values: Floats, groups: int) -> Floats:
    """The sum of ``values`` over each of ``groups`` groups."""
    added: Floats = np.bincount(group, values, groups).astype(float, copy=False)
    return added


def cuboids(table: Table) -> list[Cuboid]:
    """The groupings by each set of attributes, coarsest first, as deep as ``MAX_GROUPED`` allows."""
    leaves, width = table.codes.shape
    most = max(width, MAX_GROUPED // max(1, leaves))
    telling = [a for a in range(width) if len(table.labels[a]) > 1]
    found: dict[tuple[int, ...], Cuboid] = {}
    for depth in range(1, len(telling) + 1):
        for attributes in combinations(telling, depth):
            if len(found) >= most:
                return list(found.values())
            upper = found.get(attributes[:-1])
            rows = np.zeros(leaves, np.intp) if upper is None else upper.group
            size = len(table.labels[attributes[-1]])
            key = rows * size + table.codes[:, attributes[-1]]
            found[attributes] = Cuboid(attributes, *_numbered(key, size * (1 if upper is None else len(upper.first))))
    return list(found.values())


def _distinct(codes: Codes, sizes: list[int]) -> tuple[Codes, Codes]:
    group = np.zeros(len(codes), np.intp)
    first = np.zeros(min(1, len(codes)), np.intp)
    for column, size in zip(codes.T, sizes, strict=True):
        group, first = _numbered(group * size + column, size * len(first))
    return first, group


def _numbered(key: Codes, space: int) -> tuple[Codes, Codes]:
    """Groups of equal keys, numbered without gaps, and a leaf of each."""
    if space > 4 * len(key) + 1000:
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        return group, first
    present = np.zeros(space, dtype=bool)
    present[key] = True
    group = (np.cumsum(present) - 1)[key]
    first = np.zeros(int(present.sum()), np.intp)
    first[group] = np.arange(len(key))
    return group, first
