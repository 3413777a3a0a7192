"""Datadog's status pages: ``/config.json``, all of the page in one document.

Posts are set back: what they show as their start may be weeks before they were written. A post's time here is when it
was created, which is when it could first be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.net import Request
from stillup.sources.decode import decode_json, http_url, moment
from stillup.sources.pages.page import MOST_POSTS, UNDATED, Affected, Incident, Page, Post, Row
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, stage_of


class _PageState(StateWord):
    """A component's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational", State.OPERATIONAL
    DEGRADED = "degraded", State.DEGRADED
    PARTIAL = "partial_outage", State.PARTIAL_OUTAGE
    MAJOR = "major_outage", State.MAJOR_OUTAGE
    MAINTENANCE = "maintenance", State.MAINTENANCE


class _Component(Struct, frozen=True, tag_field="type", tag="Component"):
    id: str
    name: str
    status: _PageState


class _Group(Struct, frozen=True, tag_field="type", tag="ComponentGroup"):
    id: str
    name: str
    components: tuple[_Component | _Group, ...]


class _Hit(Struct, frozen=True):
    """A component as an incident or a post leaves it; unknown words of history are let pass here."""

    id: str
    status: str | None = None

    def affected(self) -> Affected:
        return Affected(self.id, _PageState.left(self.status))


class _Post(Struct, frozen=True, rename="camel"):
    status: str | None = None
    description: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    components_affected: tuple[_Hit, ...] | None = None

    @property
    def shown_at(self) -> datetime:
        """The time it shows, which is its place in the story."""
        return moment(self.started_at) or moment(self.created_at) or UNDATED

    def post(self) -> Post:
        affected = tuple(hit.affected() for hit in self.components_affected or ())
        stage = _stage(self.status)
        return Post(at=moment(self.created_at), stage=stage, body=self.description or "", affected=affected)


class _Event(Struct, frozen=True, rename="camel"):
    """An incident or a maintenance with its posts, in no promised order."""

    id: str
    title: str
    current_status: str | None = None
    resolved: bool = False
    deleted_at: str | None = None
    components_affected: tuple[_Hit, ...] | None = None
    timeline: tuple[_Post, ...] | None = None

    def incident(self, page_url: str, kind: str) -> Incident:
        posts = sorted(self.timeline or (), key=lambda p: p.shown_at, reverse=True)
        affected = (hit.affected() for hit in self.components_affected or ())
        return Incident(
            id=self.id,
            title=self.title,
            stage=_stage(self.current_status) or (Stage.RESOLVED if self.resolved else None),
            implies=State.DEGRADED if kind == "incidents" else State.MAINTENANCE,
            link=http_url(f"{page_url}/{kind}/{quote(self.id, safe='')}"),
            rows=tuple(Row(a.id, "", a.state) for a in affected),
            posts=tuple(p.post() for p in posts[:MOST_POSTS]),
        )


class _Config(Struct, frozen=True, rename="camel"):
    """``/config.json``. Lists that hold nothing may be null, but they are there."""

    id: str
    name: str
    domain_prefix: str
    components: tuple[_Component | _Group, ...]
    incidents: tuple[_Event, ...] | None
    maintenances: tuple[_Event, ...] | None
    enabled: bool = True
    page_url: str | None = None

    def rows(self) -> Iterator[Row]:
        """Every component with the group it stands in, however deep."""
        waiting: list[tuple[_Component | _Group, str | None]] = [(c, None) for c in reversed(self.components)]
        while waiting:
            node, group_id = waiting.pop()
            if isinstance(node, _Component):
                yield Row(node.id, node.name, node.status.state, group_id=group_id)
                continue
            yield Row(node.id, node.name, State.UNKNOWN, group=True, group_id=group_id)
            waiting += [(c, node.id) for c in reversed(node.components)]

    def listed(self) -> Iterator[Incident]:
        url = (self.page_url or "").rstrip("/")
        for kind, events in (("incidents", self.incidents), ("maintenances", self.maintenances)):
            yield from (e.incident(url, kind) for e in events or () if e.deleted_at is None)


class Datadog(PageSource):
    """The official page of one service."""

    id = "datadog"
    marks = (b"datadoghq", b"datadog status page")

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/config.json", tag="config"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        config = decode_json(next(iter(answers.values())), _Config)
        if not config.enabled:
            msg = "the page is switched off"
            raise Malformed(msg)
        return Page(name=config.name, rows=tuple(config.rows()), incidents=tuple(config.listed()))


def _stage(word: str | None) -> Stage | None:
    return Stage.COMPLETED if word == "canceled" else stage_of(word)


SOURCE = Datadog()
