"""What people write on networks of short posts: the same happenings that others write about elsewhere, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.texts import Post, post_of

_MOST_CHARS = 280


class Short(Struct, frozen=True):
    """One short post; ``post`` is the long one it was made of."""

    post: Post
    text: str

    @property
    def at(self) -> datetime:
        """When it was written."""
        return self.post.at


def shorts(
    stories: Stories, service: Service, after: datetime, until: datetime, *, one_in: int, chatter: bool = False
) -> Iterator[Short]:
    """Posts about a service with ``after < at <= until``, each stream's oldest first; one in ``one_in`` is here."""
    story = stories.of(service.id)
    for stream in (Stream.POSTS, Stream.CHATTER) if chatter else (Stream.POSTS,):
        for happening in story.happened(stream, after, until):
            post = post_of(happening, service, story.scenario.seed)
            if post.key % one_in == 0:
                yield Short(post, f"{post.title} {post.body}"[:_MOST_CHARS])
