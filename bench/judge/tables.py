"""Generated tables with known causes, for judging localisation: simulated, each from its seed alone.

A table is leaves (one label an attribute), what was expected and observed of each, and the causes: for every fault the
labels each of its attributes has. What the judged method reads as ``expected`` is a forecast, not the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Cause = dict[str, tuple[str, ...]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One table and its causes."""

    attributes: tuple[str, ...]
    labels: list[list[str]]  # by attribute
    codes: NDArray[np.int64]  # leaves x attributes
    expected: Floats
    observed: Floats
    causes: tuple[Cause, ...]


def cdn(seed: int, *, calm: bool = False) -> Case:
    """Sparse counts of a content network: uneven leaves, a learned forecast, one to three faults anywhere."""
    rng = np.random.default_rng([1, seed])
    sizes = (int(rng.integers(15, 40)), 4, int(rng.integers(3, 6)), int(rng.integers(8, 30)))
    codes = _grid(sizes)
    usual = _uneven(rng, codes, sizes, spread=float(rng.uniform(0.5, 1.5)))
    usual *= 10 ** rng.uniform(2.3, 4.5) / usual.sum()
    drift = np.exp(rng.normal(0, rng.uniform(0, 0.25), usual.size))  # what a forecast of a leaf cannot know
    for a in (0, 3):  # nor of a whole place or site
        drift *= np.exp(rng.normal(0, rng.uniform(0, 0.15), sizes[a]))[codes[:, a]]
    windows = int(rng.integers(5, 60))
    forecast = rng.poisson(usual * windows) / windows
    ratio = np.ones(usual.size)
    causes: list[Cause] = []
    names, labels = _named(("location", "access", "os", "site"), sizes)
    for _ in range(0 if calm else int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))):
        layer = int(rng.choice((1, 2, 3), p=(0.45, 0.4, 0.15)))
        fold = float(rng.choice((rng.uniform(0.0, 0.5), 1.0 + rng.lognormal(0.7, 0.7)), p=(0.2, 0.8)))
        cause, inside = _elementary(rng, names, labels, codes, usual, layer, fold)
        uneven = np.exp(rng.normal(0, rng.uniform(0.0, 0.5), usual.size))
        ratio = np.where(inside, fold * uneven, ratio)
        causes.append(cause)
    observed = rng.poisson(usual * drift * ratio).astype(float)
    return _case(names, labels, codes, forecast, observed, causes)


def uneven(seed: int, *, calm: bool = False) -> Case:
    """As ``cdn`` but harder: few leaves, dependent attributes, faults felt unevenly and spilling over to siblings."""
    rng = np.random.default_rng([6, seed])
    sizes = (int(rng.integers(15, 40)), 4, int(rng.integers(3, 6)), int(rng.integers(8, 30)))
    codes = _grid(sizes)
    served = rng.random((sizes[0], sizes[3])) < rng.uniform(0.1, 0.6)
    main = rng.integers(sizes[1], size=sizes[0])  # most of a place has one kind of access
    there = rng.random(len(codes)) < np.where(codes[:, 1] == main[codes[:, 0]], 0.9, 0.15)
    codes = codes[served[codes[:, 0], codes[:, 3]] & there]
    usual = _uneven(rng, codes, sizes, spread=1.0)
    usual *= 10 ** rng.uniform(1.5, 3.2) / usual.sum()
    drift = np.exp(rng.normal(0, rng.uniform(0, 0.25), usual.size))
    for a in (0, 3):
        drift *= np.exp(rng.normal(0, rng.uniform(0, 0.2), sizes[a]))[codes[:, a]]
    windows = int(rng.integers(5, 60))
    forecast = rng.poisson(usual * windows) / windows
    names, labels = _named(("location", "access", "os", "site"), sizes)
    ratio = np.ones(usual.size)
    causes: list[Cause] = []
    for _ in range(0 if calm else int(rng.choice((1, 2, 3), p=(0.8, 0.15, 0.05)))):
        layer = int(rng.choice((1, 2, 3), p=(0.4, 0.45, 0.15)))
        fold = 1.0 + float(rng.lognormal(1.0, 0.8))
        cause, inside = _elementary(rng, names, labels, codes, usual, layer, fold)
        felt = np.exp(rng.normal(0, rng.uniform(0, 0.4), usual.size))
        for a, size in enumerate(sizes):  # some values of each other attribute feel it more
            felt *= np.exp(rng.normal(0, rng.uniform(0, 0.4), size))[codes[:, a]]
        ratio = np.where(inside, 1.0 + (fold - 1.0) * felt, ratio)
        if rng.random() < 0.4:
            sibling = int(rng.integers(4))
            near = (codes[:, sibling] == codes[inside][0][sibling]) & ~inside
            ratio = np.where(near, ratio * (1.0 + 0.15 * (fold - 1.0)), ratio)
        causes.append(cause)
    observed = rng.poisson(usual * drift * ratio).astype(float)
    return _case(names, labels, codes, forecast, observed, causes)


