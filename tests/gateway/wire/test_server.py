"""The side that clients connect to, over real sockets and on both event loops."""

import socket

import pytest

from stillup.gateway.wire import server as wire
from stillup.gateway.wire.server import MOST_WAITING

HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
CLOSE = b"Connection: close\r\n"


def get(path: bytes, more: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, more)


def answered(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nx-by: app\r\ncontent-length: %d\r\n%b\r\n%b" % (len(body), more, body)


LAST = b"connection: close\r\n"


async def test_a_connection_is_kept_for_the_next_request(front):
    client = await front.client()

    for _ in range(3):
        client.write(GET)
        assert await client.until(b"/ 0") == answered(b"/ 0")

    assert len(front.connections) == 1


async def test_connection_close_closes_after_the_answer(front):
    assert await front.ask(get(b"/", CLOSE)) == answered(b"/ 0", LAST)


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
async def test_http_1_0_gets_its_answer_and_the_end(front, more):
    assert await front.ask(b"GET / HTTP/1.0\r\n" + more + b"\r\n") == answered(b"/ 0", LAST)


async def test_head_gets_the_length_and_no_body(front):
    client = await front.client()
    client.write(b"HEAD /large HTTP/1.1\r\n" + HOST + b"\r\n" + GET)

    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\nx-by: app\r\ncontent-length: 100000\r\n\r\n"
    assert await client.until(b"/ 0") == answered(b"/ 0")


async def test_no_content_has_neither_a_body_nor_a_length(front):
    client = await front.client()
    client.write(get(b"/empty") + GET)

    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\nx-by: app\r\n\r\n"
    assert await client.until(b"/ 0") == answered(b"/ 0")


async def test_requests_sent_ahead_are_answered_in_their_order(front):
    client = await front.client()
    paths = [b"/hold1", b"/a", b"/hold2", b"/b"]
    client.write(b"".join(get(path) for path in paths) + get(b"/last", CLOSE))

    first = await front.app.held.get()
    assert [request.target for request in front.app.asked] == paths[:1]
    first.connection.answer(200, (), b"first")
    second = await front.app.held.get()
    assert [request.target for request in front.app.asked] == paths[:3]
    second.connection.answer(200, (), b"second")

    bodies = [part.partition(b"HTTP/1.1")[0] for part in (await client.rest()).split(b"\r\n\r\n")[1:]]
    assert bodies == [b"first", b"/a 0", b"second", b"/b 0", b"/last 0"]


async def test_a_long_row_of_requests_is_refused_after_those_that_may_wait(front):
    client = await front.client()
    client.write(get(b"/hold"))
    held = await front.app.held.get()
    client.write(GET * (MOST_WAITING + 1))
    await front.until(lambda: held.connection._reader.is_over)
    held.connection.answer(200, (), b"")

    answers = await client.rest()
    assert answers.count(b"HTTP/1.1 200 OK") == 1 + MOST_WAITING
    assert answers.count(b"HTTP/1.1 429 ") == 1
    assert answers.endswith(b"sent ahead on one connection")


async def test_whoever_has_requests_waiting_is_not_read_from(front):
    """What a client sends ahead while its request is in work must not fill the memory."""
    client = await front.client()
    client.write(get(b"/hold"), GET)
    held = await front.app.held.get()
    await front.until(lambda: not held.connection._transport.is_reading())
    client.write(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1_000_000)

    held.connection.answer(200, (), b"first")

    assert (await client.until(b"/ 1000000")).count(b"HTTP/1.1 200 OK") == 3


async def test_a_stream_is_chunked_and_ends_whole(front):
    client = await front.client()
    client.write(get(b"/hold"))
    held = await front.app.held.get()
    connection = held.connection

    connection.send(connection.begin(200, ((b"x-a", b"1"),)) + connection.frame(b"one"))
    connection.send(connection.frame(b""))
    assert (
        await client.until(b"one\r\n") == b"HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
    )
    connection.end(connection.frame(b"two"))
    assert await client.until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"

    client.write(GET)
    assert await client.until(b"/ 0") == answered(b"/ 0")


async def test_a_stream_to_http_1_0_ends_with_the_connection(front):
    client = await front.client()
    client.write(b"GET /hold HTTP/1.0\r\n\r\n")
    connection = (await front.app.held.get()).connection

    connection.send(connection.begin(200, ()))
    connection.send(connection.frame(b"one"))
    connection.end(connection.frame(b"two"))

    assert await client.rest() == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"


async def test_an_answers_form_follows_its_own_request_and_not_one_sent_ahead(front):
    client = await front.client()
    client.write(get(b"/hold") + b"HEAD / HTTP/1.0\r\n\r\n")
    connection = (await front.app.held.get()).connection

    connection.send(connection.begin(200, ()))
    connection.end(connection.frame(b"one"))

    assert (await client.rest()).startswith(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
    )


async def test_an_answer_after_the_end_is_not_written(front):
    client = await front.client()
    client.write(get(b"/hold"))
    connection = (await front.app.held.get()).connection
    connection.answer(200, (), b"once")

    connection.answer(200, (), b"twice")
    connection.end(b"thrice")
    client.write(get(b"/", CLOSE))

    assert (await client.rest()).endswith(b"once" + answered(b"/ 0", LAST))


async def test_a_large_answer_arrives_whole(front):
    assert await front.ask(get(b"/large", CLOSE)) == answered(b"x" * 100_000, LAST)


# --- expecting a word


async def test_a_client_that_waits_for_a_word_gets_it_before_its_body(front):
    client = await front.client()
    client.write(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")

    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.write(b"abc")
    assert await client.until(b"/a 3") == answered(b"/a 3")


async def test_a_client_that_waits_for_a_word_behind_another_request_gets_it_in_its_turn(front):
    client = await front.client()
    client.write(get(b"/hold") + b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")

    (await front.app.held.get()).connection.answer(200, (), b"first")

    assert (await client.until(b"Continue\r\n\r\n")).endswith(b"firstHTTP/1.1 100 Continue\r\n\r\n")
    client.write(b"abc")
    assert await client.until(b"/a 3") == answered(b"/a 3")


async def test_who_is_refused_at_the_head_is_not_asked_for_the_body(front):
    raw = b"POST /locked HTTP/1.1\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n"

    answer = await front.ask(raw)

    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert answer.endswith(b"no token")
    assert not front.app.asked


# --- stopping, and too many


async def test_stopping_finishes_the_answer_and_takes_no_further_request(front):
    working, idle = await front.client(), await front.client()
    working.write(get(b"/hold") + GET)
    held = await front.app.held.get()
    await front.until(lambda: len(front.connections) >= 2)

    for connection in tuple(front.connections):
        connection.close_idle()

    assert await idle.rest() == b""
    held.connection.answer(200, (), b"first")
    assert (await working.rest()).endswith(b"first")
    assert len(front.app.asked) == 1


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_broken_stream_is_seen_as_broken(front, version):
    client = await front.client()
    client.write(b"GET /hold HTTP/" + version + b"\r\n\r\n")
    connection = (await front.app.held.get()).connection
    connection.send(connection.begin(200, ()) + connection.frame(b"half"))
    head, _, rest = (await client.until(b"half")).partition(b"\r\n\r\n")

    connection.abort()

    if version == b"1.0":
        with pytest.raises(ConnectionResetError):
            await client.rest()
    else:
        assert b"chunked" in head
        assert rest + await client.rest() == b"4\r\nhalf\r\n"


async def test_at_the_most_connections_the_longest_idle_one_gives_way(front, monkeypatch):
    monkeypatch.setattr(wire, "MAX_CONNECTIONS", 2)
    working, idle = await front.client(), await front.client()
    working.write(get(b"/hold"))
    held = await front.app.held.get()
    await front.until(lambda: len(front.connections) >= 2)

    third = await front.client()
    third.write(get(b"/hold"))
    await front.app.held.get()
    assert await idle.rest() == b""
    assert await (await front.client()).rest() == b""

    assert not held.gone.is_set()


async def test_small_writes_are_not_held_back(front):
    await front.client()
    connection = await front.one()

    option = connection._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert option != 0
