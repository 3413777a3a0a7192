"""Chance that is the same at every look: each draw has a name, and the name decides it."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from random import Random
from typing import TypeVar

_K = TypeVar("_K")
_CHUNK = 200.0
"""The largest mean drawn at once: beyond about 700 ``exp`` would underflow."""


def chance(*name: object) -> Random:
    """The generator of that name: equal names give equal draws, on every machine and at every time."""
    return Random(":".join(map(str, name)))  # noqa: S311 - a story, not a secret


def poisson(random: Random, mean: float) -> int:
    """A Poisson count (Knuth's method, in chunks; cost grows with the mean)."""
    total = 0
    while mean > 0:
        part, mean = min(mean, _CHUNK), mean - _CHUNK
        limit, product = exp(-part), random.random()
        while product > limit:
            total += 1
            product *= random.random()
    return total


def choose(random: Random, weights: Mapping[_K, float]) -> _K | None:
    """One key, by weight; None when nothing has any."""
    total = sum(weights.values())
    if total <= 0:
        return None
    left = random.random() * total
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(k for k, w in reversed(list(weights.items())) if w > 0)  # the last crumb of rounding
