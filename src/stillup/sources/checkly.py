"""Checkly pages, Mistral's among them: ``/api/status-page/SLUG/unresolved-incidents`` and ``…/uptime``.

Nothing on such a page is a state. ``uptime`` lists services with their days and what happened on each day: history. An
event there whose last update is not ``RESOLVED`` is going on; a day without one says that nothing *was* written. So
of a service that only ``uptime`` speaks of nothing is declared: the page is alive when the answer reaches to today,
says "no open event", and that is all. ``unresolved-incidents`` is the page's own list of what is open now. When it was
asked and answers, a service that no incident in it names is operational by the page's word, as on any other page.

An incident that does not say which services it is about is about all of them. Maintenance windows are not read: no
answer with one has been seen. ``slug`` (or ``page``) of the hint is the page's name in these addresses. All of it is
what the page itself loads; the vendor documents none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed, Refused
from stillup.model.service import State, worst
from stillup.model.signal import Declared, Signal
from stillup.net import Net, Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import decode_json, moment
from stillup.sources.pages.page import Affected, Incident, Page, Post, Row
from stillup.sources.pages.reading import reading_of
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import stage_of

_API = "/api/status-page"
_SLUG = re.compile(rb"/api/status-page/([a-z0-9][a-z0-9-]{1,60})/")
_REACHES = timedelta(hours=36)
"""The newest day of the uptime may be yesterday's while it is still yesterday somewhere."""


class _Severity(StrEnum):
    MINOR = "MINOR"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    MAJOR = "MAJOR"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


_STATES = {
    _Severity.MAJOR: State.PARTIAL_OUTAGE,
    _Severity.HIGH: State.PARTIAL_OUTAGE,
    _Severity.CRITICAL: State.MAJOR_OUTAGE,
}


class _Service(Struct, frozen=True):
    id: str
    name: str


class _Event(Struct, frozen=True, rename={"status": "lastUpdateStatus"}):
    """``services`` is there in the list of open incidents alone."""

    id: str
    name: str
    status: str
    severity: str | None = None
    created_at: str | None = None
    services: tuple[_Service, ...] | None = None

    @property
    def is_open(self) -> bool:
        return self.status.upper() != "RESOLVED"

    @property
    def state(self) -> State:
        """:raises Malformed: an open event of a severity nobody knows."""
        try:
            return _STATES.get(_Severity((self.severity or "MEDIUM").upper()), State.DEGRADED)
        except ValueError:
            msg = "an open event has a severity that is not known"
            raise Malformed(msg) from None

    def incident(self, services: Iterable[str]) -> Incident:
        """About these services, by their ids; about all when there are none."""
        affected = tuple(Affected(id_, self.state) for id_ in dict.fromkeys(services))
        stage = stage_of(self.status)
        post = Post(at=moment(self.created_at), stage=stage, affected=affected)
        rows = tuple(Row(a.id, "", a.state) for a in affected)
        return Incident(id=self.id, title=self.name, stage=stage, implies=self.state, rows=rows, posts=(post,))


class _Day(Struct, frozen=True):
    date: str
    events: tuple[_Event, ...]


class _Past(_Service, frozen=True):
    days: tuple[_Day, ...]


class _Group(Struct, frozen=True):
    services: tuple[_Past, ...]


class _Uptime(Struct, frozen=True, rename={"partial": "partialError"}):
    uptime: tuple[_Group, ...]
    partial: bool


class _Unresolved(Struct, frozen=True):
    incidents: tuple[_Event, ...]


