"""Old signals go from the database of a cluster, by the bus's clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from stillup.daemon.cluster.together import end
from stillup.daemon.roles.retention import EVERY_S, FIRST_S, prune, retaining
from stillup.model.signal import Alive
from stillup.store import open_store
from stillup.testing import FakeClock
from tests.cluster.roles import here_of, no_store

T = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "stillup.db"
    with open_store(path) as store:
        store.record(Alive(at=T - days * DAY, service="claude", source="statuspage") for days in range(10))
    return path


def kept(path) -> int:
    with open_store(path) as store:
        return len(list(store.signals("claude")))


def here_with(path, **rest):
    return here_of("[store]\nretention_days = 3", open_store=lambda: open_store(path), **rest)


def test_what_is_older_than_it_is_kept_goes(database):
    assert prune(here_with(database), T) == 6
    assert kept(database) == 4


def test_two_monitors_are_not_at_it_at_once(database):
    with open_store(database) as store:
        assert store.outbox.hold("retention", "m2.0")
    assert prune(here_with(database), T) == 0
    assert kept(database) == 10


async def test_a_machine_whose_clock_is_years_ahead_deletes_nothing_that_is_not_old(database):
    right, wrong = FakeClock(T), FakeClock(T + 3_650 * DAY)
    from stillup.bus.local import LocalBus

    here = here_with(database, bus=LocalBus(right), clock=wrong)
    work = asyncio.create_task(retaining(here))
    await wrong.advance(FIRST_S)
    async with asyncio.timeout(30):
        while await asyncio.to_thread(kept, database) == 10:
            pass
    await end([work])
    with suppress(asyncio.CancelledError):
        await work
    assert kept(database) == 4


async def test_a_database_that_is_away_is_said_once_and_tried_again():
    clock, said = FakeClock(T), []
    here = here_of(clock=clock, say=said.append, open_store=no_store)
    work = asyncio.create_task(retaining(here))
    async with asyncio.timeout(30):
        while not said:
            await clock.advance(FIRST_S)
        for _ in range(3):
            await clock.advance(EVERY_S)
    await end([work])
    with suppress(asyncio.CancelledError):
        await work
    assert said == ["old signals are kept a while longer: the database is away"]
