"""What a request and a stream cost: CPU, latency and throughput on one core, beside peers and a bare proxy."""

from __future__ import annotations

from gateway.arena import Running, arena
from gateway.drive import tool
from gateway.figures import Cell, ratio, show, spread, table
from gateway.protocols import ANTHROPIC, OPENAI
from gateway.run import Run
from gateway.samples import ALONE, CROWD, STREAM, STREAMS, TOKENS, Samples, measure
from gateway.wanted import Wanted, judged

HEAD = (
    "", "added p50, c=1, ms", "p50 / p99, c=16, ms", "requests/s, c=16", "of bare", "CPU ms a request",
    "streams/s, c=16", "CPU ms a stream", "a stream's p50, c=1, ms", "MB at rest → most", "errors",
)  # fmt: skip
OURS, BARE = "stillup", "bare proxy"


def report(run: Run) -> str:
    """A table a protocol, and what of the wanted was reached."""
    parts = []
    with arena(run.folder, run.peers) as place:
        subjects = place.start_all(run.made())
        for protocol in run.protocols or (ANTHROPIC, OPENAI):
            samples = measure(place, subjects, protocol, run.rounds, run.seconds)
            rows = [row(samples, subject) for subject in subjects if protocol in subject.subject.doors]
            parts.append(f"**{protocol}** on both sides.\n\n{table(HEAD, rows)}\n\n{judged(_wanted(samples))}".strip())
        notes = place.notes()
    intro = (
        f"## What a request costs\n\nOne core for the gateway, the other for {tool()} and the upstream, which answers "
        f"at once: small requests of ten tokens, streams of {TOKENS} chunks written one by one. Medians of "
        f"{run.rounds} interleaved rounds of {run.seconds:g} s, range in brackets. CPU is that of the whole process "
        "tree, user and system; it hardly depends on who else uses the machine, as throughput and latency do."
    )
    return "\n\n".join([intro, *parts]) + notes


def row(samples: Samples, subject: Running) -> list[Cell]:
    """One subject's line."""
    name = subject.name
    cpu = (None, None) if subject.is_direct else (samples.cpu_ms(name, CROWD), samples.cpu_ms(name, STREAMS))
    return [
        name,
        samples.added_ms(name, ALONE),
        f"{show(samples.p50_ms(name, CROWD))} / {show(samples.p99_ms(name, CROWD))}",
        spread(samples.rates(name, CROWD)),
        ratio(samples.rate(name, CROWD), samples.rate(BARE, CROWD)),
        cpu[0],
        spread(samples.rates(name, STREAMS)),
        cpu[1],
        samples.p50_ms(name, STREAM),
        "–" if subject.is_direct else f"{show(subject.idle_mb)} → {show(samples.most_mb(name))}",
        str(samples.errors(name)),
    ]


def _wanted(samples: Samples) -> list[Wanted]:
    def times(name: str) -> float | None:
        ours, theirs = samples.rate(OURS, CROWD), samples.rate(name, CROWD)
        return ours / theirs if ours and theirs else None

    return [
        Wanted("requests/s against the bare proxy", times(BARE), "≥", 0.5, " ×"),
        Wanted("requests/s against LiteLLM", times("LiteLLM"), "≥", 20, " ×"),
        Wanted("requests/s against Portkey", times("Portkey"), "≥", 3, " ×"),
        Wanted("requests/s against CodeRouter", times("CodeRouter"), "≥", 7, " ×"),
        Wanted("CPU a request", samples.cpu_ms(OURS, CROWD), "≤", 0.25, " ms"),
        Wanted(f"CPU a stream of {TOKENS}", samples.cpu_ms(OURS, STREAMS), "≤", 0.8, " ms"),
        Wanted("added median latency, one connection", samples.added_ms(OURS, ALONE), "≤", 0.5, " ms"),
    ]
