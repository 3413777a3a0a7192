"""Thousands of slow streams at once: memory, and whether any of them is lost."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence

import uvloop

from gateway.answers import read, worth
from gateway.arena import Running, arena, say
from gateway.figures import Cell, show, table
from gateway.load import Answer, Caller
from gateway.protocols import ANTHROPIC
from gateway.run import Run
from gateway.wanted import Wanted, judged

STREAMS, TOKENS, FIRST_MS, GAP_MS = 2_000, 20, 2_000, 1_000
_OPENING_S = 2.0
_OPENS_FILES = 3 * STREAMS
HEAD = ("", "MB at rest", "most MB", "kB a stream", "CPU, % of a core", "errors")
OURS = "stillup"
WHO = ("bare", OURS)


def report(run: Run) -> str:
    """A table of ours and the bare proxy; of peers too where they are named."""
    allow_files()
    with arena(run.folder, run.peers) as place:
        place.a.set(tokens=TOKENS, first_ms=FIRST_MS, gap_ms=GAP_MS)
        rows, most = [], None
        for name, make in run.made(run.only or WHO):
            if (subject := place.start(make, name)) is None or ANTHROPIC not in subject.subject.doors:
                continue
            rest = subject.rss_mb()
            answers, peak, cpu_s = uvloop.run(_crowd(subject))
            rows.append(_row(subject, answers, rest, peak, cpu_s))
            say(f"  {subject.name}: {peak:.0f} MB")
            most = peak if name == OURS else most
            place.stop(subject)
        notes = place.notes()
    intro = (
        f"## Slow streams\n\n{STREAMS:,} at once, opened within {_OPENING_S:g} s; {FIRST_MS / 1000:g} s to the first "
        f"token, then {TOKENS} tokens a second apart. Resident memory of the process tree, looked at twice a second."
    )
    wanted = [Wanted(f"memory with {STREAMS:,} slow streams", most, "≤", 400, " MB")]
    return f"{intro}\n\n{table(HEAD, rows)}\n\n{judged(wanted)}".strip() + notes


def allow_files() -> None:
    """Raise the limit of open files as far as it goes, for this process and those it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPENS_FILES if hard == resource.RLIM_INFINITY else min(_OPENS_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _row(subject: Running, answers: Sequence[Answer], rest: float, peak: float, cpu_s: float) -> list[Cell]:
    lasted = max(a.ended for a in answers) - min(a.began for a in answers)
    errors = sum(not worth(a, read(a, ANTHROPIC), TOKENS).is_good for a in answers)
    kb = 1024 * (peak - rest) / STREAMS
    return [subject.name, rest, peak, kb, f"{show(100 * cpu_s / lasted)} %", str(errors)]


async def _crowd(subject: Running) -> tuple[list[Answer], float, float]:
    """All answers, the most memory seen, and the CPU seconds they took."""
    host, port = subject.host_port
    request = subject.subject.question(ANTHROPIC, stream=True).wire(f"{host}:{port}")
    before, peak = subject.cpu_s(), 0.0

    async def one(n: int) -> Answer:
        await asyncio.sleep(n * _OPENING_S / STREAMS)
        return await Caller(host, port).ask(request, 120)

    streams = asyncio.gather(*(one(n) for n in range(STREAMS)))
    while not streams.done():
        peak = max(peak, subject.rss_mb())
        await asyncio.sleep(0.5)
    return await streams, peak, subject.cpu_s() - before
