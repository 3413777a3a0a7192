"""Which server and which client to build on: the same bare proxy on each, nothing else in it."""

from __future__ import annotations

from gateway.arena import Make, Running, arena
from gateway.figures import Cell, middle, ratio, show, spread, table
from gateway.paced import GAP_MS, SIDE_BY_SIDE, Felt, feel, set_pace
from gateway.protocols import ANTHROPIC
from gateway.run import Run
from gateway.samples import ALONE, CROWD, STREAMS, TOKENS, Samples, measure
from gateway.subjects import STACKS, stack
from gateway.subjects import direct as upstream

HEAD = (
    "server × client", "CPU ms a request", "of own × own", "CPU ms a stream", "of own × own",
    "CPU ms a paced stream", "requests/s, c=16", "streams/s, c=16", "added p50, c=1, ms", "MB at rest",
)  # fmt: skip
OWN = "own × own"


def report(run: Run) -> str:
    """The table of all pairs that are installed."""
    makes: list[tuple[str, Make]] = [("direct", upstream), *((f"{s} × {c}", stack(s, c)) for s, c in STACKS)]
    with arena(run.folder, run.peers) as place:
        subjects = place.start_all(makes)
        samples = measure(place, subjects, ANTHROPIC, run.rounds, run.seconds, (ALONE, CROWD, STREAMS))
        set_pace(place)
        paced = [[feel(subject, ANTHROPIC) for subject in subjects] for _ in range(run.rounds)]
        rows = [_row(samples, subject, felt) for subject, *felt in zip(subjects, *paced, strict=True)]
        notes = place.notes()
    intro = (
        "## The stack\n\nA proxy that reads, checks and writes down nothing, on each server and client. *Own* is "
        "httptools on uvloop as plain asyncio protocols; the other servers run on uvloop too, uvicorn with httptools. "
        f"One process, one core. A stream is {TOKENS} chunks written one by one; the more a proxy lags, the more of "
        f"them it reads at once. A *paced* one has {GAP_MS} ms between its chunks, {SIDE_BY_SIDE} streams at a time, "
        "as in production: every chunk is read and written alone. "
        f"Medians of {run.rounds} interleaved rounds of {run.seconds:g} s."
    )
    return f"{intro}\n\n{table(HEAD, rows)}{notes}"


def _row(samples: Samples, subject: Running, felt: list[Felt]) -> list[Cell]:
    name = subject.name
    cpu, stream = samples.cpu_ms(name, CROWD), samples.cpu_ms(name, STREAMS)
    mine = not subject.is_direct
    return [
        name,
        cpu if mine else None,
        ratio(cpu, samples.cpu_ms(OWN, CROWD)) if mine else "–",
        stream if mine else None,
        ratio(stream, samples.cpu_ms(OWN, STREAMS)) if mine else "–",
        middle([f.cpu for f in felt]) if mine else None,
        spread(samples.rates(name, CROWD)),
        spread(samples.rates(name, STREAMS)),
        samples.added_ms(name, ALONE),
        show(subject.idle_mb) if mine else "–",
    ]
