"""Flashcat (Flashduty) pages, DeepSeek's among them: ``/api/status-page/PAGE/summary/active``.

The answer has the page's components, which bear no state of their own, and the changes (incidents and maintenance)
that are going on. A component is as bad as the worst change that names it; with both lists there and no change, it
works. Texts are bilingual: the English half is taken. Times are seconds since 1970.

As its public clients read it; the vendor documents the interface for managing pages only. ``page`` of the hint is the
page's id. Some have found this page closed to programs that are no browser: that is *no data*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from stillup.model.service import Stage, State
from stillup.net import Request
from stillup.sources.base import Context
from stillup.sources.decode import clean, decode_json, from_epoch
from stillup.sources.pages.page import MOST_POSTS, Affected, Incident, Page, Post, Row
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, stage_of

_API = "/api/status-page"
_MOST_TEXT = 20_000
_PAGE_ID = re.compile(rb'\\?"page_?id\\?"\s*:\s*\\?"?(\d{5,20})', re.IGNORECASE)
_EASTERN = re.compile(r"[⺀-鿿豈-﫿︰-﹏＀-￯]+")
_ASIDE = re.compile(r"[(（]([^()（）]{2,300})[)）]\s*$")
_PARAGRAPH = re.compile(r"\n\s*\n")


class _Word(StateWord):
    """A component's state in an open change; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational", State.OPERATIONAL
    DEGRADED = "degraded", State.DEGRADED
    DEGRADED_PERFORMANCE = "degraded_performance", State.DEGRADED
    PARTIAL = "partial_outage", State.PARTIAL_OUTAGE
    FULL = "full_outage", State.MAJOR_OUTAGE
    MAJOR = "major_outage", State.MAJOR_OUTAGE
    UNDER_MAINTENANCE = "under_maintenance", State.MAINTENANCE
    MAINTENANCE = "maintenance", State.MAINTENANCE


_STAGES = {"ongoing": Stage.IN_PROGRESS, "planned": Stage.SCHEDULED, "upcoming": Stage.SCHEDULED}


class _Component(Struct, frozen=True):
    component_id: str
    name: str
    section_id: str | None = None


class _Section(Struct, frozen=True):
    section_id: str
    name: str


class _Named(Struct, frozen=True):
    """A component as an update leaves it; unknown words of history are let pass here."""

    component_id: str
    status: str | None = None


class _Affected(Struct, frozen=True):
    """A component as the change leaves it now."""

    component_id: str
    status: _Word | None = None


class _Update(Struct, frozen=True):
    at_seconds: float | None = None
    status: str | None = None
    description: str | None = None
    component_changes: tuple[_Named, ...] | None = None

    def post(self, kind: str) -> Post:
        named = self.component_changes or ()
        return Post(
            at=from_epoch(self.at_seconds),
            stage=_stage(self.status, kind),
            body=english(self.description or ""),
            affected=tuple(Affected(c.component_id, _Word.left(c.status)) for c in named),
        )


class _Change(Struct, frozen=True):
    """An incident or a maintenance that is going on or planned."""

    change_id: int
    title: str
    status: str
    type: str = "incident"
    affected_components: tuple[_Affected, ...] | None = None
    updates: tuple[_Update, ...] | None = None

    def incident(self) -> Incident:
        """Updates come in any order; they are put newest first."""
        updates = sorted(self.updates or (), key=lambda u: u.at_seconds or 0.0, reverse=True)[:MOST_POSTS]
        posts = tuple(u.post(self.type) for u in updates)
        told = {a.id: a.state for post in reversed(posts) for a in reversed(post.affected)}
        states = {a.component_id: self._state_now(a, told) for a in self.affected_components or ()}
        return Incident(
            id=str(self.change_id),
            title=english(self.title),
            stage=_stage(self.status, self.type),
            implies=State.MAINTENANCE if self.type == "maintenance" else State.DEGRADED,
            rows=tuple(Row(id_, "", state) for id_, state in states.items()),
            posts=posts,
        )

    @staticmethod
    def _state_now(affected: _Affected, told: Mapping[str, State]) -> State:
        """The change's own word on it, else the newest update's that names it; unknown when neither says."""
        if affected.status is not None:
            return affected.status.state
        return told.get(affected.component_id, State.UNKNOWN)


class _Page(Struct, frozen=True):
    components: tuple[_Component, ...]
    name: str = ""
    sections: tuple[_Section, ...] | None = None


class _Data(Struct, frozen=True):
    page: _Page
    active_changes: tuple[_Change, ...]


class _Active(Struct, frozen=True):
    """``summary/active``. Both lists must be there: a missing one is never read as nothing going on."""

    data: _Data


class Flashcat(PageSource):
    """The official page of one service."""

    id = "flashcat"
    marks = (b"flashcat", b"flashduty")

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/summary/active", tag="active"),)

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        return self.page_requests(_with_page(self.base(ctx), ctx.hint(self.id).page))

    def address(self, base: str, html: bytes) -> str:
        """Below the page's id, which its HTML tells."""
        found = _PAGE_ID.search(html)
        return _with_page(base, found[1].decode() if found else "")

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        data = decode_json(next(iter(answers.values())), _Active).data
        incidents = tuple(change.incident() for change in data.active_changes)
        worst = _worst(incidents)
        rows = tuple(
            Row(c.component_id, _name(c.name), worst.get(c.component_id, State.OPERATIONAL), group_id=c.section_id)
            for c in data.page.components
        )
        heads = (Row(s.section_id, _name(s.name), State.OPERATIONAL, group=True) for s in data.page.sections or ())
        return Page(name=data.page.name, rows=(*rows, *heads), incidents=incidents)


def _with_page(base: str, page: str) -> str:
    return f"{base}{_API}/{page}" if page and _API not in base else base


def _stage(word: str | None, kind: str) -> Stage | None:
    stage = stage_of(word) or _STAGES.get((word or "").lower())
    # A maintenance that "investigates" or is "identified" is one that is going on.
    is_doing = kind == "maintenance" and stage in (Stage.INVESTIGATING, Stage.IDENTIFIED, Stage.MONITORING)
    return Stage.IN_PROGRESS if is_doing else stage


def _worst(incidents: Iterable[Incident]) -> dict[str, State]:
    """The worst state of each component over what is going on; what is only planned says nothing of now."""
    found: dict[str, State] = {}
    for incident in incidents:
        for row in incident.rows if incident.is_open else ():
            before = found.get(row.id, State.OPERATIONAL)
            found[row.id] = max(before, row.state, key=lambda s: (s.severity, s is State.UNKNOWN))
    return found


def english(text: str) -> str:
    """The English half of a bilingual text: what its closing brackets hold, or its last paragraph in Latin letters."""
    text = text[:_MOST_TEXT]
    if _EASTERN.search(text) is None:
        return text
    aside = _ASIDE.search(text)
    halves = [aside[1]] if aside else []
    halves += [p for p in _PARAGRAPH.split(text) if p.strip()][::-1]
    return next((half.strip() for half in halves if not _EASTERN.search(half) and _is_latin(half)), text)


def _name(text: str) -> str:
    """A component's English name. ``V4 Pro API服务(API Service)`` says more before the brackets than in them."""
    if _EASTERN.search(text) is None:
        return text
    before = clean(_EASTERN.sub(" ", _ASIDE.sub("", text)), 80)
    return before if _is_latin(before) else english(text)


def _is_latin(text: str) -> bool:
    return any(c.isascii() and c.isalpha() for c in text)


SOURCE = Flashcat()
