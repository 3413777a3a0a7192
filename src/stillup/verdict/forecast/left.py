"""How long it would still take going by the record alone: weighted quantiles of what lasted longer than this has."""

from __future__ import annotations

from functools import lru_cache
from math import exp, log

import numpy as np
from msgspec import Struct

from stillup.verdict.forecast.record import Floats, Past
from stillup.verdict.forecast.table import LEVELS, SCORES, Table

MOST = 300
"""Incidents of the record that are looked at: five half-lives."""

_HALF_LIFE = 60
_LIKENESS = 2.0
_POOL_WEIGHT = 30.0
_SHIPPED = 100
_ENOUGH = 100
_THIN = 3.0
_OPEN_END = 1.3
_AGES = 0.5 ** (np.arange(MOST + _SHIPPED)[::-1] / _HALF_LIFE)  # oldest first
_WANTED = np.array(LEVELS)
_SPREAD = _OPEN_END * np.array(SCORES)


class Level(Struct, frozen=True):
    """The recent level against the usual one, in ln seconds: last 5 and 20 incidents, and those of the same parts."""

    last5: float = 0.0
    last20: float = 0.0
    overlapping: float = 0.0
    same: float = 0.0


def left(table: Table, service: str, past: Past, parts: frozenset[str], elapsed_s: float) -> Floats:
    """Quantiles of ln(seconds left) at :data:`LEVELS`, given the time elapsed.

    An incident counts half for every sixty that came after it, and up to ``e^2`` times for the components it shares
    (Jaccard). What the table ships of the service counts as older still, and not at all beside a hundred own ones,
    which may well be the same; all services together weigh as much as thirty incidents.
    """
    count = len(past.lasted_s)
    like = np.array([exp(_LIKENESS * len(n & parts) / max(1, len(n | parts))) for n in past.named])
    own = _AGES[len(_AGES) - count :] * like[past.kinds] if count else np.empty(0)
    shipped, pool = _array(table.services.get(service, ()) if count < _ENOUGH else ()), _array(table.pool)
    older = _AGES[max(0, len(_AGES) - count - _SHIPPED) : len(_AGES) - count].sum()
    own = np.concatenate([own, np.full(len(shipped), older / max(1, len(shipped)))])
    if len(own):
        own = own * (own.sum() / (own @ own))  # Kish's effective number, so that the pool weighs the same beside any
    lasted = np.concatenate([past.lasted_s, shipped, pool])
    weight = np.concatenate([own, np.full(len(pool), _POOL_WEIGHT / len(pool))])
    longer = lasted > elapsed_s
    return _quantiles(np.log(lasted[longer] - elapsed_s), weight[longer], elapsed_s)


def level(past: Past, parts: frozenset[str]) -> Level:
    """How the newest incidents, and those of the same components, differ from the last hundred."""
    logs = past.logs
    if not len(logs):
        return Level()
    usual = float(logs[-100:].mean())
    near, kinds = logs[-200:], past.kinds[-200:]
    overlapping = np.array([bool(named & parts) for named in past.named])[kinds]
    same = np.array([named == parts for named in past.named])[kinds]
    return Level(
        float(logs[-5:].mean()) - usual,
        float(logs[-20:].mean()) - usual,
        _shrunk(near[overlapping][-40:], usual),
        _shrunk(near[same][-40:], usual),
    )


def _quantiles(logs: Floats, weight: Floats, elapsed_s: float) -> Floats:
    """Weighted quantiles, linear between the middles of the steps.

    Where hardly anything lasted as long, "about as long again, within wide bounds" makes up for what is missing.
    """
    missing = _THIN - float(weight.sum())
    if missing > 0:
        logs = np.concatenate([logs, log(elapsed_s + 600) + _SPREAD])
        weight = np.concatenate([weight, np.full(len(_SPREAD), missing / len(_SPREAD))])
    order = np.argsort(logs)
    weight = weight[order]
    middles = np.cumsum(weight) - weight / 2
    found: Floats = np.interp(_WANTED * weight.sum(), middles, logs[order])
    return found


@lru_cache(maxsize=64)
def _array(values: tuple[float, ...]) -> Floats:
    return np.array(values, dtype=float)


def _shrunk(logs: Floats, usual: float) -> float:
    """A mean difference, drawn towards nothing when few incidents speak for it."""
    return float((logs - usual).sum()) / (len(logs) + 5)
