"""The fitted table of the forecast: what years of incidents teach beyond the recent record."""

from __future__ import annotations

from msgspec import Struct

LEVELS = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
"""The quantiles that are computed; chances between them are interpolated."""

SCORES = (-2.0537, -1.6449, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.6449, 2.0537)
"""The standard normal quantiles of :data:`LEVELS`."""


class Provenance(Struct, frozen=True, kw_only=True):
    """What a table was fitted on, and by what."""

    script: str
    until: str
    incidents: dict[str, int]
    rows: int
    note: str = ""


class Effect(Struct, frozen=True, array_like=True):
    """What one unit of a cue adds to ln(remaining seconds): ``shift`` to the median, ``spread`` per normal score."""

    shift: float
    spread: float


class Table(Struct, frozen=True, kw_only=True):
    """All that is fitted. Durations are quantiles in seconds at even probabilities, ascending."""

    provenance: Provenance
    effects: dict[str, Effect]
    pool: tuple[float, ...]
    """Durations over all services."""
    services: dict[str, tuple[float, ...]]
    """Durations of each service's last hundred incidents before the table was made."""
    next_incident: dict[str, float]
    """Weights of the chance of another incident within a day; see :mod:`stillup.verdict.forecast.next`."""
    rates: dict[str, float] = {}
    """Incidents a day of each service over the last ninety days before the table was made."""
    plain: tuple[str, ...] = ()
    """Services whose pages do not use the stages as others do: the record alone speaks for them."""
    names: dict[str, str] = {}
    """Other names of services, as incident records write them."""
