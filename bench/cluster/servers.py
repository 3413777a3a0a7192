"""What everything stands on is restarted while it is used: each server of NATS, one after the other, and PostgreSQL.

    python bench/cluster/servers.py [--rounds 1] [--together] [--keep FOLDER]

The set, its users and the oracle are those of ``bench/cluster/upgrade.py``: programs hold streams, people report,
browsers listen, and nobody asks twice; beside them people read the past. Each server is told to end (SIGTERM) as a
package or a container is replaced, and the next waits until it is well again (NATS: its `/healthz`). ``--together``
ends PostgreSQL while a server of NATS is away.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.balancer import Balancer  # noqa: E402
from cluster.stage import Stage  # noqa: E402
from cluster.upgrade import Changed, Upgrade, report  # noqa: E402
from stillup.bus.base import Bus  # noqa: E402
from tests.cluster.nats_server import NatsServer  # noqa: E402

_WITHIN_S = 60.0
_LOOK_S = 0.05
_READ_S = 0.2
_DOWN_S = 2.0
"""So long a server is away at least: a container that is made anew takes that."""
Restart = Callable[[], Awaitable[tuple[float, float]]]


class Past:
    """People who read what was: it is in the database alone, so while that is away they are told to come again."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/claude/history"
        self.answers: Counter[str] = Counter()
        self.odd: list[str] = []

    async def run(self) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=20.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(self._url) as answer:
                        told = await answer.text()
                        self.answers[str(answer.status)] += 1
                        is_well = answer.status == 200 and "</html>" in told
                        if not is_well and not (answer.status == 503 and "Retry-After" in answer.headers):
                            self.odd.append(f"{answer.status} {told[:80]!r}")
                except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                    self.odd.append(type(exc).__name__)
                await asyncio.sleep(_READ_S)


class Servers(Upgrade):
    """So many ``rounds`` over all servers; ``is_together``: PostgreSQL goes while one of NATS is away."""

    def __init__(self, stage: Stage, say: Callable[[str], None], *, rounds: int, is_together: bool) -> None:
        super().__init__(stage, say, after_s=4.0, quick=False)
        self._rounds, self._is_together = rounds, is_together
        self.past: Past

    async def _break(self, seconds: float, bus: Bus, story_bus: Bus) -> None:
        front = await Balancer(self._stage.of("web"), looks=True).open()
        self._balancers.append(front)
        self.past = Past(front.url)
        reading = asyncio.create_task(self.past.run())
        try:
            await super()._break(seconds, bus, story_bus)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if self.past.odd:
            told = f"{self.past.odd[:3]} ({front.lost[:3]})"
            self._broken.append(f"{len(self.past.odd)} readers of the past were told {told}")

    async def _all(self, bus: Bus, story_bus: Bus) -> None:
        """Each of them, one after the other."""
        for _ in range(self._rounds):
            for server in self._stage.nats:
                what, restart = f"NATS {server.name}", self._nats(server)
                if self._is_together:
                    what, restart = f"{what} and PostgreSQL", self._both(server)
                await self._one_restart(what, restart, bus, story_bus)
            if not self._is_together:
                await self._one_restart("PostgreSQL", self._postgres, bus, story_bus)

    async def _one_restart(self, what: str, restart: Restart, bus: Bus, story_bus: Bus) -> None:
        for seen in self._load.all:
            seen.look()
        ended_s, there_s = await restart()
        began_s = time.monotonic()
        while not await self._are_held(bus, story_bus):
            if time.monotonic() - began_s > _WITHIN_S:
                self._broken.append(f"{what}: not every partition has an owner {_WITHIN_S:.0f} s after it was there")
                break
            await asyncio.sleep(_LOOK_S)
        taken_s = time.monotonic() - began_s
        await asyncio.sleep(self._after_s)
        gaps_s = tuple(seen.look() for seen in self._load.all)
        one = Changed(what=what, ended_s=ended_s, there_s=there_s, taken_s=taken_s, gaps_s=gaps_s)
        self.done.append(one)
        gaps = "/".join(f"{gap_s:.1f}" for gap_s in gaps_s)
        self._say(f"{what}: ended in {ended_s:.1f} s, there after {there_s:.1f} s more, unanswered {gaps} s")

    def _nats(self, server: NatsServer) -> Restart:
        async def restart() -> tuple[float, float]:
            began_s = time.monotonic()
            await asyncio.to_thread(server.stop)
            ended_s = time.monotonic()
            await asyncio.sleep(_DOWN_S)
            await asyncio.to_thread(server.start)
            await _is_well(server)
            return ended_s - began_s, time.monotonic() - ended_s

        return restart

    async def _postgres(self) -> tuple[float, float]:
        began_s = time.monotonic()
        await asyncio.to_thread(self._stage.database.stop)
        ended_s = time.monotonic()
        await asyncio.sleep(_DOWN_S)
        await asyncio.to_thread(self._stage.start_database)
        return ended_s - began_s, time.monotonic() - ended_s

    def _both(self, server: NatsServer) -> Restart:
        async def restart() -> tuple[float, float]:
            (a_s, b_s), (c_s, d_s) = await asyncio.gather(self._nats(server)(), self._postgres())
            return max(a_s, c_s), max(b_s, d_s)

        return restart


async def _is_well(server: NatsServer) -> None:
    """As its own `/healthz` says: it has all that the others have."""
    timeout = aiohttp.ClientTimeout(total=5.0)
    async with asyncio.timeout(_WITHIN_S), aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(server.health) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(_LOOK_S)


async def servers(folder: Path, say: Callable[[str], None], *, rounds: int, is_together: bool) -> Servers:
    """One run in a folder of its own."""
    async with Stage(folder) as stage:
        running = Servers(stage, say, rounds=rounds, is_together=is_together)
        running.result = await running.run()
        return running


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--together", action="store_true", help="PostgreSQL goes while a server of NATS is away")
    parser.add_argument("--keep", type=Path, help="where the processes' logs stay")
    args = parser.parse_args()
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} {text}", flush=True)

    async def bounded(folder: Path) -> Servers:
        running = asyncio.ensure_future(servers(folder, say, rounds=args.rounds, is_together=args.together))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        return await running

    with tempfile.TemporaryDirectory() as folder:
        done = asyncio.run(bounded(args.keep or Path(folder)))
    report(done)
    told = ", ".join(f"{n:,} times {status}" for status, n in sorted(done.past.answers.items()))
    print(f"readers of the past: {told}")
    return 1 if done.result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
