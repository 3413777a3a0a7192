"""Several processes on one file, and processes that are killed."""

from __future__ import annotations

import random
import runpy
import sqlite3
from contextlib import closing
from datetime import timedelta

from stillup.store import open_store
from tests.store.conftest import WRITER, hear

step = runpy.run_path(WRITER)["step"]
NOON, MINUTE = step(0)[0][0].at, timedelta(minutes=1)
ROUNDS = 12


def dawdle(chance):
    """Let some random, short time pass by being busy."""
    for _ in range(chance.randrange(40_000)):
        pass


def assert_whole(path, said, first=0):
    """Each step that was said to be recorded is there once; each that is there has all that belongs to it.

    From step ``first`` on; the numbers of the steps that are there.
    """
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
    with open_store(path) as store:
        kept = store.transitions(since=NOON + first * MINUTE)
        numbers = sorted({(change.at - NOON) // MINUTE for change in kept})
        assert set(said) <= {*numbers, *range(first)}
        steps = [step(number) for number in numbers]
        assert kept == [change for changes, _, _ in steps for change in changes]
        for _, _, grounds in steps:
            assert [store.evidence(*key) for key in grounds] == list(grounds.values())
        newest = {incident.id: incident for _, incidents, _ in steps for incident in incidents}
        assert newest.items() <= {incident.id: incident for incident in store.incidents()}.items()
    return numbers


def test_a_kill_at_any_moment_loses_no_recorded_transition_and_leaves_no_half_step(start, path):
    chance, said, first = random.Random(20260407), [], 0
    for _ in range(ROUNDS):
        process, listen = start(path, first, first + 100_000)
        wanted = first + chance.randrange(1, 50)
        heard = hear(listen)
        for word in heard:
            if word == wanted:
                break
            said += [word] if word != "open" else []
        dawdle(chance)
        process.kill()
        said += [wanted, *heard]
        process.join()
        first = assert_whole(path, said, first)[-1] + 1
    assert_whole(path, said)


def test_a_kill_while_the_database_is_made_leaves_one_that_opens(start, tmp_path):
    chance = random.Random(7)
    for number in range(8):
        path = tmp_path / f"{number}.db"
        process, listen = start(path, 0, 3)
        heard = hear(listen)
        assert next(heard) == "open"
        dawdle(chance)
        process.kill()
        said = list(heard)
        process.join()
        assert_whole(path, said)


def test_two_processes_that_record_the_same_steps_at_once_record_each_once(start, path):
    writers = [start(path, 0, 60) for _ in range(2)]
    said = [list(hear(listen)) for _, listen in writers]
    for process, _ in writers:
        process.join()

    assert [process.exitcode for process, _ in writers] == [0, 0]
    assert said == [["open", *range(60)]] * 2
    assert assert_whole(path, range(60)) == list(range(60))


def test_a_daemon_and_a_one_shot_each_record_their_own(start, path, verdict):
    process, listen = start(path, 0, 60)
    heard = hear(listen)
    next(heard)
    with open_store(path) as store:
        for number in range(30):
            store.commit_step([verdict(number, service="chatgpt")], [], {})
        assert len(store.transitions("chatgpt")) == 30
    assert list(heard) == list(range(60))
    process.join()
    with open_store(path) as store:
        assert len(store.transitions("claude")) == 120
        assert len(store.transitions("chatgpt")) == 30
