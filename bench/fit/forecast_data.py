"""Incident rows as questions at moments of an incident's life, for the fit and the judge of the forecast."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from stillup.verdict.forecast.question import Question, Resolved, Update
from stillup.verdict.forecast.record import SHORTEST_S

FILES = ("anthropic", "openai", "cloudflare", "github", "others", "cloud")
STAGED = ("claude", "chatgpt", "cloudflare", "stabilityai", "characterai", "baseten")
"""Services whose pages tell investigating, identified and monitoring apart."""

NAMES = {"anthropic": "claude", "openai": "chatgpt", "googlecloud": "gcp"}
_PLANNED = {"scheduled", "in_progress", "in progress", "completed", "verifying"}
_OVER = {"resolved", "postmortem"}


class Incident(NamedTuple):
    """One incident of the record; ``live`` when it was on the page before it was over."""

    service: str
    id: str
    title: str
    begun: datetime
    ended: datetime
    components: tuple[str, ...]
    updates: tuple[Update, ...]
    live: bool

    @property
    def lasted_s(self) -> float:
        return (self.ended - self.begun).total_seconds()

    def resolved(self) -> Resolved:
        return Resolved(
            service=self.service,
            id=self.id,
            first_posted_at=self.begun,
            resolved_at=self.ended,
            components=self.components,
        )

    def question(self, after_s: float) -> Question:
        """What was known ``after_s`` seconds after the first post. The final impact is left out: it was not known."""
        at = self.begun + timedelta(seconds=after_s)
        told = tuple(u for u in self.updates if u.posted_at and u.posted_at <= at and u.status not in _OVER)
        return Question(
            service=self.service,
            id=self.id,
            at=at,
            first_posted_at=self.begun,
            title=self.title,
            components=self.components,
            updates=told,
        )


def load(data: Path | None) -> list[Incident]:
    """All incidents of the folder, oldest first; maintenance and rows without an end are left out.

    :raises LookupError: there is no such folder.
    """
    folder = data / "incidents" if data else None
    if folder is None or not (folder / "anthropic.jsonl").exists():
        msg = "needs the incident record: a folder with incidents/*.jsonl, by --data or STILLUP_DATA"
        raise LookupError(msg)
    found = [i for name in FILES for i in _file(folder / f"{name}.jsonl")]
    return sorted(found, key=lambda i: i.begun)


def _file(path: Path) -> Iterator[Incident]:
    for line in path.open() if path.exists() else ():
        incident = _incident(json.loads(line))
        if incident is not None and incident.lasted_s >= SHORTEST_S:
            yield incident


def _incident(row: dict[str, Any]) -> Incident | None:
    told = ((_time(u.get("posted_at") or u.get("at")), u) for u in row["updates"])
    posts = sorted(((moment, u) for moment, u in told if moment), key=lambda post: post[0])
    updates = [Update(posted_at=moment, status=u["status"], body=u["body"]) for moment, u in posts]
    planned = row["impact"] == "maintenance" or any(u.status in _PLANNED for u in updates)
    ended = _time(row["resolved_at"])
    if planned or ended is None or not updates:
        return None
    return Incident(
        service=NAMES.get(row["provider"], row["provider"]),
        id=row["id"],
        title=row["title"],
        begun=_time(row.get("first_posted_at")) or posts[0][0],
        ended=ended,
        components=tuple(row["components"]),
        updates=tuple(updates),
        live="posthoc_only" not in row["quality"] and updates[0].status not in _OVER,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def begun_between(incidents: Sequence[Incident], since: datetime, until: datetime) -> list[Incident]:
    return [i for i in incidents if i.live and since <= i.begun < until]
