"""What a client sees while its upstream fails: errors, waiting, and how often the dead one is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from statistics import median
from time import perf_counter

import uvloop

from gateway.answers import Worth, read, worth
from gateway.arena import Arena, Make, Running, arena, say
from gateway.figures import show, table
from gateway.load import Caller
from gateway.modes import BY_NAME, MODES, TOKENS, Mode
from gateway.protocols import ANTHROPIC, OPENAI, PROTOCOLS
from gateway.run import Run
from gateway.subjects import TUNED, direct
from gateway.wanted import Wanted, judged

REQUESTS, WARM = 200, 20
_PATIENCE_S = 30
_BUDGET_S = 10
"""No request begins later than this after the first answer: a peer that waits each time is not waited for 200 times."""
_SLOW_MS = 100
_BACK_S = 75
OURS = "stillup"

Play = tuple[str, bool, Mode]
"""Protocol, whether it streams, and the failure."""


@dataclass(frozen=True)
class Seen:
    """What the clients of one subject saw of one failure."""

    worths: Counter[Worth]
    first_ms: float
    """Above a healthy answer without a gateway, as the median."""
    median_ms: float
    slow: int
    hits: int
    """Requests that reached the failing upstream."""

    @property
    def asked(self) -> int:
        return self.worths.total()

    @property
    def bad(self) -> int:
        return sum(n for what, n in self.worths.items() if not what.is_good)

    def __str__(self) -> str:
        worst = [what for what, _ in self.worths.most_common() if not what.is_good]
        errors = f"**{self.bad}/{self.asked} {worst[0]}**" if worst else f"0/{self.asked}"
        return f"{errors}; {show(self.first_ms)} / {show(self.median_ms)}; {self.hits}"


@dataclass
class Matrix:
    """Everything seen: by subject, protocol, kind and failure. ``back_s`` is how long until the healed one is used."""

    cells: dict[tuple[str, str, bool, str], Seen] = field(default_factory=dict)
    back_s: dict[str, float | None] = field(default_factory=dict)

    def of(self, name: str, mode: str, *, stream: bool) -> list[Seen]:
        """One subject's and failure's, in every protocol."""
        return [s for (n, _, st, m), s in self.cells.items() if (n, st, m) == (name, stream, mode)]


def report(run: Run) -> str:
    """Ours in every mode and protocol; everybody on one kind of each failure."""
    matrix = Matrix()
    modes = tuple(BY_NAME[name] for name in run.modes) if run.modes else MODES
    with arena(run.folder, run.peers, failing=True) as place:
        plain = {key: _plain(place, *key) for key in ((p, s) for p in PROTOCOLS for s in (True, False))}
        for name, make in _who(run):
            _play_all(place, make, name, tuple(_plays(name, run, modes)), plain, matrix)
        notes = place.notes()
    return render(matrix, modes) + notes


def _play_all(
    place: Arena,
    make: Make,
    name: str,
    plays: tuple[Play, ...],
    plain: Mapping[tuple[str, bool], float],
    matrix: Matrix,
) -> None:
    """Every failure of one subject, each with a fresh start: what it remembers of one must not help with another."""
    spoken: Collection[str] = PROTOCOLS
    for protocol, stream, mode in plays:
        if protocol not in spoken:
            continue
        if (subject := place.start(make, name)) is None:
            return
        spoken = subject.subject.doors
        if protocol in spoken:
            seen = _play(place, subject, protocol, mode, stream=stream, plain_ms=plain[protocol, stream])
            matrix.cells[subject.name, protocol, stream, mode.name] = seen
            say(f"  {subject.name}, {protocol}, {'stream' if stream else 'whole'}, {mode.name}: {seen}")
            if (mode.name, protocol, stream) == ("529", OPENAI, True):
                matrix.back_s[subject.name] = _back(place, subject)
        place.stop(subject)


def _who(run: Run) -> Iterator[tuple[str, Make]]:
    for name, make in run.made():
        if name not in {"direct", "bare"}:
            yield name, make
        if name in TUNED:
            yield f"{name}, tuned", partial(TUNED[name], tuned=True)


def _plays(name: str, run: Run, modes: tuple[Mode, ...]) -> Iterator[Play]:
    for protocol in run.protocols or (PROTOCOLS if name == OURS else (ANTHROPIC, OPENAI)):
        for stream in (True, False):
            for mode in modes:
                wanted = (mode.among_peers if stream else mode.whole_among_peers) if name != OURS else True
                if wanted and (stream or not mode.only_streams):
                    yield protocol, stream, mode


def _plain(place: Arena, protocol: str, stream: bool) -> float:  # noqa: FBT001 - half of a key
    """The median time of a healthy answer without a gateway."""
    running = place.start(direct, "direct")
    assert running is not None
    took = uvloop.run(_ask(running, protocol, stream=stream, times=50))
    place.stop(running)
    return median(ms for ms, _ in took)


def _play(place: Arena, subject: Running, protocol: str, mode: Mode, *, stream: bool, plain_ms: float) -> Seen:
    """Warm up in health, then let the primary fail."""
    uvloop.run(_ask(subject, protocol, stream=stream, times=WARM))
    place.a.get("/reset")
    place.a.set(**mode.settings)
    took = uvloop.run(_ask(subject, protocol, stream=stream, times=REQUESTS))
    hits = place.a.get("/stats")["requests"]
    # Well again for whoever starts next.
    place.a.set()
    place.a.get("/release")
    added = [ms - plain_ms for ms, _ in took]
    slow = sum(ms > _SLOW_MS for ms in added)
    return Seen(Counter(what for _, what in took), added[0], median(added), slow, hits)


async def _ask(subject: Running, protocol: str, *, stream: bool, times: int) -> list[tuple[float, Worth]]:
    """One request after the other, as many as there is time for; how long each took and what it was worth."""
    host, port = subject.host_port
    request = subject.subject.question(protocol, stream=stream).wire(f"{host}:{port}")
    caller = Caller(host, port)
    took: list[tuple[float, Worth]] = []
    until = inf
    while len(took) < times and perf_counter() < until:
        answer = await caller.ask(request, _PATIENCE_S)
        took.append((answer.total_ms, worth(answer, read(answer, protocol), TOKENS)))
        if len(took) == 1:
            until = perf_counter() + _BUDGET_S
    caller.close()
    return took


def _back(place: Arena, subject: Running) -> float | None:
    """Seconds from the primary's recovery, which was just now, to the first answer it gives again."""
    place.a.get("/reset")
    return uvloop.run(_until_asked(place, subject))


