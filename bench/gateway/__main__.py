"""Measure the gateway: ``python bench/gateway [PART …] --peers-dir DIR`` writes its sections of docs/benchmarks.md.

Without peers, only ours, a bare proxy and the upstream itself are measured; README.md says which packages peers are.
``--quick`` prints and writes nothing: it shows that all runs, in minutes; its figures say little.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))
from gateway.arena import say
from gateway.processes import pin_load
from gateway.protocols import PROTOCOLS
from gateway.run import Run
from gateway.subjects import SUBJECTS

PARTS = {
    "stack": "which server and client to build on",
    "cost": "CPU, throughput and latency of requests and streams",
    "paced": "streams as in production: time to first token, gaps",
    "failover": "what a client sees while its upstream fails",
    "going_on": "answers that break off in the middle, against their script",
    "agents": "Claude Code and Codex at a task while upstreams break off",
    "start": "until the first answer; memory at rest",
    "flat": "memory over very many requests",
    "slow": "memory with thousands of slow streams",
}
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Run the parts asked for."""
    parser = _parser()
    asked = parser.parse_args()
    for what, given, known in (
        ("part", asked.parts, PARTS),
        ("subject", asked.subjects, SUBJECTS),
        ("protocol", asked.protocols, PROTOCOLS),
    ):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"no {what} is called {', '.join(unknown)}; there are {', '.join(known)}")
    pin_load()
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for part in asked.parts or PARTS:
        _run(part, asked)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python bench/gateway", description=__doc__)
    add = parser.add_argument
    names = ", ".join(f"{name} ({says})" for name, says in PARTS.items())
    add("parts", nargs="*", metavar="PART", help=f"of {names}; all when none is named")
    add("--peers-dir", type=Path, metavar="DIR", help="where the peers are installed, see README.md")
    add("--subjects", type=_list, default=(), metavar="A,B", help=f"of {', '.join(SUBJECTS)}; all when absent")
    add(
        "--protocols",
        type=_list,
        default=(),
        metavar="A,B",
        help=f"of {', '.join(PROTOCOLS)}; each part's own when absent",
    )
    add("--modes", type=_list, default=(), metavar="A,B", help="failover, going_on, agents: only these failures")
    add(
        "--second",
        type=_list,
        default=(),
        metavar="A,B",
        help="going_on, agents: only these protocols of the second upstream",
    )
    add("--tasks", type=_list, default=(), metavar="A,B", help="going_on: only these kinds of answers")
    add("--swapped", action="store_true", help="going_on, agents: the first upstream is the one of another protocol")
    add("--sdk", action="store_true", help="going_on: ask with the official SDKs, slower")
    add("--rounds", type=int, default=3, metavar="N", help="interleaved rounds of each figure (3)")
    add("--seconds", type=float, default=4, metavar="S", help="length of one stretch of load (4)")
    add("--requests", type=int, default=1_000_000, metavar="N", help="flat: how many in all (1000000)")
    add("--page", type=Path, default=PAGE, metavar="FILE", help="where the sections go (docs/benchmarks.md)")
    add("--quick", action="store_true", help="print only, one short round of everything")
    return parser


def _list(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _run(part: str, asked: argparse.Namespace) -> None:
    say(f"{part}: {PARTS[part]} …")
    began = perf_counter()
    with TemporaryDirectory(prefix="stillup-bench-") as folder:
        run = Run(
            peers=asked.peers_dir.resolve() if asked.peers_dir else None,
            folder=Path(folder),
            only=asked.subjects,
            protocols=asked.protocols,
            rounds=1 if asked.quick else asked.rounds,
            seconds=1 if asked.quick else asked.seconds,
            requests=20_000 if asked.quick else asked.requests,
            modes=asked.modes,
            second=asked.second,
            tasks=asked.tasks,
            swapped=asked.swapped,
            sdk=asked.sdk,
            is_quick=asked.quick,
        )
        text = import_module(f"gateway.{part}").report(run).strip()
    say(f"{part}: {perf_counter() - began:.0f} s")
    print(text, end="\n\n", flush=True)
    if not asked.quick:
        machine = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores"
        section = f"{text}\n\n*`python bench/gateway {part} --peers-dir DIR`, {machine}.*"
        page = asked.page.read_text(encoding="utf-8") if asked.page.exists() else ""
        asked.page.write_text(_put(page, part, section), encoding="utf-8")


def _put(page: str, part: str, text: str) -> str:
    """The page with the part's section between its two marks, at the end when it is new."""
    begin, end = f"<!-- gateway:{part} -->", f"<!-- /gateway:{part} -->"
    section = f"{begin}\n\n{text}\n\n{end}"
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n".lstrip()
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
