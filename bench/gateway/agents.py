"""Claude Code and Codex at a real task with tools, while the first upstream breaks off at every token of every turn."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from gateway.arena import say
from gateway.figures import table
from gateway.programs import MODELS, PROGRAMS, TURNS, Break, Done, Program, run
from gateway.run import Run
from gateway.wanted import Wanted, judged
from stillup.sim.provider.behaviour import Failure

_AT_ONCE = 2
_HEDGE_S = 0.4
_QUICK = 4
"""Only each so many-th token."""
KINDS = {
    "reset": Failure.CUT_RESET,
    "cut": Failure.CUT,
    "cut inside an event": Failure.CUT_INSIDE,
    "stall": Failure.STALL,
    "error event": Failure.ERROR_EVENT,
    "garbage": Failure.MALFORMED,
    "silence": Failure.HANG,
}
"""The last one is before the first word only, where the second upstream is asked beside the first."""


@dataclass(frozen=True)
class Cell:
    """One program, who goes on (and who breaks off, where that is another), and one kind of failure."""

    program: str
    first: str
    second: str
    kind: str


@dataclass
class Seen:
    """What came of its tasks."""

    asked: int = 0
    broken: int = 0
    seams: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> int:
        return self.asked - self.troubles.total()

    def add(self, done: Done) -> None:
        """One more."""
        self.asked += 1
        self.broken += done.broken
        self.seams += done.seams
        if done.trouble:
            self.troubles[done.trouble] += 1

    def __str__(self) -> str:
        worst = "; ".join(f"{n} × {what}" for what, n in self.troubles.most_common(3))
        return f"{self.good}/{self.asked} ({self.broken} answers broke off, {self.seams} seams) {worst}".rstrip()


def report(run: Run) -> str:
    """Every cell, and what must be reached."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # nothing is timed here, and the programs need the time
    return asyncio.run(_report(run))


async def _report(asked: Run) -> str:
    found: dict[Cell, Seen] = {}
    missing = []
    tokens: dict[str, tuple[int, ...]] = {}
    for program in PROGRAMS.values():
        if asked.protocols and program.protocol not in asked.protocols:
            continue
        if not program.is_there:
            missing.append(f"{program.name} (script/real-clients installs it)")
            continue
        for other in MODELS:
            if asked.second and other not in asked.second:
                continue
            first, second = (other, program.protocol) if asked.swapped else (program.protocol, other)
            healthy = await run(program, (), second, first=first)
            tokens[program.name] = healthy.tokens
            for kind, failure in KINDS.items():
                if asked.modes and kind not in asked.modes:
                    continue
                cell = Cell(program.name, first, second, kind)
                tasks = list(_tasks(failure, healthy.tokens, every=_QUICK if asked.is_quick else 1))
                seen = found[cell] = await _all(program, cell, failure, tasks)
                say(f"  {program.name}: {first} → {second}, {kind}: {seen}")
    return _render(found, tokens, is_quick=asked.is_quick) + (
        f"\n\nNot measured: {', '.join(missing)}." if missing else ""
    )


def _tasks(failure: Failure, tokens: Sequence[int], *, every: int) -> Iterable[list[Break | None]]:
    """Before each token of each turn, and behind its last. Two turns of a task break: after that A is avoided.

    After an error that it says itself it is avoided at once, so there it is one.
    """
    pairs: list[tuple[tuple[int, int | None], ...]]
    points = [
        [0] if failure is Failure.HANG else range((n - turn) % every, n + 1, every) for turn, n in enumerate(tokens)
    ]
    if failure is Failure.ERROR_EVENT:
        pairs = [((turn, after),) for turn in range(TURNS) for after in points[turn]]
    else:
        pairs = [
            ((early, one), (late, other))
            for early, late in ((0, 2), (1, 3))
            for one, other in zip_longest(points[early], points[late])
        ]
    for pair in pairs:
        breaks: list[Break | None] = [None] * TURNS
        for turn, after in pair:
            breaks[turn] = None if after is None else Break(failure, after)
        yield breaks


async def _all(program: Program, cell: Cell, failure: Failure, tasks: list[list[Break | None]]) -> Seen:
    """Its tasks, some at once."""
    seen, left = Seen(), iter(tasks)
    hedge_after_s = _HEDGE_S if failure is Failure.HANG else 30.0

    async def work() -> None:
        for breaks in left:
            done = await run(program, breaks, cell.second, first=cell.first, hedge_after_s=hedge_after_s)
            seen.add(done)
            if done.trouble:
                say(f"    {[each and each.after for each in breaks]}: {done.trouble}")

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return seen


def _render(found: dict[Cell, Seen], tokens: dict[str, tuple[int, ...]], *, is_quick: bool) -> str:
    told = "; ".join(f"{name}: {', '.join(map(str, each))}" for name, each in tokens.items())
    asked, broken = sum(s.asked for s in found.values()), sum(s.broken for s in found.values())
    seams = sum(s.seams for s in found.values())
    intro = (
        "## Agents at work\n\nClaude Code and Codex, the real programs, read a file, edit it, run a command and say "
        "what came out: four turns, each with words and a call of a tool but the last. The first upstream breaks off "
        f"in two of them (in one, where it says an error, for it is avoided then), before each {'fourth ' * is_quick}"
        "token of each turn and behind its last; the second goes on, in the same protocol or "
        f"another. Tokens of the turns: {told}. A task is completed when the program ends with 0 and its last words, "
        "the file is right, the command ran once, and the upstreams saw each turn once, with its results.\n\n"
        f"{asked:,} tasks, in which {broken:,} answers broke off: {seams:,} were gone on with, the others broke before "
        "anything of them had reached the program, or behind their call."
    )
    wanted = [
        Wanted(f"{name}: tasks completed, of {sum(s.asked for s in mine)}", _share(mine), "≥", 100, " %")
        for name in PROGRAMS
        if (mine := [seen for cell, seen in found.items() if cell.program == name])
    ]
    return "\n\n".join(filter(None, (intro, judged(wanted), _table(found))))


def _share(seen: Sequence[Seen]) -> float:
    return 100 * sum(s.good for s in seen) / sum(s.asked for s in seen)


def _table(found: dict[Cell, Seen]) -> str:
    kinds = list(dict.fromkeys(cell.kind for cell in found))
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for cell, seen in found.items():
        rows.setdefault((cell.program, cell.first, cell.second), {})[cell.kind] = f"{seen.good}/{seen.asked}"
    return table(
        ["program", "first", "second", *kinds],
        [[*who, *(row.get(kind, "–") for kind in kinds)] for who, row in rows.items()],
    )
