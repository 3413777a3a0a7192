"""The process that is killed: commits changes one by one as the monitor does, and alerts on each."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillup.board import Board, ServiceBoard
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.config import Config, parse_config
from stillup.daemon.alerts.alerting import Alerting
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.store.outbox import Status

SERVICES = ("claude", "chatgpt", "gemini", "copilot", "mistral")
LEAD = 200
"""So many changes at most are ahead of what was delivered."""


def config_of(folder: Path, address: str) -> Config:
    """Everything is told at once and to one webhook; nothing is damped, for each message is counted."""
    return parse_config(
        f'data = "{folder}"\n[alerts.flapping]\nchanges = 0\n'
        f'[[alerts.channels]]\nid = "hook"\nurl = "http://{address}/hook"\n'
        '[[alerts.rules]]\nid = "all"\nchannels = ["hook"]\n'
    )


def change(number: int, at: datetime) -> Verdict:
    """Change ``number``: each service breaks and is back in turn."""
    service, is_fault = SERVICES[number % len(SERVICES)], (number // len(SERVICES)) % 2 == 0
    return Verdict(
        at=at,
        service=service,
        state=State.PARTIAL_OUTAGE if is_fault else State.OPERATIONAL,
        confidence=Confidence.CONFIRMED if is_fault else None,
        incident=f"{service}-{number // (2 * len(SERVICES))}",
    )


def run(folder: str, address: str, total: int) -> None:
    """Go on from what is there until all are committed and delivered."""
    config = config_of(Path(folder), address)
    alerting = Alerting(config, {}, SystemClock(), lambda _: None, grace_s=0.0)
    alerting.start()
    with open_store(config.database) as store:
        while store.outbox.state("main") is None:  # what is committed before the first look is nobody's news
            time.sleep(0.005)
        shown: dict[str, ServiceBoard] = {}
        number, last = _count(folder), datetime(2026, 1, 1, tzinfo=UTC)
        while number < total:
            if number % 50 == 0:
                while (first := store.outbox.next("main", "hook")) is not None and number - first.seq > LEAD:
                    time.sleep(0.01)
            last = max(datetime.now(UTC), last + timedelta(microseconds=1))
            changes = [change(number, last)]
            store.commit_step(changes, [], {})
            number += 1
            shown |= {c.service: ServiceBoard(service=catalogue()[c.service], verdict=c) for c in changes}
            alerting.show(Board(at=last, seq=number, services=shown), changes)
        while store.outbox.counts("main").get(("hook", Status.DELIVERED), 0) < total:
            time.sleep(0.02)
    alerting.stop()


def _count(folder: str) -> int:
    """How many changes were committed."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(Path(folder) / "stillup.db")) as conn:
        return int(conn.execute("SELECT count(*) FROM transitions").fetchone()[0])
