"""One page is asked once by everyone on this machine, and asked politely when it is asked again."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import RateLimited, Refused
from stillup.net import Net, Request
from stillup.net import cache as caching
from stillup.net.cache import Cache, Entry, Recall, Refusal, recall, refused
from stillup.secret import Secret
from stillup.testing import answers, http

NOW = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
NAIVE = NOW.replace(tzinfo=None)


def entry(**fields):
    return Entry(**{"at": NOW, "body": b"kept", "etag": '"1"', **fields})


@pytest.mark.parametrize(
    ("kept", "after_s", "floor_s", "verdict"),
    [
        (None, 0, 60, Recall.ASK),
        (entry(), 0, 60, Recall.FRESH),
        (entry(), 59.9, 60, Recall.FRESH),
        (entry(), 60, 60, Recall.REVALIDATE),
        (entry(), 0, 0, Recall.REVALIDATE),
        (entry(etag="", last_modified="x"), 60, 60, Recall.REVALIDATE),
        (entry(etag=""), 60, 60, Recall.ASK),
        (entry(), -3600, 60, Recall.REVALIDATE),  # the clock was set back
        (entry(body=b"x" * 101), 0, 60, Recall.ASK),  # larger than this request allows
        (refused(entry(), 503, NOW, 90), 89, 60, Recall.REFUSED),
        (refused(entry(), 503, NOW, 90), 90, 60, Recall.REVALIDATE),
        (refused(entry(), 503, NOW, 90), -1, 60, Recall.REVALIDATE),
        (refused(None, 503, NOW, 90), 90, 60, Recall.ASK),
    ],
)
def test_the_cache_decides_by_age_and_size(kept, after_s, floor_s, verdict):
    assert recall(kept, NOW + timedelta(seconds=after_s), floor_s, 100) is verdict


@given(st.integers(-10_000, 10_000), st.integers(0, 10_000), st.booleans())
def test_nothing_older_than_the_floor_is_ever_taken_for_fresh(age_s, floor_s, tagged):
    verdict = recall(entry(etag='"1"' if tagged else ""), NOW + timedelta(seconds=age_s), floor_s, 100)
    assert (verdict is Recall.FRESH) == (0 <= age_s < floor_s)


@pytest.fixture
async def world(serve, connect, to_loopback):
    """A server that is not called loopback, so that the floor binds."""

    async def start(*replies, **settings):
        server = await serve(answers(*replies))
        return server, server.url(host="status.test"), await connect(resolver=to_loopback, **settings)

    return start


async def test_a_page_asked_a_moment_ago_is_not_asked_again(world, clock):
    server, url, net = await world(http(200, b"one", Content_Type="a/b", X_Other="y"), http(200, b"two"))
    first = await net.fetch(Request(url=url))
    clock.set(first.fetched_at + timedelta(seconds=59))
    again = await net.fetch(Request(url=url))
    assert (again.body, again.from_cache, again.asked, again.fetched_at) == (b"one", True, False, first.fetched_at)
    assert again.headers == {"content-type": "a/b"}
    clock.set(first.fetched_at + timedelta(seconds=60))
    assert (await net.fetch(Request(url=url))).body == b"two"
    assert len(server.heads) == 2


async def test_a_request_may_ask_for_a_longer_interval_but_not_for_a_shorter(world, clock):
    server, url, net = await world(http(200, b"one"))
    await net.fetch(Request(url=url, min_interval_s=1))
    await clock.advance(59)
    await net.fetch(Request(url=url, min_interval_s=1))
    await clock.advance(200)
    await net.fetch(Request(url=url, min_interval_s=300))
    assert len(server.heads) == 1
    await clock.advance(42)
    await net.fetch(Request(url=url, min_interval_s=300))
    assert len(server.heads) == 2


async def test_the_same_page_wanted_twice_at_once_is_asked_once(world):
    server, url, net = await world(http(200, b"one"))
    one, two = await net.fetch_all((Request(url=url), Request(url=url, tag="b")))
    assert (one.body, two.body, len(server.heads)) == (b"one", b"one", 1)


async def test_pages_with_other_parameters_or_headers_are_other_pages(world):
    server, url, net = await world(http(200, b"x"))
    await net.fetch(Request(url=url))
    await net.fetch(Request(url=url, params=(("q", "1"),)))
    await net.fetch(Request(url=url, headers=(("Accept", "a/b"),)))
    assert len(server.heads) == 3


async def test_loopback_has_no_floor_and_still_asks_whether_it_changed(serve, connect):
    server = await serve(answers(http(200, b"one", ETag='"v1"', Last_Modified="then"), http(304), http(200, b"two")))
    net = await connect()
    request = Request(url=server.url())
    bodies = [await net.fetch(request) for _ in range(3)]
    assert [(a.body, a.status, a.from_cache, a.asked) for a in bodies] == [
        (b"one", 200, False, True),
        (b"one", 200, True, True),
        (b"two", 200, False, True),
    ]
    assert "if-none-match" not in server.heads[0].headers
    assert server.heads[1].headers["if-none-match"] == '"v1"'
    assert server.heads[1].headers["if-modified-since"] == "then"


async def test_an_answer_to_a_secret_is_never_kept(world, tmp_path):
    server, url, net = await world(http(200, b"private", ETag='"v1"'), cache_dir=tmp_path / "net")
    for _ in range(2):
        await net.fetch(Request(url=url, headers=(("Authorization", Secret("hunter2")),)))
    await net.fetch(Request(url=url.replace("http://", "http://me:hunter2@")))
    assert len(server.heads) == 3
    assert "if-none-match" not in server.heads[1].headers
    assert not (tmp_path / "net").exists()


async def test_a_refusal_stands_for_as_long_as_the_server_said(world, clock):
    server, url, net = await world(http(429, Retry_After="300"), http(200, b"ok"))
    with pytest.raises(RateLimited):
        await net.fetch(Request(url=url))
    await clock.advance(299)
    with pytest.raises(RateLimited, match=r"^status\.test answered 429 Too Many Requests 299 s ago$") as error:
        await net.fetch(Request(url=url))
    assert error.value.retry_after_s == pytest.approx(1)
    assert len(server.heads) == 1
    await clock.advance(1)
    assert (await net.fetch(Request(url=url))).body == b"ok"


async def test_a_refusal_keeps_the_old_body_for_the_next_question(world, clock):
    server, url, net = await world(http(200, b"old", ETag='"v1"'), http(500), http(304))
    await net.fetch(Request(url=url))
    await clock.advance(60)
    with pytest.raises(Refused):
        await net.fetch(Request(url=url))
    await clock.advance(60)
    assert (await net.fetch(Request(url=url))).body == b"old"
    assert server.heads[2].headers["if-none-match"] == '"v1"'


async def test_two_processes_share_what_was_asked_through_private_files(world, clock, tmp_path, to_loopback):
    folder = tmp_path / "a" / "net"
    server, url, net = await world(http(200, b"shared"), cache_dir=folder)
    await net.fetch(Request(url=url))
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "status" not in file.name
    assert b"status.test" not in file.read_bytes()
    async with Net(clock, cache_dir=folder, resolver=to_loopback) as other:
        assert (await other.fetch(Request(url=url))).body == b"shared"
    assert len(server.heads) == 1


@pytest.mark.parametrize("junk", [b"", b"\x00" * 100, b"\xc1\xff", b"\x80", b"\x93" + b"x" * 50])
def test_a_broken_file_is_no_file(tmp_path, junk):
    cache = Cache(tmp_path)
    cache.put("k", entry())
    assert cache.get("k") == entry()
    next(tmp_path.iterdir()).write_bytes(junk)
    assert recall(cache.get("k"), NOW, 60, 100) is Recall.ASK


def test_a_folder_that_cannot_be_written_leaves_the_cache_in_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "net")
    cache.put("k", entry())
    assert cache.get("k") == entry()
    assert cache.get("other") is None


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_cache_is_bounded_in_number_and_drops_the_oldest(tmp_path, monkeypatch, on_disk):
    monkeypatch.setattr(caching, "MAX_ENTRIES", 3)
    (tmp_path / "not-ours.txt").write_text("stays")
    cache = Cache(tmp_path if on_disk else None)
    for number in range(6):
        cache.put(str(number), entry())
    kept = [number for number in range(6) if cache.get(str(number))]
    assert kept == [3, 4, 5]
    assert (tmp_path / "not-ours.txt").exists()


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_cache_is_bounded_in_size(tmp_path, monkeypatch, on_disk):
    monkeypatch.setattr(caching, "MAX_BYTES", 2500)
    monkeypatch.setattr(caching, "MAX_ENTRY_BYTES", 1500)
    cache = Cache(tmp_path if on_disk else None)
    for key, size in (("a", 1000), ("b", 1000), ("c", 1000), ("d", 2000)):
        cache.put(key, entry(body=b"x" * size))
    assert [key for key in "abcd" if cache.get(key)] == ["b", "c"]


def test_a_header_that_could_not_be_sent_again_is_not_kept():
    kept = Entry.of(200, b"", {"etag": "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "last-modified": "x" * 5000}, NOW)
    assert kept.validators() == {}


@pytest.mark.parametrize(
    "fields", [{"at": NAIVE}, {"refusal": Refusal(503, NAIVE, NOW)}, {"refusal": Refusal(503, NOW, NAIVE)}]
)
def test_a_kept_time_without_a_zone_is_a_broken_file(tmp_path, fields):
    (tmp_path / "k.answer").write_bytes(msgspec.msgpack.encode(entry(**fields)))
    assert Cache(tmp_path).get("k") is None


def test_a_folder_that_others_can_write_to_is_neither_read_nor_written(tmp_path):
    Cache(tmp_path).put("k", entry())
    tmp_path.chmod(0o770)
    cache = Cache(tmp_path)
    assert cache.get("k") is None
    cache.put("other", entry())
    assert cache.get("other") == entry()
    assert [p.name for p in tmp_path.iterdir()] == ["k.answer"]
