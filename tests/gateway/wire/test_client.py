"""The side that asks upstreams: every form of an answer, connections used again, calls paused and cancelled."""

import asyncio
import socket

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.wire import client as wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POST = b"POST /v1 HTTP/1.1\r\nHost: upstream\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 529 \r\nContent-Length: 0\r\n\r\n", 529, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: t\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, 200, b"ok"),
        (b"\r\n" + OK, 200, b"ok"),
    ],
)
async def test_every_form_of_an_answer_comes_out_whole(asked, upstream, answer, status, body):
    upstream.plays(answer)

    heard = await asked.ask()

    assert heard.events[0][:2] == ("head", status)
    assert heard.body == body
    assert heard.kinds[-1] == "end"


async def test_headers_are_as_they_came_without_those_of_earlier_heads_and_trailers(asked, upstream):
    upstream.plays(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-One: 1\r\nx-two:\r\nX-One: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\na\r\n0\r\nX-Trailer: t\r\n\r\n"
    )

    heard = await asked.ask()

    lines = ((b"X-One", b"1"), (b"x-two", b""), (b"X-One", b"\xe9"), (b"Transfer-Encoding", b"chunked"))
    assert heard.events == [("head", 200, lines), ("data", b"a"), ("end",)]


async def test_a_stream_is_heard_as_it_comes(asked, upstream):
    async def script(talk):
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for text in (b"one", b"two"):
            await heard_up_to.get()
            await talk.send(b"3\r\n%b\r\n" % text)
        await heard_up_to.get()
        await talk.send(b"0\r\n\r\n")

    upstream.script, heard_up_to = script, asyncio.Queue()
    heard = asked.start()
    await heard.begun.wait()
    assert heard.kinds == ["head"]
    for text in (b"one", b"onetwo"):
        heard_up_to.put_nowait(None)
        await asked.until(lambda text=text: heard.body == text)
    heard_up_to.put_nowait(None)
    await heard.ended()
    assert heard.kinds == ["head", "data", "data", "end"]


async def test_the_request_arrives_as_it_was_given_large_or_small(asked, upstream):
    upstream.plays(OK, OK)
    large = b"y" * 3_000_000
    head = b"POST /v1 HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n"

    await asked.ask(POST, b"abc")
    await asked.ask(head, large)

    assert upstream.requests == [POST + b"abc", head + large]


async def test_an_answer_to_head_has_no_body_whatever_length_it_says(asked, upstream):
    upstream.plays(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")

    heard = await asked.ask(b"HEAD / HTTP/1.1\r\nHost: upstream\r\n\r\n")

    assert heard.kinds == ["head", "end"]
    upstream.plays(OK)
    assert (await asked.ask()).body == b"ok"


async def test_small_writes_are_not_held_back(asked, upstream):
    upstream.plays(OK, OK)
    await asked.ask()

    peer = asked.pool._idle[0]._transport.get_extra_info("socket")
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0


# --- connections used again


async def test_a_connection_is_used_again_and_two_requests_at_once_take_two(asked, upstream):
    upstream.plays(*[OK] * 5)

    for _ in range(3):
        await asked.ask()
    assert len(upstream.talks) == 1
    first, second = asked.start(), asked.start()
    await first.ended()
    await second.ended()

    assert len(upstream.talks) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nX-Smuggled: yes\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"garbage",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nokgarbage",
    ],
)
async def test_what_follows_an_answer_is_nobodys_and_the_connection_is_not_used_again(asked, upstream, answer):
    upstream.plays(answer, OK)

    for _ in range(2):
        heard = await asked.ask()
        assert heard.kinds == ["head", "data", "end"]
        assert heard.body == b"ok"
        assert not any(name == b"X-Smuggled" for name, _ in heard.events[0][2])

    assert len(upstream.talks) == 2


async def test_an_idle_connection_that_speaks_is_not_used_again(asked, upstream):
    async def script(talk):
        await talk.request()
        await talk.send(OK)
        await unasked.wait()
        await talk.send(OK)
        await talk.until_closed()

    upstream.script, unasked = script, asyncio.Event()
    await asked.ask()
    unasked.set()
    await asked.until(lambda: not asked.pool._idle)

    assert (await asked.ask()).body == b"ok"
    assert len(upstream.talks) == 2


async def test_a_connection_that_idled_for_too_long_is_not_used_again(asked, upstream, steady):
    upstream.plays(OK, OK)
    await asked.ask()
    steady.now_s += wire._IDLE_S
    await asked.ask()
    assert len(upstream.talks) == 1

    steady.now_s += wire._IDLE_S + 0.1
    await asked.ask()

    assert len(upstream.talks) == 2


async def test_only_so_many_connections_are_kept_idle(asked, upstream):
    upstream.plays(OK, OK)
    many = [asked.start() for _ in range(wire._MOST_IDLE + 3)]
    for heard in many:
        await heard.ended()
    assert len(asked.pool._idle) == wire._MOST_IDLE


async def test_an_answer_before_the_request_was_taken_is_heard_and_the_connection_given_up(asked, upstream):
    async def script(talk):
        await talk.reader.readuntil(b"\r\n\r\n")
        await talk.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await over.wait()

    upstream.script, over = script, asyncio.Event()
    heard = await asked.ask(b"POST / HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n", b"x" * 50_000_000)

    assert heard.events[0][1] == 413
    assert heard.body == b"no"
    assert not asked.pool._idle
    over.set()


