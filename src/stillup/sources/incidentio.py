"""incident.io: what its pages read themselves from, ``/proxy/HOST``; else its copy of Statuspage's summary.

The copy has at most 25 components, names none in its incidents, and its indicator has said "minor" with 22 of them in
trouble; it is read only where the page has no proxy.

A component that the proxy lists nowhere as affected works. So the list of affected ones must be there, even empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from msgspec import Struct

from stillup.errors import Malformed, Refused
from stillup.model.service import Stage, State, worst
from stillup.net import Net, Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import decode_json, http_url, moment
from stillup.sources.pages.page import MOST_POSTS, Affected, Incident, Page, Post, Row, newest_first
from stillup.sources.pages.reading import record_of
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, stage_of

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_MAINTENANCE = "maintenance"
_NO_PROXY = frozenset((404, 405, 410))


class _PageState(StateWord):
    """A component's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational", State.OPERATIONAL
    DEGRADED = "degraded_performance", State.DEGRADED
    PARTIAL = "partial_outage", State.PARTIAL_OUTAGE
    FULL = "full_outage", State.MAJOR_OUTAGE
    MAINTENANCE = "under_maintenance", State.MAINTENANCE


class _Hit(Struct, frozen=True):
    """A component that is in trouble now."""

    component_id: str
    status: _PageState


class _Shown(Struct, frozen=True):
    component_id: str
    name: str
    hidden: bool = False


class _Group(Struct, frozen=True):
    id: str
    name: str
    components: tuple[_Shown, ...]
    hidden: bool = False


class _Item(Struct, frozen=True):
    """One place of the page: a group, or a component outside any."""

    group: _Group | None = None
    component: _Shown | None = None


class _Structure(Struct, frozen=True):
    items: tuple[_Item, ...]


class _Touched(Struct, frozen=True):
    """A component as an incident, or one update of it, has it; unknown words of history are let pass here."""

    component_id: str
    status: str | None = None
    current_status: str | None = None


class _Update(Struct, frozen=True):
    to_status: str | None = None
    published_at: str | None = None
    message_string: str | None = None
    component_statuses: tuple[_Touched, ...] | None = None

    def post(self) -> Post:
        return Post(
            at=moment(self.published_at),
            stage=_stage(self.to_status),
            body=self.message_string or "",
            affected=tuple(Affected(c.component_id, _state(c.status)) for c in self.component_statuses or ()),
        )


class _Incident(Struct, frozen=True):
    """An incident or a maintenance with its updates, in no promised order."""

    id: str
    name: str
    status: str
    type: str | None = None
    affected_components: tuple[_Touched, ...] | None = None
    updates: tuple[_Update, ...] | None = None

    def incident(self, page_url: str) -> Incident:
        return Incident(
            id=self.id,
            title=self.name,
            stage=_stage(self.status),
            implies=State.MAINTENANCE if self.type == _MAINTENANCE else State.DEGRADED,
            link=http_url(f"{page_url}/incidents/{quote(self.id, safe='')}"),
            rows=tuple(_row_now(c) for c in self.affected_components or ()),
            posts=tuple(newest_first(u.post() for u in self.updates or ())[:MOST_POSTS]),
        )


class _Summary(Struct, frozen=True):
    id: str
    name: str
    affected_components: tuple[_Hit, ...]
    ongoing_incidents: tuple[_Incident, ...]
    structure: _Structure
    scheduled_maintenances: tuple[_Incident, ...] | None = None
    public_url: str | None = None

    def page(self) -> Page:
        url = (self.public_url or "").rstrip("/")
        listed = (*self.ongoing_incidents, *(self.scheduled_maintenances or ()))
        return Page(name=self.name, rows=tuple(self._rows()), incidents=tuple(i.incident(url) for i in listed))

    def _rows(self) -> Iterator[Row]:
        """The components the page shows, each with its group; what it hides is left out."""
        states: dict[str, State] = {}
        for hit in self.affected_components:
            # Two incidents may each list a component; the worse word stands.
            before = states.get(hit.component_id, State.OPERATIONAL)
            states[hit.component_id] = worst((before, hit.status.state))
        for item in self.structure.items:
            group = item.group
            if group is not None and not group.hidden:
                yield Row(group.id, group.name, State.UNKNOWN, group=True)
            shown = group.components if group is not None else (item.component,) if item.component is not None else ()
            for c in shown:
                if not c.hidden and not (group is not None and group.hidden):
                    state = states.get(c.component_id, State.OPERATIONAL)
                    yield Row(c.component_id, c.name, state, group_id=group.id if group is not None else None)


