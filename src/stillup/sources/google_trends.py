"""Google's list of trending searches, a feed a country: whether people search for this service being down.

The list names what trends and nothing else, so it can only speak up: that a phrase is absent says nothing. An item
stays for the rest of the day with the time at which its rise began. It counts while that is at most 90 minutes ago:
the list itself trails by half an hour and more, and after that the searches are an echo of the news.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.errors import Malformed
from stillup.model.signal import Alive, Counted
from stillup.net import Request
from stillup.registry import SOURCES
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.decode import clean, parse_xml
from stillup.sources.posts import signal_id, span, window_end

if TYPE_CHECKING:
    from lxml.etree import _Element

_SITE = "https://trends.google.com"
_DEFAULT_GEO = "US"
_FRESH = timedelta(minutes=90)
_TITLE_CHARS = 60
_MOST = 1_000_000_000
_USUAL = 1.0
"""Searches for an outage when there is none are too few to be listed; the feed gives no smaller number."""
_TRAFFIC = re.compile(r"(\d{1,3}(?:[,.]\d{3}){1,3}|\d{1,9})([KMkm]?)\+?")
_WORD = re.compile(r"[^\W_]+")
# Words that make one search for an outage into another for the same; a phrase must keep two words without them.
_FILLERS = frozenset((
    "is", "are", "the", "a", "why", "what", "how", "today", "now", "right", "again", "still", "currently", "ai", "app",
    "chat", "code", "server", "servers", "website", "login", "it", "for", "me", "everyone", "happened", "to", "com",
    "reddit", "downdetector", "detector",
))  # fmt: skip


class _Item(Struct, frozen=True):
    title: str
    traffic: int
    began: datetime


class GoogleTrends(HttpSource):
    """Trending searches that match one of the catalogue's phrases."""

    id = "google_trends"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        base = ctx.setting.base_url or _SITE
        return tuple(Request(url=f"{base}/trending/rss", params=(("geo", geo),), tag=geo) for geo in _geos(ctx))

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read one country's list; ``tag`` is the country."""
        geo = tag or _geos(ctx)[0]
        wanted = {essence for p in ctx.hint(self.id).phrases if len(essence := _essence(p)) > 1}
        found = sorted((i for i in _items(body) if _essence(i.title) in wanted), key=lambda i: -i.traffic)
        alive = Alive(at=ctx.now, service=ctx.service.id, source=self.id)
        link = ctx.hint(self.id).link
        return Reading(
            signals=(*_counts(found, geo, ctx), alive),
            says=_says(found, geo, ctx.now),
            links=(Link(link, SOURCES[self.id].title),) if link else (),
        )


def _geos(ctx: Context) -> tuple[str, ...]:
    chosen = ctx.setting.options.get("geo")
    names = (chosen,) if isinstance(chosen, str) else chosen if isinstance(chosen, (list, tuple)) else ()
    return tuple(str(name) for name in names) or (_DEFAULT_GEO,)


def _essence(query: str) -> frozenset[str]:
    """The words of a search that carry its meaning, in any order."""
    words = frozenset(_WORD.findall(query[:200].casefold()))
    return words - _FILLERS


def _items(body: bytes) -> list[_Item]:
    """What trends; items without a number or a time say nothing that could be counted, and are left out.

    :raises Malformed: not Google's list, or one of nothing, which it never is.
    """
    root = parse_xml(body, "rss")
    items = root.findall("channel/item")
    if not items or not any("trends.google." in (uri or "") for uri in root.nsmap.values()):
        msg = "the feed is not Google's list of trending searches"
        raise Malformed(msg)
    return [found for item in items if (found := _item(_fields(item))) is not None]


def _item(fields: dict[str, str]) -> _Item | None:
    traffic, began = _traffic(fields.get("approx_traffic", "")), _time(fields.get("pubDate", ""))
    return _Item(fields.get("title", ""), traffic, began) if traffic and began else None


def _fields(item: _Element) -> dict[str, str]:
    """An item's own texts by their local names; those of the news below it are not its own."""
    named = (child for child in item if isinstance(child.tag, str))
    return {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in named}


def _traffic(text: str) -> int | None:
    """The least that an amount as the list writes it can mean: 2000 for "2000+", "2,000+" and "2K+".

    None where it is no amount.
    """
    match = _TRAFFIC.fullmatch(text)
    if match is None:
        return None
    factor = {"K": 1_000, "M": 1_000_000}.get(match[2].upper(), 1)
    return min(int(re.sub("[,.]", "", match[1])) * factor, _MOST)


def _time(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _counts(found: list[_Item], geo: str, ctx: Context) -> Iterator[Counted]:
    """The largest of the matching searches, for they are made by the same people; on a first reading also the past."""
    fresh = [i for i in found if timedelta() <= ctx.now - i.began <= _FRESH]
    if fresh:
        yield _counted(fresh[0], geo, ctx, ctx.now, signal_id("google_trends", ctx.now, geo))
    echo = [i for i in found if ctx.now - i.began > _FRESH]
    if echo and ctx.since is None:
        yield _counted(echo[0], geo, ctx, window_end(echo[0].began, ctx.setting.interval_s), None)


def _counted(item: _Item, geo: str, ctx: Context, at: datetime, name: str | None) -> Counted:
    return Counted(
        at=at,
        service=ctx.service.id,
        source="google_trends",
        window_s=ctx.setting.interval_s,
        count=item.traffic,
        region=geo,
        expected=_USUAL,
        id=name,
    )


def _says(found: list[_Item], geo: str, now: datetime) -> str:
    if not found:
        return f"not among the trending searches in {geo}"
    newest = max(found, key=lambda i: i.began)
    echo = "" if now - newest.began <= _FRESH else ": an echo by now, not counted"
    age = span(max(now - newest.began, timedelta()))
    return f"{clean(newest.title, _TITLE_CHARS)!r} trends in {geo}: {newest.traffic}+ searches, began {age} ago{echo}"


SOURCE = GoogleTrends()
