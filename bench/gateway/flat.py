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
    """Resident memory by the number of requests answered; of ours, or of those named."""
    parts, wanted = [], []
    with arena(run.folder, run.peers) as place:
        for name, make in run.made(run.only or (OURS,)):
            if (subject := place.start(make, name)) is None:
                continue
            seen = _over(place, subject, run.requests)
            place.stop(subject)
            rows = [(f"{asked:,}", show(mb), str(errors)) for asked, mb, errors in seen]
            parts.append(table((f"{subject.name}: requests", "MB", "errors"), rows))
            if name == OURS:
                grown = seen[-1][1] - seen[1][1]
                wanted = [Wanted("memory grown from the first tenth to the last", grown, "≤", _FLAT_MB, " MB")]
        notes = place.notes()
    intro = (
        "## Memory over many requests\n\nSixteen connections; nine seconds of small requests, one of streams of "
        f"{TOKENS} chunks, in turn. Resident memory of the process tree."
    )
    return "\n\n".join(filter(None, [intro, *parts, judged(wanted)])) + notes


def _over(place: Arena, subject: Running, requests: int) -> list[tuple[int, float, int]]:
    """Requests answered, memory and errors so far; ``_STEPS`` times after the start."""
    seen = [(0, subject.rss_mb(), 0)]
    small = subject.subject.question(ANTHROPIC, stream=False)
    stream = subject.subject.question(ANTHROPIC, stream=True)
    asked = errors = 0
    while asked < requests:
        for question, tokens, seconds in ((small, 10, 9), (stream, TOKENS, 1)):
            place.a.set(tokens=tokens)
            load = drive(subject.base, question, 16, seconds, place.folder)
            asked, errors = asked + load.requests, errors + load.errors
        if asked >= requests * len(seen) / _STEPS:
            seen.append((asked, subject.rss_mb(), errors))
            say(f"  {asked:,} of {requests:,}: {seen[-1][1]:.1f} MB")
    return seen
