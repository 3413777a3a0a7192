"""All posts of Bluesky as they are written, of which only those that match are held: one stream for all services.

Frames come from a stranger and are distrusted: one that is no post in the expected form is passed over, a time from
the future moves nothing, texts are cut, and each service has room for so many posts between two readings.

The cursor is the time of the newest frame, in microseconds. A stream that ended is taken up a few seconds before it,
so nothing is lost, and what comes twice is known by its id. A gap longer than :data:`MOST_REPLAY` is not fetched: it
would be hundreds of megabytes; that time then counts as not heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from stillup.errors import TooLarge, Unreachable
from stillup.net import Net, Request
from stillup.sources.posts import span
from stillup.sources.tally import Post

if TYPE_CHECKING:
    from stillup.net.socket import Socket

HOST = "bsky.app"
COLLECTION = "app.bsky.feed.post"
MOST_REPLAY = timedelta(minutes=10)
MOST_POSTS = 500
"""Posts held for one service between two readings, the newest."""
_MOST_SEEN = 4_000
_MOST_CHARS = 1_000
_FRAME_BYTES, _MOST_FRAME_BYTES = 64 * 1024, 128 * 1024
"""What the server is asked to keep to, and what is taken."""
_REWIND_US = 5_000_000
_AHEAD_S = 60.0
"""Clocks may differ by so much; a frame from further ahead is not believed."""
_CURRENT = timedelta(seconds=60)
"""A stream whose newest frame is older runs behind, or has gone quiet: tens of posts a second are usual."""
_CATCH_UP_S = 3.0
"""Real seconds a reading waits for a stream that was taken up again."""
_SILENCE_S = 60.0
_MICRO = 1_000_000

Words = tuple[tuple[str, ...], ...]
"""What a service is looked for by: any of these, each with all of its words."""


class _Record(Struct, frozen=True):
    text: str = ""


class _Commit(Struct, frozen=True):
    operation: str
    collection: str
    rkey: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~:-]{1,64}\Z")] = ""
    record: _Record | None = None


class _Frame(Struct, frozen=True):
    did: Annotated[str, Meta(pattern=r"^did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,200}\Z")]
    time_us: Annotated[int, Meta(ge=0, lt=2**53)]
    kind: str
    commit: _Commit | None = None


_DECODER = msgspec.json.Decoder(_Frame)


class _Followed:
    """One service that is listened for: since when without a gap, and what has come since the last reading."""

    def __init__(self, words: Words, since: datetime) -> None:
        self.words = words
        self.since = since
        self.posts: deque[Post] = deque(maxlen=MOST_POSTS)

    def is_meant(self, text: str) -> bool:
        return any(all(word in text for word in phrase) for phrase in self.words)


class Inbox:
    """What has come over the stream. Pure but for what it holds."""

    def __init__(self) -> None:
        self.newest_us = 0
        self.ill = 0
        self.current = asyncio.Event()
        self._followed: dict[str, _Followed] = {}
        self._seen: dict[str, None] = {}

    def follow(self, service: str, words: Words, now: datetime) -> _Followed:
        """Listen for a service from now on."""
        known = self._followed.get(service)
        if known is None or known.words != words:
            known = self._followed[service] = _Followed(words, now)
        return known

    def take(self, frame: bytes, now_s: float) -> None:
        """One frame, at this moment of the wall clock (seconds since the epoch). Never raises."""
        try:
            read = _DECODER.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.ill += 1
            return
        if read.time_us > (now_s + _AHEAD_S) * _MICRO:
            self.ill += 1
            return
        self.newest_us = max(self.newest_us, read.time_us)
        if not self.current.is_set() and now_s - read.time_us / _MICRO < _CURRENT.total_seconds():
            self.current.set()
        commit = read.commit
        if read.kind != "commit" or commit is None or commit.record is None:
            return
        if commit.operation == "create" and commit.collection == COLLECTION and commit.rkey:
            self._file(read, commit.rkey, commit.record.text[:_MOST_CHARS], now_s)

    def _file(self, frame: _Frame, rkey: str, text: str, now_s: float) -> None:
        lowered = text.casefold()
        meant = [service for service in self._followed.values() if service.is_meant(lowered)]
        if not meant:
            return
        # The writer's id is in the post's own address and nowhere else.
        post_id = blake2b(f"{frame.did}/{rkey}".encode(), digest_size=8).hexdigest()
        if post_id in self._seen:
            return
        self._seen[post_id] = None
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        at = datetime.fromtimestamp(min(frame.time_us / _MICRO, now_s), UTC)
        url = f"https://{HOST}/profile/{frame.did}/post/{rkey}"
        for service in meant:
            service.posts.append(Post(id=post_id, at=at, title=text, url=url))

    def lost(self, until: datetime) -> None:
        """Nothing was heard before ``until``."""
        for service in self._followed.values():
            service.since = max(service.since, until)


class Stream:
    """The connection to one server, taken up again at a reading when it has ended."""

    def __init__(self, net: Net, base_url: str) -> None:
        self._net = net
        self._base_url = base_url
        self.inbox = Inbox()
        self._opening = asyncio.Lock()
        self._socket: Socket | None = None

    async def heard(self, service: str, words: Words, now: datetime, meter: Net) -> tuple[list[Post], datetime]:
        """What has come for a service since it was last asked for, and since when all of it was heard.

        :raises stillup.errors.SourceError: the stream cannot be opened, or runs behind.
        """
        followed = self.inbox.follow(service, words, now)
        async with self._opening:
            if self._socket is None or not self._socket.is_open:
                await self._open(now, meter)
            await self._be_current(now)
        posts = list(followed.posts)
        followed.posts.clear()
        return posts, followed.since

    async def _open(self, now: datetime, meter: Net) -> None:
        params = [("wantedCollections", COLLECTION), ("maxMessageSizeBytes", str(_FRAME_BYTES))]
        error = self._socket.error if self._socket is not None else None
        if self.inbox.newest_us and not isinstance(error, TooLarge):  # the same frame would end it again
            cursor_us = max(self.inbox.newest_us - _REWIND_US, _micros(now - MOST_REPLAY))
            params.append(("cursor", str(cursor_us)))
            if cursor_us > self.inbox.newest_us:
                self.inbox.lost(now - MOST_REPLAY)
        else:
            self.inbox.lost(now)
        self.inbox.current.clear()
        request = Request(url=f"{self._base_url}/subscribe", params=tuple(params), max_bytes=_MOST_FRAME_BYTES)
        self._socket = await meter.socket(request, self._take, silence_s=_SILENCE_S)

    def _take(self, frame: bytes) -> None:
        self.inbox.take(frame, self._net.wall_s())

    async def _be_current(self, now: datetime) -> None:
        """Wait a little for the present where the newest frame is old, or the stream new.

        What is still on its way then comes with the next reading.

        :raises Unreachable: it does not come.
        """
        if self.inbox.current.is_set() and self._behind(now) <= _CURRENT:
            return
        if self._behind(now) > _CURRENT:
            self.inbox.current.clear()
        try:
            async with asyncio.timeout(_CATCH_UP_S):
                await self.inbox.current.wait()
        except TimeoutError:
            pass
        else:
            return
        if self._socket is not None and self._socket.error is not None:
            raise self._socket.error
        host = self._base_url.split("://", 1)[-1]
        how_far = f"is {span(self._behind(now))} behind" if self.inbox.newest_us else "says nothing"
        msg = f"{host}: the stream {how_far}"
        raise Unreachable(msg)

    def _behind(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self.inbox.newest_us / _MICRO, UTC)


class Streams:
    """The streams of a net by the address of their server: one, unless a service is told to ask another."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._by_url: dict[str, Stream] = {}

    def at(self, base_url: str) -> Stream:
        """The stream of that server."""
        if base_url not in self._by_url:
            self._by_url[base_url] = Stream(self._net, base_url)
        return self._by_url[base_url]


def words_of(phrases: Iterable[str]) -> Words:
    """What to look for, from the catalogue's phrases."""
    return tuple(words for phrase in phrases if (words := tuple(phrase.casefold().split())))


def _micros(at: datetime) -> int:
    return int(at.timestamp() * _MICRO)
