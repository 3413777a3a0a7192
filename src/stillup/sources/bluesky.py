"""Bluesky: what is written of a service, from the public stream of all posts (Jetstream), filtered on this machine.

The search needs an account; the stream needs none, and costs traffic instead: all posts of the network come in, one
or two gigabytes a day. So it is switched on by ``enabled = true`` alone, and read when watching, not for one look.
All services of a process share one connection, opened at the first reading and closed with the net.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from stillup.errors import Malformed, NotConfigured
from stillup.net import Net
from stillup.sources._bluesky_stream import HOST, Inbox, Streams, words_of
from stillup.sources.base import Context, Reading
from stillup.sources.posts import Post, reading_of
from stillup.sources.tally import past_from
from stillup.sources.text import names_service

_SERVER = "https://jetstream2.us-east.bsky.network"
_MOMENT = timedelta(milliseconds=1)


class Bluesky:
    """Posts that hold a service's phrases, as they are written."""

    id = "bluesky"

    def covers(self, ctx: Context) -> bool:
        """Whether the catalogue has phrases for it."""
        return self.id in ctx.service.sources

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Take what has come since the last reading; at first, connect.

        :raises NotConfigured: no phrase is known.
        """
        words = words_of(ctx.hint(self.id).phrases)
        if not words:
            msg = f"nothing to look for on Bluesky is known for {ctx.service.name}"
            raise NotConfigured(msg)
        stream = net.shared(Streams).at(ctx.setting.base_url or _SERVER)
        posts, since = await stream.heard(ctx.service.id, words, ctx.now, net)
        return self._reading(posts, ctx, since)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of frames
        """Read a recording of the stream, a frame a line.

        :raises Malformed: not one line of it is a frame.
        """
        inbox, frames = Inbox(), [line for line in body.splitlines() if line.strip()]
        heard = inbox.follow(ctx.service.id, words_of(ctx.hint(self.id).phrases), ctx.now)
        for frame in frames:
            inbox.take(frame, ctx.now.timestamp())
        if not frames or inbox.ill == len(frames):
            msg = "the recording holds no frame of the stream"
            raise Malformed(msg)
        return self._reading(heard.posts, ctx, min((post.at for post in heard.posts), default=ctx.now))

    def _reading(self, posts: Iterable[Post], ctx: Context, since: datetime) -> Reading:
        """The whole world writes here: what does not name the service is somebody else's."""
        about = [_not_lost(post, ctx) for post in posts if names_service(post.title, ctx.service)]
        begins = min(ctx.now, max(since, ctx.since or since))
        reading = reading_of(self.id, about, ctx, begins=begins, host=HOST)
        return reading if about or begins < ctx.now else replace(reading, says="listens from now on")


def _not_lost(post: Post, ctx: Context) -> Post:
    """A post that was on its way while the last reading was made belongs to this one: each comes once."""
    if ctx.since is None or past_from(ctx) is not None:
        return post
    return replace(post, at=max(post.at, ctx.since + _MOMENT))


SOURCE = Bluesky()
