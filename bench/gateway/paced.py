"""Streams as in production: what a person who waits for one feels of what lies between."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import uvloop

from gateway.answers import read, worth
from gateway.arena import Arena, Running, arena, say
from gateway.figures import Cell, middle, quantile, table
from gateway.load import Answer, Caller
from gateway.protocols import ANTHROPIC, OPENAI
from gateway.run import Run
from gateway.wanted import Wanted, judged

FIRST_MS, GAP_MS, TOKENS = 200, 10, 100
SIDE_BY_SIDE, EACH = 16, 3
HEAD = (
    "", "added to first token, p50, ms", "p99, ms", "gap p50, ms", "gap p99, ms", "longest gap, ms", "CPU ms a stream",
    "errors",
)  # fmt: skip
OURS = "stillup"


@dataclass(frozen=True)
class Felt:
    """One round of one subject, in milliseconds."""

    first_p50: float
    first_p99: float
    gap_p50: float
    gap_p99: float
    gap_most: float
    cpu: float
    errors: int


def report(run: Run) -> str:
    """A table a protocol."""
    parts = []
    with arena(run.folder, run.peers) as place:
        set_pace(place)
        subjects = place.start_all(run.made())
        for protocol in run.protocols or (ANTHROPIC, OPENAI):
            felt: defaultdict[str, list[Felt]] = defaultdict(list)
            for number in range(run.rounds):
                for subject in subjects:
                    if protocol in subject.subject.doors:
                        felt[subject.name].append(feel(subject, protocol))
                say(f"  {protocol}: round {number + 1} of {run.rounds}")
            rows = [_row(name, rounds, felt["direct"]) for name, rounds in felt.items()]
            parts.append(f"**{protocol}** on both sides.\n\n{table(HEAD, rows)}\n\n{judged(_wanted(felt))}".strip())
        notes = place.notes()
    intro = (
        f"## Streams as in production\n\n{SIDE_BY_SIDE} at a time, {SIDE_BY_SIDE * EACH} a round; {FIRST_MS} ms to the "
        f"first token, then {TOKENS} tokens {GAP_MS} ms apart, each its own chunk. *Added* is above the same quantile "
        f"without a gateway. Medians of {run.rounds} interleaved rounds."
    )
    return "\n\n".join([intro, *parts]) + notes


def set_pace(place: Arena) -> None:
    """Let the upstream answer as a provider does."""
    place.a.set(tokens=TOKENS, first_ms=FIRST_MS, gap_ms=GAP_MS)


def feel(subject: Running, protocol: str) -> Felt:
    """One round of a subject. The upstream must have been told the pauses."""
    before = subject.cpu_s()
    answers = uvloop.run(_streams(subject, protocol))
    cpu = 1000 * (subject.cpu_s() - before) / len(answers)
    readings = [(answer, read(answer, protocol)) for answer in answers]
    good = [(answer, reading) for answer, reading in readings if worth(answer, reading, TOKENS).is_good]
    first = [1000 * (reading.times[0] - answer.began) for answer, reading in good]
    gaps = [1000 * (b - a) for _, reading in good for a, b in pairwise(reading.times)]
    return Felt(
        quantile(first, 0.5),
        quantile(first, 0.99),
        quantile(gaps, 0.5),
        quantile(gaps, 0.99),
        max(gaps, default=float("nan")),
        cpu,
        len(answers) - len(good),
    )


async def _streams(subject: Running, protocol: str) -> list[Answer]:
    host, port = subject.host_port
    request = subject.subject.question(protocol, stream=True).wire(f"{host}:{port}")

    async def work(n: int) -> list[Answer]:
        # Spread over the time of a token and the first wait: not all at once, as people are not.
        await asyncio.sleep(n * (FIRST_MS + TOKENS * GAP_MS) / 1000 / SIDE_BY_SIDE)
        caller = Caller(host, port)
        answers = [await caller.ask(request, 60) for _ in range(EACH)]
        caller.close()
        return answers

    worked = await asyncio.gather(*(work(n) for n in range(SIDE_BY_SIDE)))
    return [answer for answers in worked for answer in answers]


def _row(name: str, rounds: list[Felt], plain: list[Felt]) -> list[Cell]:
    mine = name != "direct"
    return [
        name,
        _added(rounds, plain, "first_p50") if mine else None,
        _added(rounds, plain, "first_p99") if mine else None,
        _middle(rounds, "gap_p50"),
        _middle(rounds, "gap_p99"),
        _middle(rounds, "gap_most"),
        _middle(rounds, "cpu") if mine else None,
        str(sum(felt.errors for felt in rounds)),
    ]


def _middle(rounds: list[Felt], what: str) -> float | None:
    return middle([getattr(felt, what) for felt in rounds])


def _added(rounds: list[Felt], plain: list[Felt], what: str) -> float | None:
    """The median over rounds of the difference to the same round without a gateway."""
    return middle([getattr(a, what) - getattr(b, what) for a, b in zip(rounds, plain, strict=False)])


def _wanted(felt: dict[str, list[Felt]]) -> list[Wanted]:
    ours, plain = felt.get(OURS, []), felt.get("direct", [])
    return [
        Wanted("added time to first token, median", _added(ours, plain, "first_p50"), "≤", 2, " ms"),
        Wanted("gap p99 above that without a gateway", _added(ours, plain, "gap_p99"), "≤", 1, " ms"),
    ]
