"""Figures of downtime, judged.

python bench/risk/run.py coverage [--worlds 40] [--seed 1]
STILLUP_DATA=/path/to/data python bench/risk/run.py ordered [--data DIR] [--until 2025-01-01]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fit")]

from held import table, tries  # noqa: E402 - of this folder


def coverage(worlds: int, seed: int) -> int:
    began = time.perf_counter()
    found = list(tries(worlds, seed))
    for title, by in (
        ("by days watched", lambda t: f"{t.case.days} days"),
        ("by tail", lambda t: t.case.tail),
        ("by share of common causes", lambda t: f"{t.case.kin.value} {t.case.shared}"),
        ("by watching", lambda t: t.case.hours),
        ("none seen", lambda t: "none seen" if t.none_seen else "some seen"),
        ("all", lambda _: ""),
    ):
        print(f"\n{title}")
        print(*table(found, by), sep="\n")
    print(f"\n{len(found)} intervals in {time.perf_counter() - began:.0f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("coverage", "ordered"))
    parser.add_argument("--worlds", type=int, default=40, help="worlds a case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("STILLUP_DATA", "")) or None)
    parser.add_argument("--until", default="2025-01-01")
    args = parser.parse_args()
    if args.what == "coverage":
        return coverage(args.worlds, args.seed)
    from ordered import ordered

    return ordered(args.data, args.until)


if __name__ == "__main__":
    sys.exit(main())
