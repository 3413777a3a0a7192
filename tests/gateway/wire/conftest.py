"""Both event loops, a small app behind a real port, and a client that speaks bytes."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager

import pytest
import uvloop

from stillup.gateway.wire.client import Place, Pool
from stillup.gateway.wire.requests import Stop
from stillup.gateway.wire.server import Connection


def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


_HANG_S = 5.0
"""A test that waits for so long has failed; none waits for time to pass."""


async def until(condition) -> None:
    """Let the loop turn until something is so: what a test waits for shows itself in no event."""
    async with asyncio.timeout(_HANG_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


class Steady:
    """A steady clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def steady():
    return Steady()


class Held:
    """An exchange that the test itself answers."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.gone, self.paused, self.resumed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def client_gone(self) -> None:
        self.gone.set()

    def pause(self) -> None:
        self.paused.set()

    def resume(self) -> None:
        self.resumed.set()


class App:
    """Answers at once with what it was asked; ``/hold…`` is left to the test, ``/large`` is 100 kB, ``/bug`` breaks."""

    max_body_bytes = 1_048_576

    def __init__(self) -> None:
        self.asked: list = []
        self.refused: list[tuple[int, bytes]] = []
        self.held: asyncio.Queue[Held] = asyncio.Queue()

    def handle(self, connection, request):
        self.asked.append(request)
        if request.target == b"/bug":
            raise LookupError("a mistake of the app's")
        if request.target.startswith(b"/hold"):
            exchange = Held(connection)
            self.held.put_nowait(exchange)
            return exchange
        body = b"x" * 100_000 if request.target == b"/large" else b"%b %d" % (request.target, len(request.body))
        connection.answer(204 if request.target == b"/empty" else 200, ((b"x-by", b"app"),), body)
        return None

    def refuse(self, connection, status, says, target, headers):
        self.refused.append((status, target))
        connection.answer(status, (), says.encode())

    def admit(self, target, headers):
        """A door that lets nobody in at ``/locked``."""
        return Stop(401, "no token") if target == b"/locked" else None


class Client:
    """One raw connection."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    def write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)

    async def until(self, end: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(end), _HANG_S)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), _HANG_S)

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()


class Front:
    """The server under test."""

    def __init__(self, app: App, clock: Steady) -> None:
        self.app, self.clock = app, clock
        self.connections: set[Connection] = set()
        self.port = 0
        self.clients: list[Client] = []

    async def client(self, **limits) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **limits))
        self.clients.append(client)
        return client

    async def ask(self, *pieces: bytes) -> bytes:
        """All that comes back until the server closes."""
        client = await self.client()
        client.write(*pieces)
        return await client.rest()

    async def one(self) -> Connection:
        """The one connection there is."""
        await until(lambda: self.connections)
        (connection,) = self.connections
        return connection

    async def until(self, condition) -> None:
        await until(condition)

    async def gone(self) -> None:
        """Until the server has no connection left."""
        await until(lambda: not self.connections)

    def pace(self, seconds: float) -> None:
        """So much time passes, and the server looks after its connections."""
        self.clock.now_s += seconds
        for connection in tuple(self.connections):
            connection.check_pace(self.clock.now_s)


@pytest.fixture
async def front(steady):
    async with fronting(App(), steady) as running:
        yield running


@asynccontextmanager
async def fronting(app: App, clock: Steady):
    front = Front(app, clock)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(app, front.connections, clock, app.admit), "127.0.0.1", 0
    )
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        for client in front.clients:
            client.abort()
        for connection in tuple(front.connections):
            connection.abort()
        await front.gone()
        await server.wait_closed()


@pytest.fixture
def fronted():
    """A server for an app of the test's own."""
    return fronting


# --- the other side: an upstream that a test scripts, and a sink that remembers what it is told


