"""A fixed rate over many connections, while the monitor judges and readers listen."""

from __future__ import annotations

from argparse import Namespace
from time import sleep
from urllib.parse import urlsplit

from gateway.figures import quantile, table
from gateway.wanted import Wanted, judged

from web.page import Child, children, page
from web.watched import listeners, watched

PROCESSES = 2
_SETTLE_S = 2.0
"""After the last request: readers still look at what changed then."""


def report(asked: Namespace) -> str:
    """What each request took, and what the monitor and the readers saw meanwhile."""
    with page("--play") as served:
        address = served.first()["address"]
        at = urlsplit(address)
        readers = listeners(address, asked.path, asked.listeners)
        with children([readers]):
            share = [str(asked.rate / PROCESSES), str(asked.connections // PROCESSES), str(asked.seconds)]
            crowds = [Child("paced.py", at.hostname or "", str(at.port), asked.path, *share) for _ in range(PROCESSES)]
            with children(crowds):
                for crowd in crowds:
                    crowd.first()
                begun, before = len(served.told), served.cpu_s()
                for crowd in crowds:
                    crowd.say("go")
                said = [line for crowd in crowds for line in crowd.rest()]
            cpu, memory, minutes = served.cpu_s() - before, served.rss_mb(), served.told[begun:]
            sleep(_SETTLE_S)
            readers.say("enough")
            saw = watched(minutes, readers.rest(), asked.listeners)
    times = [t for one in said for t in one.get("times_ms", ())]
    errors = sum(one.get("errors", 0) for one in said)
    p99 = quantile(times, 0.99)
    row = [
        f"{len(times) / asked.seconds:,.0f}",
        quantile(times, 0.5),
        p99,
        quantile(times, 0.999),
        max(times),
        str(errors),
    ]
    intro = (
        f"## A steady crowd\n\n{asked.rate:,.0f} requests a second for {asked.path} over {asked.connections:,} "
        f"connections, sent when they are due; {asked.listeners} readers listen and take the page anew at every change "
        f"({saw.changes} of them); {len(minutes)} minutes were judged, one a second, all services. The page and "
        f"its monitor on one core ({100 * cpu / asked.seconds:.0f} % of it), clients on the other; {memory:.0f} MB."
    )
    head = ("answered a second", "p50, ms", "p99, ms", "p99.9, ms", "longest, ms", "errors")
    wanted = [Wanted("p99", p99, "≤", 250, " ms"), Wanted("errors", float(errors), "≤", 0, ""), *saw.wanted()]
    return "\n\n".join([intro, table(head, [row]), saw.table(), judged(wanted)])
