"""What a list of posts says: which are about trouble, counted by what they name, and since when.

Every source of posts (Reddit, Hacker News and others to come) turns its answer into :class:`Post` values; the rest is
done here. Texts are classified and dropped: a reading keeps the titles of at most five posts, and no author.

The first reading counts the past in windows on the grid, so that a baseline exists at once. A later one counts what
is newer than ``ctx.since`` as one window that ends now. A post that shows up in the list later than the next reading
(held back by a moderator, or an index that trails) is then missed: remembering all ids would mend it, at the price of
state, and one late post changes no verdict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from msgspec import Struct
from msgspec.structs import astuple, replace

from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted, Signal
from stillup.model.verdict import iso
from stillup.registry import SOURCES
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import clean
from stillup.sources.text import Mention, classify

HISTORY = timedelta(hours=24)
_GAP_INTERVALS = 3
"""A pause of more intervals than this is read like a first time: its posts did not come in one interval."""
_BODY_CHARS = 300
"""What somebody writes about trouble now stands at the top; long texts mention anything, and cost time to read."""
_MAX_LINKS = 5
_TITLE_CHARS = 300
_SHOWN_CHARS = 100
_MAX_ID = 80
_URL = re.compile(r"https?://[!-~]{1,500}")


class Post(Struct, frozen=True, kw_only=True):
    """One post as its site gave it. ``component`` is what its place stands for when its text names none."""

    id: str
    at: datetime
    title: str
    body: str = ""
    url: str = ""
    component: str | None = None


class _Key(Struct, frozen=True):
    """What posts are counted by. Of several components or models none is it: the post counts once, for the whole."""

    component: str | None
    region: str | None
    problem: Problem | None
    model: str | None


class _Trouble(Struct, frozen=True):
    post: Post
    key: _Key


def reading_of(
    source: str, posts: Iterable[Post], ctx: Context, *, noun: str = "posts", is_whole: bool = True
) -> Reading:
    """The counts of some posts in any order.

    ``is_whole``: the list has every post from its oldest on, so a window without trouble is known to be empty. A list
    of what a search found is not: of the windows it has nothing for it knows nothing.
    """
    every = tuple(posts)
    newest_first = _recent(every, ctx.now)
    trouble = [t for post in newest_first if (t := _trouble(post, ctx)) is not None]
    begins = min((post.at for post in every), default=ctx.now) if is_whole else ctx.now
    link = ctx.hint(source).link
    return Reading(
        signals=(*_lines(source, trouble, ctx, begins), Alive(at=ctx.now, service=ctx.service.id, source=source)),
        says=_says(newest_first, trouble, ctx.now, f"{noun} in {_reach(newest_first, ctx.now, is_whole=is_whole)}"),
        links=(*_links(trouble), *((Link(link, SOURCES[source].title),) if link else ())),
    )


def _lines(source: str, trouble: list[_Trouble], ctx: Context, begins: datetime) -> list[Signal]:
    from_ = _past_from(ctx)
    if from_ is None:
        return [*_counted_now(source, [t for t in trouble if ctx.since is None or t.post.at > ctx.since], ctx)]
    return _past(source, [t for t in trouble if t.post.at > from_], ctx, covered_from=max(from_, begins))


def _recent(posts: Iterable[Post], now: datetime) -> list[Post]:
    """Posts of the last day, each once, newest first. A post from the future waits for its time."""
    by_id = {post.id: post for post in posts if now - HISTORY < post.at <= now}
    return sorted(by_id.values(), key=lambda post: (post.at, post.id), reverse=True)


def _trouble(post: Post, ctx: Context) -> _Trouble | None:
    """The post with its key when it is about trouble; what only repeats the official page is no word of its own."""
    mention = classify(f"{post.title[:_TITLE_CHARS]}\n{post.body[:_BODY_CHARS]}", ctx.service)
    if not mention.about_outage or mention.mirrors_page:
        return None
    return _Trouble(post, _key(mention, post))


def _key(mention: Mention, post: Post) -> _Key:
    component = _only(mention.components) if mention.components else post.component
    return _Key(component, mention.region, mention.problem, _only(mention.models))


def _only(names: tuple[str, ...]) -> str | None:
    return names[0] if len(names) == 1 else None


def _past_from(ctx: Context) -> datetime | None:
    """From when the past is to be counted in windows; None when the last reading was just now."""
    if ctx.since is None:
        return ctx.now - HISTORY
    pause = ctx.now - ctx.since
    return ctx.since if pause > _GAP_INTERVALS * timedelta(seconds=ctx.setting.interval_s) else None


def _past(source: str, trouble: list[_Trouble], ctx: Context, *, covered_from: datetime) -> list[Signal]:
    """Closed windows under their own end, the open one under now, and ``alive`` for the empty ones.

    The window in which the list begins is counted with what is known of it: too little, never too much.
    """
    windows: dict[datetime, list[_Trouble]] = {}
    for found in trouble:
        windows.setdefault(window_end(found.post.at, ctx.setting.interval_s), []).append(found)
    lines: list[Signal] = []
    for end, inside in sorted(windows.items()):
        if end >= ctx.now:
            lines += _counted_now(source, inside, ctx)
        else:
            lines += [_counted(source, key, n, ctx, end) for key, n in _tally(inside)]
    step = timedelta(seconds=ctx.setting.interval_s)
    end = window_end(covered_from, ctx.setting.interval_s) + step
    while end < ctx.now:
        if end not in windows:
            lines.append(Alive(at=end, service=ctx.service.id, source=source))
        end += step
    return sorted(lines, key=lambda line: line.at)


def _counted_now(source: str, trouble: list[_Trouble], ctx: Context) -> list[Counted]:
    """One line a key, under now, each with an id: two readings in one window of the grid add up."""
    return [
        replace(_counted(source, key, n, ctx, ctx.now), id=signal_id(source, ctx.now, *astuple(key)))
        for key, n in _tally(trouble)
    ]


def _tally(trouble: list[_Trouble]) -> list[tuple[_Key, int]]:
    return sorted(Counter(t.key for t in trouble).items(), key=repr)


def _counted(source: str, key: _Key, count: int, ctx: Context, at: datetime) -> Counted:
    return Counted(
        at=at,
        service=ctx.service.id,
        source=source,
        window_s=ctx.setting.interval_s,
        count=count,
        component=key.component,
        region=key.region,
        problem=key.problem,
        model=key.model,
    )


def signal_id(source: str, now: datetime, *key: str | None) -> str:
    """The id of a line read at ``now``: the source, the time and the line's key."""
    return ":".join((source, iso(now) or "", *(part or "" for part in key)))[:_MAX_ID]