def patterns(seed: int, *, calm: bool = False) -> Case:
    """Traffic lost unevenly: every leaf of a fault falls by its own share of 10 to 90 %, the others hardly."""
    rng = np.random.default_rng([2, seed])
    sizes = (33, 4, 4, 20)
    codes = _grid(sizes)
    codes = codes[rng.random(len(codes)) < rng.uniform(0.3, 1.0)]
    usual = _uneven(rng, codes, sizes, spread=1.0) * 1000.0
    names, labels = _named(("a", "b", "c", "d"), sizes)
    observed = np.round(usual)
    lost = rng.uniform(-0.02, 0.09, len(codes))
    causes = []
    for _ in range(0 if calm else int(rng.integers(1, 4))):
        layer = int(rng.choice((1, 2, 3)))
        cause, inside = _elementary(rng, names, labels, codes, usual, layer, 0.5)
        lost = np.where(inside, rng.uniform(0.1, 0.9, len(codes)), lost)
        causes.append(cause)
    return _case(names, labels, codes, observed / (1.0 - lost), observed, causes)


def ripple(seed: int, *, calm: bool = False) -> Case:
    """Values that are not counts; one to three combinations of one cuboid change by one ratio, with relative noise."""
    rng = np.random.default_rng([3, seed])
    sizes = tuple(int(n) for n in rng.integers(6, 13, 4))
    codes = _grid(sizes)
    real = _uneven(rng, codes, sizes, spread=1.0) * 100.0
    real[rng.random(real.size) < rng.choice((0.0, 0.3))] = 0.0
    noise = float(rng.uniform(0.005, 0.08))
    observed = real * np.exp(rng.normal(0, noise, real.size))
    names, labels = _named(("a", "b", "c", "d"), sizes)
    causes: list[Cause] = []
    fold = float(1.0 - rng.uniform(0.2, 0.9) if rng.random() < 0.5 else 1.0 + rng.uniform(0.3, 3.0))
    attributes = rng.permutation(4)[: int(rng.integers(1, 4))]
    for _ in range(0 if calm else int(rng.integers(1, 4))):
        cause, inside = _elementary(rng, names, labels, codes, real, attributes, fold)
        if cause in causes:
            continue
        observed = np.where(inside, real * fold * np.exp(rng.normal(0, noise, real.size)), observed)
        causes.append(cause)
    return _case(names, labels, codes, real, observed, causes)


def severities(seed: int, *, calm: bool = False) -> Case:
    """Five attributes, values that are no counts, up to three faults of differing severity in differing cuboids."""
    rng = np.random.default_rng([4, seed])
    sizes = (6, 10, 5, 8, 4)
    codes = _grid(sizes)
    real = rng.lognormal(1.0, 1.0, len(codes)) * 10.0
    real[rng.random(real.size) < rng.uniform(0.0, 0.25)] = 0.0
    forecast = real * (1.0 + rng.normal(0, rng.uniform(0.0, 0.1), real.size))
    names, labels = _named(("a", "b", "c", "d", "e"), sizes)
    causes, observed = [], real.copy()
    for _ in range(0 if calm else int(rng.integers(1, 4))):
        cause, inside = _elementary(rng, names, labels, codes, real, int(rng.integers(1, 4)), 0.5)
        severity, off = rng.uniform(0.25, 1.0), rng.uniform(0.0, 0.1)
        drop = np.clip(rng.normal(severity, off, real.size), 0.0, 1.0)
        observed = np.where(inside, real * (1.0 - drop), observed)
        causes.append(cause)
    return _case(names, labels, codes, np.maximum(forecast, 0.0), observed, causes)


REGIONS = (
    "US-CA", "US-NY", "US-TX", "US-IL", "US-WA", "CA-ON", "CA-QC", "GB", "FR", "DE", "ES", "NL", "IN", "JP", "AU",
    "SG", "BR",
)  # fmt: skip
CONTINENTS = {"north america": REGIONS[:7], "europe": REGIONS[7:12], "asia-pacific": REGIONS[12:16]}
_COMPONENTS = ("web", "mobile", "api", "code", "console")
_PROBLEMS = ("sign_in", "no_response", "server_error", "overloaded", "slow", "stream_cut", "history_missing", "other")
_CLIENTS = ("browser", "ios", "android")
_MODELS = ("opus", "sonnet", "haiku")


