"""What tests of roles share: what a role is given, on the bus of one process, and roles as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from stillup.board import ServiceBoard
from stillup.bus.base import Bus
from stillup.bus.local import LocalBus
from stillup.catalog.load import catalogue
from stillup.clock import Clock, SystemClock
from stillup.config import parse_config
from stillup.daemon.board import first_board
from stillup.daemon.cluster.together import end
from stillup.daemon.roles.role import Here
from stillup.daemon.roles.stopping import Stopping
from stillup.errors import StoreError
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict

BOUND_S = 60.0
SERVICES = (catalogue()["chatgpt"], catalogue()["claude"])


def no_store():
    """A database that is away."""
    msg = "the database is away"
    raise StoreError(msg)


def here_of(config: str = "", *, bus: Bus | None = None, clock: Clock | None = None, say=None, **rest) -> Here:
    """What a role is given."""
    clock = clock or SystemClock()
    told = {
        "environ": {}, "services": SERVICES, "clock": clock, "say": say or (lambda _: None), "stop": Stopping(),
        "bus": bus if bus is not None else LocalBus(clock), "replica": "m1", "life": "m1.0", "open_store": no_store,
    }  # fmt: skip
    return Here(config=parse_config(config), **{**told, **rest})


def shown(service: str, state: State, at: datetime | None = None, headline: str = "") -> ServiceBoard:
    """A service as its judge shows it."""
    at = at or datetime.now(UTC)
    (board,) = first_board([catalogue()[service]], at).services.values()
    sure = Confidence.CONFIRMED if state.is_fault else None
    import msgspec

    verdict = Verdict(at=at, service=service, state=state, confidence=sure)
    return msgspec.structs.replace(board, verdict=verdict, headline=headline or f"{service}: {state.value}")


class Process:
    """``stillup run`` as a process, and what it has said."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.said: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *words: str, config: Path, environ: dict[str, str] | None = None) -> Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stillup", "run", *words, "--config", str(config),
            stderr=asyncio.subprocess.PIPE, env={**os.environ, **(environ or {})},
        )  # fmt: skip
        return cls(child)

    async def until(self, word: str, times: int = 1) -> str:
        """Wait until it has said something with that in it; the line."""
        async with asyncio.timeout(BOUND_S):
            while len(found := [line for line in self.said if word in line]) < times:
                assert not self._reading.done(), self.said
                self._news.clear()
                await self._news.wait()
        return found[-1]

    def tell(self, number: signal.Signals) -> None:
        os.kill(self.child.pid, number)

    async def code(self) -> int:
        """Wait for its end."""
        async with asyncio.timeout(BOUND_S):
            await self._reading
            return await self.child.wait()

    async def end(self) -> None:
        if self.child.returncode is None:
            with suppress(ProcessLookupError):
                self.child.kill()
        await self.child.wait()
        _, unread = await asyncio.wait([self._reading], timeout=BOUND_S)
        await end(unread)  # whatever it began and left holds its stderr

    async def _read(self) -> None:
        assert self.child.stderr is not None
        async for line in self.child.stderr:
            self.said.append(line.decode().rstrip())
            self._news.set()
        self._news.set()
