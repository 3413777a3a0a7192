"""How fast a recording replays, in how much memory, and whether a signal's cost grows with the history before it.

    python bench/replay.py [--signals 1000000]

Writes a file of mixed signals of one service (declared, counted, outcome, alive; two outages in it), replays it in a
process of its own, and prints seconds, microseconds a signal by tenth of the file, and the largest resident size. The
baseline in the same run is decoding the lines alone.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)


def lines(total: int) -> Iterator[str]:
    rng = random.Random(1)
    written = minute = 0
    while written < total:
        at = (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
        fault = (minute % 20_000) > 19_900
        for line in _minute(rng, minute, fault=fault):
            yield json.dumps({"at": at, "service": "claude", **line})
            written += 1
        minute += 1


def _minute(rng: random.Random, minute: int, *, fault: bool) -> Iterator[dict[str, object]]:
    for source in ("statuspage", "downdetector", "reddit"):
        yield {"kind": "alive", "source": source}
    if minute % 5 == 0:
        for component in ("web", "api", "code"):
            state = "major_outage" if fault and component == "web" else "operational"
            yield {"kind": "declared", "source": "statuspage", "component": component, "state": state}
    for source in ("downdetector", "reddit"):
        for _ in range(rng.choice((0, 0, 1, 2)) + (6 if fault else 0)):
            yield {
                "kind": "counted", "source": source, "window_s": 60, "count": rng.randint(1, 3),
                "component": rng.choice(("web", "mobile") if fault else ("web", "api", "mobile")),
                "region": rng.choice(("US-CA", "US-IL", "FR", "IN-KA")), "problem": rng.choice(("sign_in", "slow")),
            }  # fmt: skip
    for component in ("web", "api"):
        ok = rng.random() > (0.9 if fault and component == "web" else 0.01)
        yield {
            "kind": "outcome",
            "source": "probe",
            "component": component,
            "layer": "edge",
            "ok": ok,
            "latency_ms": 80,
        }


def decode_only(path: Path) -> float:
    import msgspec

    from stillup.model.signal import Signal

    decode = msgspec.json.Decoder(Signal).decode
    begun = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            decode(line)
    return time.perf_counter() - begun


def replay(path: Path, total: int) -> None:
    from stillup.daemon.jobs import profile_of
    from stillup.verdict.monitor import Monitor
    from stillup.verdict.replay import Replay

    marks = [time.perf_counter()]

    def counted(file: Iterator[bytes]) -> Iterator[bytes]:
        for number, line in enumerate(file, 1):
            yield line
            if number % (total // 10) == 0:
                marks.append(time.perf_counter())

    with path.open("rb") as file:
        changes = sum(1 for _ in Replay(Monitor(profile_of)).run(counted(file)))
    seconds = time.perf_counter() - marks[0]
    tenths = [(b - a) / (total // 10) * 1e6 for a, b in pairwise(marks)]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"replay of {total:,} signals: {seconds:.1f} s, {changes} changes, peak {peak_mb:.0f} MB resident")
    print("microseconds a signal, by tenth of the file: " + " ".join(f"{t:.0f}" for t in tenths))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.file:
        replay(args.file, args.signals)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signals.jsonl"
        with path.open("w") as file:
            file.writelines(line + "\n" for line in lines(args.signals))
        total = sum(1 for _ in path.open("rb"))
        print(f"baseline, decoding the lines alone: {decode_only(path):.1f} s")
        command = [sys.executable, __file__, "--file", str(path), "--signals", str(total)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
