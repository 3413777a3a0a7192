"""Many at once on PostgreSQL: nothing is missed, nothing is written twice; signals by day."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import psycopg
import pytest

from stillup.model.signal import Alive
from stillup.response.alerts.values import AlertState
from stillup.store import open_store
from stillup.store.store import Store


@pytest.fixture
def address(new_database) -> str:
    return new_database()


@pytest.fixture
def store(address) -> Iterator[Store]:
    with open_store(address) as store:
        yield store


@pytest.fixture
def sql(address, postgres):
    name = address.rpartition("/")[2]
    return lambda statement, *values: postgres.sql(statement, name, values)


def alive(at, service="claude"):
    return Alive(at=at, service=service, source="reddit")


# -- many at once -----------------------------------------------------------------------------------------------------


def test_who_reads_on_from_a_number_misses_no_change_however_many_commit_at_once(store, address, verdict):
    """Numbers are given before a commit: without an order, a smaller one could come after a greater was read."""
    with store.outbox.deciding("main") as deciding:
        deciding.save(AlertState(), deciding.cursor)
    over, seen = Event(), []

    def commit(worker):
        with open_store(address) as mine:
            for n in range(30):
                mine.commit_step([verdict(n, service=f"s{worker}", component=c) for c in (None, "web", "api")], [], {})

    def decide():
        more = True
        while more or not over.is_set():
            with store.outbox.deciding("main") as deciding:
                found = deciding.changes(7)
                seen.extend(v for _, v in found)
                deciding.save(AlertState(), found[-1][0] if found else deciding.cursor)
            more = bool(found)

    with ThreadPoolExecutor(5) as pool:
        deciding = pool.submit(decide)
        list(pool.map(commit, range(4)))
        over.set()
        deciding.result()
    assert len(seen) == 4 * 30 * 3
    assert {(v.at, v.service, v.component) for v in seen} == {
        (v.at, v.service, v.component) for v in store.transitions()
    }


def test_two_that_decide_for_one_party_decide_one_after_the_other(store, address):
    def count(_):
        with open_store(address) as mine:
            for _ in range(20):
                with mine.outbox.deciding("main") as deciding:
                    deciding.save(deciding.state, deciding.cursor + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with store.outbox.deciding("main") as deciding:
        assert deciding.cursor == 80


def test_of_two_that_watch_one_service_at_once_one_stretch_is_kept(store, address, minute):
    def watch(_):
        with open_store(address) as mine:
            for n in range(1, 20):
                mine.watch([(minute(n), ["claude"])])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(watch, range(3)))
    assert store.watched("claude", minute(0), 9) == [(minute(0), minute(19))]


def test_a_log_that_several_write_at_once_is_kept_once(store, address, minute):
    numbered = [(n // 2, alive(minute(n))) for n in range(40)]

    def write(_):
        with open_store(address) as mine:
            for upto in range(20):
                mine.record_from("signals.p0", upto, [(n, s) for n, s in numbered if n <= upto])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    assert list(store.signals("claude")) == [s for _, s in numbered]
    assert store.kept_of("signals.p0") == 19


# -- days -------------------------------------------------------------------------------------------------------------


def parts(sql):
    return {name for (name,) in sql("SELECT relname FROM pg_class WHERE relname ~ '^signals_[0-9]+$'")}


def test_signals_lie_in_parts_by_day_and_what_is_of_another_age_in_the_rest(store, sql, minute):
    made = parts(sql)
    assert len(made) == 8  # today and a week ahead
    today = sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")[0][0]
    assert f"signals_{today}" in made
    (now,) = sql("SELECT now()")[0]
    times = [now, now - timedelta(days=3), now - timedelta(days=4000), now + timedelta(days=4000)]
    store.record([alive(at) for at in times])
    assert len(parts(sql)) == 9
    assert sql("SELECT count(*) FROM signals_rest") == [(2,)]
    assert [s.at for s in store.signals("claude")] == sorted(times)


def test_what_waited_in_the_rest_moves_into_its_day_when_that_is_made(store, sql, address):
    (now,) = sql("SELECT now()")[0]
    name = f"signals_{now:%Y%m%d}"
    sql(f"DROP TABLE {name}")
    sql(
        "INSERT INTO signals (at, service, source, kind, value) VALUES (%s, 'claude', 'reddit', 'alive', %s)",
        round(now.timestamp() * 1e6),
        f'{{"kind":"alive","at":"{now.isoformat()}","service":"claude","source":"reddit"}}',
    )
    assert sql("SELECT count(*) FROM signals_rest") == [(1,)]
    store.record([alive(now)])
    assert sql("SELECT count(*) FROM signals_rest") == [(0,)]
    assert sql(f"SELECT count(*) FROM {name}") == [(2,)]


def test_days_that_cannot_be_made_now_cost_nothing(store, address, sql, postgres, minute):
    (now,) = sql("SELECT now()")[0]
    with psycopg.connect(address) as reader, open_store(address, wait_s=0.1) as mine:
        reader.execute("LOCK TABLE signals_rest IN ACCESS SHARE MODE")
        assert mine.record([alive(now - timedelta(days=5))]) == 0
    assert sql("SELECT count(*) FROM signals_rest") == [(1,)]
