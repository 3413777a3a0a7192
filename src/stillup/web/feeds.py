"""Feeds: ``/feed.atom`` (RFC 4287), ``/feed.json`` (JSON Feed 1.1) and ``/maintenances.ics`` (RFC 5545).

Each is there for all services and, below its name, for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import FromPath  # noqa: TC002  litestar reads it at run time
from msgspec import Struct

from stillup.board import Board, Maintenance
from stillup.model.verdict import iso
from stillup.sources.decode import clean
from stillup.web.api import kept
from stillup.web.api.query import short
from stillup.web.api.routes import find
from stillup.web.feed_items import MOST, Item, items, service_name
from stillup.web.problems import HANDLERS, Refusal
from stillup.web.reply import base_of, reply

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler
    from lxml.etree import _Element

    from stillup.web.site import Site

_Request = Request[Any, Any, Any]
_ATOM = "http://www.w3.org/2005/Atom"
_NAMESPACES: dict[str | None, str] = {None: _ATOM}
_MAX_AGE_S = 60
_FEEDS_BEGAN = 2026


class Feed(Struct, frozen=True, kw_only=True):
    """What a feed holds. ``authority`` names its ids, ``path`` is its page below ``base``."""

    base: str
    authority: str
    path: str
    file: str
    title: str
    updated: datetime
    items: Sequence[Item]

    @property
    def home(self) -> str:
        """The page that it is the feed of."""
        return f"{self.base}{self.path or '/'}"

    @property
    def url(self) -> str:
        """Where it lies itself."""
        return f"{self.base}{self.path}/{self.file}"

    def id(self, key: str) -> str:
        """A ``tag:`` URI (RFC 4151). Its authority is the configured address, never the one a reader called us by."""
        return f"tag:{self.authority},{_FEEDS_BEGAN}:{key}"


async def _feed(site: Site, request: _Request, service: str | None, file: str) -> Feed:
    board = site.board()
    if service is not None:
        find(board, service)
    # Components' changes lie among those asked for, so more are asked for than are told.
    changes = await kept.changes(site, service, None, 4 * MOST) if site.archive is not None else ()
    told = items(changes, await kept.incidents(site, service, None, MOST))
    return Feed(
        base=base_of(site, request),
        authority=_authority(site),
        path=f"/{service}" if service else "",
        file=file,
        title=f"{service_name(service)} by stillup" if service else "AI services by stillup",
        # Without any entry it is as old as the day: a time that moves each minute would make each reading new.
        updated=told[0].updated if told else board.at.replace(hour=0, minute=0, second=0, microsecond=0),
        items=told,
    )


def _authority(site: Site) -> str:
    """What ids are named by: the configured address, for readers call us by many."""
    return urlsplit(site.settings.base_url or "").hostname or "localhost"


def atom(feed: Feed) -> bytes:
    """The feed as Atom."""
    from lxml import etree

    root = etree.Element(f"{{{_ATOM}}}feed", nsmap=_NAMESPACES)  # type: ignore[arg-type]  # the stubs know no default
    root.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    _put(root, "id", feed.id(f"feed{feed.path}"))
    _put(root, "title", feed.title)
    _put(root, "updated", iso(feed.updated))
    _put(_put(root, "author"), "name", "stillup")
    _put(root, "link", rel="self", type="application/atom+xml", href=feed.url)
    _put(root, "link", rel="alternate", type="text/html", href=feed.home)
    for item in feed.items:
        entry = _put(root, "entry")
        _put(entry, "id", feed.id(item.key))
        _put(entry, "title", item.title)
        _put(entry, "published", iso(item.published))
        _put(entry, "updated", iso(item.updated))
        _put(entry, "link", rel="alternate", type="text/html", href=f"{feed.base}{item.path}")
        for tag in item.tags:
            _put(entry, "category", term=tag)
        _put(entry, "content", _html(item.paragraphs), type="html")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def _put(parent: _Element, name: str, text: str | None = None, **attributes: str) -> _Element:
    from lxml import etree

    made = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    made.text = text
    return made


def _html(paragraphs: Iterable[str]) -> str:
    """Paragraphs as HTML: made as a tree, so that no text in them can be more than text."""
    from lxml import etree

    return "".join(etree.tostring(_paragraph(text), encoding="unicode", method="html") for text in paragraphs)


def _paragraph(text: str) -> _Element:
    from lxml import etree

    made = etree.Element("p")
    made.text = text
    return made


def json_feed(feed: Feed) -> bytes:
    """The feed as JSON Feed 1.1."""
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": feed.home,
            "feed_url": feed.url,
            "language": "en",
            "authors": [{"name": "stillup"}],
            "items": [
                {
                    "id": feed.id(item.key),
                    "url": f"{feed.base}{item.path}",
                    "title": item.title,
                    "content_text": "\n\n".join(item.paragraphs),
                    "date_published": iso(item.published),
                    "date_modified": iso(item.updated),
                    "tags": item.tags,
                }
                for item in feed.items
            ],
        }
    )


def calendar(board: Board, base: str, authority: str, service: str | None) -> bytes:
    """Planned work as an iCalendar. What has no known beginning cannot stand in one, and is left out."""
    from icalendar import Calendar

    made = Calendar()
    made.add("prodid", "-//stillup//maintenances//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"{service_name(service)}: maintenance" if service else "AI services: maintenance")
    made.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    for shown in board.services.values():
        if service in (None, shown.service.id):
            for work in shown.maintenances:
                if work.starts is not None:
                    made.add_component(_event(work, work.starts, shown.service.id, base, authority))
    return bytes(made.to_ical())


def _event(work: Maintenance, starts: datetime, service: str, base: str, authority: str) -> Any:  # noqa: ANN401
    from icalendar import Event

    made = Event()
    key = f"maintenance/{service}/{clean(work.id, 120)}".replace(" ", "-")
    made.add("uid", f"{key}@{authority}")
    made.add("dtstamp", (work.updated_at or starts).astimezone(UTC))
    made.add("dtstart", starts.astimezone(UTC))
    if work.ends is not None and work.ends > starts:
        made.add("dtend", work.ends.astimezone(UTC))
    made.add("summary", f"{service_name(service)}: {clean(work.title, 200)}")
    if work.body:
        made.add("description", clean(work.body, 4000))
    made.add("url", f"{base}/{service}")
    made.add("status", "CONFIRMED")
    made.add("transp", "TRANSPARENT")
    if work.updated_at is not None:
        made.add("last-modified", work.updated_at.astimezone(UTC))
    return made


_KINDS = {
    "feed.atom": (atom, "application/atom+xml; charset=utf-8"),
    "feed.json": (json_feed, "application/feed+json; charset=utf-8"),
}


async def _answer(site: Site, request: _Request, service: str | None, file: str) -> Response[bytes]:
    make, media_type = _KINDS[file]
    return reply(request, make(await _feed(site, request, service, file)), media_type, max_age_s=_MAX_AGE_S)


def _calendar(site: Site, request: _Request, service: str | None) -> Response[bytes]:
    board = site.board()
    if service is not None:
        find(board, service)
    body = calendar(board, base_of(site, request), _authority(site), service)
    return reply(request, body, "text/calendar", max_age_s=_MAX_AGE_S)


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """Feeds and calendar, of all services and of one."""

    @get(["/feed.atom", "/feed.json"])
    async def of_all(request: _Request) -> Response[bytes]:
        return await _answer(site, request, None, _file(request))

    @get(["/{service:str}/feed.atom", "/{service:str}/feed.json"])
    async def of_one(request: _Request, service: FromPath[str]) -> Response[bytes]:
        return await _answer(site, request, service, _file(request))

    @get("/maintenances.ics", sync_to_thread=False)
    def work(request: _Request) -> Response[bytes]:
        return _calendar(site, request, None)

    @get("/{service:str}/maintenances.ics", sync_to_thread=False)
    def work_of_one(request: _Request, service: FromPath[str]) -> Response[bytes]:
        return _calendar(site, request, service)

    handlers = [of_all, of_one, work, work_of_one]
    return [Router("/", route_handlers=handlers, exception_handlers=HANDLERS, guards=[short])]


def _file(request: _Request) -> str:
    file = str(request.scope["path"]).rstrip("/").rpartition("/")[2]
    if file not in _KINDS:
        raise Refusal(404, "unknown-path", "There is no such feed.", tuple(_KINDS))
    return file
