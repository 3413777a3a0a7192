"""The database as readers have it: opened late, and while it is away it is waited for once, not by each of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stillup.config import parse_config
from stillup.daemon.archive import StoreArchive
from stillup.daemon.past import AGAIN_S, Past, reading
from stillup.errors import Blame, ConfigError, StoreError
from stillup.store import open_store
from stillup.testing import FakeClock

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


class Server:
    """Opens a database, or says that it is away; counts how often it was asked to."""

    def __init__(self, path):
        self.path, self.is_away, self.tries = path, True, 0

    def __call__(self):
        self.tries += 1
        if self.is_away:
            raise away()
        return open_store(self.path)


def away(blame=Blame.NETWORK):
    error = StoreError("the database is away")
    error.blame = blame
    return error


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path / "stillup.db")


async def test_one_that_is_away_is_tried_again_after_some_seconds_not_for_each_reader(server, clock):
    past = Past(server, clock)
    archive = StoreArchive(past, clock)
    assert server.tries == 0, "nobody has asked for anything"
    for _ in range(20):
        with pytest.raises(StoreError, match="away"):
            archive.incidents()
    assert server.tries == 1
    server.is_away = False
    await clock.advance(AGAIN_S)
    assert archive.incidents() == []
    assert archive.changes() == []
    assert server.tries == 2, "it stays open"
    past.close()


async def test_one_that_goes_away_is_not_waited_for_by_the_next_reader(server, clock):
    server.is_away = False
    past = Past(server, clock)
    with pytest.raises(StoreError, match="away"), past.reading():
        raise away()
    with pytest.raises(StoreError, match="away"), past.reading():
        pytest.fail("it was asked")
    await clock.advance(AGAIN_S)
    with past.reading() as store:
        assert store.incidents() == []
    past.close()


def test_what_waiting_does_not_mend_is_said_of_that_reading_alone(server, clock):
    server.is_away = False
    past = Past(server, clock)
    with pytest.raises(StoreError), past.reading():
        raise away(Blame.US)
    with past.reading() as store:
        assert store.incidents() == []
    past.close()


async def test_what_was_read_is_shown_for_its_minute_though_the_database_is_gone(server, clock):
    server.is_away = False
    past = Past(server, clock)
    archive = StoreArchive(past, clock)
    assert archive.incidents() == []
    with pytest.raises(StoreError), past.reading():
        raise away()
    assert archive.incidents() == []
    with pytest.raises(StoreError, match="away"):
        archive.changes()
    past.close()


def test_one_that_was_closed_is_not_opened_anew(server, clock):
    server.is_away = False
    past = Past(server, clock)
    with past.reading():
        pass
    past.close()
    with pytest.raises(StoreError, match="closed"), past.reading():
        pass
    assert server.tries == 1


def test_without_one_at_hand_the_configurations_is_opened_and_where_nothing_is_kept_there_is_none(tmp_path):
    config = parse_config(f"data = '{tmp_path}'")
    with reading(config, {}) as store:
        assert store is None
    open_store(config.database).close()
    with reading(config, {}) as store:
        assert store is not None
    with pytest.raises(ConfigError, match="no address"), reading(config, {"STILLUP_DATABASE_URL": "mysql://x"}):
        pass
