"""Better Stack: ``/index.json``, a JSON:API document of sections, monitors ("resources"), reports and their updates.

Most of it is made by machines: fast, and noisy. A page may have a monitor for each model; its name is then the model's.
What the page calls the whole (``aggregate_state``) is left out: one monitor of thirty turns it. So is each monitor's
history, whose days have words that no monitor has ("recovered").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import TypeVar
from urllib.parse import quote

from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.model.service import Stage, State, worst
from stillup.net import Request
from stillup.sources.decode import decode_json, http_url, moment
from stillup.sources.pages.page import MOST_POSTS, Affected, Incident, Page, Post, Row, newest_first
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import StateWord, stage_of

_MAINTENANCE, _RESOLVED = "maintenance", "resolved"
_MOST_OPEN, _MOST_HITS = 100, 5000
_T = TypeVar("_T")


class _PageState(StateWord):
    """A monitor's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational", State.OPERATIONAL
    DEGRADED = "degraded", State.DEGRADED
    DOWN = "downtime", State.MAJOR_OUTAGE
    MAINTENANCE = _MAINTENANCE, State.MAINTENANCE
    UNWATCHED = "not_monitored", State.UNKNOWN


class _About(Struct, frozen=True):
    company_name: str
    subdomain: str | None = None
    custom_domain: str | None = None

    @property
    def url(self) -> str:
        """Where people read the page."""
        host = self.custom_domain or (f"{self.subdomain}.betteruptime.com" if self.subdomain else "")
        return f"https://{host}" if host else ""


class _Data(Struct, frozen=True, tag_field="type", tag="status_page"):
    id: str
    attributes: _About


class _Item(Struct, frozen=True):
    """Anything included; kinds that are not known here are let pass."""

    id: str
    type: str
    attributes: Raw = Raw(b"{}")
    relationships: Raw = Raw(b"{}")


class _Document(Struct, frozen=True):
    """``/index.json``."""

    data: _Data
    included: tuple[_Item, ...]

    def of(self, kind: str) -> Iterable[_Item]:
        return (item for item in self.included if item.type == kind)


class _Section(Struct, frozen=True):
    name: str | None = None


class _Resource(Struct, frozen=True):
    status: _PageState
    public_name: str | None = None
    status_page_section_id: int | str | None = None


class _Hit(Struct, frozen=True):
    """A monitor as a report or an update leaves it; these also say "resolved", and unknown words are let pass."""

    status_page_resource_id: int | str
    status: str | None = None

    def affected(self) -> Affected:
        state = State.OPERATIONAL if self.status == _RESOLVED else _PageState.left(self.status)
        return Affected(str(self.status_page_resource_id), state)


class _Update(Struct, frozen=True):
    message: str | None = None
    published_at: str | None = None
    affected_resources: tuple[_Hit, ...] | None = None

    def post(self) -> Post:
        """Updates have no stages; those of machines are one word that is one."""
        affected = tuple(hit.affected() for hit in (self.affected_resources or ())[:_MOST_HITS])
        stage = stage_of(self.message)
        return Post(at=moment(self.published_at), stage=stage, body=self.message or "", affected=affected)


