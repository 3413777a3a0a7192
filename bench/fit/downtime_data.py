"""Incident rows as stretches of downtime by subject, for the fit and the check of the figures of downtime.

Down is what the page called a partial or major outage of a component, from when that was posted until it took it back;
where a row has no such transitions, an incident of major or critical impact, from its first post until its end, of all
components it names. What was only posted afterwards has no length on the page and is left out, as is maintenance.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from stillup.catalog.load import catalogue
from stillup.risk.stretches import meet, tidy
from stillup.risk.values import Subject, Watched

FILES = ("anthropic", "openai", "cloudflare", "github", "others", "cloud")
NAMES = {"anthropic": "claude", "openai": "chatgpt", "googlecloud": "gcp"}
OUTAGE, SEVERE = ("partial_outage", "major_outage"), ("major", "critical")
YEAR_S = 8766 * 3600.0
BIG = "(N. Virginia)"
CORE = ("Amazon Elastic Compute Cloud", "Amazon Elastic Load Balancing", "Amazon Simple Storage Service")
ENDS = {  # the record of a page does not end when the file does
    "claude": "2026-04-01", "chatgpt": "2025-01-08", "github": "2025-12-31", "cloudflare": "2025-12-31",
    "gcp": "2025-07-18", "aws": "2023-04-16", "stabilityai": "2024-12-19", "modal": "2025-12-31",
    "characterai": "2025-01-10", "baseten": "2025-12-31",
}  # fmt: skip
PARENTS = {"copilot": "github", "vertex": "gcp"}
"""On whose page they are."""

Row = dict[str, Any]


class Down(NamedTuple):
    """One stretch of one subject on its page."""

    subject: Subject
    begin: float
    end: float
    impact: str
    outage: bool


class History(NamedTuple):
    """All stretches, and from when until when each subject has a record."""

    downs: list[Down]
    spans: dict[Subject, tuple[float, float]]

    def watched(self, subject: Subject, since: float, until: float, *, outage: bool = True) -> Watched:
        """The subject's record in a window, as if one had watched its page."""
        begin, end = self.spans[subject]
        span = [(max(begin, since), min(end, until))]
        down = tidy((d.begin, d.end) for d in self.downs if d.subject == subject and d.outage == outage)
        return Watched(watched=tuple(tidy(span)), down=tuple(meet(tidy(span), down)))


def load(data: Path | None) -> History:
    """The record of the folder.

    :raises LookupError: there is no such folder.
    """
    folder = data / "incidents" if data else None
    if folder is None or not (folder / "anthropic.jsonl").exists():
        msg = "needs the incident record: a folder with incidents/*.jsonl, by --data or STILLUP_DATA"
        raise LookupError(msg)
    downs, first = [], dict[Subject, float]()
    for row in (json.loads(line) for name in FILES for line in (folder / f"{name}.jsonl").open()):
        for down in _downs(row):
            downs.append(down)
            first[down.subject] = min(first.get(down.subject, down.begin), down.begin)
    spans = {s: (begin, stamp(ENDS[PARENTS.get(s.service, s.service)])) for s, begin in first.items()}
    return History(downs, {s: span for s, span in spans.items() if span[0] < span[1]})


def stamp(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _downs(row: Row) -> Iterator[Down]:
    planned = row["impact"] in ("maintenance", None) or any(
        u["status"] in ("scheduled", "in_progress", "completed", "verifying") for u in row["updates"]
    )
    if planned or "posthoc_only" in row["quality"] or not row["resolved_at"]:
        return
    begin, end = stamp(row.get("first_posted_at") or row["started_at"]), stamp(row["resolved_at"])
    if end - begin < 30:
        return
    severe = row["impact"] in SEVERE
    moved = _moved(row, end)
    outages = {s for s, _, _ in moved}
    named = set(_subjects(row))
    for subject, since, until in moved:
        yield Down(subject, since, until, row["impact"], outage=True)
    for subject in named - outages:
        yield Down(subject, begin, end, row["impact"], outage=severe and not row.get("component_transitions"))


def _service(row: Row) -> str:
    provider: str = row["provider"]
    return NAMES.get(provider, provider)


def _moved(row: Row, end: float) -> list[tuple[Subject, float, float]]:
    """The stretches in which a component's own state was an outage, and those of its service: any of its components."""
    by: dict[Subject, list[tuple[float, str]]] = defaultdict(list)
    for t in row.get("component_transitions") or ():
        for subject in _named(row, t["component"]):
            by[subject].append((stamp(t["at"]), t["to"]))
    out = []
    for subject, steps in by.items():
        steps.sort()
        for (at, state), until in zip(steps, [*(a for a, _ in steps[1:]), end], strict=True):
            if state in OUTAGE and at < min(until, end):
                out.append((subject, at, min(until, end)))
    service = _service(row)
    whole = tidy((b, e) for s, b, e in out if s.service == service)
    return out + [(Subject(service), b, e) for b, e in whole]


def _subjects(row: Row) -> Iterator[Subject]:
    service = _service(row)
    found = [s for name in row["components"] for s in _named(row, name)]
    yield from found
    if service in ("cloudflare", "aws", "gcp"):
        if found:  # elsewhere: one city, or one product in one region
            yield Subject(service)
    else:
        yield Subject(service)


def _named(row: Row, name: str) -> Sequence[Subject]:
    """The subjects that a page's component is."""
    service = _service(row)
    if service == "aws":
        return (Subject("aws"),) if name.endswith(BIG) and name.startswith(CORE) else ()
    if service == "gcp":
        if name.startswith("Vertex"):
            return (Subject("vertex"),)
        return (Subject("gcp"),) if name in ("Google Compute Engine", "Google Cloud Networking") else ()
    if service == "github" and name == "Copilot":
        return (Subject("copilot"),)
    if service not in catalogue():
        return ()
    word = name.lower().removeprefix("cloudflare sites and services - ").split(" (")[0]
    for component in catalogue()[service].components:
        if word in {component.name.lower(), component.id, *(a.lower() for a in component.aliases)}:
            return (Subject(service, component.id),)
    return ()
