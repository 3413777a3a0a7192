"""What came in and what became of it, counted; in the page's own loop only, so that no lock is needed."""

from __future__ import annotations

from collections import Counter

_BY_FIRST = {
    name: name
    for name in (
        "static", "events", "metrics", "healthz", "readyz", "chat", "drills", "risk", "sla", "vault", "incidents",
        "compare", "method",
    )
}  # fmt: skip
_BY_LAST = {"badge.svg": "badge", "feed.atom": "feed", "feed.json": "feed", "maintenances.ics": "feed",
            "report": "report", "history": "history"}  # fmt: skip


class Traffic:
    """Requests by class of route and status, refusals by reason, answers by whether they were ready."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.refused: Counter[str] = Counter()
        self.ready = 0
        """Answers that were sent as they lay ready."""
        self.rendered = 0
        """Answers that were made to be kept."""
        self.metrics_failed = 0
        """Other parts' metrics that could not be had."""

    def count(self, parts: list[str], status: int) -> None:
        """One request that was answered."""
        self.requests[route_class(parts), status] += 1


def route_class(parts: list[str]) -> str:
    """The class of a path: one of some twenty words, whatever a path may say."""
    if not parts:
        return "index"
    if "api" in parts[:2]:
        return "statuspage" if "v2" in parts[1:3] else "api"
    found = _BY_FIRST.get(parts[0]) or _BY_LAST.get(parts[-1])
    return found or ("service" if len(parts) == 1 else "other")
