"""Reports to a cluster, end to end: two hubs, a monitor, a NATS server and the load, all on this machine.

    python bench/hub/cluster.py [--seconds 70] [--connections 300]

`stillup run hub` twice and `stillup run monitor` once, as processes; wrk against each hub, each request from another
address as a trusted proxy says. A report is answered when it is in the log: handed in, counted, replicated,
acknowledged. Then what the log adds up to is held against what the hubs counted. Verdict delay is from the end of a
minute to the word on it in the table that gateways and pages watch. CPU is the system's account of each process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stillup.bus.base import Log
from stillup.bus.open import Where, open_bus
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.publish import VERDICTS, unpack
from stillup.daemon.cluster.records import Partial
from stillup.daemon.cluster.records import unpack as said_of
from stillup.hub.adding import Adding
from stillup.testing import free_port

SERVICES = ("claude", "chatgpt")
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body = '{"service":"claude","problem":"sign_in","component":"web"}'
local at = SEED
function request()
  at = (at * 1103515245 + 12345) % 4294967296
  local n = math.floor(at / 256)
  wrk.headers["X-Forwarded-For"] = string.format("%d.%d.%d.%d", 11 + n % 210, math.floor(n / 210) % 256,
    math.random(0, 255), math.random(1, 254))
  return wrk.format(nil, "/api/v1/reports", nil, body)
end
"""
_DONE = re.compile(r"(\d+) requests in")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_P = re.compile(r"^\s+(50|99)%\s+(\S+)", re.MULTILINE)
_COUNTED = re.compile(r'stillup_hub_weighed_total\{counts="counted"\} (\d+)')


def cpu_s(pid: int) -> float:
    """What a process has used."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[tuple[str, dict[str, subprocess.Popen[bytes]], list[int]]]:
    """The bus's address, the processes by name, and the hubs' ports."""
    bus_port, ports = free_port(), [free_port(), free_port()]
    server = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
    conf = folder / "nats.conf"
    conf.write_text(
        f'listen: "127.0.0.1:{bus_port}"\njetstream {{ store_dir: "{folder}/js", max_memory_store: 1GB }}\n'
    )
    bus = f"nats://127.0.0.1:{bus_port}"
    running = {"nats": subprocess.Popen([server, "-c", conf], stderr=subprocess.DEVNULL)}
    time.sleep(0.5)
    for name, role, port in (("hub-1", "hub", ports[0]), ("hub-2", "hub", ports[1]), ("mon-1", "monitor", free_port())):
        config = folder / f"{name}.toml"
        quoted = ", ".join(f'"{s}"' for s in SERVICES)
        config.write_text(
            f'data = "{folder / name}"\nservices = [{quoted}]\n[cluster]\nbus = ["{bus}"]\nname = "{name}"\n'
            f'[web]\nlisten = "127.0.0.1:{port}"\ntrusted_proxies = ["127.0.0.1"]\n'
        )
        run = [sys.executable, "-m", "stillup", "run", role, "--config", str(config)]
        running[name] = subprocess.Popen(run, stderr=(folder / f"{name}.log").open("wb"))
    try:
        yield bus, running, ports
    finally:
        for process in reversed(list(running.values())):
            process.terminate()
        for process in running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def until_ready(port: int) -> None:
    """Wait until a hub answers."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
            return
        time.sleep(0.1)
    sys.exit("a hub does not answer")


def metrics(port: int) -> str:
    told: bytes = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()
    return told.decode()


async def delays(bus_at: str, found: list[float]) -> None:
    """How long after the end of each minute the word on it comes."""
    bus = await open_bus(Where(servers=(bus_at,), prefix="stillup", name="bench"), SystemClock())
    began = datetime.now(UTC)
    async for entry in bus.table(VERDICTS).watch():
        at = None if entry.value is None else unpack(entry.value).at
        if at is not None and at > began:
            found.append((datetime.now(UTC) - at).total_seconds())


