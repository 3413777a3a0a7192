"""Another stillup: the reports of which some people hand one in there, minute by minute."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stillup.catalog.load import catalogue
from stillup.model.service import Problem
from stillup.sim.draw import chance
from stillup.sim.scenario import Stream
from stillup.sim.story import Happening, Story
from stillup.sim.wire.reply import Reply, json_reply, seconds

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_MINUTES = 15
_SHARE = 0.25
"""Of those who report it anywhere, so many report it there."""
_K = 5


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``api/v1/hub/counts?service=``."""
    service = catalogue().get(visit.params.get("service", ""))
    if rest != "api/v1/hub/counts" or service is None:
        return json_reply({"type": "about:blank", "title": "Not found", "status": 404}, status=404)
    return counts(desk.story_of(service.id), visit.now)


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - as every site's is called
    """The service that is asked about."""
    return [visit.params.get("service", "")]


def counts(story: Story, now: datetime) -> Reply:
    """The minutes that are over, of the last quarter of an hour, in which anybody reported."""
    until = datetime.fromtimestamp(now.timestamp() // 60 * 60, UTC)
    span = timedelta(minutes=_MINUTES)
    told = [h for h in story.happened(Stream.REPORTS, until - 2 * span, until) if _is_told(story, h)]
    minutes: dict[datetime, Counter[tuple[str, str, str]]] = {}
    for h in told:
        end = datetime.fromtimestamp(-(-h.at.timestamp() // 60) * 60, UTC)
        if end > until - span:
            near = sum(end - span < other.at <= end and other.region == h.region for other in told)
            region = (h.region or "") if near >= _K else ""
            minutes.setdefault(end, Counter())[h.component or "", region, (h.problem or Problem.OTHER).value] += 1
    return json_reply(
        {
            "service": story.scenario.service,
            "until": seconds(until),
            "window_s": 60,
            "k": _K,
            "minutes": [{"end": seconds(end), "counts": [*_rows(minutes[end])]} for end in sorted(minutes)],
        },
        etag=True,
    )


def _is_told(story: Story, h: Happening) -> bool:
    dice = chance(story.scenario.seed, "hub", story.scenario.service, h.at.isoformat())
    return dice.random() < _SHARE


def _rows(counts: Counter[tuple[str, str, str]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for (component, region, problem), n in sorted(counts.items()):
        row: dict[str, object] = {"count": n, "problem": problem}
        rows.append(row | ({"component": component} if component else {}) | ({"region": region} if region else {}))
    return rows