class _Proxy(Struct, frozen=True):
    """``/proxy/HOST``."""

    summary: _Summary


class _Incidents(Struct, frozen=True):
    """``/proxy/HOST/incidents``: those of up to three months, ended ones too."""

    incidents: tuple[_Incident, ...]


class _Impact(Struct, frozen=True):
    component_id: str
    status: _PageState
    start_at: str
    end_at: str | None = None
    status_page_incident_id: str | None = None


class _Impacts(Struct, frozen=True):
    """``/proxy/HOST/component_impacts``. Its uptimes are left out: some are the text "$undefined"."""

    component_impacts: tuple[_Impact, ...]


class _CopyPage(Struct, frozen=True):
    id: str


class _Copy(Struct, frozen=True):
    """What tells the copy of Statuspage's format from the original: whose id the page has."""

    page: _CopyPage


class Impact(Struct, frozen=True):
    """How long a component of the page was hit, as the vendor has it afterwards. ``end`` is None while it is."""

    row: str
    state: State
    start: datetime
    end: datetime | None
    incident: str


class IncidentIo(PageSource):
    """The official page of one service."""

    id = "incidentio"
    marks = (b"incident.io", b"incident-io-status-page")

    def page_requests(self, base: str) -> tuple[Request, ...]:
        """The proxy's last part is the page's own host. The world, whose pages share one, takes any."""
        return (Request(url=f"{base}/proxy/{quote(urlsplit(base).hostname or '', safe='')}", tag="proxy"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        """By tag: ``proxy`` (the default), or ``summary``, the copy of Statuspage's format."""
        tag, body = next(iter(answers.items()))
        if tag != "summary":
            return decode_json(body, _Proxy).summary.page()
        from stillup.sources.statuspage import SOURCE as STATUSPAGE

        if not _ULID.fullmatch(decode_json(body, _Copy).page.id):
            msg = "the summary is not incident.io's, but that of Statuspage itself"
            raise Malformed(msg)
        return STATUSPAGE.page_of(answers, now)

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        """Also by tag: ``incidents``, the record of past ones."""
        tag, body = next(iter(answers.items()))
        if tag == "incidents":
            url = ctx.hint(self.id).url.rstrip("/")
            return record_of(self.id, (i.incident(url) for i in decode_json(body, _Incidents).incidents), ctx)
        return super().answered(answers, ctx)

    async def read_here(self, ctx: Context, net: Net) -> Reading:
        """Ask the proxy; where the page has none, the copy of Statuspage's summary."""
        try:
            return await super().read_here(ctx, net)
        except Refused as exc:
            if exc.status not in _NO_PROXY:
                raise
        copy = Request(url=f"{self.base(ctx)}/api/v2/summary.json", tag="summary")
        return self.answered({copy.tag: (await net.fetch(copy)).body}, ctx)


def impacts_of(body: bytes) -> tuple[Impact, ...]:
    """The true times of impact from ``/proxy/HOST/component_impacts?start_at&end_at``, oldest first. Pure.

    They are no signals: a signal tells what could be read when, and these are filled in afterwards. They are what
    signals are measured against.

    :raises Malformed: not that answer.
    """
    found = (
        Impact(i.component_id, i.status.state, start, moment(i.end_at), i.status_page_incident_id or "")
        for i in decode_json(body, _Impacts).component_impacts
        if (start := moment(i.start_at)) is not None
    )
    return tuple(sorted(found, key=lambda impact: impact.start))


def _row_now(touched: _Touched) -> Row:
    """A component an incident lists, as it is now; ``status`` alone is the worst it was."""
    return Row(touched.component_id, "", _state(touched.current_status or touched.status))


def _state(word: str | None) -> State:
    return _PageState.left(word)


def _stage(word: str | None) -> Stage | None:
    """The stage, without the word before it that a maintenance's has ("maintenance_in_progress")."""
    told = (word or "").removeprefix(f"{_MAINTENANCE}_")
    return Stage.COMPLETED if told == "complete" else stage_of(told)


SOURCE = IncidentIo()
