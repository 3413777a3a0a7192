"""Bluesky: one stream for all services, filtered here; what is lost with a connection comes with the next, once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import Malformed, NotConfigured, SourceError, Unreachable
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.net import Meter, Net
from stillup.sources._bluesky_stream import MOST_POSTS, Inbox, Streams, words_of
from stillup.sources.bluesky import SOURCE
from stillup.testing import FakeClock, answers, http, serving

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MINUTE = timedelta(minutes=1)


def counted(reading):
    return sum(s.count for s in reading.signals if isinstance(s, Counted))


def frame(at, text, rkey="3lkey", did="did:plc:aaaa", **commit):
    record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "1999-01-01T00:00:00Z"}
    made = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": rkey, "record": record, **commit}
    return json.dumps({"did": did, "time_us": int(at.timestamp() * 1e6), "kind": "commit", "commit": made}).encode()


def wired(payload, opcode=1):
    size = len(payload)
    head = bytes([0x80 | opcode, size]) if size < 126 else bytes([0x80 | opcode, 127]) + struct.pack("!Q", size)
    return head + payload


class Site:
    """A loopback Jetstream: each connection gets the next list of frames, and stays open unless told to end."""

    def __init__(self):
        self.server = None
        self.turns = []
        self.ends = asyncio.Event()

    async def script(self, head, writer):
        accept = base64.b64encode(hashlib.sha1(head.headers["sec-websocket-key"].encode() + _MAGIC).digest()).decode()
        lines = ["HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}"]).encode() + b"\r\n\r\n")
        writer.write(b"".join(self.turns.pop(0) if self.turns else []))
        await writer.drain()
        await self.ends.wait()
        self.ends.clear()
        writer.close()

    @property
    def asked(self):
        return [parse_qs(urlsplit(head.target).query) for head in self.server.heads]


@pytest.fixture
def clock(now):
    return FakeClock(now)


@pytest.fixture
async def site():
    site = Site()
    async with serving(site.script) as server:
        site.server = server
        yield site


@pytest.fixture
async def net(clock):
    async with Net(clock, timeout_s=5.0) as net:
        yield net


@pytest.fixture
def read(site, net, context, clock):
    async def once(service="claude", since=None, **rest):
        ctx = context(service, now=clock.now(), since=since, base_url=site.server.url(""), interval_s=60, **rest)
        return await SOURCE.read(ctx, Meter(net))

    return once


async def ended(net, site):
    """Until our side has noticed that the connection is gone."""
    site.ends.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*(socket._listening for socket in net._sockets))


# -- the connection ---------------------------------------------------------------------------------------------------


async def test_posts_alone_are_asked_for_live_and_in_frames_of_a_size(site, read, now):
    site.turns = [[wired(frame(now, "tea"))]]
    reading = await read()
    assert site.server.heads[0].target.startswith("/subscribe?")
    (params,) = site.asked
    assert params["wantedCollections"] == ["app.bsky.feed.post"]
    assert params["maxMessageSizeBytes"] == ["65536"]
    assert "cursor" not in params
    assert reading.says == "listens from now on"
    assert [type(s) for s in reading.signals] == [Alive]


async def test_all_services_share_one_connection(site, read, now):
    site.turns = [[wired(frame(now, "tea"))]]
    await read("claude")
    await read("chatgpt")
    assert len(site.server.heads) == 1


async def test_what_came_since_the_last_reading_is_given_once(site, read, net, now, clock):
    site.turns = [[wired(frame(now, "tea"))]]
    await read()
    inbox = net.shared(Streams).at(site.server.url("")).inbox
    await clock.advance(60)
    inbox.take(frame(now + MINUTE, "claude is down, cannot log in"), clock.wall_s())
    first = await read(since=now)
    assert counted(first) == 1
    assert first.says == "1 of 1 posts in 60 s is about trouble; newest 0 s old"
    await clock.advance(60)
    inbox.take(frame(now + 2 * MINUTE, "tea"), clock.wall_s())
    assert counted(await read(since=now + MINUTE)) == 0


async def test_a_post_on_its_way_during_a_reading_belongs_to_the_next(site, read, net, now, clock):
    site.turns = [[wired(frame(now, "tea"))]]
    await read()
    inbox = net.shared(Streams).at(site.server.url("")).inbox
    await clock.advance(60)
    inbox.take(frame(now - timedelta(seconds=1), "claude is down, cannot log in"), clock.wall_s())
    inbox.take(frame(now + MINUTE, "tea"), clock.wall_s())
    assert counted(await read(since=now)) == 1


async def test_a_stream_that_ended_is_taken_up_before_where_it_was_and_nothing_counts_twice(
    site, read, net, now, clock
):
    down = frame(now, "claude is down, cannot log in", "a")
    site.turns = [
        [wired(frame(now, "tea"))],
        [wired(down), wired(frame(now, "claude down again", "b")), wired(frame(now + MINUTE, "tea"))],
    ]
    await read()
    net.shared(Streams).at(site.server.url("")).inbox.take(down, clock.wall_s())
    await ended(net, site)
    await clock.advance(60)
    assert counted(await read(since=now)) == 2
    assert site.asked[1]["cursor"] == [str(int(now.timestamp() * 1e6) - 5_000_000)]


async def test_a_long_gap_is_not_fetched_and_not_called_calm(site, read, net, now, clock):
    site.turns = [[wired(frame(now, "tea"))], [wired(frame(now + timedelta(hours=2), "tea"))]]
    await read()
    await ended(net, site)
    await clock.advance(7200)
    reading = await read(since=now)
    assert site.asked[1]["cursor"] == [str(int((clock.now() - timedelta(minutes=10)).timestamp() * 1e6))]
    assert min(s.at for s in reading.signals) >= clock.now() - timedelta(minutes=10)


async def test_a_frame_too_large_ends_the_stream_and_the_next_does_not_begin_before_it(site, read, net, now, clock):
    site.turns = [[wired(frame(now, "tea")), wired(b"x" * 200_000)], [wired(frame(now + MINUTE, "tea"))]]
    await read()
    async with asyncio.timeout(5):
        await asyncio.gather(*(socket._listening for socket in net._sockets))
    await clock.advance(60)
    assert (await read(since=now)).says == "listens from now on"
    assert "cursor" not in site.asked[1]


async def test_a_stream_that_runs_behind_is_no_data_and_what_it_gave_is_kept(site, read, net, now, clock, monkeypatch):
    monkeypatch.setattr("stillup.sources._bluesky_stream._CATCH_UP_S", 0.05)
    site.turns = [[wired(frame(now, "tea"))]]
    await read()
    inbox = net.shared(Streams).at(site.server.url("")).inbox
    inbox.take(frame(now, "claude is down, cannot log in", "b"), clock.wall_s())
    await clock.advance(180)
    with pytest.raises(Unreachable, match=r"the stream is 3 min behind"):
        await read(since=now)
    inbox.take(frame(clock.now(), "tea"), clock.wall_s())
    assert counted(await read(since=now)) == 1


async def test_a_stream_that_says_nothing_is_no_data(site, read, monkeypatch):
    monkeypatch.setattr("stillup.sources._bluesky_stream._CATCH_UP_S", 0.05)
    with pytest.raises(Unreachable, match="says nothing"):
        await read()


async def test_a_page_instead_of_the_stream_is_no_data(context, net):
    async with serving(answers(http(200, b"<html>operational</html>"))) as server:
        with pytest.raises(SourceError):
            await SOURCE.read(context(base_url=server.url("")), net)


async def test_the_stream_ends_with_its_net(site, context, clock, now):
    site.turns = [[wired(frame(now, "tea"))]]
    async with Net(clock) as net:
        await SOURCE.read(context(base_url=site.server.url("")), net)
        (socket,) = net._sockets
        assert socket.is_open
    assert not socket.is_open


async def test_a_service_without_a_phrase_is_not_listened_for(context, net):
    ctx = context()
    bare = type(ctx.service)(id="x", name="X", vendor="X", home="https://x.example")
    with pytest.raises(NotConfigured):
        await SOURCE.read(type(ctx)(now=ctx.now, service=bare, setting=ctx.setting), net)


# -- frames -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(now):
    inbox = Inbox()
    inbox.follow("claude", words_of(["claude down"]), now)
    return inbox


def held(inbox, now):
    return list(inbox.follow("claude", words_of(["claude down"]), now).posts)


def test_all_words_of_a_phrase_are_needed_in_any_order_and_case(inbox, now):
    for number, text in enumerate(["Is CLAUDE really Down?", "down with it, claude!", "claude is fine", "all down"]):
        inbox.take(frame(now, text, f"k{number}"), now.timestamp())
    assert [post.title for post in held(inbox, now)] == ["Is CLAUDE really Down?", "down with it, claude!"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"{" * 100_000,
        b'{"did":"did:plc:a","time_us":-1,"kind":"commit"}',
        b'{"did":"x","time_us":1,"kind":"commit"}',
        b'{"did":"did:plc:a","time_us":1e3,"kind":"commit"}',
        b'{"did":"did:plc:a","time_us":99999999999999999999,"kind":"commit"}',
        b'{"did":"did:plc:a/../b","time_us":1,"kind":"commit"}',
        b'{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"operation":"create","collection":"c","rkey":"../x"}}',
    ],
)
def test_a_frame_in_another_form_is_passed_over_and_ends_nothing(inbox, now, raw):
    inbox.take(raw, now.timestamp())
    assert inbox.ill == 1
    inbox.take(frame(now, "claude down"), now.timestamp())
    assert len(held(inbox, now)) == 1


def test_a_time_from_the_future_moves_neither_the_cursor_nor_a_count(inbox, now):
    inbox.take(frame(now + timedelta(days=365), "claude down"), now.timestamp())
    assert (inbox.newest_us, held(inbox, now)) == (0, [])


def test_a_clock_a_little_ahead_is_believed_and_dated_now(inbox, now):
    inbox.take(frame(now + timedelta(seconds=30), "claude down"), now.timestamp())
    assert [post.at for post in held(inbox, now)] == [now]


def test_what_a_writer_claims_of_the_time_is_not_believed(inbox, now):
    inbox.take(frame(now, "claude down"), now.timestamp())
    assert [post.at for post in held(inbox, now)] == [now]


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "delete", "record": None},
        {"operation": "update"},
        {"collection": "app.bsky.feed.like"},
    ],
)
def test_only_new_posts_count(inbox, now, other):
    inbox.take(frame(now, "claude down", **other), now.timestamp())
    assert held(inbox, now) == []
    assert inbox.ill == 0


def test_what_is_held_is_bounded_in_number_and_in_size(inbox, now):
    for number in range(2 * MOST_POSTS):
        inbox.take(frame(now, f"claude down {number} " + "x" * 20_000, f"k{number}"), now.timestamp())
    posts = held(inbox, now)
    assert len(posts) == MOST_POSTS
    assert posts[-1].title.startswith(f"claude down {2 * MOST_POSTS - 1} ")
    assert max(len(post.title) for post in posts) == 1000


def test_the_writers_id_is_in_the_posts_own_address_and_nowhere_else(inbox, now):
    inbox.take(frame(now, "claude down", did="did:plc:secretwriter"), now.timestamp())
    (post,) = held(inbox, now)
    assert post.url == "https://bsky.app/profile/did:plc:secretwriter/post/3lkey"
    assert "secretwriter" not in post.id + post.title


@given(st.binary(max_size=400))
def test_no_frame_raises(raw):
    Inbox().take(raw, 1.7e9)


# -- recordings -------------------------------------------------------------------------------------------------------


def test_a_recording_reads_as_the_stream_does(context, answer):
    reading = SOURCE.parse(answer("bluesky/outage.jsonl"), context())
    problems = {s.problem for s in reading.signals if isinstance(s, Counted)}
    assert counted(reading) >= 5
    assert {Problem.SIGN_IN, Problem.SERVER_ERROR} <= problems
    assert [tip.host for tip in reading.tips] == ["bsky.app"]


@pytest.mark.parametrize("body", [b"", b"\n", b"<html/>", b'{"error": 1}\n[]'])
def test_what_holds_no_frame_is_malformed(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())
