"""Clients that break the rules, go away, or take their time; the clock is moved by hand."""

import asyncio

import pytest

from stillup.gateway.wire import server as wire
from stillup.gateway.wire.server import BODY_WITHIN_S, DRAIN_WITHIN_S, HEAD_WITHIN_S, IDLE_S

HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
CLOSE = b"Connection: close\r\n"


def get(path: bytes, more: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, more)


def answered(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nx-by: app\r\ncontent-length: %d\r\n%b\r\n%b" % (len(body), more, body)


LAST = b"connection: close\r\n"


# --- refusing


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET, 400),
        (b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n\x16\x03\x01", 426),
        (get(b"/", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), 426),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 80_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_refused_is_answered_and_closed_and_never_reaches_the_app(front, raw, status):
    answer = await front.ask(raw)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close\r\n" in answer
    assert not front.app.asked
    assert [seen for seen, _ in front.app.refused] == [status]


async def test_a_refused_upgrade_says_what_is_spoken_here(front):
    answer = await front.ask(get(b"/", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))

    assert b"\r\nupgrade: HTTP/1.1\r\nconnection: upgrade\r\n" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1312d00\r\n",
    ],
)
async def test_a_client_that_sends_far_too_much_can_read_why_it_is_refused(front, head):
    """Closing at once would reset the connection, and the reset would overtake the answer."""
    client = await front.client()
    client.write(head, b"x" * 20_000_000)

    answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"the body passes 1 MiB, which is this gateway's limit")
    assert not front.app.asked


async def test_a_bad_request_sent_ahead_does_not_break_the_answer_before_it(front):
    client = await front.client()
    client.write(get(b"/hold") + b"garbage\r\n\r\n")
    held = await front.app.held.get()
    client.write(GET)

    held.connection.answer(200, (), b"first")

    answers = await client.rest()
    assert b"firstHTTP/1.1 400 Bad Request\r\n" in answers
    assert not held.gone.is_set()
    assert len(front.app.asked) == 1


async def test_bytes_after_the_last_request_do_not_break_its_answer(front):
    client = await front.client()
    client.write(get(b"/hold", CLOSE) + b"\r\ngarbage")
    held = await front.app.held.get()
    client.write(b"more garbage")

    held.connection.answer(200, (), b"first")

    assert (await client.rest()).endswith(b"first")
    assert not front.app.refused


async def test_a_mistake_of_the_apps_is_reported_and_ends_only_that_connection(front):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["exception"]))

    assert await front.ask(get(b"/bug")) == b""

    assert [type(exc) for exc in reported] == [LookupError]
    assert await front.ask(get(b"/", CLOSE)) == answered(b"/ 0", LAST)


# --- clients that go away, or do not take what they are given


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_a_client_that_goes_away_is_noticed_while_it_waits(front, leave):
    client = await front.client()
    client.write(get(b"/hold"))
    held = await front.app.held.get()

    getattr(client, leave)()
    await held.gone.wait()

    assert not held.connection.is_open
    held.connection.send(held.connection.begin(200, ()))
    held.connection.end(b"unheard")
    held.connection.answer(200, (), b"unheard")


