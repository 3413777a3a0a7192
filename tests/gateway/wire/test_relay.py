"""Both sides together: what a slow, a gone and a quick client mean for the upstream."""

import asyncio

import pytest

from stillup.gateway.wire.hops import end_to_end
from stillup.gateway.wire.server import MAX_CONNECTIONS

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = 100_000
PIECES = 640


class Relay:
    """One request, passed on as it comes."""

    def __init__(self, connection, pool, request) -> None:
        self.connection = connection
        self.is_paused = False
        self.call = pool.ask(b"GET / HTTP/1.1\r\nHost: upstream\r\n\r\n", request.body, self)

    def head(self, status, headers) -> None:
        self.connection.send(self.connection.begin(status, tuple(end_to_end(headers))))

    def data(self, chunk) -> None:
        self.connection.send(self.connection.frame(chunk))

    def end(self) -> None:
        self.connection.end()

    def failed(self, fault) -> None:
        self.connection.abort()

    def client_gone(self) -> None:
        self.call.cancel()

    def pause(self) -> None:
        self.is_paused = True
        self.call.pause()

    def resume(self) -> None:
        self.is_paused = False
        self.call.resume()


class RelayingApp:
    """Passes everything on to one upstream."""

    max_body_bytes = 1_048_576

    def __init__(self, pool) -> None:
        self.pool = pool
        self.relays: list[Relay] = []

    def handle(self, connection, request):
        self.relays.append(Relay(connection, self.pool, request))
        return self.relays[-1]

    def admit(self, target, headers):
        return None


@pytest.fixture
async def relay(fronted, steady, asked):
    async with fronted(RelayingApp(asked.pool), steady) as front:
        yield front


async def test_a_client_that_does_not_read_stops_the_upstream_and_memory_stays_bounded(relay, upstream):
    sent: list[int] = []

    async def script(talk):
        await talk.request()
        await talk.send(CHUNKED)
        for _ in range(PIECES):
            await talk.send(b"%x\r\n%b\r\n" % (PIECE, b"x" * PIECE))
            sent.append(PIECE)
        await talk.send(b"0\r\n\r\n")
        await talk.until_closed()

    upstream.script = script
    client = await relay.client(limit=4096)
    client.write(GET)
    await relay.until(lambda: relay.app.relays and relay.app.relays[0].is_paused)
    await relay.until(lambda: upstream.talks[0].writer.transport.get_write_buffer_size() > 0)
    for _ in range(300):
        await asyncio.sleep(0)

    assert sum(sent) < PIECES * PIECE // 2  # what the sockets hold, and no more
    held = relay.app.relays[0].connection._transport.get_write_buffer_size()
    assert held < 1_048_576

    taken = bytearray()
    while not taken.endswith(b"\r\n0\r\n\r\n"):
        taken += await client.reader.read(1 << 20)
    assert taken.count(b"x") == PIECES * PIECE


async def test_a_client_that_goes_away_takes_its_upstream_call_with_it(relay, upstream):
    async def script(talk):
        await talk.request()
        await talk.send(CHUNKED + b"3\r\nabc\r\n")
        await talk.until_closed()
        gone.set()

    upstream.script, gone = script, asyncio.Event()
    client = await relay.client()
    client.write(GET)
    await client.until(b"abc\r\n")

    client.abort()

    await asyncio.wait_for(gone.wait(), 5)
    await relay.gone()


async def test_a_cut_upstream_is_seen_as_broken_by_the_client(relay, upstream):
    upstream.plays(CHUNKED + b"3\r\nabc\r\n")

    answer = await relay.ask(GET)

    assert answer.endswith(b"3\r\nabc\r\n")


async def test_the_first_bytes_are_passed_on_before_the_upstream_says_more(relay, upstream):
    async def script(talk):
        await talk.request()
        for text in (b"one", b"two"):
            await talk.send((CHUNKED if text == b"one" else b"") + b"3\r\n%b\r\n" % text)
            await heard.wait()
        await talk.send(b"0\r\n\r\n")

    upstream.script, heard = script, asyncio.Event()
    client = await relay.client()
    client.write(GET)

    assert (await client.until(b"one\r\n")).startswith(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    heard.set()
    assert await client.until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_many_requests_over_few_connections_leave_nothing_behind(relay, upstream, asked):
    async def script(talk):
        while True:
            await talk.request()
            await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    upstream.script = script
    clients = [await relay.client() for _ in range(4)]
    for _ in range(50):
        for client in clients:
            client.write(GET)
        for client in clients:
            assert (await client.until(b"0\r\n\r\n")).endswith(b"2\r\nok\r\n0\r\n\r\n")

    assert len(upstream.talks) <= len(clients)
    assert len(asked.pool._all) == len(asked.pool._idle) <= len(clients)
    assert len(relay.connections) == len(clients) < MAX_CONNECTIONS
