"""How long until the first answer, and what lies in memory then."""

from __future__ import annotations

from time import sleep

from gateway.arena import arena
from gateway.figures import spread, table
from gateway.run import Run
from gateway.wanted import Wanted, judged

TIMES = 5
_SETTLES_S = 2
HEAD = ("", "seconds from start to first answer", "MB at rest")
OURS = "stillup"


def report(run: Run) -> str:
    """A table of all that have something to start."""
    ready: dict[str, list[float]] = {}
    resting: dict[str, list[float]] = {}
    times = min(TIMES, 2 * run.rounds)
    with arena(run.folder, run.peers) as place:
        for name, make in run.made():
            for _ in range(times if name != "direct" else 0):
                if (subject := place.start(make, name)) is None:
                    break
                sleep(_SETTLES_S)
                ready.setdefault(subject.name, []).append(subject.ready_s)
                resting.setdefault(subject.name, []).append(subject.rss_mb())
                place.stop(subject)
        notes = place.notes()
    rows = [(name, spread(seconds), spread(resting[name])) for name, seconds in ready.items()]
    wanted = []
    if OURS in ready:
        wanted = [
            Wanted("start to first answer, slowest", max(ready[OURS]), "≤", 1, " s"),
            Wanted("memory at rest, most", max(resting[OURS]), "≤", 100, " MB"),
        ]
    intro = (
        f"## Start\n\nFrom starting the program to its first answer, asked every 10 ms; resident memory of the process "
        f"tree {_SETTLES_S} s later. Medians of {times} starts, range in brackets."
    )
    return f"{intro}\n\n{table(HEAD, rows)}\n\n{judged(wanted)}".strip() + notes