class Reading:
    """What the logs add up to, read as they grow: their owner lets go of what nobody will need."""

    def __init__(self) -> None:
        self.size = self.records = 0
        self._adding: list[Adding] = []
        self._newest: datetime | None = None

    async def go_on(self, bus_at: str) -> None:
        bus = await open_bus(Where(servers=(bus_at,), prefix="stillup", name="bench"), SystemClock())
        partitions = partitions_of([catalogue()[s] for s in SERVICES])
        await asyncio.gather(*(self._read(bus.log(p.log), p.services) for p in partitions))

    async def _read(self, log: Log, services: tuple[str, ...]) -> None:
        adding = Adding(services)
        self._adding.append(adding)
        async for record in log.read(0):
            said = said_of(record.body)
            if isinstance(said, Partial):
                self.size, self.records = self.size + len(record.body), self.records + 1
                adding.hear(said, None, said.end)
                self._newest = said.end if self._newest is None else max(self._newest, said.end)

    def total(self) -> int:
        if self._newest is None:
            return 0
        return sum(getattr(s, "count", 0) for adding in self._adding for s in adding.due(self._newest))


async def load(seconds: int, connections: int) -> None:
    with tempfile.TemporaryDirectory() as name, processes(Path(name)) as (bus, running, ports):
        for port in ports:
            until_ready(port)
        await asyncio.sleep(3)
        found: list[float] = []
        reading = Reading()
        watching = [asyncio.create_task(work) for work in (delays(bus, found), reading.go_on(bus))]
        before = {name: cpu_s(process.pid) for name, process in running.items()}
        wrks, began_s = [], time.monotonic()
        for n, port in enumerate(ports):
            script = Path(name, f"reports{n}.lua")
            script.write_text(SCRIPT.replace("SEED", str(7919 * (n + 1))))  # noqa: ASYNC240 - nothing else runs
            run = [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout",
                "10s",
                "--latency",
                "-s",
                str(script),
            ]
            run.append(f"http://127.0.0.1:{port}")
            wrks.append(await asyncio.create_subprocess_exec(*run, stdout=asyncio.subprocess.PIPE))
        told = [(await wrk.communicate())[0].decode() for wrk in wrks]
        span_s = time.monotonic() - began_s
        used = {name: cpu_s(process.pid) - before[name] for name, process in running.items()}
        await asyncio.sleep(3)
        for work in watching:
            work.cancel()
        report(span_s, told, used, [metrics(port) for port in ports], reading)
        print(f"verdict delay after the minute's end, s: {', '.join(f'{d:.2f}' for d in sorted(found)) or 'none came'}")
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def report(span_s: float, told: list[str], used: dict[str, float], exposed: list[str], log: Reading) -> None:
    done = [match for text in told if (match := _DONE.search(text))]
    bad = sum(int(match[1]) for text in told if (match := _BAD.search(text)))
    answered = sum(int(match[1]) for match in done) - bad
    counted = sum(int(match[1]) for text in exposed if (match := _COUNTED.search(text)))
    total, size, records = log.total(), log.size, log.records
    waits = ["/".join(wait for _, wait in _P.findall(text)) for text in told]
    print(f"{answered / span_s:,.0f} reports/s acknowledged over {span_s:.0f} s ({answered:,}; {bad} others)")
    print(f"wait p50/p99 at each hub: {', '.join(waits)}")
    print(f"CPU a report, µs: {', '.join(f'{name} {s / answered * 1e6:.0f}' for name, s in used.items())}")
    print(
        f"counted by the hubs {counted:,}; in the log {total:,}; {size / span_s / 1e3:.1f} KB/s in {records:,} records"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=70)
    parser.add_argument("--connections", type=int, default=300)
    args = parser.parse_args()
    asyncio.run(load(args.seconds, args.connections))


if __name__ == "__main__":
    main()
