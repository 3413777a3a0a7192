"""Hacker News through Algolia's ``search_by_date``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

from stillup.catalog.load import Service
from stillup.sim.scenario import Stream
from stillup.sim.story import Story
from stillup.sim.texts import Post, post_of
from stillup.sim.wire.reply import Reply, json_reply, seconds

_LOOK_BACK = timedelta(days=2)
_MOST = 1000


def reply(story: Story, service: Service, now: datetime, params: Mapping[str, str]) -> Reply:
    """Stories that hold every word of ``query``, newest first, within ``numericFilters``."""
    words = re.findall(r"\w+", params.get("query", "").lower())
    per_page = _whole(params.get("hitsPerPage"), 20)
    filters = re.findall(r"created_at_i\s*(>=?)\s*(\d{1,10})", params.get("numericFilters", ""))
    within = min([_LOOK_BACK, *(now - datetime.fromtimestamp(int(n), UTC) for _, n in filters)])
    newest = islice(story.newest_first((Stream.STORIES,), now, within), _MOST)
    written = (post_of(h, service, story.scenario.seed) for h in newest)
    found = [p for p in written if all(w in p.title.lower() for w in words) and _passes(p, filters)]
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