# --- an idle connection that is dead


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_request_that_meets_a_closing_idle_connection_is_sent_once_more_unseen(asked, upstream, how):
    async def script(talk):
        upstream.requests.append(await talk.request())
        await talk.send(OK)
        if talk.number == 0:
            upstream.requests.append(await talk.request())
            if how == "reset":
                talk.reset()
        else:
            await talk.until_closed()

    upstream.script = script
    await asked.ask()

    heard = await asked.ask(POST, b"abc")

    assert heard.kinds == ["head", "data", "end"]
    assert upstream.requests[1:] == [POST + b"abc", POST + b"abc"]
    assert len(upstream.talks) == 2


async def test_it_is_sent_once_more_only_once(asked, upstream):
    async def script(talk):
        await talk.request()
        if talk.number == 0:
            await talk.send(OK)
            await talk.request()

    upstream.script = script
    await asked.ask()

    assert (await asked.ask()).events == [("failed", Fault.RESET)]
    assert len(upstream.talks) == 2


@pytest.mark.parametrize("said", [b"HTTP", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_it_is_not_sent_once_more_when_an_answer_had_begun(asked, upstream, said):
    async def script(talk):
        await talk.request()
        await talk.send(OK)
        await talk.request()
        await talk.send(said)

    upstream.script = script
    await asked.ask()

    assert (await asked.ask()).events == [("failed", Fault.RESET)]
    assert len(upstream.talks) == 1


async def test_it_is_not_sent_once_more_when_the_server_had_worked_on_it_for_long(asked, upstream, steady):
    """A dead connection shows at once; what breaks later was an answer in the making, and may cost twice."""

    async def script(talk):
        await talk.request()
        await talk.send(OK)
        await talk.request()
        steady.now_s += 60.0

    upstream.script = script
    await asked.ask()

    assert (await asked.ask()).events == [("failed", Fault.RESET)]
    assert len(upstream.talks) == 1


# --- pausing


async def test_a_paused_call_leaves_the_rest_with_the_upstream_until_it_goes_on(asked, upstream):
    async def script(talk):
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n")
        for _ in range(640):
            await talk.send(b"x" * 100_000)
            sent.append(100_000)

    sent: list[int] = []
    upstream.script = script
    heard = asked.start()
    await heard.begun.wait()
    heard.call.pause()

    buffered = upstream.talks[0].writer.transport.get_write_buffer_size
    await asked.until(buffered)
    got = len(heard.body)
    for _ in range(300):
        await asyncio.sleep(0)
    assert len(heard.body) == got
    assert sum(sent) < 32_000_000

    heard.call.resume()
    await heard.ended()
    assert len(heard.body) == 64_000_000


async def test_a_connection_whose_call_was_paused_at_the_end_is_read_from_again(asked, upstream):
    """Its next request would otherwise wait for ever."""
    upstream.plays(OK, OK)
    heard = asked.start()
    heard.data = lambda chunk: heard.call.pause()
    await heard.ended()

    assert (await asked.ask()).body == b"ok"
    assert len(upstream.talks) == 1


async def test_a_call_paused_before_it_has_a_connection_stays_paused(asked, upstream):
    upstream.plays(OK)
    heard = asked.start()
    heard.call.pause()
    await asked.until(lambda: upstream.requests)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not heard.events

    heard.call.resume()
    await heard.ended()
    assert heard.body == b"ok"


# --- cancelling


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_cancelled_at_any_moment_says_nothing_more_and_leaves_nothing(asked, upstream, turns):
    async def script(talk):
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await talk.send(b"1\r\nx\r\n")
            await asyncio.sleep(0)

    upstream.script = script
    heard = asked.start()
    for _ in range(turns):
        await asyncio.sleep(0)
    heard.call.cancel()
    heard.call.cancel()
    heard.call.pause()
    heard.call.resume()
    events = list(heard.events)

    await asked.until(lambda: not (asked.pool._all or asked.pool._tasks))
    assert heard.events == events
    assert not asked.pool._idle


@pytest.mark.parametrize("moment", ["head", "data", "end"])
async def test_a_call_may_be_cancelled_out_of_what_it_says(asked, upstream, moment):
    upstream.plays(OK)
    heard = asked.start()
    heard.cancels_at = moment
    await asked.until(lambda: moment in heard.kinds)

    for _ in range(50):
        await asyncio.sleep(0)
    assert heard.kinds[-1] == moment


async def test_a_cancelled_call_is_seen_by_the_upstream(asked, upstream):
    async def script(talk):
        await talk.request()
        asked_for.set()
        await talk.until_closed()
        gone.set()

    upstream.script, asked_for, gone = script, asyncio.Event(), asyncio.Event()
    heard = asked.start()
    await asked_for.wait()

    heard.call.cancel()

    await gone.wait()
    assert not heard.events


async def test_closing_the_pool_ends_everything_silently(asked, upstream):
    async def script(talk):
        await talk.request()
        await talk.until_closed()

    upstream.script = script
    under_way = asked.start()
    await asked.until(lambda: upstream.talks)
    dialling = asked.start()

    await asked.pool.close()

    for _ in range(50):
        await asyncio.sleep(0)
    assert not under_way.events
    assert not dialling.events
