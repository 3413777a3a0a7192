"""Which platform makes the page behind an address: by what its HTML names, then by whose format its answers have.

A name in the HTML only says whom to try first; recognised is who reads the page's answers strictly and finds something
on it. At most :data:`MOST_TRIED` platforms are tried, one after another, so a page costs a stranger no burst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from stillup.errors import Malformed, RateLimited, SourceError, Unreachable
from stillup.net import MIB, Net, Request
from stillup.registry import load_source, usable_sources
from stillup.sources.decode import http_url
from stillup.sources.pages.page import Page
from stillup.sources.pages.source import PageSource

MOST_TRIED = 9
_MAX_HTML = 2 * MIB
_IS_FEED = re.compile(rb"\s*(?:<\?xml[^<>]{0,200}>\s*)?<(rss|feed)\b")
_OF_STATUS = re.compile(r"(?<![a-z])(?:status|incidents?|uptime)(?![a-z])", re.IGNORECASE)
_LINK = re.compile(rb"<link\b[^<>]{1,1000}>", re.IGNORECASE)
_FEED = re.compile(rb"""\btype\s*=\s*["']?application/(atom|rss)\+xml""", re.IGNORECASE)
_HREF = re.compile(rb"""\bhref\s*=\s*["']([^"'<>\s]{1,500})["']""", re.IGNORECASE)


class Found(Struct, frozen=True, kw_only=True):
    """The platform, the address it is asked at, and the page as it reads it."""

    source: PageSource
    base: str
    page: Page


async def recognise(
    url: str, net: Net, now: datetime, leave_out: str = "", *, takes_quiet_feeds: bool = False
) -> Found:
    """The platform behind the address of a status page; ``leave_out`` is one that was tried already.

    A feed without an entry shows nothing that could be recognised but its title. With ``takes_quiet_feeds`` one whose
    title or address calls it a status page's will do: a person chose the page. In a page's place it never does.

    :raises Malformed: no platform that is known here.
    :raises SourceError: the page cannot be reached at all, or asks for patience.
    """
    base = url.rstrip("/")
    html = await _html(base, net)
    tried = 0
    for source, at in candidates(base, html, leave_out):
        tried += 1
        if tried > MOST_TRIED:
            break
        try:
            page = await source.page_at(at, net, now)
        except (RateLimited, Unreachable):
            raise
        except SourceError:
            continue
        if page.rows or page.whole is not None or page.incidents or (takes_quiet_feeds and _is_quiet(source, at, page)):
            return Found(source=source, base=at, page=page)
    msg = f"no status page software that is known here answers at {urlsplit(base).hostname or base[:80]}"
    raise Malformed(msg)


def _is_quiet(source: PageSource, at: str, page: Page) -> bool:
    return source.is_feed and _OF_STATUS.search(f"{page.name} {at}") is not None


def platforms() -> Iterator[PageSource]:
    """Every platform that makes pages for whoever wants one; those of one vendor's own page are left out."""
    for spec in usable_sources():
        source = load_source(spec.id) if spec.page else None
        if isinstance(source, PageSource) and not source.own_page:
            yield source


def candidates(base: str, html: bytes, leave_out: str = "") -> Iterator[tuple[PageSource, str]]:
    """Whom to try at which address, the likeliest first; feeds at the addresses that the page links. Pure."""
    text = html.lower()
    known = [s for s in platforms() if s.id != leave_out]
    pages = [s for s in known if not s.is_feed]
    for source in sorted(pages, key=lambda s: (not any(mark in text for mark in s.marks), s.is_copied)):
        yield source, source.address(base, html)
    feeds = {source.id: source for source in known if source.is_feed}
    for kind, at in _feeds(base, html):
        if kind in feeds:
            yield feeds[kind], at


def _feeds(base: str, html: bytes) -> Iterator[tuple[str, str]]:
    """The feeds a page links on its own host, each once; the address itself where it is one."""
    seen = {base}
    itself = _IS_FEED.match(html[:1000])
    if itself is not None:
        yield {b"rss": "rss", b"feed": "atom"}[itself[1]], base
    for tag in _LINK.findall(html[:_MAX_HTML]):
        kind, href = _FEED.search(tag), _HREF.search(tag)
        if kind is None or href is None:
            continue
        # What stands there is the page's to choose, and goes into a file of the user's and onto the terminal.
        at = http_url(_joined(base, href[1].decode("ascii", "ignore")))
        if at and urlsplit(at)[:2] == urlsplit(base)[:2] and at not in seen:
            seen.add(at)
            yield kind[1].decode().lower(), at


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(f"{base}/", href)
    except ValueError:  # `//[`: no address at all
        return ""


async def _html(base: str, net: Net) -> bytes:
    """What a browser would get; nothing where the page has no such answer, which is no reason to give up."""
    try:
        return (await net.fetch(Request(url=base, max_bytes=_MAX_HTML))).body
    except (RateLimited, Unreachable):
        raise
    except SourceError:
        return b""
