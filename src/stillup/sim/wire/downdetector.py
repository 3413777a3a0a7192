"""Downdetector's partner API v2: a company for each service, its day in quarter-hours, what people say is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.model.service import Problem
from stillup.sim.scenario import Stream
from stillup.sim.story import Story
from stillup.sim.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_COMPANY = re.compile(r"v2/companies/(\d{1,9})(/indicators)?")
_QUARTER = timedelta(minutes=15)
_QUARTERS_A_DAY = 96
_LABELS = {
    Problem.SIGN_IN: "Log-in",
    Problem.NO_RESPONSE: "Not responding",
    Problem.SERVER_ERROR: "Server error",
    Problem.OVERLOADED: "Server error",
    Problem.SLOW: "Slow performance",
    Problem.APP_CRASH: "App crashing",
    Problem.CONNECTION: "Server connection",
    Problem.BILLING: "Billing",
}
_DANGER, _WARNING = 20.0, 6.0
"""Reports in a quarter of an hour, as multiples of the usual and at least so many, that change the simulated status."""


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``v2/companies/search``, ``v2/companies/{id}`` and ``v2/companies/{id}/indicators``."""
    if not visit.has_token:
        return json_reply({"error": True, "message": "Unauthorized"}, status=401)
    if rest == "v2/companies/search":
        return search(visit.params)
    found = _COMPANY.fullmatch(rest)
    service = companies().get(int(found[1])) if found else None
    if found is None or service is None:
        return json_reply({"error": True, "message": "Not found"}, status=404)
    story = desk.story_of(service.id)
    if found[2]:
        return indicators(story, visit.params, visit.now)
    return company(story, int(found[1]), service, visit.now)


def concerns(visit: Visit, rest: str) -> list[str]:
    """The service whose company is asked for, by its number or its slug."""
    found, slug = _COMPANY.fullmatch(rest), visit.params.get("slug")
    number = int(found[1]) if found else None
    return [s.id for n, s in companies().items() if n == number or s.sources["downdetector"].slug == slug]


def companies() -> dict[int, Service]:
    """The services that have a company there, by its number."""
    return {1000 + n: s for n, s in enumerate(catalogue().values()) if "downdetector" in s.sources}


def search(params: Mapping[str, str]) -> Reply:
    """``/companies/search?slug=``."""
    slug = params.get("slug", "")
    rows = [
        {"id": number, "name": service.name, "slug": service.sources["downdetector"].slug, "country_iso": "US"}
        for number, service in companies().items()
    ]
    return json_reply([row for row in rows if row["slug"] == slug])


def company(story: Story, number: int, service: Service, now: datetime) -> Reply:
    """``/companies/{id}``: two lists of 96 quarters, oldest first, the last one still open."""
    last = _end_of_quarter(now)
    ends = [last - age * _QUARTER for age in reversed(range(_QUARTERS_A_DAY))]
    counts = Counter(_end_of_quarter(h.at) for h in story.happened(Stream.REPORTS, ends[0] - _QUARTER, now))
    usual = [_usual(story, end - _QUARTER) for end in ends]
    stats = [counts[end] for end in ends]
    return json_reply(
        {
            "id": number,
            "name": service.name,
            "slug": service.sources["downdetector"].slug,
            "country_iso": "US",
            "status": _status(max(stats[-2:]), max(usual[-2:])),
            "stats_24": stats,
            "baseline": usual,
        }
    )


def indicators(story: Story, params: Mapping[str, str], now: datetime) -> Reply:
    """``/companies/{id}/indicators``: the kinds of problem people named between two dates, never later than now."""
    after, until = _date(params.get("startdate"), now - timedelta(hours=1)), _date(params.get("enddate"), now)
    after = max(after, now - timedelta(days=1))
    named = Counter(
        _LABELS.get(h.problem or Problem.OTHER, "Something else")
        for h in story.happened(Stream.REPORTS, after, min(until, now))
    )
    return json_reply(
        [{"indicator": label, "slug": label.lower().replace(" ", "-"), "amount": n} for label, n in named.most_common()]
    )


def _date(text: str | None, default: datetime) -> datetime:
    try:
        at = datetime.fromisoformat((text or "").replace(" ", "+"))  # a bare plus in a query is read as a blank
    except ValueError:
        return default
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _end_of_quarter(at: datetime) -> datetime:
    """The end of the quarter-hour that ``at`` lies in or ends."""
    span_s = _QUARTER.total_seconds()
    return datetime.fromtimestamp(-(-at.timestamp() // span_s) * span_s, UTC)


def _usual(story: Story, start: datetime) -> float:
    """What is usual for a quarter-hour at that time of day, as a year's average would say."""
    usual = story.scenario.usual
    shape = usual.by_hour[start.hour] * 24 / sum(usual.by_hour)
    return round(usual.reports_per_day / _QUARTERS_A_DAY * shape, 2)


def _status(newest: float, usual: float) -> str:
    if newest >= _DANGER * max(usual, 1.0):
        return "danger"
    return "warning" if newest >= _WARNING * max(usual, 1.0) else "success"
