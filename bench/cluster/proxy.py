"""A wire that can be cut: TCP from one part of the cluster to one server, held or slowed while the trial says so."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Wire:
    """Listens on loopback and hands on to a port there or elsewhere. Cut, it takes everything and delivers nothing."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._to = (host, port)
        self._whole = asyncio.Event()
        self._whole.set()
        self.delay_s = 0.0
        """What is handed on waits so long."""
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> Wire:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def cut(self) -> None:
        """As a network that drops every packet: nobody is told that the other is away."""
        self._whole.clear()

    def mend(self) -> None:
        """What was held is delivered, as TCP does when the network is back."""
        self._whole.set()

    async def close(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            there = await asyncio.open_connection(*self._to)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._whole.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                sink.write(data)
                await sink.drain()
        await self._whole.wait()
        with suppress(OSError, RuntimeError):
            sink.close()
