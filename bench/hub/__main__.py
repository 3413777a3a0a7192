"""How many reports are admitted a second, in process and over HTTP, and what a million distinct senders cost.

    python bench/hub [--senders 1000000] [--seconds 6] [--http-only | --in-process-only]

*In process*: reports from random addresses of all of IPv4 are handed in one after the other, as the API's and with a
form's token, by the CPU's time, beside the plain way to do it: a dict with the times of each sender's last reports,
without networks, folding, weights or tokens. What memory each has taken after the last sender is measured in a process
of its own. *HTTP*: the real page (uvicorn, the front, Litestar) in one process, wrk in another, on the same machine;
each request comes, as a trusted proxy says, from another address.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, cast

from stillup.hub.desk import Hub
from stillup.hub.values import CrowdReport, Reason
from stillup.model.service import Problem

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
REPORT = CrowdReport(service="claude", problem=Problem.SIGN_IN, component="web", region="US-CA")
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body = '{"service":"claude","problem":"sign_in","component":"web","region":"US-CA"}'
function init(args) math.randomseed(os.time()) end
function request()
  wrk.headers["X-Forwarded-For"] = string.format("%d.%d.%d.%d", math.random(11, 220), math.random(0, 255),
    math.random(0, 255), math.random(1, 254))
  return wrk.format(nil, "/api/v1/reports", nil, body)
end
"""
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_ALL = re.compile(r"(\d+) requests in")


def sender(dice: Random) -> str:
    n = dice.getrandbits(32)
    return f"{11 + n % 210}.{n >> 8 & 255}.{n >> 16 & 255}.{n >> 24}"


class PlainAdmission:
    """The baseline: who reported when, by sender; five in ten minutes. It forgets nobody whom nobody asks about."""

    def __init__(self) -> None:
        self._last: dict[str, list[float]] = {}

    def hand_in(self, who: str, now_s: float) -> bool:
        times = [t for t in self._last.get(who, ()) if now_s - t < 600]
        if len(times) >= 5:
            return False
        self._last[who] = [*times, now_s]
        return True


def rss_mb() -> float:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def drive(senders: int, each: Callable[[str, datetime], bool]) -> tuple[int, float]:
    """Hand in so many within half an hour of their own time; how many were admitted, and the seconds of CPU it took."""
    dice, admitted, spent_s = Random(1), 0, 0.0
    for block in range(0, senders, 10_000):
        names = [sender(dice) for _ in range(min(10_000, senders - block))]
        now = BEGAN + timedelta(seconds=1_800 * block / senders)
        began_s = time.process_time()
        for name in names:
            admitted += each(name, now)
        spent_s += time.process_time() - began_s
    return admitted, spent_s


def in_process(way: str, senders: int) -> None:
    """One way, in this process."""
    before = rss_mb()
    if way == "plain":
        plain = PlainAdmission()
        admitted, spent_s = drive(senders, lambda who, now: plain.hand_in(who, now.timestamp()))
        tables = ""
    else:
        hub = Hub(os.urandom, BEGAN, ["claude"])
        with_form = way == "form"

        def each(who: str, now: datetime) -> bool:
            token = hub.token(now) if with_form else None
            return hub.hand_in(REPORT, who, token, now).reason is Reason.ADMITTED

        admitted, spent_s = drive(senders, each)
        tables = f", tables {hub.size_bytes / 1e6:.1f} MB"
    print(
        f"{way:>6}: {admitted / spent_s:>9,.0f} admitted/s ({admitted:,} of {senders:,}), "
        f"memory +{rss_mb() - before:.0f} MB{tables}",
        flush=True,
    )


def serve() -> None:
    """The page with a desk, on a free port of loopback; says the port, and what became of all reports at the end."""
    import uvicorn

    from stillup.catalog.load import catalogue
    from stillup.clock import SystemClock
    from stillup.config.schema import Web
    from stillup.daemon.board import first_board
    from stillup.web.front import Front
    from stillup.web.site import Site

    clock = SystemClock()
    hub = Hub(os.urandom, clock.now(), ["claude"])
    board = first_board([catalogue()["claude"]], clock.now())
    front = Front(Site(settings=Web(trusted_proxies=("127.0.0.1",)), clock=clock, board=lambda: board, desk=hub))
    app = cast("ASGIApplication", front)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, log_level="warning", loop="uvloop")
    server = uvicorn.Server(config)

    def until_told() -> None:
        while not server.started:
            time.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        began_s = time.process_time()
        sys.stdin.read()
        became = {reason.value: n for reason, n in hub.reasons.items()}
        each_us = (time.process_time() - began_s) / max(1, hub.reasons.total()) * 1e6
        print(f"{became}, {each_us:.0f} µs of CPU each, rss {rss_mb():.0f} MB", flush=True)
        server.should_exit = True

    threading.Thread(target=until_told, daemon=True).start()
    server.run()


async def over_http(seconds: int) -> None:
    """wrk against the page."""
    page = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out = cast("asyncio.StreamReader", page.stdout)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "reports.lua")
        script.write_text(SCRIPT)  # noqa: ASYNC240 - nothing else runs
        port = int(await out.readline())
        url = f"http://127.0.0.1:{port}"
        wrk = await asyncio.create_subprocess_exec(
            "wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(script), "--latency", url, stdout=subprocess.PIPE
        )
        told = (await wrk.communicate())[0].decode()
    cast("asyncio.StreamWriter", page.stdin).close()
    became = (await out.readline()).decode().strip()
    await page.wait()
    rate, bad = _RATE.search(told), _BAD.search(told)
    done = _ALL.search(told)
    if rate is None or done is None:
        print(told)
        return
    refused = int(bad[1]) if bad else 0
    admitted = float(rate[1]) * (1 - refused / max(1, int(done[1])))
    print(f"  HTTP: {admitted:>9,.0f} admitted/s over {seconds} s, {refused} refused; became {became}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--senders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--http-only", action="store_true")
    parser.add_argument("--in-process-only", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=("plain", "api", "form"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve()
    elif args.way:
        in_process(args.way, args.senders)
    else:
        if not args.http_only:
            for way in ("plain", "api", "form"):
                for senders in (args.senders // 10, args.senders):
                    if way != "form" or senders < args.senders:
                        run = [sys.executable, __file__, "--way", way, "--senders", str(senders)]
                        subprocess.run(run, check=True)
        if not args.in_process_only:
            asyncio.run(over_http(args.seconds))
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
