"""Hacker News through Algolia's search: stories of the last day whose title says that the service is in trouble."""

from __future__ import annotations

from datetime import UTC, datetime
from heapq import nlargest
from typing import Annotated

from msgspec import Meta, Struct

from stillup.errors import NotConfigured
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Reading
from stillup.sources.decode import decode_json, strip_html
from stillup.sources.posts import HISTORY, Post, reading_of
from stillup.sources.text import names_service

_API = "https://hn.algolia.com/api/v1"
_MOST_STORIES = 200
"""Newest stories that are read, all phrases together: each costs time to classify."""
_HOST = "news.ycombinator.com"
_STORY = f"https://{_HOST}/item?id="
_TEXT_CHARS = 1500


class _Hit(Struct, frozen=True, rename={"object_id": "objectID"}):
    object_id: Annotated[str, Meta(pattern=r"^\d{1,12}\Z")]
    created_at_i: Annotated[int, Meta(gt=0, lt=2**33)]
    title: str | None = None
    story_text: str | None = None
    points: int | None = None
    num_comments: int | None = None


class _Found(Struct, frozen=True, rename={"number": "nbHits"}):
    hits: Annotated[tuple[_Hit, ...], Meta(max_length=1000)]
    number: Annotated[int, Meta(ge=0)]


class HackerNews(HttpSource):
    """Stories found by the catalogue's phrases, one request a phrase; a story found twice counts once."""

    id = "hackernews"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        phrases = ctx.hint(self.id).phrases
        if not phrases:
            msg = f"nothing to look for on Hacker News is known for {ctx.service.name}"
            raise NotConfigured(msg)
        since = int((ctx.now - HISTORY).timestamp())
        return tuple(
            Request(
                url=f"{ctx.setting.base_url or _API}/search_by_date",
                params=(
                    ("query", phrase),
                    ("tags", "story"),
                    ("numericFilters", f"created_at_i>{since}"),
                    ("hitsPerPage", "50"),
                ),
                tag=phrase,
            )
            for phrase in phrases
        )

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - all answers read alike
        return self._reading(_stories(body), ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Ask for every phrase and count all answers together: the same story answers several."""
        answers = await net.fetch_all(self.requests(ctx))
        return self._reading([story for answer in answers for story in _stories(answer.body)], ctx)

    def _reading(self, stories: list[Post], ctx: Context) -> Reading:
        """Titles that do not name the service are dropped: the whole world writes here, not only its users."""
        once = {story.id: story for story in stories}.values()
        newest = nlargest(_MOST_STORIES, once, key=lambda story: story.at)
        about = [story for story in newest if names_service(story.title, ctx.service)]
        return reading_of(self.id, about, ctx, noun="stories", is_whole=False, host=_HOST)


def _stories(body: bytes) -> list[Post]:
    return [
        Post(
            id=hit.object_id,
            at=datetime.fromtimestamp(hit.created_at_i, UTC),
            title=hit.title or "",
            body=strip_html(hit.story_text or "", _TEXT_CHARS),
            url=f"{_STORY}{hit.object_id}",
            score=hit.points,
            replies=hit.num_comments,
        )
        for hit in decode_json(body, _Found).hits
    ]


SOURCE = HackerNews()
