"""Pages a second: answers that lie ready beside the plain rendering path, in turn, in the same run."""

from __future__ import annotations

from argparse import Namespace
from statistics import median

from gateway.figures import Cell, show, table
from gateway.wanted import Wanted, judged

from web import wrk
from web.page import page

CONNECTIONS = 64
ROUNDS = 3
PLAIN = "?plain=1"
"""A query that is not known: nothing lies ready for it, and the page is made for each who asks."""


def report(asked: Namespace) -> str:
    """A row for each path."""
    seconds = asked.seconds / (2 * ROUNDS)
    loads: dict[str, list[wrk.Load]] = {"lies ready": [], "plain": []}
    with page() as served:
        address = served.first()["address"]
        cpu, asked_for = 0.0, 0.0
        for _ in range(ROUNDS):
            before = served.cpu_s()
            load = wrk.said(wrk.start(f"{address}{asked.path}", CONNECTIONS, seconds))
            cpu, asked_for = cpu + served.cpu_s() - before, asked_for + load.per_second * round(seconds)
            loads["lies ready"].append(load)
            loads["plain"].append(wrk.said(wrk.start(f"{address}{asked.path}{PLAIN}", CONNECTIONS, seconds)))
        memory = served.rss_mb()
    rates = {name: median(load.per_second for load in those) for name, those in loads.items()}
    rows: list[list[Cell]] = [
        [name, rates[name], median(x.p50_ms for x in those), median(x.p99_ms for x in those), str(_errors(those))]
        for name, those in loads.items()
    ]
    wanted = [
        Wanted("pages a second", rates["lies ready"], "≥", 5_000, ""),
        Wanted("times the plain path", rates["lies ready"] / rates["plain"], "≥", 10, " ×"),
    ]
    head = (asked.path, "pages a second", "p50, ms", "p99, ms", "errors")
    intro = (
        f"## Stampede\n\n{CONNECTIONS} connections (wrk, gzip), page on one core, wrk on the other; medians of "
        f"{ROUNDS} rounds in turn. {show(1e6 * cpu / max(1.0, asked_for))} µs of CPU a page that lies ready; "
        f"{show(memory)} MB in the end."
    )
    return "\n\n".join([intro, table(head, rows), judged(wanted)])


def _errors(loads: list[wrk.Load]) -> int:
    return sum(load.errors for load in loads)
