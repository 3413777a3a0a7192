"""What people write on networks of short posts: the same happenings that others write about elsewhere, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.texts import Post, post_of, short_words

_MOST_CHARS = 280
_APART_S = 7


class Short(Struct, frozen=True):
    """One short post; ``post`` is the long one it was made of, ``key`` its own number, which grows with time."""

    post: Post
    text: str
    at: datetime
    key: int


def shorts(
    stories: Stories,
    service: Service,
    after: datetime,
    until: datetime,
    *,
    one_in: int = 1,
    times: int = 1,
    chatter: bool = False,
) -> Iterator[Short]:
    """Short posts about a service with ``after < at <= until``, each stream's oldest first.

    Of what is written at length elsewhere one in ``one_in`` is here too, ``times`` times over, seconds apart.
    """
    story, behind = stories.of(service.id), timedelta(seconds=_APART_S * times)
    for stream in (Stream.POSTS, Stream.CHATTER) if chatter else (Stream.POSTS,):
        for happening in story.happened(stream, after - behind, until):
            post = post_of(happening, service, story.scenario.seed)
            if post.key % one_in == 0:
                found = (_short(post, service, stream, number) for number in range(times))
                yield from (short for short in found if after < short.at <= until)


def _short(post: Post, service: Service, stream: Stream, number: int) -> Short:
    """Half say it in the network's own few words, and half as they would elsewhere."""
    at, key = post.at + timedelta(seconds=_APART_S * number), post.key + _APART_S * number * 1_000_000
    is_brief = stream is Stream.POSTS and (post.key + number) % 2 == 0
    text = short_words(post, service, number) if is_brief else f"{post.title} {post.body}"
    return Short(post, text[:_MOST_CHARS], at, key)
