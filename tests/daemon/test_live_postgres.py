"""A watch over PostgreSQL goes on while the server is gone, and what it judged is written when the server is back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from stillup.catalog.load import find_service
from stillup.config import parse_config
from stillup.daemon.jobs import monitor_of, profile_of
from stillup.daemon.live import Live
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor
from tests.store.pgserver import PgServer

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)
MINUTES = 150


@pytest.fixture
def server() -> Iterator[PgServer]:
    server = PgServer()
    server.start()
    yield server
    server.remove()


class Heard:
    def __init__(self):
        self.changes, self.troubles = [], []

    def trouble(self, why):
        self.troubles.append(why)

    def heard(self, report):
        pass

    def judged(self, now, changes):
        self.changes += changes


def told(minute):
    """What a page and probes say in a minute of an outage of an hour."""
    about = {"at": START + timedelta(minutes=minute, seconds=20), "service": "claude"}
    is_down = 60 <= minute < 120
    yield Alive(source="statuspage", **about)
    yield Declared(
        source="statuspage", component="web", state=State.MAJOR_OUTAGE if is_down else State.OPERATIONAL, **about
    )
    yield Outcome(source="probe", layer=Layer.INFERENCE, component="api", ok=not is_down, **about)


async def watched(store, at_minute=lambda _: None):
    clock, heard = FakeClock(START), Heard()
    live = Live(Monitor(profile_of), clock, heard, store)
    for minute in range(MINUTES):
        at_minute(minute)
        live.take(told(minute))
        clock.set(START + timedelta(minutes=minute + 1))
        await live.judge(clock.now())
    return heard


async def test_an_outage_that_falls_into_one_of_the_database_is_judged_at_once_and_written_later(server, tmp_path):
    with open_store(tmp_path / "calm.db") as calm:
        expected = await watched(calm)

        def at_minute(minute):
            if minute == 55:
                server.stop()
            if minute == 130:
                server.start()

        with open_store(server.url("postgres"), wait_s=1.0, late=True) as store:
            heard = await watched(store, at_minute)
            assert heard.changes == expected.changes
            assert any(c.state.is_fault for c in heard.changes)
            assert len(heard.troubles) == 75
            assert all("nothing listens at the database postgresql://" in why for why in heard.troubles)
            assert store.transitions() == calm.transitions()
            assert store.incidents() == calm.incidents()
            assert list(store.signals("claude")) == list(calm.signals("claude"))
            assert store.watched("claude", START, 9) == calm.watched("claude", START, 9)


async def test_a_watch_that_begins_without_its_database_goes_on_without_and_keeps_all_once_it_comes(server):
    server.stop()
    config = parse_config("")
    with open_store(server.url("postgres"), wait_s=1.0, late=True) as store:
        monitor_of(config, [find_service("claude")], store, START)  # knows nothing of the past, and is there
        heard = await watched(store, lambda minute: server.start() if minute == 3 else None)
        assert len(heard.troubles) == 3
        assert store.transitions()[0].at == START.replace(microsecond=0) + timedelta(minutes=1)
        assert len(list(store.signals("claude"))) == 3 * MINUTES
