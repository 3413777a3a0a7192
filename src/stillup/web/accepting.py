"""Connections taken as fast as they come, however busy the loop is.

libuv (and so uvloop) takes one connection each time it goes round. A round in which two thousand readers are answered
takes a tenth of a second: a crowd would wait minutes to be let in, just when something is down. Here each round takes
all that wait, up to a bound.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from threading import Event
from typing import TYPE_CHECKING, cast

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE, _AT_THE_END = 256, 16
"""Connections in a round, and rounds when it ends: more wait in no queue that is listened to with ``BACKLOG``."""
_REST_S = 0.5
"""No more files can be opened: so long nobody is let in, rather than trying in vain all the time."""
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Takes the connections of one listening socket, from now on until :meth:`close`."""

    def __init__(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._protocol = protocol
        self._tasks: set[asyncio.Task[object]] = set()
        self._is_closed = False
        self._listen()

    def close(self) -> None:
        """Take those that wait, and no more: who got through would be reset with the socket, with their request."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._sock)
            for _ in range(_AT_THE_END):
                if not self._take():
                    break

    async def wait_closed(self) -> None:
        """Wait until those just taken are in other hands."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _listen(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._sock, self._take)

    def _take(self) -> bool:
        """Take one round; whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return False
            except OSError as exc:
                if exc.errno in _FULL:
                    self._loop.remove_reader(self._sock)
                    self._loop.call_later(_REST_S, self._listen)
                return False
            task = self._loop.create_task(self._hand_over(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _hand_over(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)  # noqa: FBT003 - the socket's own word
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # it has gone again
            connection.close()


class Server(uvicorn.Server):
    """uvicorn's server with that; ``is_there`` is set once it listens. It takes sockets that listen already."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_there = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])  # all but listening
        self.servers = [cast("asyncio.Server", Acceptor(sock, self._protocol)) for sock in sockets or []]
        self.is_there.set()

    def _protocol(self) -> asyncio.Protocol:
        kind = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