class _Report(Struct, frozen=True):
    title: str | None = None
    report_type: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    aggregate_state: str | None = None
    affected_resources: tuple[_Hit, ...] | None = None

    def incident(
        self, report_id: str, about: _About, posts: list[Post], names: dict[str, str], now: datetime
    ) -> Incident:
        affected = tuple(hit.affected() for hit in self.affected_resources or ())
        worst_now = worst(a.state for a in affected)
        implies = State.MAINTENANCE if self._is_work else worst_now if worst_now.is_fault else State.DEGRADED
        return Incident(
            id=report_id,
            title=self.title or "",
            stage=self._stage(affected, posts, now),
            implies=implies,
            link=http_url(f"{about.url}/incident/{quote(report_id, safe='')}"),
            rows=tuple(Row(a.id, names.get(a.id, ""), a.state) for a in affected),
            posts=tuple(self._staged(post) for post in posts[:MOST_POSTS]),
            starts=moment(self.starts_at) if self._is_work else None,
            ends=moment(self.ends_at) if self._is_work else None,
        )

    def _staged(self, post: Post) -> Post:
        """A post of a maintenance stands before its beginning or after; that of an incident has what it says."""
        starts = moment(self.starts_at)
        if not self._is_work or post.stage is not None or post.at is None or starts is None:
            return post
        return replace(post, stage=Stage.SCHEDULED if post.at < starts else Stage.IN_PROGRESS)

    def has_ended(self, now: datetime) -> bool:
        """Whether it says so itself."""
        ends = moment(self.ends_at)
        return self.aggregate_state == _RESOLVED or (ends is not None and ends <= now)

    @property
    def _is_work(self) -> bool:
        return self.report_type == _MAINTENANCE

    def _stage(self, affected: tuple[Affected, ...], posts: list[Post], now: datetime) -> Stage | None:
        """Reports have no stage: it comes from their times and words; ``ends_at`` may stay empty after the end."""
        starts, last = moment(self.starts_at), posts[0].stage if posts else None
        # What a report lists is how it began; each update overrides it, and may name a few of them only.
        left = {a.id: a.state for a in (*affected, *(a for post in reversed(posts) for a in post.affected))}
        is_over = self.has_ended(now) or (last is not None and last.is_over)
        if is_over or set(left.values()) == {State.OPERATIONAL}:
            return Stage.COMPLETED if self._is_work else Stage.RESOLVED
        if not self._is_work:
            return last
        return Stage.SCHEDULED if starts is not None and starts > now else Stage.IN_PROGRESS


class _Ref(Struct, frozen=True):
    id: str


class _Refs(Struct, frozen=True):
    data: tuple[_Ref, ...] = ()


class _Related(Struct, frozen=True):
    status_updates: _Refs = _Refs()


class BetterStack(PageSource):
    """The official page of one service."""

    id = "betterstack"
    marks = (b"betterstack", b"betteruptime")

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/index.json", tag="index"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        document = decode_json(next(iter(answers.values())), _Document)
        sections = {s.id: _read(s.attributes, _Section) for s in document.of("status_page_section")}
        resources = {r.id: _read(r.attributes, _Resource) for r in document.of("status_page_resource")}
        heads = (Row(i, s.name or "", State.UNKNOWN, group=True) for i, s in sections.items())
        return Page(
            name=document.data.attributes.company_name,
            rows=(*heads, *(_row(i, r, sections) for i, r in resources.items())),
            incidents=tuple(_incidents(document, {i: r.public_name or "" for i, r in resources.items()}, now)),
        )


def _row(resource_id: str, resource: _Resource, sections: Mapping[str, _Section]) -> Row:
    section = str(resource.status_page_section_id)
    group_id = section if section in sections else None
    return Row(resource_id, resource.public_name or "", resource.status.state, group_id=group_id)


def _incidents(document: _Document, names: dict[str, str], now: datetime) -> Iterable[Incident]:
    """The open ones. Reports may share an update, so what is read of them is bounded and not by their size alone."""
    updates = {u.id: _read(u.attributes, _Update).post() for u in document.of("status_update")}
    reports = ((item, _read(item.attributes, _Report)) for item in document.of("status_report"))
    for item, report in islice(((i, r) for i, r in reports if not r.has_ended(now)), _MOST_OPEN):
        refs = dict.fromkeys(ref.id for ref in _read(item.relationships, _Related).status_updates.data)
        posts = newest_first(updates[ref] for ref in refs if ref in updates)
        yield report.incident(item.id, document.data.attributes, posts, names, now)


def _read(raw: Raw, kind: type[_T]) -> _T:
    return decode_json(bytes(raw), kind)


SOURCE = BetterStack()
