"""Atlassian Statuspage, and whatever speaks its format: ``/api/v2/summary.json`` or ``/history.atom``.

``api = false`` (in the config, else in the catalogue) reads the feed alone: some pages ask crawlers to leave ``/api/``
be, which binds a public hub, not a person who asks once. The feed names no components and no impact.

incident.io's compatible pages have the same shape; they leave ``incidents`` out when quiet and name no affected
components.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from stillup.model.service import State
from stillup.net import Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import decode_json, http_url, moment
from stillup.sources.pages.page import MOST_POSTS, Affected, Incident, Page, Post, Row
from stillup.sources.pages.reading import record_of
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, stage_of, state_of_impact


class _PageState(StateWord):
    """A component's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational", State.OPERATIONAL
    DEGRADED = "degraded_performance", State.DEGRADED
    PARTIAL = "partial_outage", State.PARTIAL_OUTAGE
    MAJOR = "major_outage", State.MAJOR_OUTAGE
    MAINTENANCE = "under_maintenance", State.MAINTENANCE


class _PageInfo(Struct, frozen=True):
    id: str
    name: str


class _Component(Struct, frozen=True):
    id: str
    name: str
    status: _PageState
    group: bool = False
    group_id: str | None = None

    def row(self) -> Row:
        return Row(self.id, self.name, self.status.state, self.group, self.group_id)


class _Affected(Struct, frozen=True):
    """A component as an update leaves it; unknown words of history are let pass here."""

    code: str
    new_status: str | None = None


class _Update(Struct, frozen=True):
    status: str | None = None
    body: str | None = None
    created_at: str | None = None
    affected_components: tuple[_Affected, ...] | None = None

    def post(self) -> Post:
        """``created_at`` is when it could first be read: ``display_at`` may be set back, ``updated_at`` is re-saved."""
        affected = (Affected(a.code, _PageState.left(a.new_status)) for a in self._affected())
        return Post(
            at=moment(self.created_at), stage=stage_of(self.status), body=self.body or "", affected=tuple(affected)
        )

    def _affected(self) -> tuple[_Affected, ...]:
        return self.affected_components or ()


class _Incident(Struct, frozen=True):
    """An incident or a maintenance with its updates, newest first."""

    id: str
    name: str
    status: str
    impact: str | None = None
    shortlink: str | None = None
    scheduled_for: str | None = None
    scheduled_until: str | None = None
    components: tuple[_Component, ...] | None = None
    incident_updates: tuple[_Update, ...] | None = None

    def incident(self) -> Incident:
        return Incident(
            id=self.id,
            title=self.name,
            stage=stage_of(self.status),
            implies=state_of_impact(self.impact),
            link=http_url(self.shortlink or ""),
            rows=tuple(c.row() for c in self.components or ()),
            posts=tuple(u.post() for u in (self.incident_updates or ())[:MOST_POSTS]),
            starts=moment(self.scheduled_for),
            ends=moment(self.scheduled_until),
        )


class _Summary(Struct, frozen=True):
    """``/api/v2/summary.json``. Its own ``status`` is left out on purpose."""

    page: _PageInfo
    components: tuple[_Component, ...]
    incidents: tuple[_Incident, ...] | None = None
    scheduled_maintenances: tuple[_Incident, ...] | None = None


class _Incidents(Struct, frozen=True):
    """``/api/v2/incidents.json``: the newest fifty, ended ones too."""

    page: _PageInfo
    incidents: tuple[_Incident, ...]


class Statuspage(PageSource):
    """The official page of one service."""

    id = "statuspage"
    marks = (b"statuspage.io",)
    is_copied = True

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/api/v2/summary.json", tag="summary"),)

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        if ctx.setting.options.get("api", ctx.hint(self.id).api):
            return super().requests(ctx)
        return (Request(url=f"{self.base(ctx)}/history.atom", tag="atom"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        summary = decode_json(next(iter(answers.values())), _Summary)
        listed = (*(summary.incidents or ()), *(summary.scheduled_maintenances or ()))
        return Page(
            name=summary.page.name,
            rows=tuple(c.row() for c in summary.components),
            incidents=tuple(i.incident() for i in listed),
        )

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        """Read an answer by its tag: ``summary`` (the default for JSON), ``incidents`` or ``atom`` (for XML)."""
        tag, body = next(iter(answers.items()))
        if tag == "atom" or (not tag and body.lstrip()[:1] == b"<"):
            from stillup.sources.pages.feed import read_feed

            return read_feed(self.id, body, ctx)
        if tag == "incidents":
            return record_of(self.id, (i.incident() for i in decode_json(body, _Incidents).incidents), ctx)
        return super().answered(answers, ctx)


SOURCE = Statuspage()
