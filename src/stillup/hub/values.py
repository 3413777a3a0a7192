"""What a person reports, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from stillup.model.service import Problem
from stillup.model.signal import At, Signal


class CrowdReport(Struct, frozen=True, kw_only=True):
    """Somebody says that something is wrong. Names were checked against the catalogue before one is made."""

    service: str
    problem: Problem
    component: str | None = None
    region: str | None = None
    """ISO 3166-1 or 3166-2, as the sender chose it."""


class Reason(StrEnum):
    """Why a report was taken or not; flows unchanged to answer, metric and log."""

    ADMITTED = "admitted"
    FOLDED = "folded"
    """The sender had said the same a moment ago: taken, counted once."""
    TOO_MANY = "too_many"
    """More than one sender, or one network, may say."""
    FORGED = "forged"
    """The form's token is not ours, or is missing."""
    STALE = "stale"
    """The form was opened too long ago, or before this process began."""
    REPLAYED = "replayed"
    """That form was sent before."""
    UNKEPT = "unkept"
    """Taken, and not safe yet: nobody else has heard of it."""
    CLOSED = "closed"
    """Reports are switched off."""


class Admission(Struct, frozen=True, kw_only=True):
    """What became of a report; ``status`` is the HTTP status that says so, ``says`` one sentence for the sender."""

    reason: Reason
    status: int
    says: str
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """It was taken."""
        return self.reason in (Reason.ADMITTED, Reason.FOLDED)


class Counted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many reports of one kind in one minute."""

    count: int
    component: str | None = None
    region: str | None = None
    problem: Problem | None = None


class Minute(Struct, frozen=True, kw_only=True):
    """One minute in which anything counted, by its end."""

    end: At
    counts: tuple[Counted, ...]


class Desk(Protocol):
    """Where reports are handed in. Calls are quick, never block, and may come from any thread."""

    def token(self, now: datetime) -> str:
        """A new token for a form; it must come back with the report."""

    def hand_in(self, report: CrowdReport, sender: str, token: str | None, now: datetime) -> Admission:
        """Take a report or refuse it.

        ``sender`` is the address it came from (IPv4 or IPv6, without port). ``token`` is what the form carried; None
        comes from the API, where no form was opened, and is bounded harder.
        """

    def due(self, now: datetime) -> Iterable[Signal]:
        """What has gathered since the last call, as signals of the source ``hub``."""

    def minutes(self, service: str, now: datetime) -> tuple[datetime, tuple[Minute, ...]]:
        """For other hubs: the end of the newest minute that is over, and the last quarter of an hour's that had any.

        A minute that is over never changes. A region is named only where enough reports bear it.
        """


# -- counts that installations share ----------------------------------------------------------------------------------

Tries = Annotated[int, Meta(ge=0, le=1_000_000_000)]
MOST_TALLIES = 200


class Tally(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """So many of one installation's own requests worked, and failed by the provider's fault."""

    service: Annotated[str, Meta(min_length=1, max_length=40, description="The provider: a service of the catalogue")]
    ok: Tries
    failed: Tries
    model: Annotated[str, Meta(min_length=1, max_length=80, description="A public model's id")] | None = None


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one installation shares of five minutes."""

    installation: Annotated[
        str, Meta(pattern="^[0-9a-f]{32}$", description="A random name that is made up anew each day")
    ]
    end: Annotated[datetime, Meta(tz=True, description="When the five minutes ended")]
    tallies: Annotated[tuple[Tally, ...], Meta(min_length=1, max_length=MOST_TALLIES)]


class Sum(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What enough installations counted together; without ``model`` of requests that asked none."""

    ok: int
    failed: int
    model: str | None = None


class PoolWindow(Struct, frozen=True, kw_only=True):
    """Five minutes, by their end."""

    end: datetime
    sums: tuple[Sum, ...]


class PoolDesk(Protocol):
    """Where shared counts are handed in and given out as sums. Calls may come from any thread and loop."""

    async def take(self, batch: Batch, sender: str, now: datetime) -> Admission:
        """Take one installation's counts, or refuse them; ``sender`` as for reports."""

    def sums(self, service: str, now: datetime) -> tuple[PoolWindow, ...]:
        """What enough installations shared about a service in the last half hour, oldest first; it does not change."""
