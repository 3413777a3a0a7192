"""What is left when a whole part is lost: the database goes back to a backup, then NATS loses all of its disks.

    python bench/cluster/lost.py [--speed 60] [--keep FOLDER]

Two monitors and two pages as `stillup run` starts them, on a clock that runs ahead (:mod:`cluster.quick`). A first
outage comes and goes and is backed up; in the midst of a second the database is put back to before it, while everybody
goes on; in the midst of a third every NATS server is killed and begins with an empty disk. After it all each outage
must be one incident, told once when it began and once when it was over, and the pages must say what the database says.
Before NATS loses it, the log must come to what the database has, as one process judges it that reads all of it.
"""

# ruff: noqa: E402 - benches find each other by the path

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
from msgspec import Struct

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.day import DATABASE, Cluster
from cluster.oracle import PARTITIONS, SETTINGS, differing, judged, records
from cluster.sizes import signals
from cluster.stage import ROOT
from stillup.daemon.cluster.records import Heard, id_of, pack
from stillup.daemon.jobs import forecaster, profile_of
from stillup.errors import BusError, StoreError
from stillup.model.incident import Incident
from stillup.secret import Secret
from stillup.store import open_store
from stillup.store.outbox import Status
from stillup.verdict.monitor import Monitor

SERVICE = "claude"
PARTITION = next(part for part in PARTITIONS if SERVICE in part.services)
_TURN_S = 20.0
_WITHIN_S = 60.0
_AGAIN_S = 0.2
_CALM = timedelta(minutes=45)
"""More than the half hour within which trouble that comes again is the same incident."""


class Told(Struct, frozen=True, kw_only=True):
    """What came of it; ``broken`` empty: as it should be."""

    facts: dict[str, object]
    broken: list[str]


