"""Entries of docs/runbook.md that no fault of ``bench/cluster`` brings about, each played as it stands there.

    python bench/cluster/entries.py [clock] [many] [move] [--keep FOLDER]

Two monitors, two pages, a hub and a gateway as `stillup run` starts them, with PostgreSQL and NATS on loopback.
*clock*: that of a monitor is put 40 s ahead and set right again, then that of every process. *many*: one network sends
more reports and listens more often than one may, then more listen than a page has room for. *move*: everybody goes to
another NATS while people report and programs ask. What an entry tells people to look at must say so, and after what it
tells them to do all must be well.
"""

# ruff: noqa: E402 - benches find each other by the path

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Self

import aiohttp

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from alerts.receiver import Receiver

from cluster.balancer import Balancer
from cluster.load import Load
from cluster.oracle import PARTITIONS, added, records
from cluster.stage import ENVIRON, PREFIX, ROOT, Part, role_config
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.roles.beat import present
from stillup.secret import Secret
from stillup.sim.provider_server import ProviderServer
from stillup.store import open_store
from stillup.testing import free_port
from tests.cluster.nats_server import NatsServer
from tests.store.pgserver import PgServer

ROLES = {"monitor": 2, "hub": 2, "gateway": 2, "web": 2}
_EXPECT = "[cluster.expect]\n" + "".join(f"{role} = {n}\n" for role, n in ROLES.items())
OFF_S = 40.0
EACH, MOST = 250, 5_000
"""Who may listen at one page: from one network, and all (:mod:`stillup.web.events`)."""
_WITHIN_S = 60.0
_LOOK_S = 0.2
_TWO_MINUTES_S = 125.0
"""Until what was said is judged, and those who judge have shown it."""
Say = Callable[[str], None]


class Small:
    """The set; an async context manager."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.broken: list[str] = []
        self.facts: dict[str, object] = {}
        self.parts: list[Part] = []
        self.health: dict[str, int] = {}
        self.nats = [NatsServer(folder / name, name=name) for name in ("old", "new")]
        self.database = PgServer()
        self.hook = Receiver(7, is_moody=False)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:  # what has begun is not left behind
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        keep = self._stack
        keep.callback(self.database.remove)
        for server in self.nats:
            await asyncio.to_thread(server.start)
            keep.callback(server.stop)
        await asyncio.to_thread(self.database.start)
        store = await asyncio.to_thread(self.database.new_database, "entries")
        self._a, self._b = [await keep.enter_async_context(ProviderServer(name)) for name in "AB"]
        keep.enter_context(self.hook)
        keep.push_async_callback(self._end)
        for role, n in ROLES.items():
            for name in (f"{role}-{i}" for i in range(1, n + 1)):
                self.parts.append(self._part(role, name, store))
        await self.until("the doctor finds nothing wrong", self.is_well)

    def _part(self, role: str, name: str, store: str) -> Part:
        port, self.health[name] = free_port(), free_port()
        config = self.config(name)
        text = role_config(
            self.folder / name, [self.nats[0].url], name, port, a=self._a.url, b=self._b.url, hook=self.hook.address
        )
        config.write_text(text + _EXPECT)
        self.off(name, 0.0)
        words = ["bench.cluster.skewed", str(self.folder / f"{name}.off"), "stillup", "run", role]
        words += ["--config", str(config), "--health", f"127.0.0.1:{self.health[name]}"]
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | ENVIRON
        part = Part(name, words, self.folder / f"{name}.log", environ | {"TRIAL_DATABASE": store}, port)
        part.start()
        return part

    async def _end(self) -> None:
        for part in self.parts:
            part.send(signal.SIGTERM)
        for part in self.parts:
            await part.end()

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def config(self, name: str) -> Path:
        """The file that a process was given."""
        return self.folder / f"{name}.toml"

    def of(self, role: str) -> list[Part]:
        """The processes of a role."""
        return [part for part in self.parts if part.role == role]

    def off(self, name: str, seconds: float) -> None:
        """Set a process's clock so far ahead; written beside, so that nobody reads half of it."""
        beside = self.folder / f"{name}.off.new"
        beside.write_text(str(seconds))
        beside.replace(self.folder / f"{name}.off")

    async def doctor(self, off_s: float = 0.0) -> str:
        """What `stillup doctor --cluster` says on a machine whose clock is so far ahead."""
        words = ["-m", "bench.cluster.skewed", str(off_s), "stillup", "doctor", "--cluster"]
        part = self.of("monitor")[0]
        doctor = await asyncio.create_subprocess_exec(
            sys.executable, *words, "--config", str(self.config(part.name)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT,
            env=part.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        )  # fmt: skip
        return (await doctor.communicate())[0].decode()

    async def is_well(self) -> bool:
        """Nothing is wrong."""
        return "✗" not in await self.doctor()

    async def metric(self, name: str, words: str) -> float:
        """A figure of a process's `/metrics` (of a page its own, which has more); NaN where it has none."""
        part = next(part for part in self.parts if part.name == name)
        url = part.url if part.role in ("hub", "web") else f"http://127.0.0.1:{self.health[name]}"
        with suppress(aiohttp.ClientError, OSError):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{url}/metrics") as answer,
            ):
                for line in (await answer.text()).splitlines():
                    if line.startswith(f"{words} "):
                        return float(line.rpartition(" ")[2])
        return float("nan")

    async def until(self, what: str, holds: Callable[[], Awaitable[object]]) -> None:
        """Wait until it is so; what does not come is broken."""
        began_s = time.monotonic()
        while not await holds():
            if time.monotonic() - began_s > _WITHIN_S:
                self.broken.append(f"not so within {_WITHIN_S:.0f} s: {what}")
                self.say(f"NOT: {what}\n{await self.doctor()}")
                return
            await asyncio.sleep(_LOOK_S)
        self.say(f"{what}: after {time.monotonic() - began_s:.1f} s")

    def says(self, name: str, word: str) -> Callable[[], Awaitable[bool]]:
        """Whether a process says it from now on."""
        log = next(part.log for part in self.parts if part.name == name)
        before = len(log.read_text())

        async def said() -> bool:
            return word in log.read_text()[before:]

        return said


