"""What is said of downtime: of whom, how much, and on what grounds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

HOURS_A_YEAR = 8_766.0
LOCAL = "local"
"""The service id of a model on one's own machine."""


class Subject(Struct, frozen=True, order=True):
    """A service, or one component of it."""

    service: str
    component: str | None = None

    def __str__(self) -> str:
        return self.service if self.component is None else f"{self.service}/{self.component}"


class Basis(StrEnum):
    """What a figure rests on, the best first."""

    __hash__ = str.__hash__

    OWN = "own"
    """What was seen from here."""
    SHIPPED = "shipped"
    """Figures that come with stillup, made from public incident histories; each has its provenance."""
    ASSUMED = "assumed"
    """Nothing is known of it: a wide guess, and said to be one."""


class Hours(Struct, frozen=True):
    """Hours a year: the estimate, and an interval that holds the truth in ``level`` of all cases."""

    mid: float
    low: float
    high: float
    level: float = 0.9


class Watched(Struct, frozen=True, kw_only=True):
    """What was seen of a subject from here: when it was watched, and when it was down then.

    Stretches are (from, until) in seconds since the epoch, in order, without overlap; ``down`` lies within ``watched``.
    """

    watched: tuple[tuple[float, float], ...]
    down: tuple[tuple[float, float], ...]


class Alone(Struct, frozen=True, kw_only=True):
    """How long one subject is down."""

    subject: Subject
    hours: Hours
    basis: Basis
    incidents_a_year: float | None = None
    days: float
    """So many days of record it rests on; 0 where it is assumed."""
    provenance: str
    """Where the figure comes from, in a short sentence."""
    degraded: Hours | None = None
    """Beside the hours down: those that its page called degraded, where a public history tells the two apart."""


class Together(Struct, frozen=True, kw_only=True):
    """How long all of some subjects are down at once."""

    subjects: tuple[Subject, ...]
    hours: Hours
    independent: float
    """Hours a year if they failed independently: what a naive sum would say."""
    basis: Basis
    """The weakest of those it rests on."""
    provenance: str


class Downtimes(Protocol):
    """Answers how long subjects are down, alone and together."""

    def alone(self, subject: Subject) -> Alone:
        """One subject; never fails: what nobody knows is assumed, and says so."""
        ...

    def together(self, subjects: Sequence[Subject]) -> Together:
        """All of them at once: the downtime of a chain."""
        ...
