"""A scripted provider on loopback: every protocol at once on one port, healthy or failing to the byte.

For tests, drills and benches. In a program::

    async with ProviderServer("A") as server:
        server.set(Behaviour(failure=Failure.CUT, after=3))
        ...  # ask server.url + "/v1/messages"

On its own, with a second port that takes orders: ``python -m stillup.sim.provider_server A 9001 9101``, then
``GET http://127.0.0.1:9101/set?failure=cut&after=3``; see :mod:`stillup.sim.provider.control`. With
``--vendor deepseek`` it fails in DeepSeek's words.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from random import Random
from types import TracebackType
from typing import Self

from msgspec import Struct

from stillup.clock import Clock, SystemClock
from stillup.sim.gate import bound
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider.call import Call, read_call
from stillup.sim.provider.connection import Connection, Request
from stillup.sim.provider.steps import Step, steps

_KEPT_REQUESTS = 1_000
_KEPT_BYTES = 128 << 20
_BACKLOG = 1024
_HEALTHY = Behaviour()


class Counts(Struct):
    """What came since the last reset."""

    connections: int = 0
    requests: int = 0
    failed: int = 0
    """Requests that met a behaviour which is not healthy."""
    gone: int = 0
    """Clients that left before their answer ended."""


class ProviderServer:
    """One scripted provider, called ``name`` in every word it says. An async context manager.

    ``port`` 0 takes a free one. ``tls`` serves with that context. ``clock`` dates the resets of the rate limits.
    ``vendor`` is whose errors, headers and signs of life it has (``voices.voices()`` lists them); without one each
    protocol's are its maker's.
    """

    def __init__(
        self,
        name: str = "A",
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        vendor: str = "",
    ) -> None:
        self.name = name
        self.vendor = vendor
        self.port = port
        self.requests: deque[Request] = deque(maxlen=_KEPT_REQUESTS)
        """The newest requests, oldest first."""
        self.counts = Counts()
        self._tls = tls
        self._clock = clock or SystemClock()
        self._behaviour = _HEALTHY
        self._by_model: dict[str, Behaviour] = {}
        self._script: deque[Behaviour] = deque()
        self._random = Random(name)  # noqa: S311 - which requests fail is no secret
        self._holder = bound(port)
        self._listener: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._kept_bytes = 0
        self._moved = asyncio.Event()
        self._release = asyncio.Event()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self.port = self._holder.getsockname()[1]
        self._sync()
        if self._opening is not None:
            await self._opening
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opening is not None:
            await self._opening
        self._shut()
        self._holder.close()
        await asyncio.sleep(0)  # lets the aborted transports close their sockets

    def set(self, behaviour: Behaviour = _HEALTHY, *, model: str = "") -> None:
        """Answer so from now on: every request, or those for one model. Silent answers stay silent."""
        if model:
            self._by_model[model] = behaviour
        else:
            self._behaviour = behaviour
            self._by_model.clear()
        self._sync()

    def script(self, behaviours: Iterable[Behaviour]) -> None:
        """Answer the next requests so, one each, then as set."""
        self._script.extend(behaviours)

    def release(self) -> None:
        """Let every answer that is silent now go on, healthy."""
        release, self._release = self._release, asyncio.Event()
        release.set()

    def reset(self) -> None:
        """Forget what came, the script and the counts; the behaviour stays."""
        self.requests.clear()
        self._script.clear()
        self.counts = Counts()
        self._kept_bytes = 0

    @property
    def is_idle(self) -> bool:
        """Every request so far was answered, or its client left."""
        return all(r.is_answered or r.is_gone for r in self.requests)

    async def until(self, is_so: Callable[[Self], bool]) -> None:
        """Wait until something is so; looked at whenever a request comes or ends."""
        while not is_so(self):
            self._moved.clear()
            await self._moved.wait()

    async def until_asked(self, times: int = 1) -> None:
        """Wait until so many requests have come."""
        await self.until(lambda server: server.counts.requests >= times)

    async def until_idle(self) -> None:
        """Wait until every request so far was answered, or its client left."""
        await self.until(lambda server: server.is_idle)

    # The seam to a connection.

    def opened(self, connection: Connection) -> bool:
        """Take a connection in, unless it is to be reset at once."""
        self._connections.add(connection)
        self.counts.connections += 1
        head = self._script[0] if self._script else self._behaviour
        if head.failure is not Failure.RESET_AT_ONCE:
            return True
        if self._script:
            self._script.popleft()
        return False

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self._connections.discard(connection)
        self._moved.set()

    def ended(self, request: Request) -> None:
        """Count what became of a request."""
        self.counts.gone += request.is_gone
        self._moved.set()

    async def released(self) -> None:
        """Wait for :meth:`release`."""
        await self._release.wait()

    def asked(self, request: Request) -> Iterator[Step]:
        """Decide how to answer."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in request.headers}
        call = read_call(request.method, request.target, headers, request.body)
        request.behaviour = self._decide(call)
        self.counts.requests += 1
        self.counts.failed += not request.behaviour.is_healthy
        self._keep(request)
        self._moved.set()
        request_id = f"req_{self.name}{self.counts.requests}"
        return steps(call, request.behaviour, self.name, request_id, self._clock.now(), self.vendor)

    def _decide(self, call: Call) -> Behaviour:
        if self._script:
            return self._script.popleft()
        behaviour = self._by_model.get(call.model, self._behaviour)
        if behaviour.share < 1 and self._random.random() >= behaviour.share:
            return behaviour.when_well
        return behaviour

    def _keep(self, request: Request) -> None:
        if len(self.requests) == _KEPT_REQUESTS:
            self._kept_bytes -= len(self.requests[0].body)
        self.requests.append(request)
        self._kept_bytes += len(request.body)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self.requests.popleft().body)

    # The port.

    def _sync(self) -> None:
        """Open or close the port as the behaviour says; what connects meanwhile waits in the backlog."""
        if self._behaviour.failure is Failure.REFUSED:
            self._shut()
        elif self._listener is None and self._opening is None:
            sock = bound(self.port)
            sock.listen(_BACKLOG)
            self._opening = asyncio.get_running_loop().create_task(self._open(sock))

    async def _open(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), sock=sock, ssl=self._tls, backlog=_BACKLOG)
        self._opening = None
        self._sync()

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in tuple(self._connections):
            connection.drop()


if __name__ == "__main__":
    import sys

    from stillup.sim.provider.control import run

    sys.exit(run(sys.argv[1:]))
