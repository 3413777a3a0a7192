"""What a person reports, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from stillup.model.service import Problem
from stillup.model.signal import Signal


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

    end: datetime
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