class Lost:
    """One run on a cluster; ``say`` hears of each step."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say
        self._url = cluster.database.url(DATABASE)
        self._is_out = self._is_over = False
        self.facts: dict[str, object] = {}
        self.broken: list[str] = []

    async def run(self) -> Told:
        """All of it, some three minutes."""
        speaking = asyncio.create_task(self._speak())
        try:
            first = await self._outage("first")
            await self._calm()
            backup = self._cluster.folder / "backup.db"
            await self._stillup("backup", str(backup), "--from", self._url)
            second = await self._outage("second", self._put_back, backup)
            await self._calm()
            third = await self._outage("third", self._lose_nats)
            await self._look([first, second, third])
        finally:
            self._is_over = True
            await speaking
        return Told(facts=self.facts, broken=self.broken)

    # -- what happens -------------------------------------------------------------------------------------------------

    async def _outage(self, which: str, *do: object) -> str:
        """One, in whose midst something is done; the incident's id."""
        known = {i.id for i in await self._incidents()}
        self._is_out = True
        found = await self._until(f"the {which} outage is confirmed", lambda i: i.id not in known and i.confirmed_at)
        await self._taken(found)
        if do:
            act, *rest = do
            await act(*rest)  # type: ignore[operator]
            await self._until("it stands as before", lambda i: i.id == found and not i.recovered_at)
            await asyncio.sleep(timedelta(minutes=3) / timedelta(seconds=self._cluster.clock.speed))
        self._is_out = False
        await self._until(f"the {which} outage is over", lambda i: i.id == found and i.recovered_at)
        return found

    async def _calm(self) -> None:
        await self._cluster.clock.sleep(_CALM.total_seconds())

    async def _put_back(self, backup: Path) -> None:
        """The database as it was; nobody of the cluster is ended for it."""
        server, fresh = self._cluster.database, f"{DATABASE}-restored"
        url = await asyncio.to_thread(server.new_database, fresh)
        await self._stillup("restore", str(backup), "--to", url)

        def swap() -> None:
            server.sql(f'DROP DATABASE "{DATABASE}" WITH (FORCE)')
            server.sql(f'ALTER DATABASE "{fresh}" RENAME TO "{DATABASE}"')

        await asyncio.to_thread(swap)
        self._say("the database is as it was at the backup")

    async def _lose_nats(self) -> None:
        await self._same()
        for server in self._cluster.nats:
            await asyncio.to_thread(server.kill)
            server.lose_everything()
        for server in self._cluster.nats:
            await asyncio.to_thread(server.start)
        self._say("NATS has lost its disks and is there again")

    async def _stillup(self, *words: str) -> None:
        command = [sys.executable, "-m", "stillup", "store", *words]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT, timeout=120)
        if done.returncode:
            message = f"stillup store {words[0]} failed: {done.stdout[-800:]} {done.stderr[-800:]}"
            raise AssertionError(message)
        self._say(f"stillup store {words[0]}: {done.stdout.strip().splitlines()[-1]}")

    async def _speak(self) -> None:
        """What the service's page and programs say."""
        log = self._cluster.bus.log(PARTITION.log)
        while not self._is_over:
            heard = Heard(signals=signals(SERVICE, self._cluster.clock.now(), self._is_out), by="sources")
            with suppress(BusError):
                await log.append(id_of(heard), pack(heard))
            await self._cluster.clock.sleep(_TURN_S)

    # -- what is looked at --------------------------------------------------------------------------------------------

    async def _incidents(self) -> Sequence[Incident]:
        """Those that the database has; none while it is away."""

        def read() -> Sequence[Incident]:
            try:
                with open_store(Secret(self._url), create=False) as store:
                    return store.incidents(SERVICE)
            except StoreError:
                return ()

        return await asyncio.to_thread(read)

    async def _until(self, what: str, holds: Callable[[Incident], object]) -> str:
        """Wait for an incident that is so; its id, empty where none came."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < _WITHIN_S:
            found = [i.id for i in await self._incidents() if holds(i)]
            if found:
                self._say(f"{what}: {found[0]}, after {time.monotonic() - began_s:.1f} s")
                return found[0]
            await asyncio.sleep(_AGAIN_S)
        self.broken.append(f"not so within {_WITHIN_S:.0f} s: {what}")
        return ""

    async def _same(self) -> None:
        """What one process says of the log is what is kept, in spite of the database that was put back."""
        began_s = time.monotonic()
        while True:
            read = await records(self._cluster.bus.log(PARTITION.log))
            steps = await asyncio.to_thread(
                judged, read, Monitor(profile_of, SETTINGS, forecaster()), PARTITION.services
            )
            with open_store(Secret(self._url), create=False) as store:
                found = await asyncio.to_thread(differing, steps, PARTITION.services, store)
            if not found or time.monotonic() - began_s > _WITHIN_S:
                break
            await asyncio.sleep(_AGAIN_S)
        self.broken += found
        self.facts["the log before it was lost"] = f"{len(read)} records, {len(steps)} minutes, as the database has it"

    async def _taken(self, incident: str) -> None:
        began_s = time.monotonic()
        while not any(told["incident"] == incident for told in self._hooked()):
            if time.monotonic() - began_s > _WITHIN_S:
                self.broken.append(f"nobody was told of {incident}")
                return
            await asyncio.sleep(_AGAIN_S)

    def _hooked(self) -> list[dict[str, str]]:
        return [{"incident": d["incident"], "kind": d["kind"]} for d in self._cluster.hook.taken.values()]

    async def _look(self, wanted: Sequence[str]) -> None:
        """The laws."""
        began_s = time.monotonic()
        right = Counter({(i, kind): 1 for i in wanted for kind in ("broke", "back")})
        while (told := Counter((t["incident"], t["kind"]) for t in self._hooked())) != right:
            if time.monotonic() - began_s > _WITHIN_S:
                self.broken.append(f"told {dict(told)} instead of each outage once, and its end once")
                break
            await asyncio.sleep(_AGAIN_S)
        self.facts["told"] = f"{sum(told.values())} messages, {self._cluster.hook.again} again under the same key"
        incidents = await self._incidents()
        self.facts["incidents"] = ", ".join(f"{i.opened_at:%H:%M}-{i.recovered_at or 'open'}" for i in incidents)
        if sorted(i.id for i in incidents) != sorted(wanted):
            self.broken.append(f"{len(incidents)} incidents are kept of {len(wanted)} outages")
        with open_store(Secret(self._url), create=False) as store:
            waiting = store.outbox.listed((Status.WAITING, Status.ATTEMPTING, Status.DEAD), 100)
            changes = [c for c in store.transitions(SERVICE) if c.component is None]
        if waiting:
            self.broken.append(f"{len(waiting)} alerts were not sent")
        self.facts["verdicts"] = " ".join(c.state.value for c in changes)
        self._ended()
        await self._pages(changes[-1].state.value)

    def _ended(self) -> None:
        self.broken += [f"{part.name} ended" for part in self._cluster.parts if not part.is_running]

    async def _pages(self, state: str) -> None:
        async with aiohttp.ClientSession() as session:
            for part in self._cluster.of("web"):
                said = ""
                began_s = time.monotonic()
                while said != state and time.monotonic() - began_s < _WITHIN_S:
                    async with session.get(f"{part.url}/api/v1/services/{SERVICE}") as answer:
                        said = (await answer.json()).get("state", str(answer.status))
                    await asyncio.sleep(_AGAIN_S)
                if said != state:
                    self.broken.append(f"{part.name} says {said}, the database {state}")


async def lost(folder: Path, speed: float, say: Callable[[str], None]) -> Told:
    """One run in a folder of its own."""
    async with Cluster(folder, 1, speed, ("monitor", "web")) as cluster:
        return await Lost(cluster, say).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=60.0, help="how much faster the clock runs")
    parser.add_argument("--keep", type=Path, help="where the processes' logs stay")
    args = parser.parse_args()
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} {text}", flush=True)

    async def bounded(folder: Path) -> Told:
        running = asyncio.ensure_future(lost(folder, args.speed, say))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        return await running

    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(bounded(args.keep or Path(folder)))
    for name, fact in told.facts.items():
        print(f"{name}: {fact}")
    print("\n".join(f"BROKEN: {what}" for what in told.broken) or "the oracle found nothing")
    return 1 if told.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
