"""Whatever a server does, the answer is bounded in size and time, and its failure has a short name."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import tracemalloc
import zlib

import pytest

from stillup.errors import NotConfigured, TooLarge, Unreachable
from stillup.net import MIB, Request
from stillup.secret import Secret
from stillup.testing import answers, http


async def test_a_good_answer_comes_whole_with_its_status_and_headers(serve, connect):
    server = await serve(answers(http(200, b"hello", Content_Type="text/plain")))
    answer = await (await connect()).fetch(Request(url=server.url("/a"), params=(("q", "is claude down"),)))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"hello", "text/plain")
    assert (answer.from_cache, answer.asked) == (False, True)
    assert server.heads[0].target == "/a?q=is+claude+down"
    assert server.heads[0].headers["user-agent"].startswith("stillup/")


async def test_html_with_200_is_an_answer_for_the_parser_to_judge(serve, connect):
    server = await serve(answers(http(200, b"<html>maintenance</html>", Content_Type="text/html")))
    assert (await (await connect()).fetch(Request(url=server.url()))).body.startswith(b"<html>")


async def endless(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def drip(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(_head, _writer):
    await asyncio.Event().wait()


async def long_header(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")


async def many_headers(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n")


async def garbage(_head, writer):
    writer.write(b"\x16\x03\x01 this is no web server\r\n\r\n")


async def cut(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def reset(_head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await writer.drain()
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, zero seconds: closing sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang_up(_head, writer):
    writer.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (drip, r"timed out after 0\.\d s"),
        (silence, r"timed out after 0\.\d s"),
        (long_header, "its headers are too long"),
        (many_headers, "what it answered is not HTTP"),
        (garbage, "what it answered is not HTTP"),
        (cut, "the answer was cut short"),
        (reset, "the answer was cut short|connection reset"),
        (hang_up, "closed the connection without an answer"),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"), "cut short"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_server_that_misbehaves_is_unreachable_in_a_few_words(serve, connect, script, words):
    server = await serve(script)
    with pytest.raises(Unreachable) as error:
        await (await connect(timeout_s=0.3)).fetch(Request(url=server.url("/?key=hunter2")))
    assert re.search(words, str(error.value))
    assert str(error.value).startswith("127.0.0.1: ")
    assert "hunter2" not in str(error.value)
    assert error.value.__context__ is None  # the foreign exception holds the URL


async def test_an_endless_body_ends_at_the_size_bound(serve, connect):
    server = await serve(endless)
    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        await (await connect()).fetch(Request(url=server.url(), max_bytes=MIB))


async def test_ten_megabytes_are_too_large_for_four(serve, connect):
    server = await serve(answers(http(200, b"x" * 10 * MIB)))
    with pytest.raises(TooLarge, match="larger than 4 MiB"):
        await (await connect()).fetch(Request(url=server.url()))


async def test_a_body_of_exactly_the_bound_is_not_too_large_and_one_byte_more_is(serve, connect):
    server = await serve(answers(http(200, b"x" * 1000)))
    net = await connect()
    assert len((await net.fetch(Request(url=server.url(), max_bytes=1000))).body) == 1000
    with pytest.raises(TooLarge):
        await net.fetch(Request(url=server.url(), max_bytes=999))


async def test_a_gzip_bomb_is_met_at_the_bound_and_not_unpacked(serve, connect):
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(press.compress(bytes(MIB)) for _ in range(128)) + press.flush()
    assert len(bomb) < MIB
    server = await serve(answers(http(200, bomb, Content_Encoding="gzip")))
    net = await connect()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await net.fetch(Request(url=server.url(), max_bytes=4 * MIB))
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


async def test_a_compressed_answer_is_unpacked(serve, connect):
    server = await serve(answers(http(200, gzip.compress(b"plain"), Content_Encoding="gzip")))
    assert (await (await connect()).fetch(Request(url=server.url()))).body == b"plain"


@pytest.mark.parametrize(
    "url", ["", "ftp://host/x", "file:///etc/passwd", "http://", "nonsense", "http://[::1", "//host/x"]
)
async def test_an_address_that_is_none_is_the_users_to_mend(connect, url):
    with pytest.raises(NotConfigured, match="the address to ask must be"):
        await (await connect()).fetch(Request(url=url))


async def test_a_key_with_a_line_break_is_refused_without_showing_it(connect):
    request = Request(url="http://127.0.0.1:9/", headers=(("Authorization", Secret("hunter2\n")),))
    with pytest.raises(NotConfigured) as error:
        await (await connect()).fetch(request)
    assert "'Authorization'" in str(error.value)
    assert "hunter2" not in str(error.value)


async def test_side_by_side_answers_keep_the_order_of_the_requests(serve, connect):
    async def echo(head, writer):
        writer.write(http(200, head.target.encode()))

    server = await serve(echo)
    requests = tuple(Request(url=server.url(f"/{n}")) for n in range(6))
    assert [a.body for a in await (await connect()).fetch_all(requests)] == [b"/%d" % n for n in range(6)]


async def test_the_first_failure_ends_all_of_a_set(serve, connect):
    slow, broken = await serve(silence), await serve(hang_up)
    with pytest.raises(Unreachable, match="closed the connection"):
        await (await connect(timeout_s=60)).fetch_all((Request(url=slow.url()), Request(url=broken.url())))


async def test_no_more_than_two_requests_run_to_one_host_and_loopback_is_free(serve, connect, to_loopback):
    gate, now, most = asyncio.Event(), 0, 0

    async def count(_head, writer):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        if now == expected:
            gate.set()
        await gate.wait()
        now -= 1
        writer.write(http(200, b"ok"))

    server = await serve(count)
    net = await connect(resolver=to_loopback)
    for host, expected in (("status.test", 2), ("127.0.0.1", 6)):
        gate.clear()
        most = 0
        await net.fetch_all(tuple(Request(url=server.url(f"/{n}", host)) for n in range(6)))
        assert most == expected
