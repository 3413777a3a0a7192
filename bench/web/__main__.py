"""Measure the page: ``python bench/web PART`` prints a table; each part ends by itself in less than a minute."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))
from gateway.processes import pin_load

PARTS = {
    "stampede": "pages a second from answers that lie ready, beside the plain rendering path",
    "steady": "a fixed rate over many connections, with listeners and a monitor",
    "live": "listeners and a monitor while as many requests come as can be answered",
    "fronted": "listeners and a crowd before a front that keeps pages for a second (nginx)",
    "memory": "of the page alone",
}


def main() -> int:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(prog="python bench/web", description=__doc__)
    add = parser.add_argument
    names = ", ".join(f"{name} ({says})" for name, says in PARTS.items())
    add("parts", nargs="*", metavar="PART", help=f"of {names}; all when none is named")
    add("--seconds", type=float, default=20, metavar="S", help="length of a stretch of load (20)")
    add("--rate", type=float, default=3_000, metavar="N", help="steady: requests a second (3000)")
    add("--connections", type=int, default=2_000, metavar="N", help="steady: connections (2000)")
    add("--listeners", type=int, default=500, metavar="N", help="who listens to /events (500)")
    add("--path", default="/claude", metavar="PATH", help="the page that is asked for (/claude)")
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pin_load()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ended from outside, it still ends what it started
    for part in asked.parts or PARTS:
        began = perf_counter()
        print(import_module(f"web.{part}").report(asked), flush=True)
        print(f"\n*{part}: {perf_counter() - began:.0f} s*\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