# -- a clock is off ----------------------------------------------------------------------------------------------------


async def clock(small: Small) -> None:
    """One monitor's, then everybody's."""
    first, second = (part.name for part in small.of("monitor"))

    def judged_by(name: str) -> Callable[[], Awaitable[bool]]:
        async def is_so() -> bool:
            told = await small.doctor()
            return told.count(" judges it") == told.count(f"{name}.") == len(PARTITIONS)

        return is_so

    wrong = small.says(first, "judges nothing until it is right")
    small.off(first, OFF_S)
    await small.until("it says so itself", wrong)

    async def doctor_says() -> bool:
        return f"clock is {OFF_S:.1f} s ahead: it judges nothing" in await small.doctor()

    await small.until("the doctor says so", doctor_says)
    skew_s = await small.metric(first, "stillup_clock_skew_seconds")
    if not abs(skew_s - OFF_S) < 1:
        small.broken.append(f"stillup_clock_skew_seconds says {skew_s}")
    await small.until("the other judges all", judged_by(second))
    right = small.says(first, "is right again: it may judge")
    small.off(first, 0.0)
    await small.until("its clock is set: it goes on by itself", right)
    await small.until("the doctor finds nothing wrong", small.is_well)
    for part in small.parts:
        small.off(part.name, OFF_S)

    async def nobody() -> bool:
        told = await small.doctor(OFF_S)
        return told.count("judges nothing") >= len(small.of("monitor")) and "obody" in told

    await small.until("all clocks are off by the same: nobody judges, and the doctor says so", nobody)
    small.say(await small.doctor(OFF_S))
    for part in small.parts:
        small.off(part.name, 0.0)
    await small.until("they are right again: all is well by itself", small.is_well)


# -- too many ----------------------------------------------------------------------------------------------------------


