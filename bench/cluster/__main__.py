"""A whole cluster on this machine, used and broken at random for a while, and an oracle that looks afterwards.

    python bench/cluster [--seconds 60] [--within 240] [--seed 1] [--keep FOLDER]

Real servers on loopback: three of NATS, one of PostgreSQL, two processes of each role, and two quick monitors that
judge a story of outages (a minute a second; in long trials slower, for a log keeps a day). One thing after the other
is killed, paused, cut off, slowed or ended, while people report, programs ask the gateways and browsers look. Then each
law is checked; exit code 1: one is broken. With --within it all ends by the clock: a machine on which everything
takes longer breaks fewer things, and exit code 2 says that there was no time to break any.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.trial import NotBegunError, Result, trial  # noqa: E402


def report(result: Result) -> None:
    """What came of it."""
    print("\n| fault | taken over, s | story, s | reports, s | gateway, s | page, s | well again, s |")
    print("|---|---|---|---|---|---|---|")
    for one in result.faults:
        gaps = " | ".join(f"{gap_s:.1f}" for gap_s in one.gaps_s)
        print(f"| {one.what} | {one.takeover_s:.1f} | {one.story_s:.1f} | {gaps} | {one.well_s:.1f} |")
    for name, fact in result.facts.items():
        print(f"{name}: {fact}")
    print("\n".join(f"BROKEN: {what}" for what in result.broken) or "the oracle found nothing")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


async def bounded(folder: Path, seconds: float, seed: int, say: Callable[[str], None], within_s: float) -> Result:
    """A trial that ends what it started when it is told to end."""
    trying = asyncio.ensure_future(trial(folder, seconds, seed, say, within_s))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, trying.cancel)
    return await trying


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--within", type=float, default=math.inf, help="seconds for all of it; the start counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where the processes' logs stay")
    args = parser.parse_args()
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        try:
            result = asyncio.run(bounded(args.keep or Path(folder), args.seconds, args.seed, say, args.within))
        except NotBegunError:
            print(f"too busy to begin: load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            return 2
    report(result)
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