class Talk:
    """One connection to the upstream, as its script sees it."""

    def __init__(self, reader, writer, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number

    async def request(self) -> bytes:
        """One whole request: its head, and as much body as it says."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head + await self.reader.readexactly(int(length or b"0"))

    async def send(self, *pieces: bytes) -> None:
        """Each in a write of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def until_closed(self) -> None:
        """Until the other side is gone, cleanly or not."""
        try:
            while await self.reader.read(65_536):
                pass
        except OSError:
            pass

    def reset(self) -> None:
        """Close so that the other side is told of a reset."""
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    """Plays its script on every connection, then closes it."""

    def __init__(self) -> None:
        self.script = None
        self.port = 0
        self.talks: list[Talk] = []
        self.requests: list[bytes] = []
        self.tasks: list[asyncio.Task] = []

    async def play(self, reader, writer) -> None:
        self.tasks.append(asyncio.current_task())
        talk = Talk(reader, writer, len(self.talks))
        self.talks.append(talk)
        try:
            await self.script(talk)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the other side is gone, or the test is over
        finally:
            writer.close()

    def plays(self, *answers: bytes) -> None:
        """Every connection gives these answers, one to each request, and is closed after the last."""

        async def script(talk: Talk) -> None:
            for answer in answers:
                self.requests.append(await talk.request())
                await talk.send(answer)

        self.script = script


@asynccontextmanager
async def upstream_at(tls=None, port: int = 0):
    upstream = Upstream()
    server = await asyncio.start_server(upstream.play, "127.0.0.1", port, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for task in upstream.tasks:
            task.cancel()
        await asyncio.gather(*upstream.tasks)
        await server.wait_closed()


@pytest.fixture
async def upstream():
    async with upstream_at() as running:
        yield running


@pytest.fixture
def upstream_with():
    return upstream_at


@pytest.fixture
async def quiet_servers():
    """A server's loop reports handshakes that its client broke off; those are what the test is about."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)


class Heard:
    """A sink that remembers. ``events`` has the body's pieces as they came."""

    def __init__(self) -> None:
        self.events: list[tuple] = []
        self.over = asyncio.Event()
        self.begun = asyncio.Event()
        self.call = None
        self.cancels_at = ""

    def _note(self, *event) -> None:
        assert not self.over.is_set(), f"{event} after the end"
        self.events.append(event)
        if event[0] == self.cancels_at:
            self.call.cancel()

    def head(self, status, headers) -> None:
        self._note("head", status, headers)
        self.begun.set()

    def data(self, chunk) -> None:
        self._note("data", chunk)

    def end(self) -> None:
        self._note("end")
        self.over.set()

    def failed(self, fault) -> None:
        self._note("failed", fault)
        self.over.set()

    async def ended(self) -> None:
        await asyncio.wait_for(self.over.wait(), _HANG_S)

    @property
    def body(self) -> bytes:
        return b"".join(event[1] for event in self.events if event[0] == "data")

    @property
    def kinds(self) -> list[str]:
        return [event[0] for event in self.events]

    @property
    def fault(self):
        return self.events[-1][1] if self.events and self.events[-1][0] == "failed" else None


GET = b"GET /v1/models HTTP/1.1\r\nHost: upstream\r\n\r\n"


class Asking:
    """A pool, and what was asked through it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def until(self, condition) -> None:
        await until(condition)

    def start(self, head: bytes = GET, body: bytes = b"") -> Heard:
        heard = Heard()
        heard.call = self.pool.ask(head, body, heard)
        return heard

    async def ask(self, head: bytes = GET, body: bytes = b"") -> Heard:
        heard = self.start(head, body)
        await heard.ended()
        return heard


@pytest.fixture
async def asking(steady):
    """Makes pools, and ends them with the test."""
    pools: list[Pool] = []

    def make(url: str, **options) -> Asking:
        pools.append(Pool(Place.of(url), now=steady, **options))
        return Asking(pools[-1])

    yield make
    for pool in pools:
        await pool.close()
        await until(lambda pool=pool: not pool._all)


@pytest.fixture
def asked(asking, upstream):
    """A pool of connections to the upstream."""
    return asking(f"http://127.0.0.1:{upstream.port}")
