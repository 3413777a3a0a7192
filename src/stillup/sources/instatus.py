"""Instatus: ``/summary.json`` (the open incidents) and ``/v2/components.json`` (how each component is).

``activeIncidents`` is left out while there are none. Incidents name no components, so their titles are all there is,
and of their updates only the time of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.net import Request
from stillup.sources.decode import clean, decode_json, http_url, moment
from stillup.sources.pages.page import Incident, Page, Post, Row
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, plain, stage_of


class _PageState(StateWord):
    """A component's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "OPERATIONAL", State.OPERATIONAL
    DEGRADED = "DEGRADEDPERFORMANCE", State.DEGRADED
    MINOR = "MINOROUTAGE", State.PARTIAL_OUTAGE
    PARTIAL = "PARTIALOUTAGE", State.PARTIAL_OUTAGE
    MAJOR = "MAJOROUTAGE", State.MAJOR_OUTAGE
    MAINTENANCE = "UNDERMAINTENANCE", State.MAINTENANCE


_MOST_DIGITS = 6
_IMPACTS = {word.value: word.state for word in _PageState if word.state.is_fault}


class _Whole(StrEnum):
    """The page's word on everything, read only where it lists no components."""

    UP = "UP"
    ISSUES = "HASISSUES"
    MAINTENANCE = "UNDERMAINTENANCE"


_WHOLE = {_Whole.UP: State.OPERATIONAL, _Whole.ISSUES: State.DEGRADED, _Whole.MAINTENANCE: State.MAINTENANCE}
_STAGES = {
    "INVESTIGATING": Stage.INVESTIGATING,
    "IDENTIFIED": Stage.IDENTIFIED,
    "MONITORING": Stage.MONITORING,
    "RESOLVED": Stage.RESOLVED,
    "NOTSTARTEDYET": Stage.SCHEDULED,
    "INPROGRESS": Stage.IN_PROGRESS,
    "VERIFYING": Stage.VERIFYING,
    "COMPLETED": Stage.COMPLETED,
}


class _PageInfo(Struct, frozen=True):
    name: str
    status: _Whole


class _Group(Struct, frozen=True):
    id: str


class _Component(Struct, frozen=True):
    id: str
    name: str
    status: _PageState
    group: _Group | None = None

    def row(self, heads: set[str]) -> Row:
        group_id = self.group.id if self.group is not None else None
        return Row(self.id, self.name, self.status.state, group=self.id in heads, group_id=group_id)


class _Event(Struct, frozen=True, rename="camel"):
    """An incident or a maintenance. When it started is the vendor's later word, and no time of a post."""

    name: str
    status: str | None = None
    id: str | None = None
    impact: str | None = None
    url: str | None = None
    updated_at: str | None = None
    start: str | None = None
    duration: str | None = None

    def incident(self, implies: State) -> Incident:
        stage = _STAGES.get(self.status or "", stage_of(self.status))
        last = Post(at=moment(self.updated_at), stage=stage)
        return Incident(
            id=self.id or _last_part(self.url or "") or plain(self.name),
            title=self.name,
            stage=stage,
            implies=_IMPACTS.get(self.impact or "", implies),
            link=http_url(self.url or ""),
            posts=(last,) if last.at is not None else (),
            starts=moment(self.start),
            ends=self._ends(),
        )

    def _ends(self) -> datetime | None:
        """Work is announced with its beginning and its minutes."""
        starts, minutes = moment(self.start), self.duration or ""
        known = starts is not None and minutes.isascii() and minutes.isdecimal() and len(minutes) <= _MOST_DIGITS
        return starts + timedelta(minutes=int(minutes)) if known and starts is not None else None


class _Summary(Struct, frozen=True, rename="camel"):
    """``/summary.json``."""

    page: _PageInfo
    active_incidents: tuple[_Event, ...] | None = None
    active_maintenances: tuple[_Event, ...] | None = None

    def incidents(self) -> tuple[Incident, ...]:
        return (
            *(e.incident(State.DEGRADED) for e in self.active_incidents or ()),
            *(e.incident(State.MAINTENANCE) for e in self.active_maintenances or ()),
        )


class _Components(Struct, frozen=True):
    """``/v2/components.json``."""

    components: tuple[_Component, ...]

    def rows(self) -> tuple[Row, ...]:
        heads = {c.group.id for c in self.components if c.group is not None}
        return tuple(c.row(heads) for c in self.components)


class Instatus(PageSource):
    """The official page of one service."""

    id = "instatus"
    marks = (b"instatus",)

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (
            Request(url=f"{base}/v2/components.json", tag="components"),
            Request(url=f"{base}/summary.json", tag="summary"),
        )

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        """From both answers, or either alone: without components the page's word on the whole has to do."""
        summary = decode_json(answers["summary"], _Summary) if "summary" in answers else None
        body = answers.get("components", answers.get(""))
        listed = decode_json(body, _Components) if body is not None else None
        if listed is not None and not listed.components:
            msg = "the page lists no components"
            raise Malformed(msg)
        return Page(
            rows=listed.rows() if listed is not None else (),
            incidents=summary.incidents() if summary is not None else (),
            whole=_WHOLE[summary.page.status] if summary is not None else None,
            name=summary.page.name if summary is not None else "",
        )


def _last_part(url: str) -> str:
    """The id at the end of an incident's address."""
    return clean(url.rstrip("/").rpartition("/")[2], 80)


SOURCE = Instatus()
