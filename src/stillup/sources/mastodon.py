"""Mastodon: posts under a service's tags, as one server sees them. Default: mastodon.social, the largest.

A server shows what its own people wrote and what reached it from others, so one server is not the network. Ids begin
with the time, so "newer than" needs no memory. Some servers show tags to their own users alone: those need a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct

from stillup.errors import Malformed, NotConfigured
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Reading
from stillup.sources.decode import decode_json, moment, strip_html
from stillup.sources.posts import Post, reading_of
from stillup.sources.tally import HISTORY, past_from
from stillup.sources.text import names_service

_SERVER = "https://mastodon.social"
_LIMIT = 40
_MOST_TAGS = 6
_MOST_READ = 200
_TEXT_CHARS = 1500
_SHARED = timedelta(minutes=5)
"""The question's time is rounded down to so much, so that two who look at once ask the same and share one answer."""
_Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _Status(Struct, frozen=True):
    """One post; whose it is is not read."""

    id: Annotated[str, Meta(pattern=r"^\d{1,20}\Z")]
    created_at: Annotated[str, Meta(max_length=40)]
    content: str
    spoiler_text: str = ""
    replies_count: _Number = 0
    reblogs_count: _Number = 0
    favourites_count: _Number = 0


class Mastodon(HttpSource):
    """Posts under each of the catalogue's tags, one request a tag; a post under two of them counts once."""

    id = "mastodon"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        tags = [tag for tag in ctx.hint(self.id).tags if tag.isalnum()]
        if not tags:
            msg = f"no tag on Mastodon is known for {ctx.service.name}"
            raise NotConfigured(msg)
        key = ctx.setting.key
        headers = (("Authorization", key.bearer()),) if key is not None else ()
        since = str(id_at(_from(ctx)))
        return tuple(
            Request(
                url=f"{ctx.setting.base_url or _SERVER}/api/v1/timelines/tag/{quote(tag, safe='')}",
                params=(("limit", str(_LIMIT)), ("since_id", since)),
                headers=headers,
                tag=tag,
            )
            for tag in tags[:_MOST_TAGS]
        )

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - all answers read alike
        return self._reading([_statuses(body, ctx)], ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Ask for every tag and count all answers together."""
        answers = await net.fetch_all(self.requests(ctx))
        return self._reading([_statuses(answer.body, ctx) for answer in answers], ctx)

    def _reading(self, lists: Sequence[list[Post]], ctx: Context) -> Reading:
        """What does not name the service is dropped: a tag can be a person's name, too."""
        every = {post.id: post for posts in lists for post in posts}.values()
        about = [post for post in every if names_service(f"{post.title}\n{post.body}", ctx.service)]
        begins = max((_covered_from(posts, ctx) for posts in lists), default=ctx.now)
        host = urlsplit(_site(ctx)).hostname or ""
        return reading_of(self.id, about, ctx, begins=begins, host=host)


def id_at(at: datetime) -> int:
    """The least id a post of that time can have: milliseconds, and 16 bits for whatever came within one."""
    return max(0, int(at.timestamp() * 1000)) << 16


def _from(ctx: Context) -> datetime:
    """Since when posts are wanted, rounded down."""
    from_ = past_from(ctx) or ctx.since or ctx.now - HISTORY
    step_s = _SHARED.total_seconds()
    return datetime.fromtimestamp(from_.timestamp() // step_s * step_s, UTC)


def _covered_from(posts: list[Post], ctx: Context) -> datetime:
    """From when on one answer has every post: a full list may begin later than was asked for."""
    return min(post.at for post in posts) if len(posts) >= _LIMIT else _from(ctx)


def _site(ctx: Context) -> str:
    """Where a person can look at a post: the server that was asked, if it is one on the web."""
    return ctx.setting.base_url if ctx.setting.base_url.startswith("https://") else _SERVER


def _statuses(body: bytes, ctx: Context) -> list[Post]:
    return [_post(status, _site(ctx)) for status in decode_json(body, tuple[_Status, ...])[:_MOST_READ]]


def _post(status: _Status, site: str) -> Post:
    at = moment(status.created_at)
    if at is None:
        msg = "a post of Mastodon has no time that can be read"
        raise Malformed(msg)
    text = strip_html(status.content, _TEXT_CHARS)
    return Post(
        id=status.id,
        at=at,
        title=f"{status.spoiler_text[:200]} {text}".strip(),
        # The post's own address on this server; the one the answer gives has the writer's name in it.
        url=f"{site}/statuses/{status.id}",
        score=status.favourites_count + status.reblogs_count,
        replies=status.replies_count,
    )


SOURCE = Mastodon()
