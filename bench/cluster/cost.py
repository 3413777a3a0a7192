"""What each thing costs a cluster, in CPU and memory of each process: the figures that `bench/scale.py` reckons with.

    python bench/cluster/cost.py [--seconds 6] [--json FILE]

One NATS server, one hub, one gateway, one page, as processes of `stillup run` on this machine, each loaded by wrk in
turn; CPU is the system's own account of the process (user and system), which other work on the machine hardly moves.
Readers are open connections to /events; a change is a board put on the bus.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.held import rss_mb  # noqa: E402
from cluster.stage import ENVIRON, Part, role_config  # noqa: E402
from stillup.bus.open import Where, open_bus  # noqa: E402
from stillup.catalog.load import catalogue  # noqa: E402
from stillup.clock import SystemClock  # noqa: E402
from stillup.daemon.board import first_board  # noqa: E402
from stillup.daemon.cluster.publish import BOARDS, Shown, pack_board  # noqa: E402
from stillup.sim.provider_server import ProviderServer  # noqa: E402
from stillup.testing import free_port  # noqa: E402
from tests.cluster.nats_server import NatsServer  # noqa: E402

READERS, CHANGES = 400, 20
_DONE = re.compile(r"(\d+) requests in")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_REPORT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body = '{"service":"claude","problem":"sign_in","component":"web"}'
local at = 7919
function request()
  at = (at * 1103515245 + 12345) % 4294967296
  local n = math.floor(at / 256)
  wrk.headers["X-Forwarded-For"] = string.format("%d.%d.%d.%d", 11 + n % 210, math.floor(n / 210) % 256,
    math.random(0, 255), math.random(1, 254))
  return wrk.format(nil, "/api/v1/reports", nil, body)
end
"""
_ASK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["x-api-key"] = "dummy"
wrk.headers["anthropic-version"] = "2023-06-01"
wrk.body = '{"model":"claude-sonnet-4-5","max_tokens":64,"stream":STREAM,"messages":[{"role":"user","content":"hi"}]}'
"""
_LOOK = 'wrk.headers["Accept-Encoding"] = "gzip"\n'


def cpu_s(pid: int) -> float:
    """What a process has used."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


class Cost:
    """Measures one thing after the other."""

    def __init__(self, folder: Path, seconds: int) -> None:
        self._folder, self._seconds = folder, seconds
        self.found: dict[str, float] = {}

    async def run(self) -> None:
        """All of it."""
        async with AsyncExitStack() as stack:
            server = await asyncio.to_thread(NatsServer(self._folder / "nats").start)
            stack.callback(server.stop)
            provider = await stack.enter_async_context(ProviderServer("A"))
            parts = {}
            for role in ("hub", "gateway", "web"):
                parts[role] = await self._start(role, server, provider, stack)
            hub, gateway, web = parts["hub"], parts["gateway"], parts["web"]
            await self._loaded("report", _REPORT, hub.url, 128, {"hub": hub.pid, "nats": server.pid})
            whole, stream = _ASK.replace("STREAM", "false"), _ASK.replace("STREAM", "true")
            await self._loaded("request", whole, f"{gateway.url}/v1/messages", 32, {"gateway": gateway.pid})
            await self._loaded("stream", stream, f"{gateway.url}/v1/messages", 32, {"gateway": gateway.pid})
            await self._loaded("empty_page", _LOOK, f"{web.url}/claude", 64, {"web": web.pid})
            await self._sized(web)
            await self._readers(web, server)

    async def _start(self, role: str, server: NatsServer, provider: ProviderServer, stack: AsyncExitStack) -> Part:
        port, name = free_port(), f"{role}-1"
        config = self._folder / f"{name}.toml"
        text = role_config(
            self._folder / name, [server.url], name, port, a=provider.url, b=provider.url, hook="127.0.0.1:9"
        )
        config.write_text(text)
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        nowhere = {"TRIAL_DATABASE": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
        words = ["stillup", "run", role, "--config", str(config)]
        part = Part(name, words, self._folder / f"{name}.log", environ | ENVIRON | nowhere, port)
        part.start()
        stack.push_async_callback(part.kill)
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{part.url}/healthz"):
                        return part
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)

    async def _loaded(self, name: str, script: str, url: str, connections: int, pids: dict[str, int]) -> None:
        """CPU µs a request of each process, under wrk."""
        path = self._folder / f"{name}.lua"
        path.write_text(script)
        words = ["wrk", "-t1", f"-c{connections}", f"-d{self._seconds}s", "--timeout", "10s", "-s", str(path), url]
        before = {part: cpu_s(pid) for part, pid in pids.items()}
        wrk = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        told = (await wrk.communicate())[0].decode()
        done, bad = _DONE.search(told), _BAD.search(told)
        good = int(done[1]) - (int(bad[1]) if bad else 0) if done else 0
        for part, pid in pids.items():
            self.found[f"{name}_{part}_us"] = (cpu_s(pid) - before[part]) / max(1, good) * 1e6
        self.found[f"{name}_per_s"] = good / self._seconds

    async def _sized(self, web: Part) -> None:
        """What a page is on the wire: without anything judged, the least."""
        headers = {"Accept-Encoding": "gzip"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(f"{web.url}/claude", headers=headers) as answer,
        ):
            self.found["empty_page_bytes"] = len(await answer.read())

    async def _readers(self, web: Part, server: NatsServer) -> None:
        """Memory of an open page, CPU of a change to each, and how long the last of them waits."""
        before_mb = rss_mb(web.pid)
        async with AsyncExitStack() as stack:
            streams = [await self._listen(web, n) for n in range(READERS)]
            for _, writer in streams:
                stack.callback(writer.close)
            await asyncio.sleep(1)
            self.found["reader_kb"] = (rss_mb(web.pid) - before_mb) * 1024 / READERS
            bus = await open_bus(Where(servers=(server.url,), prefix="trial", name="cost"), SystemClock())
            stack.push_async_callback(bus.close)
            heard = [0] * READERS
            tasks = [asyncio.create_task(_count(reader, heard, n)) for n, (reader, _) in enumerate(streams)]
            stack.callback(lambda: [task.cancel() for task in tasks])
            waits, used_s = [], cpu_s(web.pid)
            for n in range(CHANGES):
                began_s = time.monotonic()
                await bus.table(BOARDS).put("claude", _board(n))
                await _until(heard, n + 1)
                waits.append(time.monotonic() - began_s)
            self.found["event_us"] = (cpu_s(web.pid) - used_s) / (CHANGES * READERS) * 1e6
            self.found["event_last_s"] = max(waits)

    async def _listen(self, web: Part, n: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        who = f"11.{n // 200}.{n % 200}.1"
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nX-Forwarded-For: {who}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer


def _board(n: int) -> bytes:
    now = datetime.now(UTC)
    (board,) = first_board([catalogue()["claude"]], now).services.values()
    return pack_board(Shown(at=now, board=board, resumed=bool(n % 2)))


async def _count(reader: asyncio.StreamReader, heard: list[int], n: int) -> None:
    while line := await reader.readline():
        heard[n] += line.startswith(b"event: board")


async def _until(heard: list[int], least: int) -> None:
    async with asyncio.timeout(30):
        while min(heard) < least:  # noqa: ASYNC110 - what is watched is told by many connections
            await asyncio.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--json", type=Path, help="where the figures go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cost = Cost(Path(folder), args.seconds)
        asyncio.run(cost.run())
    for name, value in cost.found.items():
        print(f"{name:24} {value:12,.1f}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if args.json:
        args.json.write_text(json.dumps({k: round(v, 3) for k, v in cost.found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
