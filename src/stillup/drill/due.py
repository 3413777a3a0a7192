"""Whether it is time to practise again, and whether somebody has to be told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from stillup.drill.values import Drill
from stillup.drill.words import ago


class Reason(StrEnum):
    """Why it is due, or why not."""

    NEVER_WANTED = "never_wanted"
    """The configuration wants no reminders."""
    NONE_YET = "none_yet"
    """Nothing was practised yet."""
    LONG_AGO = "long_ago"
    """The last whole drill is longer ago than it may be."""
    RECENT = "recent"
    """It was practised within that time."""


class Due(Struct, frozen=True, kw_only=True):
    """How it stands: ``last`` is when the newest drill was that was not broken off, ``at`` when the next is due.

    ``at`` is None where no reminders are wanted, and where nothing was practised yet: then it is due now.
    """

    reason: Reason
    last: datetime | None = None
    at: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return self.reason in (Reason.NONE_YET, Reason.LONG_AGO)


class Reminded(Struct, frozen=True, kw_only=True):
    """What outlives the process: since when somebody could have practised, and when they were last reminded."""

    since: datetime
    at: datetime | None = None


def due(history: Sequence[Drill], now: datetime, remind_days: int) -> Due:
    """How it stands, by the drills that were run; one that was broken off practised nothing to the end."""
    last = max((drill.at for drill in history if not drill.aborted and drill.at <= now), default=None)
    if remind_days <= 0:
        return Due(reason=Reason.NEVER_WANTED, last=last)
    if last is None:
        return Due(reason=Reason.NONE_YET)
    at = last + timedelta(days=remind_days)
    return Due(reason=Reason.LONG_AGO if at <= now else Reason.RECENT, last=last, at=at)


def wants_word(stands: Due, reminded: Reminded, now: datetime, remind_days: int) -> bool:
    """Whether to remind now: it is due, and nobody was reminded within the same time.

    Who has never practised is reminded from so many days after stillup first ran on: a new user has other things to do.
    """
    if not stands.is_due or remind_days <= 0:
        return False
    newest = max(at for at in (reminded.since, stands.last, reminded.at) if at is not None)
    return now - newest >= timedelta(days=remind_days)


def words(stands: Due, now: datetime) -> str:
    """It in one sentence; empty where no reminders are wanted."""
    match stands.reason:
        case Reason.NEVER_WANTED:
            return ""
        case Reason.NONE_YET:
            return "no outage has been practised yet"
        case Reason.LONG_AGO:
            return f"the last drill was {_ago(now, stands.last)}"
        case Reason.RECENT:
            return f"practised {_ago(now, stands.last)}; the next drill is due {stands.at:%Y-%m-%d}"


def _ago(now: datetime, last: datetime | None) -> str:
    return ago((now - last).days if last is not None else 0)
