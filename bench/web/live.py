"""Readers and the monitor while as many requests come as the page can answer."""

from __future__ import annotations

from argparse import Namespace
from time import sleep

from gateway.figures import Cell, table
from gateway.wanted import judged

from web import wrk
from web.page import children, page
from web.watched import listeners, watched

CONNECTIONS = 64
_SETTLE_S = 2.0


def report(asked: Namespace) -> str:
    """What the readers and the monitor saw, and how many pages went out meanwhile."""
    with page("--play") as served:
        address = served.first()["address"]
        readers = listeners(address, asked.path, asked.listeners)
        with children([readers]):
            begun = len(served.told)
            load = wrk.said(wrk.start(f"{address}{asked.path}", CONNECTIONS, asked.seconds))
            minutes, memory = served.told[begun:], served.rss_mb()
            sleep(_SETTLE_S)
            readers.say("enough")
            saw = watched(minutes, readers.rest(), asked.listeners)
    intro = (
        f"## Told while a crowd comes\n\n{asked.listeners} readers, {saw.changes} changes, {len(minutes)} minutes "
        f"judged (one a second, all services), and {CONNECTIONS} connections that ask as fast as they can (wrk). "
        f"The page on one core, all clients on the other; {memory:.0f} MB."
    )
    rows: list[list[Cell]] = [[load.per_second, load.p50_ms, load.p99_ms, str(load.errors)]]
    crowd = table(("pages a second", "p50, ms", "p99, ms", "errors"), rows)
    return "\n\n".join([intro, crowd, saw.table(), judged(saw.wanted())])
