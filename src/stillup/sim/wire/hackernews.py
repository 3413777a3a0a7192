"""Hacker News through Algolia's ``search_by_date``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.texts import Post, post_of
from stillup.sim.wire.reply import Reply, json_reply, not_found, seconds

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_LOOK_BACK = timedelta(days=2)
_MOST = 1000


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``api/v1/search_by_date``."""
    if rest != "api/v1/search_by_date":
        return not_found()
    return reply(desk.stories, visit.now, visit.params)


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - the query says it all
    """The services a search could be about: any word of it stands in what the service is called."""
    return [s.id for s in _about(_words(visit.params))]


def _words(params: Mapping[str, str]) -> list[str]:
    return re.findall(r"\w+", params.get("query", "").lower())


def _about(words: Sequence[str]) -> list[Service]:
    return [s for s in catalogue().values() if not _names(s).isdisjoint(words)]


def _names(service: Service) -> set[str]:
    return {word for name in (service.id, service.name, *service.aliases) for word in re.findall(r"\w+", name.lower())}


def reply(stories: Stories, now: datetime, params: Mapping[str, str]) -> Reply:
    """Stories that hold every word of ``query``, newest first, within ``numericFilters``."""
    words = _words(params)
    per_page = _whole(params.get("hitsPerPage"), 20)
    filters = re.findall(r"created_at_i\s*(>=?)\s*(\d{1,10})", params.get("numericFilters", ""))
    within = min([_LOOK_BACK, *(now - datetime.fromtimestamp(int(n), UTC) for _, n in filters)])
    by_service = (_written(stories.of(s.id), s, now, within) for s in _about(words))
    newest = islice(merge(*by_service, key=_time, reverse=True), _MOST)
    found = [p for p in newest if all(w in p.title.lower() for w in words) and _passes(p, filters)]
    page = _whole(params.get("page"), 0)
    return json_reply(
        {
            "hits": [_hit(p) for p in found[page * per_page : (page + 1) * per_page]],
            "nbHits": len(found),
            "nbPages": -(-len(found) // per_page) if per_page else 0,
            "page": page,
            "hitsPerPage": per_page,
            "exhaustiveNbHits": True,
            "query": params.get("query", ""),
            "params": "",
            "processingTimeMS": 1,
        }
    )


def _written(story: Story, service: Service, now: datetime, within: timedelta) -> Iterator[Post]:
    newest = story.newest_first((Stream.STORIES,), now, within)
    return (post_of(h, service, story.scenario.seed) for h in newest)


def _time(post: Post) -> datetime:
    return post.at


def _passes(post: Post, filters: list[tuple[str, str]]) -> bool:
    at = int(post.at.timestamp())
    return all(at > int(n) or (sign == ">=" and at == int(n)) for sign, n in filters)


def _whole(text: str | None, default: int) -> int:
    return min(int(text), _MOST) if text and text.isdigit() and len(text) < 10 else default


def _hit(post: Post) -> dict[str, object]:
    number = int(post.at.timestamp()) * 100 + post.key % 100
    return {
        "objectID": str(number),
        "title": post.title,
        "url": None,
        "author": post.author,
        "points": 1 + post.key % 90,
        "num_comments": post.key % 40,
        "created_at": seconds(post.at),
        "created_at_i": int(post.at.astimezone(UTC).timestamp()),
        "story_id": number,
        "_tags": ["story", f"author_{post.author}", f"story_{number}"],
    }