async def _until_asked(place: Arena, subject: Running) -> float | None:
    began = perf_counter()
    while perf_counter() < began + _BACK_S:
        await _ask(subject, OPENAI, stream=True, times=1)
        if place.a.get("/stats")["requests"]:
            return perf_counter() - began
        await asyncio.sleep(0.1)
    return None


def render(matrix: Matrix, modes: tuple[Mode, ...]) -> str:
    """The tables of all that was seen."""
    intro = (
        f"## Failover\n\nA fails, B is healthy. {WARM} healthy requests, then {REQUESTS} one after the other while A "
        f"fails, fewer where {_BUDGET_S} s do not suffice for them; a client's patience is {_PATIENCE_S} s. The "
        "gateway is started anew for each cell. *Added* is above the median of a healthy answer without a gateway."
    )
    names = list(dict.fromkeys(name for name, *_ in matrix.cells))
    parts = [intro, _ours(matrix, modes) if OURS in names else ""]
    for protocol in (OPENAI, ANTHROPIC):
        for stream in (True, False):
            if text := _beside(matrix, modes, names, protocol, stream=stream):
                kind = "streams" if stream else "whole answers"
                parts.append(
                    f"**{protocol}, {kind}.** Errors / asked; ms added to the first / median; hits on A.\n\n{text}"
                )
    back = [f"{name} {'not' if s is None else show(s, ' s')}" for name, s in matrix.back_s.items()]
    if back:
        parts.append(f"After 529s end, A is asked again (within {_BACK_S} s): {'; '.join(back)}.")
    return "\n\n".join(filter(None, parts))


def _ours(matrix: Matrix, modes: tuple[Mode, ...]) -> str:
    head = [
        "A",
        "",
        "protocols",
        "asked",
        "errors",
        "first added, worst, ms",
        "median added, worst, ms",
        "slow",
        "hits, most",
    ]
    rows = []
    for mode in modes:
        for stream in (True, False):
            if seen := matrix.of(OURS, mode.name, stream=stream):
                bad = Counter[Worth]()
                for cell in seen:
                    bad += Counter({what: n for what, n in cell.worths.items() if not what.is_good})
                rows.append(
                    [
                        mode.name,
                        "stream" if stream else "whole",
                        str(len(seen)),
                        str(sum(cell.asked for cell in seen)),
                        "; ".join(f"{n} {what}" for what, n in bad.most_common()) or "0",
                        show(max(cell.first_ms for cell in seen)),
                        show(max(cell.median_ms for cell in seen)),
                        str(max(cell.slow for cell in seen)),
                        str(max(cell.hits for cell in seen)),
                    ]
                )
    early = [seen for (n, *_, m), seen in matrix.cells.items() if n == OURS and BY_NAME[m].is_early and m != "healthy"]
    wanted = [
        Wanted("errors a client sees, A failing before the first token", sum(s.bad for s in early), "≤", 0, ""),
        Wanted(
            "median added after the first failures, worst",
            max((s.median_ms for s in early), default=None),
            "≤",
            2,
            " ms",
        ),
    ]
    said = f"**stillup, every protocol.** *Slow*: more than {_SLOW_MS} ms added.\n\n{table(head, rows)}"
    return f"{said}\n\n{judged(wanted)}" if early else said


def _beside(matrix: Matrix, modes: tuple[Mode, ...], names: list[str], protocol: str, *, stream: bool) -> str:
    present = [n for n in names if any((n, protocol, stream, mode.name) in matrix.cells for mode in modes)]
    if present in ([], [OURS]):
        return ""
    rows = []
    for mode in (m for m in modes if m.among_peers):
        cells = [matrix.cells.get((name, protocol, stream, mode.name)) for name in present]
        if any(cells):
            rows.append([mode.name, *(str(cell) if cell else "–" for cell in cells)])
    return table(["A", *present], rows)
