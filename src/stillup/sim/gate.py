"""One small server of the world, at an address of its own, that answers or fails as its mode of the moment says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from stillup.sim.api import Api
from stillup.sim.failing import BELOW_HTTP, Failing, reset
from stillup.sim.modes import Mode

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_MOST_CONNECTIONS = 256
_SHUTDOWN_S = 1.0


class Gate:
    """A port that is open, closed or failing by the minute.

    ``serve`` answers whatever is asked, or is a provider's API, which answers to the byte. A second socket stays bound
    to the port without listening: while the gate is closed connections are refused and nobody else can take the port.
    """

    def __init__(self, mode: Callable[[], Mode], serve: Handler | Api) -> None:
        self._mode = mode
        self._serve = serve
        self._web = web.Server(self._handle, access_log=None)
        self._holder: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._failing: set[asyncio.Transport] = set()
        self._ended = asyncio.Event()
        self.port = 0

    async def open(self) -> None:
        """Take a port of 127.0.0.1 and answer on it, if the mode of the moment lets it."""
        self._holder = bound(0)
        self.port = self._holder.getsockname()[1]
        await self.sync()

    async def sync(self) -> None:
        """Open or close the port as the mode of the moment says."""
        is_open = self._mode() is not Mode.REFUSED and not self._ended.is_set()
        if is_open and self._listener is None:
            loop = asyncio.get_running_loop()
            made = loop.create_server(self._accept, sock=bound(self.port), start_serving=False)
            self._listener = await made  # at once: nothing is lost where whoever waits is cancelled
            await self._listener.start_serving()
        elif not is_open and self._listener is not None:
            listener, self._listener = self._listener, None
            listener.close()

    async def close(self) -> None:
        """End every connection and give the port back."""
        self._ended.set()
        await self.sync()
        for transport in tuple(self._failing):
            reset(transport)
        if isinstance(self._serve, Api):
            self._serve.close()
        self._web.pre_shutdown()  # closes idle connections, which would be waited for otherwise
        await self._web.shutdown(_SHUTDOWN_S)
        if self._holder is not None:
            self._holder.close()
        await asyncio.sleep(0)  # lets the aborted transports close their sockets

    def _accept(self) -> asyncio.Protocol:
        mode = self._mode()
        api = self._serve if isinstance(self._serve, Api) else None
        healthy = api.connections if api else self._web.connections
        if len(self._failing) + len(healthy) >= _MOST_CONNECTIONS:
            mode = Mode.RESET
        if mode in BELOW_HTTP:
            return Failing(mode, self._failing.add, self._failing.discard)
        return api.connection() if api else self._web()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """A connection that was kept alive meets the modes below HTTP here: silence, else an abrupt end."""
        mode = self._mode()
        if mode not in BELOW_HTTP and not isinstance(self._serve, Api):
            return await self._serve(request)
        if mode in (Mode.HANG, Mode.SLOW_HEADERS):
            await self._ended.wait()
        drop(request)
        return web.Response()  # goes nowhere: the connection is gone


def drop(request: web.BaseRequest) -> None:
    """Reset the connection a request came on."""
    if request.transport is not None:
        reset(request.transport)


def bound(port: int) -> socket.socket:
    """A socket bound to a port of 127.0.0.1 (0: a free one) that others of ours may be bound to as well."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.settimeout(0)
    sock.bind(("127.0.0.1", port))
    return sock
