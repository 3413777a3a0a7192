"""Reddit's two ways to the newest posts: the Atom feed anybody may read, and the listing for a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.texts import Post, communities_of, post_of
from stillup.sim.wire.reply import ATOM, Reply, json_reply, not_found, xml

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

FEED_ENTRIES = 25
_MOST = 100
_LOOK_BACK = timedelta(days=2)


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``r/{communities}/new`` with a token, ``r/{communities}/new/.rss`` without."""
    _, _, asked = rest.partition("r/")
    communities, _, what = asked.partition("/")
    if what.strip("/") == "new/.rss":
        return feed(desk.stories, communities, visit.now)
    if what.strip("/") not in ("new", "new.json"):
        return not_found()
    if not visit.has_token:
        return json_reply({"message": "Unauthorized", "error": 401}, status=401)
    return listing(desk.stories, communities, visit.now, visit.params)


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - the path says it all
    """The services these communities are about."""
    return [s.id for s in _about(rest.partition("r/")[2].partition("/")[0])]


def _about(communities: str) -> list[Service]:
    wanted = {c.lower() for c in communities.split("+")}
    return [s for s in catalogue().values() if not wanted.isdisjoint(map(str.lower, communities_of(s)))]


def posts(stories: Stories, communities: str, now: datetime, number: int) -> list[Post]:
    """The newest posts of some communities (``a+b+c``), whatever service they are about, newest first."""
    wanted = {c.lower() for c in communities.split("+")}
    about = _about(communities)
    written = merge(*(_written(stories.of(s.id), s, now) for s in about), key=_time, reverse=True)
    return list(islice((p for p in written if p.community.lower() in wanted), number))


def _written(story: Story, service: Service, now: datetime) -> Iterator[Post]:
    newest = story.newest_first((Stream.POSTS, Stream.CHATTER), now, _LOOK_BACK)
    return (post_of(h, service, story.scenario.seed) for h in newest)


def _time(post: Post) -> datetime:
    return post.at


def feed(stories: Stories, communities: str, now: datetime) -> Reply:
    """``/r/{communities}/new/.rss``."""
    newest = posts(stories, communities, now, FEED_ENTRIES)
    label, updated = xml(communities), _stamp(newest[0].at if newest else now)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">\n'
        f'  <category term="{label}" label="r/{label}"/>\n  <updated>{updated}</updated>\n'
        f"  <id>/r/{label}/new/.rss</id>\n  <title>newest submissions : {label}</title>\n"
        f"{''.join(map(_entry, newest))}</feed>\n"
    )
    return Reply(body=body.encode(), content_type=ATOM)


def _entry(post: Post) -> str:
    name, community = xml(post.author), xml(post.community)
    content = xml(f'<div class="md"><p>{xml(post.body)}</p></div>')
    return (
        f"  <entry>\n    <author><name>/u/{name}</name><uri>https://www.reddit.com/user/{name}</uri></author>\n"
        f'    <category term="{community}" label="r/{community}"/>\n    <content type="html">{content}</content>\n'
        f'    <id>t3_{post.id}</id>\n    <link href="https://www.reddit.com{_permalink(post)}"/>\n'
        f"    <updated>{_stamp(post.at)}</updated>\n    <published>{_stamp(post.at)}</published>\n"
        f"    <title>{xml(post.title)}</title>\n  </entry>\n"
    )


def listing(stories: Stories, communities: str, now: datetime, params: Mapping[str, str]) -> Reply:
    """``/r/{communities}/new`` of the OAuth API: newest first, ``limit`` to 100, only newer than ``before``."""
    wanted = params.get("limit", "25")
    limit = min(int(wanted), _MOST) if wanted.isdigit() else FEED_ENTRIES
    newest = posts(stories, communities, now, limit)
    before = params.get("before", "")
    fresh = [p for p in newest if not before or (len(p.id), p.id) > (len(before) - 3, before.removeprefix("t3_"))]
    return listed(fresh, after=f"t3_{fresh[-1].id}" if len(fresh) == limit else None)


def listed(found: list[Post], after: str | None = None) -> Reply:
    """Some posts as a listing."""
    children = [{"kind": "t3", "data": _thing(p)} for p in found]
    data = {"after": after, "before": None, "dist": len(found), "modhash": None, "children": children}
    return json_reply({"kind": "Listing", "data": data})


def _thing(post: Post) -> dict[str, object]:
    return {
        "id": post.id,
        "name": f"t3_{post.id}",
        "subreddit": post.community,
        "title": post.title,
        "selftext": post.body,
        "author": post.author,
        "created_utc": float(int(post.at.timestamp())),
        "score": 1 + post.key % 7,
        "ups": 1 + post.key % 7,
        "upvote_ratio": 0.8,
        "num_comments": post.key % 11,
        "link_flair_text": None,
        "permalink": _permalink(post),
        "url": f"https://www.reddit.com{_permalink(post)}",
        "over_18": False,
        "stickied": False,
        "removed_by_category": None,
    }


def _permalink(post: Post) -> str:
    words = "".join(c if c.isalnum() else " " for c in post.title.lower()).split()
    return f"/r/{post.community}/comments/{post.id}/{'_'.join(words)[:50]}/"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
