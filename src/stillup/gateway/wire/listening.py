"""Where clients connect to, shut so that nobody who got through is lost."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

_BACKLOG = 1024


class Listening:
    """An address that is listened to; ``made`` makes what looks after each connection."""

    def __init__(self, made: Callable[[], asyncio.Protocol]) -> None:
        self._made = made
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Take the address; its port.

        :raises OSError: it cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._made, host, port, backlog=_BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def shut(self) -> None:
        """Take no more connections, but those that are made already.

        Between the system's having made a connection and our looking there are some; to close the socket resets them,
        and their requests with them. So a second handle of it is kept until the last of them was taken over.
        """
        server, self._server = self._server, None
        if server is None:
            return
        spare = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]  # uvloop's have no dup()
        server.close()
        for listener in spare:
            listener.settimeout(0)
            while (sock := _next(listener)) is not None:
                with suppress(OSError):
                    await asyncio.get_running_loop().connect_accepted_socket(self._made, sock)
            listener.close()


def _next(listener: socket.socket) -> socket.socket | None:
    try:
        sock, _ = listener.accept()
    except OSError:  # there is none left; or the system has no room for one
        return None
    sock.settimeout(0)
    return sock
