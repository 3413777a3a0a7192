"""What the user's own requests met, as the command lines on this machine noted it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Layer, Scope
from stillup.model.signal import Outcome
from stillup.model.verdict import Verdict
from stillup.registry import SOURCES
from stillup.sources.report import Report
from stillup.verdict.outcomes.stream import ErrorKind, kind_of
from stillup.verdict.own import lasts_s, opens_at
from stillup.verdict.telling.explain import headline

PROGRAMS = frozenset({"claude_code", "codex", "gemini_cli"})
"""The sources that read a program's notes."""
_NETWORK_LASTS_S = 15 * 60
_NETWORK = "network"
_OF_LIMIT = re.compile(r"rate|quota|limit|too.?many|exhausted|(?<!\d)429(?!\d)")
_OF_BILL = re.compile(r"billing|credit|payment|(?<!\d)402(?!\d)")


class Own(StrEnum):
    """What of the user's own stands in the way."""

    LIMIT = "limit"
    BILL = "bill"
    KEY = "key"
    """A sign-in, key or right that was refused."""


class Yours(Struct, frozen=True, kw_only=True):
    """One program's requests in the last 24 hours.

    ``failed`` of ``requests`` failed for a reason that is not the user's, ``kinds`` says which. ``own`` is the error
    that stands in the user's own way now (``quota:five_hour``, ``authentication``, ``network`` …), None when nothing
    does; ``resets_at`` is when it goes by itself, as far as that is known.
    """

    source: str
    program: str
    requests: int
    failed: int
    kinds: dict[str, int]
    last_failed_at: datetime | None
    own: str | None
    own_at: datetime | None
    resets_at: datetime | None


def own_trouble(reports: Iterable[Report], now: datetime) -> Own | None:
    """What of the user's own account stands in the way now, by the newest word; None where nothing is said to."""
    reports = tuple(reports)
    told = [(y.own_at, y.own) for y in yours(reports, now) if y.own and y.own_at and y.own != _NETWORK]
    for report in reports:
        if report.reading is not None and report.source not in PROGRAMS:
            tries = [t for t in report.reading.signals if isinstance(t, Outcome) and t.ok is False]
            told += [(t.at, t.error) for t in tries if t.error and kind_of(t.error) is ErrorKind.YOURS]
    if not told:
        return None
    word = max(told)[1].lower()
    return Own.LIMIT if _OF_LIMIT.search(word) else Own.BILL if _OF_BILL.search(word) else Own.KEY


_OWN = {Own.LIMIT: "your limit", Own.BILL: "your credit or plan", Own.KEY: "your sign-in or key"}


def words_of_own(verdict: Verdict, reports: Iterable[Report], now: datetime) -> str:
    """What of the user's own stands in the way, in a few words; empty where that is not what the verdict says."""
    if verdict.scope is not Scope.YOUR_QUOTA or verdict.state.is_fault:
        return ""
    own = own_trouble(reports, now)
    return _OWN[own] if own else ""


def headline_for(name: str, verdict: Verdict, reports: Iterable[Report], now: datetime) -> str:
    """The verdict in a few words, and whether a limit, a bill or a key it is where it is the user's own."""
    own = words_of_own(verdict, reports, now)
    return f"{name}: {own}, not an outage" if own else headline(verdict, name)


def yours(reports: Iterable[Report], now: datetime) -> tuple[Yours, ...]:
    """What each program that made requests met, in the reports' order."""
    reports = tuple(reports)
    reached_at = _reached_at(reports)
    read = [(r.source, r.reading.signals) for r in reports if r.source in PROGRAMS and r.reading is not None]
    summed = (
        _summed(source, [s for s in signals if isinstance(s, Outcome)], reached_at, now) for source, signals in read
    )
    return tuple(line for line in summed if line is not None)


def way_out(reports: Iterable[Report]) -> bool | None:
    """Whether this machine reaches hosts that have nothing to do with a service; None where that was not tried."""
    ways_out = _ways_out(reports)
    return 2 * sum(bool(t.ok) for t in ways_out) > len(ways_out) if ways_out else None


def _ways_out(reports: Iterable[Report]) -> list[Outcome]:
    tries = [s for r in reports if r.source == "probe" and r.reading for s in r.reading.signals]
    return [t for t in tries if isinstance(t, Outcome) and t.layer is Layer.NETWORK and t.region is None]


def _reached_at(reports: Iterable[Report]) -> datetime | None:
    """When the probe got out of this network; None where most of its control hosts fail, or none was asked."""
    ways_out = _ways_out(reports)
    worked = [t.at for t in ways_out if t.ok]
    return max(worked) if 2 * len(worked) > len(ways_out) else None


def _summed(source: str, tries: list[Outcome], reached_at: datetime | None, now: datetime) -> Yours | None:
    if not tries:
        return None
    answered = [t for t in tries if t.n_ok and t.layer is Layer.INFERENCE]
    failed = [t for t in tries if t.ok is False]
    own = [t for t in failed if kind_of(t.error) is ErrorKind.YOURS or t.layer is Layer.NETWORK]
    theirs = [t for t in failed if t not in own]
    # What this network let out since is no trouble of it any more, whichever program that was.
    own_now = [t for t in own if t.layer is not Layer.NETWORK or reached_at is None or t.at >= reached_at]
    standing = _standing(own_now, max((t.at for t in answered), default=None), now)
    return Yours(
        source=source,
        program=SOURCES[source].title.removesuffix(" here"),
        requests=sum(t.n_ok or 0 for t in answered) + len(theirs),
        failed=len(theirs),
        kinds=dict(Counter(t.error or "other" for t in theirs).most_common()),
        last_failed_at=max((t.at for t in theirs), default=None),
        own=(standing.error or "").partition(" ")[0] if standing else None,
        own_at=standing.at if standing else None,
        resets_at=opens_at(standing.error) if standing else None,
    )


def _standing(own: list[Outcome], answered_at: datetime | None, now: datetime) -> Outcome | None:
    """The newest error of the user's own that no answer has followed and that has not lapsed."""
    newest = max(own, key=lambda t: t.at, default=None)
    if newest is None or (answered_at is not None and answered_at > newest.at):
        return None
    at_s = newest.at.timestamp()
    lasts = _NETWORK_LASTS_S if newest.layer is Layer.NETWORK else lasts_s(newest.error or "", at_s)
    return newest if now.timestamp() - at_s < lasts else None