class Checkly(PageSource):
    """The official page of one service."""

    id = "checkly"
    marks = (b"checkly",)

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (
            Request(url=f"{base}/uptime", tag="uptime"),
            Request(url=f"{base}/unresolved-incidents", tag="unresolved"),
        )

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        hint = ctx.hint(self.id)
        return self.page_requests(_with_slug(self.base(ctx), hint.slug or hint.page))

    def address(self, base: str, html: bytes) -> str:
        """Below the page's name, which its HTML tells."""
        found = _SLUG.search(html)
        return _with_slug(base, found[1].decode() if found else "")

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        """Rows that nothing speaks of are unknown, unless the list of what is open was read too.

        :raises Malformed: not this format, or an uptime that is not whole or does not reach to today.
        """
        services = _services(_past(answers), now)
        listed = answers.get("unresolved")
        if listed is None:
            incidents = tuple(_going_on(services))
        else:
            events = (e for e in decode_json(listed, _Unresolved).incidents if e.is_open)
            incidents = tuple(e.incident(s.id for s in e.services or ()) for e in events)
        calm = State.UNKNOWN if listed is None else State.OPERATIONAL
        states, of_all = _worst(incidents)
        rows = (Row(s.id, s.name, _worse(states.get(s.id), of_all, calm)) for s in services)
        return Page(rows=tuple(rows), incidents=incidents)

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        reading = reading_of(self.id, self.page_of(answers, ctx.now), ctx)
        if "unresolved" in answers:
            return reading
        calm = "all operational"
        says = reading.says.replace(calm, "no open event") if calm in reading.says else reading.says
        return replace(reading, signals=tuple(s for s in reading.signals if not _says_nothing(s)), says=says)

    async def read_here(self, ctx: Context, net: Net) -> Reading:
        """The uptime, and what is open where the page has that list."""
        uptime, unresolved = self.requests(ctx)
        answers = {uptime.tag: (await net.fetch(uptime)).body}
        try:
            answers[unresolved.tag] = (await net.fetch(unresolved)).body
        except Refused as exc:
            if exc.status != 404:
                raise
        return self.answered(answers, ctx)


def _with_slug(base: str, slug: str) -> str:
    return f"{base}{_API}/{slug}" if slug and _API not in base else base


def _past(answers: Mapping[str, bytes]) -> _Uptime:
    """The uptime: under its tag, or the only answer there is."""
    return decode_json(answers.get("uptime") or next(iter(answers.values())), _Uptime)


def _services(past: _Uptime, now: datetime) -> list[_Past]:
    services = [service for group in past.uptime for service in group.services]
    if past.partial:
        msg = "the page says that its own answer is not whole"
        raise Malformed(msg)
    if not services:
        msg = "the page names no services"
        raise Malformed(msg)
    days = [moment(day.date) for service in services for day in service.days]
    if not any(day is not None and day <= now + timedelta(days=1) and now - day < _REACHES for day in days):
        msg = "the page's events do not reach to today"
        raise Malformed(msg)
    return services


def _going_on(services: Iterable[_Past]) -> Iterable[Incident]:
    """What the days' events say is still open; an event stands under every service it is about."""
    events: dict[str, _Event] = {}
    hit: dict[str, list[str]] = {}
    for service in services:
        for event in (e for day in service.days for e in day.events if e.is_open):
            events.setdefault(event.id, event)
            hit.setdefault(event.id, []).append(service.id)
    return (event.incident(hit[id_]) for id_, event in events.items())


def _worst(incidents: Iterable[Incident]) -> tuple[dict[str, State], State | None]:
    """The worst of what is open, about each service that is named and about all; None where nothing is."""
    states: dict[str, State] = {}
    of_all: State | None = None
    for incident in incidents:
        if not incident.rows:
            of_all = _worse(of_all, incident.implies, incident.implies)
        for row in incident.rows:
            states[row.id] = _worse(states.get(row.id), incident.implies, incident.implies)
    return states, of_all


def _worse(one: State | None, other: State | None, calm: State) -> State:
    return worst((s for s in (one, other) if s is not None), calm)


def _says_nothing(signal: Signal) -> bool:
    return isinstance(signal, Declared) and signal.incident is None and signal.state is State.UNKNOWN


SOURCE = Checkly()