def reports(seed: int, *, calm: bool = False, faults: int = 1, least: float = 3.0) -> Case:
    """Crowd reports by component, region, problem, client and model: a fault takes several values of an attribute."""
    rng = np.random.default_rng([5, seed, faults])
    labels = [list(_COMPONENTS), list(REGIONS), list(_PROBLEMS), list(_CLIENTS), list(_MODELS)]
    sizes = tuple(map(len, labels))
    names = ("component", "region", "problem", "client", "model")
    codes = _grid(sizes)
    usual = _uneven(rng, codes, sizes, spread=0.3)
    total = 10 ** rng.uniform(2.0, 3.3)
    usual *= total / usual.sum()
    history = float(rng.uniform(20, 200))
    forecast = rng.poisson(usual * history) / history
    ratio = np.ones(usual.size)
    causes: list[Cause] = []
    while not calm and len(causes) < faults:
        cause = _report_cause(rng)
        inside = _inside(cause, names, labels, codes)
        clear = not (inside & (ratio > 1.0)).any() and all(set(cause) != set(c) for c in causes)
        if clear and usual[inside].sum() >= 10.0 and usual[inside].sum() < 0.6 * total:
            ratio[inside] = least * np.exp(rng.exponential(0.5))
            causes.append(cause)
    observed = rng.poisson(usual * ratio).astype(float)
    return _case(names, labels, codes, forecast, observed, causes)


def _report_cause(rng: np.random.Generator) -> Cause:
    cause: Cause = {}
    for attribute in rng.permutation(4)[: int(rng.choice((1, 2, 3), p=(0.35, 0.45, 0.2)))]:
        if attribute == 0:
            cause["component"] = _some(rng, _COMPONENTS, 2)
        elif attribute == 1:
            place = rng.choice(("one", "us", *CONTINENTS))
            where = {"one": _some(rng, REGIONS, 3), "us": REGIONS[:5], **CONTINENTS}[place]
            cause["region"] = tuple(where)
        elif attribute == 2:
            cause["problem"] = _some(rng, _PROBLEMS, 2)
        else:
            cause["model"] = _some(rng, _MODELS, 1)
    return cause


def _some(rng: np.random.Generator, values: tuple[str, ...], most: int) -> tuple[str, ...]:
    return tuple(sorted(rng.permutation(values)[: int(rng.integers(1, most + 1))].tolist()))


def _grid(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1).astype(np.int64)


def _uneven(rng: np.random.Generator, codes: NDArray[np.int64], sizes: tuple[int, ...], spread: float) -> Floats:
    """Leaf volumes: a product of skewed margins, and each leaf's own factor."""
    volume = np.exp(rng.normal(0, spread, len(codes)))
    for a, size in enumerate(sizes):
        volume *= (rng.permutation(size) + 1.0)[codes[:, a]] ** -float(rng.uniform(0.3, 1.2))
    share: Floats = volume / volume.mean()
    return share


def _named(names: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[tuple[str, ...], list[list[str]]]:
    return names, [[f"{name[0]}{i + 1}" for i in range(size)] for name, size in zip(names, sizes, strict=True)]


def _elementary(
    rng: np.random.Generator,
    names: tuple[str, ...],
    labels: list[list[str]],
    codes: NDArray[np.int64],
    volume: Floats,
    layer: int | NDArray[np.int64],
    fold: float,
) -> tuple[Cause, NDArray[np.bool_]]:
    """One value an attribute, big enough that its change is seen in the whole: three deviations, two leaves."""
    for _ in range(200):
        attributes = rng.permutation(len(names))[:layer] if isinstance(layer, int) else layer
        leaf = codes[rng.integers(len(codes))]
        inside = (codes[:, attributes] == leaf[attributes]).all(axis=1)
        own, whole = volume[inside].sum(), volume.sum()
        if abs(fold - 1.0) * own >= 3.0 * np.sqrt(whole) * min(1.0, np.sqrt(own / whole) * 3) and inside.sum() > 1:
            break
    cause: Cause = {names[a]: (labels[a][leaf[a]],) for a in sorted(attributes.tolist())}
    held: NDArray[np.bool_] = inside
    return cause, held


def _inside(
    cause: Cause, names: tuple[str, ...], labels: list[list[str]], codes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    inside = np.ones(len(codes), dtype=bool)
    for name, values in cause.items():
        a = names.index(name)
        inside &= np.isin(codes[:, a], [labels[a].index(v) for v in values])
    return inside


def _case(
    names: tuple[str, ...],
    labels: list[list[str]],
    codes: NDArray[np.int64],
    expected: Floats,
    observed: Floats,
    causes: list[Cause],
) -> Case:
    """The case without leaves of which nothing was expected or seen, as a real table has it."""
    kept = (expected > 0) | (observed > 0)
    return Case(names, labels, codes[kept], expected[kept], observed[kept], tuple(causes))


KINDS: dict[str, Callable[..., Case]] = {
    "cdn": cdn,
    "uneven": uneven,
    "patterns": patterns,
    "ripple": ripple,
    "severities": severities,
    "reports": reports,
}
