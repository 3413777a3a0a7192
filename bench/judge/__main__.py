"""Score the judgement: ``python bench/judge [PART …]`` runs every part and writes its figures to docs/benchmarks.md.

A part that lacks its extra data says so and leaves what the page had. ``--quick`` prints and writes nothing: it shows
that all runs, in minutes; its figures say little.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import perf_counter

PARTS = {
    "detection": "counts: false alarms, delay, whole services, speed",
    "outcomes": "tries: false alarms and delay, real probes",
    "series": "single series: `stillup detect`",
    "localisation": "where the excess lies",
    "diagnosis": "which class of outage",
    "chance": "the probability beside the rule",
    "forecast": "time to recovery",
    "posts": "reading posts and titles",
}

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Run the parts asked for."""
    arguments = argparse.ArgumentParser(prog="python bench/judge", description=__doc__)
    names = ", ".join(f"{name} ({says})" for name, says in PARTS.items())
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {names}; all when none is named")
    arguments.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"), help="folder with incidents/")
    arguments.add_argument("--quick", action="store_true", help="print only, with far too few trials")
    asked = arguments.parse_args()
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        arguments.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    data = Path(asked.data) if asked.data else None
    for part in asked.parts or PARTS:
        _run(part, data, quick=asked.quick)
    return 0


def _run(part: str, data: Path | None, *, quick: bool) -> None:
    print(f"{part}: {PARTS[part]} …", file=sys.stderr, flush=True)
    began = perf_counter()
    try:
        text = import_module(part).report(data, quick=quick).strip()
    except LookupError as exc:
        print(f"{part}: skipped: {exc}", file=sys.stderr)
        return
    print(f"{part}: {perf_counter() - began:.0f} s", file=sys.stderr)
    if quick:
        print(text, end="\n\n")
    else:
        command = f"`python bench/judge {part}{' --data DIR' if data else ''}`"
        stamp = f"{command}, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores"
        PAGE.write_text(_put(PAGE.read_text(encoding="utf-8"), part, f"{text}\n\n*{stamp}.*"), encoding="utf-8")


def _put(page: str, part: str, text: str) -> str:
    """The page with the part's section between its two marks, at the end when it is new."""
    begin, end = f"<!-- judge:{part} -->", f"<!-- /judge:{part} -->"
    section = f"{begin}\n\n{text}\n\n{end}"
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
