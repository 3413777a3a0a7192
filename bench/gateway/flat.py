"""Does memory stay flat over very many requests, small ones and streams in turn?"""

from __future__ import annotations

from gateway.arena import Arena, Running, arena, say
from gateway.drive import drive
from gateway.figures import show, table
from gateway.protocols import ANTHROPIC
from gateway.run import Run
from gateway.samples import TOKENS
from gateway.wanted import Wanted, judged

OURS = "stillup"
_STEPS = 10
_FLAT_MB = 10
"""What may be added between the first tenth and the last: allocators keep some of what they once had."""


def report(run: Run) -> str:
    """Resident memory by the number of requests answered."""
    with arena(run.folder, run.peers) as place:
        subject = place.start(dict(run.made())[OURS], OURS) if OURS in dict(run.made()) else None
        if subject is None:
            return "## Memory over many requests" + place.notes()
        seen = _over(place, subject, run.requests)
    rows = [(f"{asked:,}", show(mb)) for asked, mb in seen]
    grown = seen[-1][1] - seen[1][1]
    intro = (
        "## Memory over many requests\n\nSixteen connections; nine seconds of small requests, one of streams of "
        f"{TOKENS} chunks, in turn; journal on. Resident memory of the process tree."
    )
    wanted = [Wanted("memory grown from the first tenth to the last", grown, "≤", _FLAT_MB, " MB")]
    return f"{intro}\n\n{table(('requests', 'MB'), rows)}\n\n{judged(wanted)}"


def _over(place: Arena, subject: Running, requests: int) -> list[tuple[int, float]]:
    """Pairs of requests answered and memory, ``_STEPS`` of them after the first."""
    seen = [(0, subject.rss_mb())]
    small = subject.subject.question(ANTHROPIC, stream=False)
    stream = subject.subject.question(ANTHROPIC, stream=True)
    asked = 0
    while asked < requests:
        place.a.set(tokens=10)
        asked += drive(subject.base, small, 16, 9, place.folder).requests
        place.a.set(tokens=TOKENS)
        asked += drive(subject.base, stream, 16, 1, place.folder).requests
        if asked >= requests * len(seen) / _STEPS:
            seen.append((asked, subject.rss_mb()))
            say(f"  {asked:,} of {requests:,}: {seen[-1][1]:.1f} MB")
    return seen
