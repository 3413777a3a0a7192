"""Two kinds of balancers of TCP: one asks who is ready and trusts the answer, one finds out that nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import aiohttp

from cluster.stage import Part

_LOOK_S = 0.1
_PATIENCE_S = 2.0


class Balancer:
    """In turn, to one of several parts; to its clients it is a :class:`~cluster.stage.Part`.

    ``looks``: it asks each part's `/readyz` and heeds that alone, as many a balancer does: where nobody listens any
    more the connection is lost. Else it asks nothing, and tries the next where nobody listens.
    """

    def __init__(self, parts: Sequence[Part], *, looks: bool) -> None:
        self.name = f"{parts[0].role}s, {'' if looks else 'not '}looked at"
        self._parts, self._looks = parts, looks
        self._ready: set[str] = set()
        self._turn = 0
        self.lost: list[str] = []
        """Why clients were let go of without an answer of a part."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def open(self) -> Balancer:
        """Begin to listen, and to look."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        if self._looks:
            self._keep(asyncio.create_task(self._look()))
        return self

    @property
    def has_all(self) -> bool:
        """Whether each part is ready, as far as it is asked."""
        return not self._looks or len(self._ready) == len(self._parts)

    async def close(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as session:
            while True:
                await asyncio.gather(*(self._look_at(part, session) for part in self._parts))
                await asyncio.sleep(_LOOK_S)

    async def _look_at(self, part: Part, session: aiohttp.ClientSession) -> None:
        is_ready = False
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(f"{part.url}/readyz") as answer:
                is_ready = answer.status == 200
        (self._ready.add if is_ready else self._ready.discard)(part.name)

    def _order(self) -> list[Part]:
        """Whom to try, one after the other."""
        self._turn += 1
        at = self._turn % len(self._parts)
        order = [*self._parts[at:], *self._parts[:at]]
        return [part for part in order if part.name in self._ready][:1] if self._looks else order

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in self._order():
            with suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", part.port)
                break
        else:
            self.lost.append("nobody listens where it was ready" if self._ready else "nobody is ready")
            writer.transport.abort()
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            self._keep(asyncio.create_task(_pump(source, sink)))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.close()
    except OSError:
        sink.transport.abort()
    except asyncio.CancelledError:
        sink.transport.abort()
        raise
