"""Reddit: the newest posts of a service's communities, from the feed anybody may read or, with a token, the API.

The feed gives 25 posts and answers most cloud addresses with 429; from a user's own line it works when asked every
few minutes. The API gives 100. Both are one request for all communities together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from heapq import nlargest
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

from msgspec import Meta, Struct

from stillup.catalog.load import Service
from stillup.errors import Malformed, NotConfigured
from stillup.net import Request
from stillup.sources.base import Context, HttpSource, Reading
from stillup.sources.decode import decode_json, moment, parse_xml, strip_html
from stillup.sources.posts import Post, reading_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_HOST = "www.reddit.com"
_SITE = f"https://{_HOST}"
_API = "https://oauth.reddit.com"
_ATOM = "{http://www.w3.org/2005/Atom}"
_BODY_CHARS = 1000
_MOST_LISTED, _MOST_FED = 200, 100
"""Newest posts that are read of an answer, twice to four times what the site gives: each costs time to classify."""
_SIGNATURE = "submitted by /u/"
"""Reddit's feed ends every post with its author, who is none of our business."""


class _Thing(Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=40)]
    title: str
    created_utc: Annotated[float, Meta(gt=0, lt=2**33)]
    selftext: str | None = None
    permalink: Annotated[str, Meta(max_length=500)] = ""
    subreddit: str = ""
    stickied: bool = False
    score: int = 0
    num_comments: int = 0


class _Child(Struct, frozen=True):
    kind: Literal["t3"]
    data: _Thing


class _Children(Struct, frozen=True):
    children: Annotated[tuple[_Child, ...], Meta(max_length=1000)]


class _Listing(Struct, frozen=True):
    kind: Literal["Listing"]
    data: _Children


class Reddit(HttpSource):
    """Posts in all communities of a service, new ones first."""

    id = "reddit"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        communities = ctx.hint(self.id).communities
        if not communities:
            msg = f"no Reddit community is known for {ctx.service.name}"
            raise NotConfigured(msg)
        path = f"/r/{'+'.join(quote(c, safe='') for c in communities)}/new"
        if ctx.setting.key is None:
            return (Request(url=f"{ctx.setting.base_url or _SITE}{path}/.rss"),)
        token = ctx.setting.key.bearer()
        return (
            Request(
                url=f"{ctx.setting.base_url or _API}{path}",
                params=(("limit", "100"), ("raw_json", "1")),
                headers=(("Authorization", token),),
            ),
        )

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one request, no tags
        """Read a feed or a listing, whichever it is."""
        read = _listed if body.lstrip()[:1] in (b"{", b"[") else _fed
        return reading_of(self.id, read(body, ctx.service), ctx, host=_HOST)


def _listed(body: bytes, service: Service) -> Iterator[Post]:
    """The newest posts of a listing but those pinned to the top: old, and not what was written now."""
    things = (child.data for child in decode_json(body, _Listing).data.children)
    for thing in nlargest(_MOST_LISTED, (t for t in things if not t.stickied), key=lambda t: t.created_utc):
        yield Post(
            id=thing.id.removeprefix("t3_"),
            at=datetime.fromtimestamp(thing.created_utc, UTC),
            title=thing.title,
            body=thing.selftext or "",
            url=f"{_SITE}{thing.permalink}" if thing.permalink.startswith("/") else "",
            component=_component_of(thing.subreddit, service),
            score=thing.score,
            replies=thing.num_comments,
        )


def _fed(body: bytes, service: Service) -> Iterator[Post]:
    """The newest posts of a feed.

    :raises Malformed: another site's feed, or one in which a post lacks its id or time.
    """
    root = parse_xml(body, "feed")
    entries = root.findall(f"{_ATOM}entry")
    if not entries and not _text(root, "id").startswith("/r/"):
        msg = "the feed is not one of Reddit's"
        raise Malformed(msg)
    dated = [(_time_of(entry), entry) for entry in entries]
    for at, entry in nlargest(_MOST_FED, dated, key=lambda pair: pair[0]):
        link, place = entry.find(f"{_ATOM}link"), entry.find(f"{_ATOM}category")
        yield Post(
            id=_text(entry, "id").removeprefix("t3_"),
            at=at,
            title=_text(entry, "title"),
            body=strip_html(_text(entry, "content"), _BODY_CHARS).partition(_SIGNATURE)[0],
            url=(link.get("href") or "") if link is not None else "",
            component=_component_of((place.get("term") or "") if place is not None else "", service),
        )


def _time_of(entry: _Element) -> datetime:
    at = moment(_text(entry, "published") or _text(entry, "updated"))
    if not _text(entry, "id").startswith("t3_") or at is None:
        msg = "the feed is not one of Reddit's new posts"
        raise Malformed(msg)
    return at


def _text(node: _Element, name: str) -> str:
    return (node.findtext(f"{_ATOM}{name}") or "").strip()


def _component_of(community: str, service: Service) -> str | None:
    """The component a community is named after: r/ClaudeCode is about Claude Code.

    An address is no name: r/ClaudeAI is about all of Claude, not about claude.ai.
    """
    name = _squeezed(community)
    named = ((c.id, _squeezed(a)) for c in service.components for a in (c.name, *c.aliases) if "." not in a)
    return next((component for component, alias in named if alias == name), None)


@lru_cache(maxsize=4096)
def _squeezed(name: str) -> str:
    return "".join(c for c in name[:80].lower() if c.isalnum())


SOURCE = Reddit()
