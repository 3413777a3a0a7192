"""The official page as it stands at a moment: what was posted by then, shown with the times it was given."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from stillup.model.service import Stage, State, worst
from stillup.sim.scenario import Official


class Update(Struct, frozen=True, kw_only=True):
    """One update with the components it moved: ``changes`` maps each to its states before and after."""

    id: str
    at: datetime
    posted_at: datetime
    stage: Stage
    body: str
    changes: dict[str, tuple[State, State]]


class PageIncident(Struct, frozen=True, kw_only=True):
    """One incident, ``updates`` oldest first. It says it began at ``started_at`` and appeared at ``created_at``."""

    id: str
    title: str
    impact: str
    updates: tuple[Update, ...]

    @property
    def stage(self) -> Stage:
        return self.updates[-1].stage

    @property
    def started_at(self) -> datetime:
        return min(u.at for u in self.updates)

    @property
    def created_at(self) -> datetime:
        return self.updates[0].posted_at

    @property
    def updated_at(self) -> datetime:
        return self.updates[-1].posted_at

    def reached(self, stage: Stage) -> datetime | None:
        """When the page says it first reached that stage."""
        return next((u.at for u in self.updates if u.stage is stage), None)


class Page(Struct, frozen=True, kw_only=True):
    """The page: every component's state and last change, incidents newest first."""

    updated_at: datetime
    components: dict[str, State]
    changed_at: dict[str, datetime]
    incidents: tuple[PageIncident, ...]


def page_at(name: str, official: Iterable[Official], components: Iterable[str], now: datetime, born: datetime) -> Page:
    """The page at ``now``, from the updates posted by then; ``born`` is the age of what never changed."""
    states = dict.fromkeys(components, State.OPERATIONAL)
    changed = dict.fromkeys(states, born)
    rows: dict[str, list[tuple[Official, Update]]] = {}
    posted = sorted((o for o in official if o.posted_at <= now), key=lambda o: o.posted_at)
    for number, row in enumerate(posted):
        moved = {c: (states[c], new) for c, new in row.components.items() if c in states}
        changed |= {c: row.posted_at for c, (old, new) in moved.items() if old is not new}
        states |= {c: new for c, (_, new) in moved.items()}
        rows.setdefault(row.incident, []).append((row, _update(page_id(name, "update", number), row, moved)))
    incidents = [_incident(page_id(name, "incident", key), found) for key, found in rows.items()]
    return Page(
        updated_at=posted[-1].posted_at if posted else born,
        components=states,
        changed_at=changed,
        incidents=tuple(sorted(incidents, key=lambda i: i.created_at, reverse=True)),
    )


def _update(update_id: str, row: Official, moved: dict[str, tuple[State, State]]) -> Update:
    return Update(id=update_id, at=row.at, posted_at=row.posted_at, stage=row.stage, body=row.body, changes=moved)


def _incident(incident_id: str, rows: list[tuple[Official, Update]]) -> PageIncident:
    return PageIncident(
        id=incident_id,
        title=[o.title for o, _ in rows if o.title][-1],
        impact=_impact([o for o, _ in rows]),
        updates=tuple(u for _, u in rows),
    )


def _impact(rows: list[Official]) -> str:
    """The impact last given, else the one Statuspage derives from the worst component named."""
    given = [o.impact for o in rows if o.impact]
    if given:
        return given[-1]
    implied = worst((s for o in rows for s in o.components.values()), State.OPERATIONAL)
    return {State.MAJOR_OUTAGE: "critical", State.PARTIAL_OUTAGE: "major", State.DEGRADED: "minor"}.get(implied, "none")


def page_id(*name: object) -> str:
    """Twelve lower-case letters and digits, as Statuspage's ids look; equal names give equal ids."""
    number = int.from_bytes(sha256(":".join(map(str, name)).encode()).digest()[:12])
    digits = ""
    while len(digits) < 12:
        number, rest = divmod(number, 36)
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[rest]
    return digits