async def test_a_client_that_goes_away_in_the_middle_of_its_request_leaves_nothing(front):
    client = await front.client()
    client.write(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc")
    connection = await front.one()
    await front.until(lambda: connection._reader.in_body)

    client.close()
    await front.gone()

    assert not front.app.asked
    assert not front.app.refused


async def until_stalled(held, most_bytes: int) -> int:
    """Write until the client's slowness is felt; how much was taken."""
    connection, sent = held.connection, 0
    connection.send(connection.begin(200, ()))
    while not held.paused.is_set():
        connection.send(connection.frame(b"x" * 65_536))
        sent += 65_536
        assert sent < most_bytes
        await asyncio.sleep(0)
    return sent


async def test_a_client_that_reads_slowly_is_felt_upstream_until_it_has_caught_up(front):
    client = await front.client(limit=4096)
    client.write(get(b"/hold"))
    held = await front.app.held.get()

    sent = await until_stalled(held, 64 * 1_048_576)
    assert held.connection._transport.get_write_buffer_size() <= wire._WRITE_HIGH_BYTES + 2 * 65_536
    assert not held.resumed.is_set()

    taken = bytearray()
    while not held.resumed.is_set():
        taken += await client.reader.read(65_536)
    held.connection.end()
    while not taken.endswith(b"\r\n0\r\n\r\n"):
        taken += await client.reader.read(65_536)
    assert len(taken) > sent


async def test_whoever_asks_and_asks_without_reading_is_not_served_for_ever(front):
    """Answers made at once would otherwise pile up without a bound."""
    client = await front.client(limit=4096)
    connection = await front.one()
    while connection._paused_since_s is None:
        client.write(get(b"/large") * 4)
        await asyncio.sleep(0)

    served = len(front.app.asked)
    client.write(get(b"/large") * 400)
    for _ in range(200):
        await asyncio.sleep(0)

    assert len(front.app.asked) <= served + 1
    assert connection._transport.get_write_buffer_size() < 1_048_576


async def test_a_client_that_takes_nothing_for_long_is_given_up(front):
    client = await front.client(limit=4096)
    client.write(get(b"/hold"))
    held = await front.app.held.get()
    await until_stalled(held, 64 * 1_048_576)

    front.pace(DRAIN_WITHIN_S)
    assert held.connection.is_open
    front.pace(1.0)
    await held.gone.wait()


async def test_an_answer_that_nobody_takes_does_not_keep_a_closing_connection_for_ever(front):
    client = await front.client(limit=4096)
    client.write(get(b"/hold", CLOSE))
    held = await front.app.held.get()
    await until_stalled(held, 64 * 1_048_576)
    held.connection.end()
    assert not held.connection.is_open
    assert front.connections

    front.pace(31.0)
    await front.gone()


# --- time, moved by hand


async def test_a_head_that_drips_is_refused(front):
    client = await front.client()
    client.write(b"GET / HTTP/1.1\r\nHo")
    connection = await front.one()
    await front.until(lambda: connection._reader.is_reading)

    front.pace(HEAD_WITHIN_S)
    assert not front.app.refused
    client.write(b"st")
    front.pace(0.1)

    assert (await client.rest()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_body_may_take_longer_the_more_of_it_has_come(front):
    client = await front.client()
    client.write(b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 200_000)
    connection = await front.one()
    await front.until(lambda: connection._reader.body_bytes >= 200_000)

    front.pace(BODY_WITHIN_S + 10.0)
    assert not front.app.refused
    front.pace(0.1)

    assert (await client.rest()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert not front.app.asked


async def test_each_request_has_its_own_time(front):
    client = await front.client()
    client.write(b"GET / HTTP/1.1\r\nHo")
    connection = await front.one()
    await front.until(lambda: connection._reader.is_reading)
    front.pace(HEAD_WITHIN_S - 1.0)
    client.write(b"st: localhost\r\n\r\nGET /next HTTP/1.1\r\nHo")
    assert await client.until(b"/ 0") == answered(b"/ 0")
    front.pace(HEAD_WITHIN_S - 1.0)

    client.write(b"st: localhost\r\n\r\n")

    assert await client.until(b"/next 0") == answered(b"/next 0")


async def test_a_slow_request_sent_ahead_does_not_break_the_answer_before_it(front):
    client = await front.client()
    client.write(get(b"/hold") + b"GET / HT")
    held = await front.app.held.get()

    front.pace(HEAD_WITHIN_S + 1.0)
    assert not held.gone.is_set()
    held.connection.answer(200, (), b"first")

    assert b"firstHTTP/1.1 408 Request Timeout\r\n" in await client.rest()


async def test_the_time_in_which_we_did_not_read_is_not_the_clients(front):
    client = await front.client()
    client.write(get(b"/hold") + GET + b"GET /next HT")
    held = await front.app.held.get()

    front.pace(HEAD_WITHIN_S + 1.0)
    held.connection.answer(200, (), b"first")
    assert (await client.until(b"/ 0")).endswith(b"first" + answered(b"/ 0"))
    front.pace(HEAD_WITHIN_S - 1.0)
    client.write(b"TP/1.1\r\n\r\n")

    assert await client.until(b"/next 0") == answered(b"/next 0")


async def test_an_idle_connection_is_closed_in_the_end_and_a_working_one_is_not(front):
    idle, working = await front.client(), await front.client()
    working.write(get(b"/hold"))
    held = await front.app.held.get()
    idle.write(GET)
    await idle.until(b"/ 0")

    front.pace(IDLE_S)
    assert len(front.connections) == 2
    front.pace(1.0)

    assert await idle.rest() == b""
    assert not held.gone.is_set()


async def test_a_connection_that_never_says_anything_is_closed_too(front):
    client = await front.client()
    await front.one()

    front.pace(IDLE_S + 1.0)

    assert await client.rest() == b""
