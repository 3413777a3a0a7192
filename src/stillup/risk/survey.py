"""Everything that is said of a need, put together: who is down how long, alone and together, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from stillup.catalog.models import Model, find_model
from stillup.risk.gain import Candidate, Gain, Loss, gains, hours_of, losses
from stillup.risk.need import Need
from stillup.risk.points import Point, Shared, points_of, shared_by
from stillup.risk.redundancy import Redundancy, redundancy
from stillup.risk.values import Alone, Basis, Downtimes, Hours, Together


class Surveyed(Struct, frozen=True, kw_only=True):
    """A need and all its figures. ``hours`` None: there is no way at all."""

    need: Need
    alone: tuple[Alone, ...]
    """Of each subject of the chain, in its order."""
    together: Together | None
    """None where there are not two of them."""
    hours: Hours | None
    basis: Basis
    points: tuple[Point, ...]
    shared: tuple[Shared, ...]
    redundancy: Redundancy
    gains: tuple[Gain, ...]
    losses: tuple[Loss, ...]


class Risk(Struct, frozen=True, kw_only=True):
    """What is depended on, and how it stands. ``unknown`` has a sentence for each thing that could not be known."""

    at: datetime
    surveyed: tuple[Surveyed, ...]
    unknown: tuple[str, ...]

    def of(self, task: str) -> Surveyed | None:
        """The need for a task of the catalogue."""
        return next((one for one in self.surveyed if one.need.id == f"task:{task}"), None)


def survey(need: Need, candidates: Sequence[Candidate], downtimes: Downtimes) -> Surveyed:
    """One need, with every figure that can be given."""
    subjects = need.subjects
    alone = tuple(downtimes.alone(subject) for subject in subjects)
    together = downtimes.together(subjects) if len(subjects) > 1 else None
    models = {one.id: found for one in candidates if (found := find_model(one.model)) is not None}
    basis = together.basis if together else alone[0].basis if alone else Basis.ASSUMED
    return Surveyed(
        need=need,
        alone=alone,
        together=together,
        hours=hours_of(subjects, downtimes) if subjects else None,
        basis=basis,
        points=points_of(need),
        shared=shared_by(need.services),
        redundancy=redundancy(need, downtimes),
        gains=gains(need, candidates, downtimes, models, _now(need)),
        losses=losses(need, downtimes) if len(subjects) > 1 else (),
    )


def _now(need: Need) -> Model | None:
    """The model that answers usually: the first way's."""
    first = need.ways[0].model if need.ways else ""
    return find_model(first) if first else None
