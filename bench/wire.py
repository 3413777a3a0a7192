"""Are recorded answers of real sources read as what they say?

    STILLUP_DATA=/path/to/data python bench/wire.py        (or --data PATH)

Gives every file under ``wire`` of the data folder to the source it was recorded from, as a first reading shortly after
it was recorded, and compares what is found with the table below. A file may stand in it several times: as it is, and
*with* some bytes replaced, to show what the recording alone does not. Then every file is given to every source that
it was *not* recorded from: all of them must refuse it with a named error. Exit 1 on any difference or crash.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from wire_cases import CASES, Case

from stillup.errors import SourceError
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.registry import load_source, usable_sources
from stillup.sources.base import Context, HttpSource, Reading


class Parser(Protocol):
    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading: ...


def facts(reading: Reading, now: datetime) -> tuple[str, ...]:
    """What a reading says, in short words: states, incidents, posts of the past, counts, outcomes, and whether alive.

    Counts of zero and *alive* of past windows are left out: they are what remains.
    """
    declared = [s for s in reading.signals if isinstance(s, Declared)]
    counted = [s for s in reading.signals if isinstance(s, Counted) and s.count]
    outcomes = [s for s in reading.signals if isinstance(s, Outcome)]
    posts = sorted({(s.at, s.incident) for s in declared if s.at < now}, key=str)
    return (
        *_states([s for s in declared if s.at == now]),
        *([f"{len(posts)} posts from {posts[0][0]:%H:%M:%S}"] if posts else []),
        *(_count(s) for s in counted),
        *(f"{s.component} {s.layer} {s.error or 'ok'} at {s.at:%H:%M:%S}" for s in outcomes),
        *("alive" for s in reading.signals if isinstance(s, Alive) and s.at == now),
    )


def _states(declared: list[Declared]) -> Iterator[str]:
    parts: dict[tuple[str, str], list[str]] = {}
    for s in declared:
        about = f"{s.incident} {s.stage}: " if s.incident else ""
        parts.setdefault((about, s.state), []).append(s.component or "service")
    return (f"{about}{' '.join(names)} {state}" for (about, state), names in parts.items())


def _count(s: Counted) -> str:
    usual = "" if s.expected is None else f" of {s.expected:g} usual"
    labels = "".join(f" {label}" for label in (s.component, s.problem, s.region, s.model) if label)
    return f"{s.count}{usual}{labels} by {s.at:%H:%M}"


def read(case: Case, body: bytes) -> tuple[str, ...]:
    """The facts of a file, or the name of the error that refuses it. Anything else that is raised is a crash."""
    for old, new in case.edited:
        if old.encode() not in body:
            return (f"cannot be edited: it has no {old}",)
        body = body.replace(old.encode(), new.encode())
    ctx = case.context
    try:
        return facts(cast("Parser", load_source(case.source)).parse(body, ctx, case.tag), ctx.now)
    except SourceError as exc:
        return (type(exc).__name__,)
    except Exception as exc:  # noqa: BLE001 - a crash is what this looks for
        return (f"crashed: {exc!r}",)


def own(wire: Path) -> int:
    """Compare every case with the table; how many differ."""
    wrong = 0
    for case in CASES:
        path = wire / case.file
        found = read(case, path.read_bytes()) if path.exists() else ("no such file",)
        is_right = found == case.expected
        wrong += not is_right
        verdict = "as expected" if is_right else f"expected {'; '.join(case.expected)}"
        edited = "".join(f", with {new}" for _, new in case.edited)
        print(f"{'ok' if is_right else 'WRONG':5} {case.source:13} {case.file}{edited}: {'; '.join(found)} ({verdict})")
    return wrong


def others(wire: Path) -> int:
    """Give every file to the sources it is not from; how many are not refused."""
    known = {(case.file, case.source) for case in CASES}
    readers = [spec.id for spec in usable_sources() if isinstance(load_source(spec.id), HttpSource)]
    files = sorted(p for p in wire.glob("*/*") if p.is_file())
    tried = wrong = 0
    for path in files:
        name = path.relative_to(wire).as_posix()
        for source in readers:
            if (name, source) in known:
                continue
            tried += 1
            found = read(Case(name, source, "2026-09-03T15:00:00Z", ()), path.read_bytes())
            if found not in (("Malformed",), ("NotConfigured",), ("TooLarge",)):
                wrong += 1
                print(f"WRONG {source:13} {name}: {'; '.join(found)} (expected to be refused, or a line in the table)")
    print(f"{tried - wrong} of {tried} readings of {len(files)} files by sources they are not from were refused")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    data = parser.parse_args().data
    wire = Path(data, "wire") if data else None
    if wire is None or not wire.is_dir():
        print("skipped: no recorded answers; give the folder that has `wire` in it by --data or STILLUP_DATA")
        return 0
    wrong = own(wire) + others(wire)
    print(f"{len(CASES)} readings of {len({c.file for c in CASES})} files compared; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
