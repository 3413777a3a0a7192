"""What a list of posts says: which are about trouble, counted by what they name, and since when.

Every source of posts (Reddit, Hacker News, X, Mastodon, Bluesky) turns its answer into :class:`Post` values; the rest
is done here. Texts are classified and dropped: a reading keeps the titles of at most five posts about trouble and of a
few that offer a way round it, and no author.

A post that shows up in the list later than the next reading (held back by a moderator, or an index that trails) is
missed: remembering all ids would mend it, at the price of state, and one late post changes no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from msgspec import Struct

from stillup.model.signal import Alive
from stillup.registry import SOURCES
from stillup.response.workarounds import Tip
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import clean
from stillup.sources.tally import HISTORY, Key, Post, Told, lines, signal_id, window_end
from stillup.sources.text import Mention, classify
from stillup.sources.workarounds import tip_of

__all__ = ["HISTORY", "Post", "key_of", "reading_of", "signal_id", "span", "trouble_in", "window_end"]

_BODY_CHARS = 300
"""What somebody writes about trouble now stands at the top; long texts mention anything, and cost time to read."""
_MAX_LINKS, _MAX_TIPS = 5, 20
_TITLE_CHARS = 300
_SHOWN_CHARS = 100
_URL = re.compile(r"https?://[!-~]{1,500}")


class _Read(Struct, frozen=True):
    post: Post
    mention: Mention

    @property
    def is_trouble(self) -> bool:
        """Whether it is about trouble now; what only repeats the official page is no word of its own."""
        return self.mention.about_outage and not self.mention.mirrors_page


def reading_of(
    source: str,
    posts: Iterable[Post],
    ctx: Context,
    *,
    noun: str = "posts",
    is_whole: bool = True,
    begins: datetime | None = None,
    host: str = "",
) -> Reading:
    """The counts of some posts in any order.

    ``is_whole``: the list has every post from ``begins`` (default: its oldest) on, so a window without trouble is
    known to be empty. A list of what a search found is not: of the windows it has nothing for it knows nothing.
    ``host`` is the site's own: posts there that offer a way round the trouble are kept as tips.
    """
    every = tuple(posts)
    read = [_Read(post, _mention(post, ctx)) for post in _recent(every, ctx.now)]
    trouble = [r for r in read if r.is_trouble]
    told = [Told(r.post.at, key_of(r.post, r.mention)) for r in trouble]
    oldest = begins or min((post.at for post in every), default=ctx.now)
    found = lines(source, told, ctx, oldest if is_whole else ctx.now)
    reach = ctx.now - oldest if begins else _reach(read, ctx.now, is_whole=is_whole)
    link = ctx.hint(source).link
    return Reading(
        signals=(*found, Alive(at=ctx.now, service=ctx.service.id, source=source)),
        says=_says(read, trouble, ctx.now, f"{noun} in {span(reach)}"),
        links=(*_links(trouble), *((Link(link, SOURCES[source].title),) if link else ())),
        tips=_tips(source, read, ctx, host) if host else (),
    )


def trouble_in(posts: Iterable[Post], ctx: Context) -> list[Key]:
    """What each of these posts that is about trouble is counted by."""
    read = (_Read(post, _mention(post, ctx)) for post in posts)
    return [key_of(r.post, r.mention) for r in read if r.is_trouble]


def _recent(posts: Iterable[Post], now: datetime) -> list[Post]:
    """Posts of the last day, each once, newest first. A post from the future waits for its time."""
    by_id = {post.id: post for post in posts if now - HISTORY < post.at <= now}
    return sorted(by_id.values(), key=lambda post: (post.at, post.id), reverse=True)


def _mention(post: Post, ctx: Context) -> Mention:
    return classify(f"{post.title[:_TITLE_CHARS]}\n{post.body[:_BODY_CHARS]}", ctx.service)


def key_of(post: Post, mention: Mention) -> Key:
    """What a post is counted by: the text's word first, else its site's."""
    component = _only(mention.components) if mention.components else post.component
    return Key(component, mention.region or post.region, mention.problem, _only(mention.models))


def _only(names: tuple[str, ...]) -> str | None:
    return names[0] if len(names) == 1 else None


def _reach(newest_first: list[_Read], now: datetime, *, is_whole: bool) -> timedelta:
    """How far back a list tells of every post: to its oldest one, where nothing was left out."""
    return now - newest_first[-1].post.at if newest_first and is_whole else HISTORY


def _says(read: list[_Read], trouble: list[_Read], now: datetime, of_what: str) -> str:
    if not read:
        return f"no {of_what}"
    within = f"of {len(read)} {of_what}"
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


def _links(trouble: list[_Read]) -> tuple[Link, ...]:
    shown = (r.post for r in trouble if _URL.fullmatch(r.post.url))
    return tuple(Link(post.url, clean(post.title, _SHOWN_CHARS)) for post in islice(shown, _MAX_LINKS))


def _tips(source: str, read: list[_Read], ctx: Context, host: str) -> tuple[Tip, ...]:
    """Posts that offer a way round the trouble, newest first."""
    found = (tip_of(source, r.post, r.mention, ctx.service, host) for r in read)
    return tuple(islice((tip for tip in found if tip is not None), _MAX_TIPS))
