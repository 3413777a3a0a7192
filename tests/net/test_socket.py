"""A WebSocket that is held open: frames are handed on in order; whatever is out of bounds ends it, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct

import pytest

from stillup.errors import Blame, Malformed, NotConfigured, RateLimited, Refused, TooLarge, Unreachable
from stillup.net import Meter, Request
from stillup.net.client import MOST_SOCKETS
from stillup.secret import Secret
from stillup.testing import Head, answers, http

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def welcome(head):
    accept = base64.b64encode(hashlib.sha1(head.headers["sec-websocket-key"].encode() + _MAGIC).digest()).decode()
    lines = ("HTTP/1.1 101 Switching", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(payload, opcode=TEXT, *, length=None):
    size = len(payload) if length is None else length
    if size < 126:
        return bytes([0x80 | opcode, size]) + payload
    if size < 1 << 16:
        return bytes([0x80 | opcode, 126]) + struct.pack("!H", size) + payload
    return bytes([0x80 | opcode, 127]) + struct.pack("!Q", size) + payload


def sends(*frames, stay=True):
    async def script(head, writer):
        writer.write(welcome(head) + b"".join(frames))
        await writer.drain()
        if stay:
            await asyncio.sleep(30)
        writer.close()

    return script


class Thing:
    def __init__(self, net):
        self.net = net


async def ended(socket):
    """Why it ended, once it has."""
    async with asyncio.timeout(5):
        await socket._listening
    return socket.error


async def first(taken, number):
    """The first frames put into a queue."""
    async with asyncio.timeout(5):
        return [await taken.get() for _ in range(number)]


async def test_text_frames_come_in_order_as_bytes_and_binary_ones_are_passed_over(serve, connect):
    server = await serve(sends(frame(b"one"), frame(b"\x00\x01", BINARY), frame(b"\xff\xfe"), frame(b"two")))
    taken = asyncio.Queue()
    socket = await (await connect()).socket(Request(url=server.url("/subscribe")), taken.put_nowait)
    assert await first(taken, 3) == [b"one", b"\xff\xfe", b"two"]
    assert socket.is_open
    assert socket.error is None


async def test_no_compression_is_offered_and_a_secret_goes_along_as_a_header(serve, connect):
    server = await serve(sends())
    request = Request(url=server.url("/x"), params=(("a", "b"),), headers=(("Authorization", Secret("Bearer k")),))
    await (await connect()).socket(request, print)
    head = server.heads[0]
    assert head.target == "/x?a=b"
    assert "sec-websocket-extensions" not in head.headers
    assert head.headers["authorization"] == "Bearer k"


async def test_a_frame_beyond_its_bound_ends_the_socket_before_it_is_held(serve, connect):
    server = await serve(sends(frame(b"fine"), frame(b"x" * 5_000, length=1 << 40)))
    taken = []
    socket = await (await connect()).socket(Request(url=server.url(), max_bytes=4_000), taken.append)
    error = await ended(socket)
    assert isinstance(error, TooLarge)
    assert str(error) == "127.0.0.1: sent a frame that is too large"
    assert taken == [b"fine"]


@pytest.mark.parametrize(
    "raw", [b"\xff\xff\xff\xff", bytes([0x80 | 3, 0]), bytes([0xC1, 0]), bytes([0x09, 0])], ids=str
)
async def test_what_breaks_the_protocol_ends_it_and_is_called_malformed(serve, connect, raw):
    server = await serve(sends(raw))
    socket = await (await connect()).socket(Request(url=server.url()), print)
    assert isinstance(await ended(socket), Malformed)


@pytest.mark.parametrize(("last", "stay"), [(frame(b"", CLOSE), True), (b"", False)], ids=["goodbye", "cut"])
async def test_the_other_side_may_end_it_and_then_it_says_so(serve, connect, last, stay):
    server = await serve(sends(frame(b"one"), last, stay=stay))
    socket = await (await connect()).socket(Request(url=server.url()), print)
    assert isinstance(await ended(socket), Unreachable)


async def test_silence_has_an_end(serve, connect):
    server = await serve(sends())
    socket = await (await connect()).socket(Request(url=server.url()), print, silence_s=0.05)
    error = await ended(socket)
    assert isinstance(error, Unreachable)
    assert "timed out" in str(error)


async def test_a_fault_in_a_reader_ends_its_socket_and_shows_no_text_of_the_frame(serve, connect):
    server = await serve(sends(frame(b"hunter2")))

    def stumble(data):
        raise ValueError(data)

    socket = await (await connect()).socket(Request(url=server.url()), stumble)
    assert str(await ended(socket)) == "127.0.0.1: a fault of stillup's own: ValueError"


async def test_a_redirect_is_refused_wherever_it_leads(serve, connect):
    inside = await serve(sends())
    server = await serve(answers(http(302, Location=inside.url())))
    with pytest.raises(Refused, match="redirects, which a WebSocket must not"):
        await (await connect()).socket(Request(url=server.url()), print)
    assert inside.heads == []


async def test_an_error_status_is_a_refusal_with_its_patience(serve, connect):
    server = await serve(answers(http(429, Retry_After="7")))
    with pytest.raises(RateLimited) as error:
        await (await connect()).socket(Request(url=server.url()), print)
    assert error.value.retry_after_s == 7
    keyed = Request(url=(await serve(answers(http(401)))).url(), headers=(("Authorization", Secret("k")),))
    with pytest.raises(Refused) as refused:
        await (await connect()).socket(keyed, print)
    assert refused.value.blame is Blame.USER


async def test_a_page_instead_of_a_socket_is_malformed(serve, connect):
    server = await serve(answers(http(200, b"<html>sign in to the hotel's network</html>")))
    with pytest.raises(Malformed, match="no WebSocket"):
        await (await connect()).socket(Request(url=server.url()), print)


async def test_a_handshake_that_hangs_is_given_up(serve, connect):
    async def hang(_head, _writer):
        await asyncio.sleep(30)

    server = await serve(hang)
    with pytest.raises(Unreachable, match="timed out"):
        await (await connect(timeout_s=0.1)).socket(Request(url=server.url()), print)


async def test_the_environments_proxy_is_used(serve, connect, monkeypatch):
    proxy = await serve(sends(frame(b"by proxy")))
    monkeypatch.setenv("http_proxy", proxy.url())
    taken = asyncio.Queue()
    await (await connect()).socket(Request(url="http://stream.test/subscribe"), taken.put_nowait)
    assert await first(taken, 1) == [b"by proxy"]
    assert proxy.heads[0].target == "http://stream.test/subscribe"


async def test_sockets_are_few(serve, connect):
    server, net = await serve(sends()), await connect()
    for _ in range(MOST_SOCKETS):
        await net.socket(Request(url=server.url()), print)
    with pytest.raises(NotConfigured, match="are open already"):
        await net.socket(Request(url=server.url()), print)


async def test_closing_the_net_closes_its_sockets(serve, connect):
    server, net = await serve(sends()), await connect()
    socket = await net.socket(Request(url=server.url()), print)
    await net.__aexit__(None, None, None)
    assert not socket.is_open


async def test_what_is_shared_is_made_once_for_a_net(connect):
    one, other = await connect(), await connect()
    assert one.shared(Thing) is one.shared(Thing)
    assert one.shared(Thing) is not other.shared(Thing)
    assert Meter(one).shared(Thing).net is one


async def test_a_meter_counts_an_opened_socket_once_and_a_look_at_what_is_shared_not_at_all(serve, connect):
    server, net = await serve(sends()), await connect()
    meter = Meter(net, allowance=1)
    assert meter.shared(Thing) is net.shared(Thing)
    assert (meter.calls, meter.spent) == (1, 0)
    await meter.socket(Request(url=server.url()), print)
    assert meter.spent == 1
    with pytest.raises(RateLimited):
        await meter.socket(Request(url=server.url()), print)


async def test_a_flood_leaves_others_their_turn(serve, connect):
    server = await serve(sends(frame(b"x") * 20_000))
    taken, turns = [], 0
    await (await connect()).socket(Request(url=server.url()), taken.append)
    while len(taken) < 2_000:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 2_000 // 64


@pytest.mark.parametrize("empty", [frame(b"", PING), frame(b"", PONG), frame(b"", TEXT), frame(b"", BINARY)])
async def test_a_flood_of_empty_frames_ends_it(empty, serve, connect):
    """They have no bytes, so no bound of the buffer holds them; answered one by one they take all turns."""
    server = await serve(sends(empty * 20_000))
    socket = await (await connect()).socket(Request(url=server.url()), lambda _: None)
    assert isinstance(await ended(socket), Malformed)


async def test_pings_alone_are_no_word(serve, connect):
    async def script(head, writer):
        writer.write(welcome(head))
        while True:
            writer.write(frame(b"x", PING))
            await writer.drain()
            await asyncio.sleep(0.05)

    socket = await (await connect()).socket(Request(url=(await serve(script)).url()), print, silence_s=0.3)
    assert isinstance(await ended(socket), Unreachable)


async def test_a_ping_is_answered(connect):
    answered = asyncio.get_running_loop().create_future()

    async def script(reader, writer):
        told = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        key = next(line for line in told if line.lower().startswith("sec-websocket-key")).split(": ")[1]
        writer.write(welcome(Head("GET", "/", {"sec-websocket-key": key})) + frame(b"", PING))
        answered.set_result(await reader.readexactly(1))
        writer.close()

    async with await asyncio.start_server(script, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        socket = await (await connect()).socket(Request(url=f"http://127.0.0.1:{port}"), lambda _: None)
        async with asyncio.timeout(5):
            assert await answered == bytes([0x80 | PONG])
        assert isinstance(await ended(socket), Unreachable)


async def test_a_server_that_talks_on_after_the_goodbye_does_not_hold_up_the_end(serve, connect):
    async def script(head, writer):
        writer.write(welcome(head))
        while True:
            writer.write(frame(b"{}") * 100)
            await writer.drain()
            await asyncio.sleep(0)

    socket = await (await connect()).socket(Request(url=(await serve(script)).url()), lambda _: None)
    async with asyncio.timeout(5):
        await socket.close()
    assert not socket.is_open