async def many(small: Small) -> None:
    """Reports and readers of one network; then more readers than there is room for."""
    hub, (page, other) = small.of("hub")[0], small.of("web")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        told: Counter[int] = Counter()
        for n in range(40):
            told[await _report(session, hub, "11.1.1.1" if n % 2 else f"12.{n}.1.1")] += 1
        small.facts["reports, half of them of one"] = dict(told)
        refused = await small.metric(hub.name, 'stillup_hub_reports_total{reason="too_many"}')
        small.facts['stillup_hub_reports_total{reason="too_many"}'] = refused
        if not refused or told[429] != refused or told[202] < 20:
            small.broken.append(f"{told} reports were answered, {refused} refused by the metrics")
    listening: list[asyncio.StreamWriter] = []
    try:
        answers = Counter([await _listen(page, "11.1.1.1", listening) for _ in range(EACH + 20)])
        answers_of_another = await _listen(page, "11.2.1.1", listening)
        small.facts["one network listens"] = f"{dict(answers)}, another {answers_of_another}"
        if answers != {200: EACH, 503: 20} or answers_of_another != 200:
            small.broken.append("one network is not bounded, or others with it")
        for net in range(MOST // EACH):
            for _ in range(EACH):
                await _listen(page, f"13.{net}.1.1", listening)
        full, elsewhere = await _listen(page, "14.1.1.1", listening), await _listen(other, "14.1.1.1", listening)
        readers, refused = [
            await small.metric(page.name, f"stillup_web_event_readers{end}") for end in ("", "_refused_total")
        ]
        async with aiohttp.ClientSession() as session, session.get(page.url) as answer:
            shown = answer.status
        small.facts["a full page"] = (
            f"{full}, shown {shown}; the other {elsewhere}; readers {readers}, refused {refused}"
        )
        if (full, shown, elsewhere) != (503, 200, 200) or readers != MOST:
            small.broken.append("a full page does not send its readers elsewhere")
    finally:
        for writer in listening:
            writer.close()


async def _report(session: aiohttp.ClientSession, hub: Part, who: str) -> int:
    said = {"service": "claude", "problem": "sign_in"}
    async with session.post(f"{hub.url}/api/v1/reports", json=said, headers={"X-Forwarded-For": who}) as answer:
        await answer.read()
        return answer.status


async def _listen(page: Part, who: str, listening: list[asyncio.StreamWriter]) -> int:
    """One who listens, and stays; what it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    listening.append(writer)
    writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nX-Forwarded-For: {who}\r\n\r\n".encode())
    return int((await reader.readline()).split()[1])


# -- another NATS ------------------------------------------------------------------------------------------------------


async def move(small: Small) -> None:
    """As the entry says, while everything is used."""
    balancers = [
        [await Balancer(small.of(role), looks=looks).open() for looks in (True, False)]
        for role in ("hub", "gateway", "web")
    ]
    load = Load(*balancers, programs=4, patience_s=20.0)  # type: ignore[arg-type]
    using = asyncio.create_task(load.run(people=2))
    await asyncio.sleep(5.0)
    monitors = small.of("monitor")
    for name in (part.name for part in small.parts if part.role != "monitor"):
        _points_at(small, name)
    for role in ("gateway", "hub", "web"):
        for part in small.of(role):
            part.send(signal.SIGHUP)
            await small.until(f"{part.name} is there", _is_at(small, part))
    await asyncio.sleep(_TWO_MINUTES_S)
    for part in monitors:
        part.send(signal.SIGTERM)
    for part in monitors:
        await part.ended()
        _points_at(small, part.name)
        part.start()
    await small.until("the doctor finds nothing wrong at the new one", small.is_well)
    await asyncio.sleep(_WITHIN_S)
    load.is_over = True
    await using
    await asyncio.sleep(_TWO_MINUTES_S)
    for balancer in (one for pair in balancers for one in pair):
        await balancer.close()
    await _counted(small, load)


def _points_at(small: Small, name: str) -> None:
    config = small.config(name)
    config.write_text(config.read_text().replace(small.nats[0].url, small.nats[1].url))


def _is_at(small: Small, part: Part) -> Callable[[], Awaitable[bool]]:
    """Whether it says on the new bus that it is there, and is ready."""

    async def is_so() -> bool:
        async with AsyncExitStack() as stack:
            bus = await open_bus(Where(servers=small.nats[1].urls, prefix=PREFIX, name="oracle"), SystemClock())
            stack.push_async_callback(bus.close)
            if part.name not in [beat.replica for beat in await present(bus)]:
                return False
        with suppress(aiohttp.ClientError, OSError):
            async with aiohttp.ClientSession() as session, session.get(f"{part.url}/readyz") as answer:
                return answer.status == 200
        return False

    return is_so


async def _counted(small: Small, load: Load) -> None:
    totals = []
    for server in small.nats:
        bus = await open_bus(Where(servers=server.urls, prefix=PREFIX, name="oracle"), SystemClock())
        totals.append(sum([added(await records(bus.log(part.log)), part.services) for part in PARTITIONS]))
        await bus.close()
    with open_store(Secret(small.database.url("entries")), create=False) as store:
        judged = sum(getattr(signal, "count", 0) for signal in await asyncio.to_thread(store.signals, "claude"))
    counted = f"{totals} counted on the old and the new bus, {judged} judged"
    small.facts["reports"] = f"{dict(load.answers)} answered; {counted}"
    if not load.answers["202"] <= sum(totals) == judged or set(load.answers) != {"202"}:
        small.broken.append("reports were lost or refused")
    for seen in (load.asked, load.looked):
        small.facts[f"{seen.name} answers"] = f"{seen.well}, {seen.again} when asked again, {len(seen.lost)} lost"
        if seen.again or seen.lost:
            small.broken.append(f"{seen.name}: {seen.lost[:2]} {seen.why[:3]}")


PLAYS: dict[str, Callable[[Small], Awaitable[None]]] = {"clock": clock, "many": many, "move": move}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plays", nargs="*", metavar="PLAY", help=f"which of {', '.join(PLAYS)}; all")
    parser.add_argument("--keep", type=Path, help="where the processes' logs stay")
    args = parser.parse_args()
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} {text}", flush=True)

    async def bounded(folder: Path) -> Small:
        async def played() -> Small:
            async with Small(folder, say) as small:
                for name in args.plays or PLAYS:
                    say(f"-- {name}")
                    await PLAYS[name](small)
                small.broken += [f"{part.name} ended" for part in small.parts if not part.is_running]
                return small

        running = asyncio.ensure_future(played())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        return await running

    with tempfile.TemporaryDirectory() as folder:
        small = asyncio.run(bounded(args.keep or Path(folder)))
    for name, fact in small.facts.items():
        print(f"{name}: {fact}")
    print("\n".join(f"BROKEN: {what}" for what in small.broken) or "all is as the runbook says")
    return 1 if small.broken else 0


if __name__ == "__main__":
    sys.exit(main())
