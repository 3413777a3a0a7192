"""The curve of time to recovery, read the other way round. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def quantile(curve: Iterable[tuple[float, float]], p: float, default: float | None = None) -> float | None:
    """After how many seconds it is over with probability ``p``; ``default`` where the curve ends before.

    The points are (seconds from now, probability), rising; between two of them the curve is taken for straight.
    """
    before = (0.0, 0.0)
    for at, chance in curve:
        if chance >= p:
            rise = chance - before[1]
            return at if rise <= 0 else before[0] + (at - before[0]) * max(0.0, p - before[1]) / rise
        before = (at, chance)
    return default
