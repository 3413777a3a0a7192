"""One provider's API in the world: every protocol at one address, in the mode of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from stillup.clock import Clock
from stillup.sim.draw import chance
from stillup.sim.modes import Mode
from stillup.sim.provider.call import read_call
from stillup.sim.provider.connection import Connection, Request
from stillup.sim.provider.steps import Step, steps
from stillup.sim.provider.voices import at_home, vendor_of
from stillup.sim.wire.provider import api_behaviour

_MOST_BODY = 1 << 20


class Api:
    """Answers for ``name``, as ``mode`` says of the model asked for; ``retry_after`` is an error's, empty for none.

    ``service`` is whose API it is in the catalogue, and so whose words its errors have.
    """

    def __init__(
        self,
        name: str,
        mode: Callable[[str], Mode],
        clock: Clock,
        retry_after: Callable[[str], str] = str,
        service: str = "",
    ) -> None:
        self.connections: set[Connection] = set()
        self._name = name
        self._text = f"{name}: simulated."
        self._vendor = vendor_of(service)
        self._mode = mode
        self._clock = clock
        self._retry_after = retry_after
        self._ended = asyncio.Event()

    def connection(self) -> Connection:
        """Speak on one more connection."""
        return Connection(self, most_body=_MOST_BODY)

    def close(self) -> None:
        """Reset every connection."""
        self._ended.set()
        for connection in tuple(self.connections):
            connection.drop()

    def opened(self, connection: Connection) -> bool:
        """Take a connection in."""
        self.connections.add(connection)
        return True

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self.connections.discard(connection)

    def ended(self, request: Request) -> None:
        """The world keeps no record of requests."""

    async def released(self) -> None:
        """What is silent stays so until the world ends."""
        await self._ended.wait()

    def asked(self, request: Request) -> Iterator[Step]:
        """Decide how to answer."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in request.headers}
        call = at_home(read_call(request.method, request.target, headers, request.body), self._vendor)
        now = self._clock.now()
        mode, retry_after = self._mode(call.model), self._retry_after(call.model)
        request.behaviour = api_behaviour(mode, call, self._text, retry_after, self._vendor)
        request_id = f"req_{chance(self._name, now.timestamp()).getrandbits(64):016x}"
        return steps(call, request.behaviour, self._name, request_id, now, self._vendor)
