"""What a forecast is asked, and what it may rest on: an open incident as known now, and incidents that are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import force_setattr

from stillup.model.service import Stage

_STAGES = {
    "investigating": Stage.INVESTIGATING,
    "identified": Stage.IDENTIFIED,
    "in_progress": Stage.IDENTIFIED,
    "monitoring": Stage.MONITORING,
    "verifying": Stage.MONITORING,
    "resolved": Stage.MONITORING,
    "postmortem": Stage.MONITORING,
}


Id = str | int | float | bool | None

_FIRST_YEAR, _LAST_YEAR = 1990, 2200
_AHEAD = timedelta(days=1)


class Update(Struct, frozen=True, kw_only=True):
    """One post of the official page about an incident."""

    posted_at: datetime | None = None
    status: str | None = None
    body: str | None = None

    def __post_init__(self) -> None:
        _in_utc(self, "posted_at")


class Question(Struct, frozen=True, kw_only=True):
    """An open incident as known at ``at``; whatever was posted later is not looked at."""

    service: str
    at: datetime
    first_posted_at: datetime | None = None
    id: Id = None
    title: str | None = None
    impact: str | None = None
    stage: str | None = None
    components: Sequence[str | None] | None = ()
    updates: Sequence[Update] | None = ()

    def __post_init__(self) -> None:
        _in_utc(self, "at", "first_posted_at")

    @property
    def begun(self) -> datetime:
        """The first post, as far as it is told; never later than ``at``."""
        told = [u.posted_at for u in self.updates or () if u.posted_at]
        return min(self.first_posted_at or min(told, default=self.at), self.at)


class Resolved(Struct, frozen=True, kw_only=True):
    """One incident that is over."""

    service: str
    first_posted_at: datetime
    resolved_at: datetime
    id: Id = None
    components: Sequence[str | None] | None = ()

    def __post_init__(self) -> None:
        _in_utc(self, "first_posted_at", "resolved_at")


def absurd(told: Question | Resolved) -> str | None:
    """What is absurd in the times of a question or a row; None when nothing is."""
    over = ("at", told.at) if isinstance(told, Question) else ("resolved_at", told.resolved_at)
    times = [over, ("first_posted_at", told.first_posted_at)]
    if isinstance(told, Question):
        times += [("posted_at", update.posted_at) for update in told.updates or ()]
    for name, moment in times:
        if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            return f"the year of `{name}` is not between {_FIRST_YEAR} and {_LAST_YEAR}"
    if told.first_posted_at is not None and told.first_posted_at > over[1] + _AHEAD:
        return f"`first_posted_at` is more than a day after `{over[0]}`"
    return None


class Progress(Struct, frozen=True):
    """Where an open incident stands: seconds since the first post and in its stage, posts, the last one's text."""

    elapsed_s: float
    stage: Stage
    in_stage_s: float
    posts: int
    text: str


def progress(question: Question) -> Progress:
    """Read stage and times off a question; a post that names no stage of its own leaves the stage as it was."""
    at, begun = question.at, question.begun
    times = ((u.posted_at, u) for u in question.updates or () if u.posted_at is not None and u.posted_at <= at)
    told = sorted(times, key=lambda pair: pair[0])
    stage, since = Stage.INVESTIGATING, begun
    for i, (posted_at, update) in enumerate(told):
        named = _stage(update.status, stage)
        if named is not stage or i == 0:
            stage, since = named, posted_at
    said = _stage(question.stage, stage)
    if said is not stage:
        since = told[-1][0] if told else begun
    return Progress(
        elapsed_s=(at - begun).total_seconds(),
        stage=said,
        in_stage_s=max(0.0, (at - max(since, begun)).total_seconds()),
        posts=max(1, len(told)),
        text=(told[-1][1].body or "") if told else "",
    )


def _stage(word: str | None, otherwise: Stage) -> Stage:
    return _STAGES.get((word or "").strip().lower().replace(" ", "_"), otherwise)


def _in_utc(value: Struct, *fields: str) -> None:
    """A time told without a zone is UTC."""
    for field in fields:
        moment = getattr(value, field)
        if moment is not None and moment.tzinfo is not UTC:
            force_setattr(value, field, moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))


def parts(components: Sequence[str | None] | None) -> frozenset[str]:
    """Components as a set to compare by, whatever their case."""
    return frozenset(c.strip().lower() for c in components or () if c)
