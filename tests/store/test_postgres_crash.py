"""Writers that are killed, and a server that dies: what was acknowledged is there, once, and never half of a step."""

from __future__ import annotations

import os
import random
import runpy
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from stillup.errors import StoreError
from stillup.model.signal import Alive
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import AlertState, Message
from stillup.store import open_store
from stillup.store.outbox import Settled, Status
from tests.store.conftest import WRITER, hear
from tests.store.pgserver import PgServer

step = runpy.run_path(WRITER)["step"]
NOON, MINUTE = step(0)[0][0].at, timedelta(minutes=1)


@pytest.fixture(scope="module")
def server() -> Iterator[PgServer]:
    server = PgServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def small_disk(server):
    """A place for tables with room for a few megabytes; skips where no file system can be mounted."""
    place = server.folder / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700,uid=65534,gid=65534", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    server.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
    yield
    server.sql("DROP DATABASE IF EXISTS tight")
    server.sql("DROP TABLESPACE small")
    subprocess.run(["umount", str(place)], check=True)


def assert_whole(where, said):
    """Each step that was said to be recorded is there once; each that is there has all that belongs to it."""
    with open_store(where) as store:
        kept = store.transitions()
        numbers = sorted({(change.at - NOON) // MINUTE for change in kept})
        assert set(said) <= set(numbers)
        steps = [step(number) for number in numbers]
        assert kept == [change for changes, _, _ in steps for change in changes]
        for _, _, grounds in steps:
            assert [store.evidence(*key) for key in grounds] == list(grounds.values())
    return numbers[-1] if numbers else -1


def test_a_writer_that_is_killed_at_any_moment_leaves_whole_steps(start, server):
    where, chance, said, first = server.new_database("killed"), random.Random(7), [], 0
    for _ in range(6):
        process, listen = start(where, first, first + 100_000)
        wanted = first + chance.randrange(1, 25)
        heard = hear(listen)
        for word in heard:
            if word == wanted:
                break
            said += [word] if word != "open" else []
        process.kill()
        said += [wanted, *heard]
        process.join()
        first = assert_whole(where, said) + 1


def test_a_server_that_dies_at_any_moment_has_kept_what_it_acknowledged(server):
    where = server.new_database("died")
    signals = [Alive(at=NOON + n * MINUTE, service="claude", source="reddit") for n in range(20)]
    kept, said = 0, []
    with open_store(where, wait_s=1.0) as store:
        for number in range(20):
            if number % 7 == 3:
                server.stop(signal.SIGQUIT)
                with pytest.raises(StoreError):
                    store.commit_step(*step(number))
                server.start()
            store.commit_step(*step(number))
            said.append(number)
            store.record_from("signals.p0", number, [(number, signals[number])])
            kept += 1
        assert list(store.signals("claude")) == signals[:kept]
    assert_whole(where, said)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_of_the_server_is_named_and_costs_nothing_that_was_acknowledged(server):
    server.sql("CREATE DATABASE tight TABLESPACE small")
    where = server.url("tight")
    with open_store(where) as store:
        store.commit_step(*step(0))
        batch = [Alive(at=NOON + n * MINUTE / 60, service="claude", source="reddit" * 10) for n in range(4000)]
        kept = []

        def fill():
            for number in range(100):
                store.record_from("signals.p0", number, [(number, signal) for signal in batch])
                kept.append(number)

        with pytest.raises(StoreError, match="its disk is full"):
            fill()
        number = len(kept)
        assert store.transitions() == step(0)[0]
        assert store.kept_of("signals.p0") == number - 1
        assert sum(1 for _ in store.signals("claude")) == 4000 * number
        assert store.prune(NOON + timedelta(days=9), timedelta(days=1)) == 4000 * number
        store.record_from("signals.p0", number, [(number, signal) for signal in batch])
        store.commit_step(*step(1))
        assert store.transitions() == [*step(0)[0], *step(1)[0]]
    server.sql("DROP DATABASE tight")


def test_an_alert_is_neither_lost_nor_doubled_wherever_the_process_or_the_server_dies(server):
    """Between the decision and the outbox there is no between; what was being sent is seen to be in doubt."""
    where, sent = server.new_database("alerts"), []

    def message(key):
        given = {
            "rule": "r",
            "service": "claude",
            "incident": "a",
            "revision": 1,
            "title": "t",
            "short": "s",
            "long": "l",
        }
        return Message(key=key, channel="ops", kind=Kind.BROKE, reason=Reason.BROKE, at=NOON, **given)

    with open_store(where, wait_s=1.0) as store, store.outbox.deciding("main") as deciding:
        deciding.save(AlertState(), deciding.cursor)
    for number in range(12):
        with open_store(where, wait_s=1.0) as store:  # each round is a process of its own
            store.commit_step(*step(number))

            def decide(cut, store=store):
                with store.outbox.deciding("main") as deciding:
                    found = deciding.changes(9)
                    deciding.put([message(f"{v.at}/{v.component}") for _, v in found], NOON)
                    deciding.save(deciding.state, found[-1][0] if found else deciding.cursor)
                    cut()

            def die():
                raise ZeroDivisionError

            if number % 3 == 0:
                with pytest.raises(ZeroDivisionError):
                    decide(die)
            if number % 3 == 1:
                with pytest.raises(StoreError):
                    decide(lambda: server.stop(signal.SIGQUIT))
                server.start()
            decide(lambda: None)
            assert store.outbox.hold("main", "a")
            before = None
            while (row := store.outbox.take("main", "ops", NOON, before, "a")) is not None:
                assert row.status is Status.WAITING
                sent.append(row.message.key)
                before = Settled(seq=row.seq, status=Status.DELIVERED, done_at=NOON)
    assert len(sent) == len(set(sent)) == 24


def test_who_was_paused_and_replaced_gets_nothing_more_to_send_and_what_it_had_is_in_doubt(server, monkeypatch):
    where = server.new_database("paused")
    given = {"rule": "r", "service": "claude", "incident": "a", "revision": 1, "title": "t", "short": "s", "long": "l"}
    with open_store(where) as one, open_store(where) as other:
        with one.outbox.deciding("main") as deciding:
            keys = ("k1", "k2")
            deciding.put(
                [Message(key=k, channel="ops", kind=Kind.BROKE, reason=Reason.BROKE, at=NOON, **given) for k in keys],
                NOON,
            )
        monkeypatch.setattr("stillup.store.outbox.STANDS", timedelta(0))
        had = one.outbox.take("main", "ops", NOON, None, "one")
        assert had.message.key == "k1"
        monkeypatch.setattr("stillup.store.outbox.STANDS", timedelta(minutes=1))
        assert other.outbox.hold("main", "other")
        found = other.outbox.take("main", "ops", NOON, None, "other")
        assert (found.message.key, found.status) == ("k1", Status.ATTEMPTING)
        done = Settled(seq=had.seq, status=Status.DELIVERED, done_at=NOON)
        assert one.outbox.take("main", "ops", NOON, done, "one") is None  # it wakes: what it knows is taken, no more
        assert other.outbox.take("main", "ops", NOON, None, "other").message.key == "k2"
