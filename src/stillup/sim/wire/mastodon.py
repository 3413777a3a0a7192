"""A Mastodon server: ``api/v1/timelines/tag/{tag}``, newest first, only newer than ``since_id``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import escape

from stillup.catalog.load import Service, catalogue
from stillup.sim.wire.reply import Reply, json_reply, millis
from stillup.sim.wire.routes import Desk, Visit
from stillup.sim.wire.short import Short, shorts

_LOOK_BACK, _STRETCH = timedelta(days=2), timedelta(hours=6)
_ONE_IN = 3
_USUAL, _MOST = 20, 40


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """The timeline of one tag; one that nobody uses is empty."""
    tag = _tag(rest)
    if not tag:
        return json_reply({"error": "Record not found"}, status=404)
    since = visit.params.get("since_id", "")
    limit = visit.params.get("limit", "")
    number = min(_MOST, int(limit)) if limit.isdigit() and len(limit) < 4 else _USUAL
    after_id = int(since[:20]) if since.isdigit() else -1
    return json_reply([_status(short, tag) for short in _newest(desk, tag, visit.now, after_id, number)])


def _newest(desk: Desk, tag: str, now: datetime, after_id: int, number: int) -> list[Short]:
    """The newest posts, written a stretch at a time from now backwards: nobody asks for all of two days."""
    services = [service for service in catalogue().values() if tag in _tags(service)]
    found: list[Short] = []
    for stretch in range(_LOOK_BACK // _STRETCH):
        until = now - stretch * _STRETCH
        for service in services:
            written = shorts(desk.stories, service, until - _STRETCH, until, one_in=_ONE_IN, chatter=True)
            found += [short for short in written if _number(short) > after_id]
        if len(found) >= number:
            break
    return sorted(found, key=_number, reverse=True)[:number]


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - the path says it all
    """The services whose tag it is."""
    return [service.id for service in catalogue().values() if _tag(rest) in _tags(service)]


def _tag(rest: str) -> str:
    path = re.fullmatch(r"api/v1/timelines/tag/(\w{1,60})", rest)
    return path[1].lower() if path else ""


def _tags(service: Service) -> set[str]:
    hint = service.sources.get("mastodon")
    return {tag.lower() for tag in hint.tags} if hint else set()


def _number(short: Short) -> int:
    """Mastodon's ids begin with the time in milliseconds."""
    return (int(short.at.timestamp() * 1000) << 16) + short.key % 65_536


def _status(short: Short, tag: str) -> dict[str, object]:
    number, key = str(_number(short)), short.key
    sign = f'<a href="https://mastodon.example/tags/{tag}" class="mention hashtag" rel="tag">#<span>{tag}</span></a>'
    return {
        "id": number,
        "created_at": millis(short.at),
        "in_reply_to_id": None,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "uri": f"https://mastodon.example/users/simulated/statuses/{number}",
        "url": f"https://mastodon.example/@simulated/{number}",
        "replies_count": key % 4,
        "reblogs_count": key % 3,
        "favourites_count": key % 9,
        "edited_at": None,
        "content": f"<p>{escape(short.text)} {sign}</p>",
        "reblog": None,
        "account": {"id": "1", "username": "simulated", "acct": "simulated", "bot": False},
        "media_attachments": [],
        "mentions": [],
        "tags": [{"name": tag, "url": f"https://mastodon.example/tags/{tag}"}],
        "emojis": [],
        "card": None,
        "poll": None,
    }