def window_end(at: datetime, window_s: int) -> datetime:
    """The end of the window of the grid that ``at`` lies in, or at the end of."""
    return datetime.fromtimestamp(-(-at.timestamp() // window_s) * window_s, UTC)


def _reach(newest_first: list[Post], now: datetime, *, is_whole: bool) -> str:
    """How far back a list tells of every post: to its oldest one, where nothing was left out."""
    return span(now - newest_first[-1].at if newest_first and is_whole else HISTORY)


def _says(newest_first: list[Post], trouble: list[_Trouble], now: datetime, of_what: str) -> str:
    if not newest_first:
        return f"no {of_what}"
    within = f"of {len(newest_first)} {of_what}"
    if not trouble:
        return f"none {within} about trouble"
    verb = "is" if len(trouble) == 1 else "are"
    return f"{len(trouble)} {within} {verb} about trouble; newest {span(now - trouble[0].post.at)} old"


def span(length: timedelta) -> str:
    """A length of time in the coarsest unit that says enough: "40 s", "4 min", "2 h"."""
    seconds = length.total_seconds()
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.0f} h"


def _links(trouble: list[_Trouble]) -> tuple[Link, ...]:
    shown = (t.post for t in trouble if _URL.fullmatch(t.post.url))
    return tuple(Link(post.url, clean(post.title, _SHOWN_CHARS)) for post in islice(shown, _MAX_LINKS))
