"""AWS Health's public list of events: ``/public/currentevents``, a JSON list in UTF-16 with its byte order mark.

An event lies in one region and maps each service it hits, as ``bedrock-us-east-1``, to a level: ``0`` over, ``1``
informed, ``2`` degraded, ``3`` disrupted; numbers come as texts. A component of ours is the services with one of its
``page_ids`` (``bedrock``) before the region, else with its name; one that no open event hits is operational.

Regions fail one by one, and most users are elsewhere. So:

- an event in a region is told of that place, as *degraded* (level 1) or *partial outage*, and the component stays
  operational elsewhere;
- a component that is hit in three regions or more at once is in trouble for everyone, as badly as the third worst;
- an event open for more than a week is how things are there: it is told with its place and age, as *unknown*, and is no
  fault any more. Events in the Emirates and Bahrain have been open since March 2026; counted, they would keep AWS and
  whatever stands on it red for ever, and every new outage would be put down to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.net import MIB, Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import clean, decode_json, from_epoch
from stillup.sources.pages.page import MOST_POSTS, Incident, Page, Post, Row
from stillup.sources.pages.reading import reading_of
from stillup.sources.pages.regions import of_aws
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import Names

STANDING = timedelta(days=7)
"""An event open for longer is told, and no longer counted."""
MANY = 3
"""A component hit in so many regions at once is in trouble for everyone."""
_MAX_BYTES = 8 * MIB
_MOST_EVENTS = 500
_PAGE = "https://health.aws.amazon.com/health/status"
_SERVICE = re.compile(r"([a-z0-9][a-z0-9-]{0,60}?)(?:-((?:[a-z]{2,4}-)(?:gov-|iso[a-z]?-|de-)?[a-z]{4,10}-\d{1,2}))?")
_RESOLVED = re.compile(r"^\s*\[RESOLVED\]\s*", re.IGNORECASE)
_LEVELS = {"0": 0, "1": 1, "2": 2, "3": 3}
_HERE = {1: State.DEGRADED, 2: State.PARTIAL_OUTAGE, 3: State.PARTIAL_OUTAGE}
_EVERYWHERE = {1: State.DEGRADED, 2: State.PARTIAL_OUTAGE, 3: State.MAJOR_OUTAGE}


class _Hit(Struct, frozen=True):
    current: str | int
    service_name: str = ""


class _Log(Struct, frozen=True):
    message: str = ""
    timestamp: str | float | None = None


class _Event(Struct, frozen=True):
    """One event in one region."""

    date: str | int
    arn: str
    status: str | int
    service: str
    summary: str
    region_name: str = ""
    service_name: str = ""
    event_log: tuple[_Log, ...] = ()
    impacted_services: dict[str, _Hit] | None = None
    end_time: str | int | None = None

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return clean(self.arn.rpartition("/")[2], 80)

    @property
    def is_open(self) -> bool:
        return _level(self.status) > 0 and not self.end_time

    @property
    def began(self) -> datetime | None:
        return from_epoch(_seconds(self.date))

    @property
    def region(self) -> str | None:
        """Its AWS region, by the name of the service it stands under, else by its ARN."""
        found = _SERVICE.fullmatch(self.service)
        return (found and found[2]) or (*self.arn.split(":", 4), "", "", "", "")[3] or None

    @property
    def is_of_several(self) -> bool:
        """Whether the service it stands under is none, and the list of those it is about all there is."""
        return self.service.startswith("multipleservices")

    def is_standing(self, now: datetime) -> bool:
        """Open for so long that it is how things are."""
        return self.began is not None and now - self.began > STANDING

    def hits(self) -> Iterator[tuple[str, str, int]]:
        """Service without its region, its name, and the level now; only what is in trouble."""
        listed = self.impacted_services or {self.service: _Hit(self.status, self.service_name)}
        for key, hit in listed.items():
            found, level = _SERVICE.fullmatch(key.lower()), _level(hit.current)
            if found is not None and level > 0:
                yield found[1], hit.service_name, level


class Aws(PageSource):
    """The one page of AWS."""

    id = "aws"
    own_page = True

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/public/currentevents", tag="events", max_bytes=_MAX_BYTES),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        """The services that open events name; all others are not on it."""
        return _page(_events(answers), {}, now)

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        events, names = _events(answers), Names(ctx.service)
        page = _page(events, _ours(events, names, ctx), ctx.now)
        reading = reading_of(self.id, page, ctx)
        standing = [e for e in events if e.is_open and e.is_standing(ctx.now) and _is_named(e, names)]
        if not standing:
            return reading
        ids = {e.id for e in standing}
        signals = tuple(
            replace(s, state=State.UNKNOWN) if isinstance(s, Declared) and s.incident in ids else s
            for s in reading.signals
        )
        places = ", ".join(dict.fromkeys(_place_since(e) for e in standing))
        says = clean(f"{reading.says}; long open and not counted: {places}", 300)
        return replace(reading, signals=signals, says=says)


def _events(answers: Mapping[str, bytes]) -> list[_Event]:
    return decode_json(_utf8(next(iter(answers.values()))), list[_Event], max_bytes=_MAX_BYTES)[:_MOST_EVENTS]


def _utf8(body: bytes) -> bytes:
    """The body in UTF-8, by its byte order mark; without one it is in UTF-8 already."""
    encoding = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le"}.get(body[:2])
    if encoding is None:
        return body
    try:
        return body[2:].decode(encoding).encode()
    except UnicodeError:
        msg = "the answer is not whole UTF-16"
    raise Malformed(msg)


def _level(word: str | int) -> int:
    """:raises Malformed: a status nobody knows."""
    if str(word) not in _LEVELS:
        msg = "an event is in a state that is not known"
        raise Malformed(msg)
    return _LEVELS[str(word)]


def _seconds(word: str | float | None) -> float | None:
    try:
        return None if word is None else float(word)
    except (ValueError, OverflowError):
        return None


def _ours(events: Iterable[_Event], names: Names, ctx: Context) -> dict[str, str]:
    """The services that are our components, with our name for each: all the catalogue lists, and what events name."""
    titles = {c.id: c.name for c in ctx.service.components}
    listed = {i: c.name for c in ctx.service.components for i in c.page_ids} or titles
    hit = ((key, _known(names, key, name)) for e in events if e.is_open for key, name, _ in e.hits())
    return {key: titles[known] for key, known in hit if known} | listed


def _known(names: Names, key: str, name: str) -> str | None:
    return names.known(key, name) or names.known(key, key)


def _is_named(event: _Event, names: Names) -> bool:
    return any(_known(names, key, name) for key, name, _ in event.hits())


def _page(events: list[_Event], ours: Mapping[str, str], now: datetime) -> Page:
    open_ones = [e for e in events if e.is_open]
    if any(e.is_of_several and not e.impacted_services and not e.is_standing(now) for e in open_ones):
        # Its region has no other word for them: to call them well because none is named would be a guess.
        msg = "an open event of several services does not say which"
        raise Malformed(msg)
    levels: dict[str, dict[str, int]] = {key: {} for key in ours}
    titles = dict(ours)
    for event in open_ones:
        for key, name, level in event.hits():
            titles.setdefault(key, name or key)
            regions = levels.setdefault(key, {})
            if not event.is_standing(now):
                regions[event.region or ""] = max(level, regions.get(event.region or "", 0))
    rows = tuple(
        Row(key, titles[key], _state(found), group=bool(ours) and key not in ours) for key, found in levels.items()
    )
    return Page(name="AWS", rows=rows, incidents=tuple(_incident(e, now) for e in open_ones))


def _state(regions: Mapping[str, int]) -> State:
    """For everyone: as the third worst region."""
    if len(regions) < MANY:
        return State.OPERATIONAL
    return _EVERYWHERE[sorted(regions.values(), reverse=True)[MANY - 1]]


def _incident(event: _Event, now: datetime) -> Incident:
    hits = {key: level for key, _, level in event.hits()}
    worst = _HERE[max(hits.values(), default=1)]
    standing = event.is_standing(now)
    log = sorted(event.event_log, key=lambda entry: _seconds(entry.timestamp) or 0.0, reverse=True)[:MOST_POSTS]
    return Incident(
        id=event.id,
        title=f"{_RESOLVED.sub('', event.summary)} ({_place_since(event) if standing else _place(event)})",
        stage=None,
        implies=State.UNKNOWN if standing else worst,
        link=_PAGE,
        # In trouble there and nowhere else: the rows themselves are how the services are for everyone.
        rows=tuple(Row(key, "", worst) for key in hits),
        posts=tuple(Post(at=from_epoch(_seconds(e.timestamp)), body=e.message) for e in log),
        region=of_aws(event.region or ""),
    )


def _place(event: _Event) -> str:
    return event.region_name or event.region or "everywhere"


def _place_since(event: _Event) -> str:
    return f"{_place(event)}, open since {event.began:%Y-%m-%d}" if event.began else _place(event)


SOURCE = Aws()
