"""Old segments go, whole, and never one that is written to."""

from __future__ import annotations

import os

import pytest

from stillup.gateway.journal.retention import prune
from stillup.gateway.journal.segment import segments

DAY = 86_400.0
NOON = 1_775_563_200.0


@pytest.fixture
def days(start, folder, ask):
    """Ten days, each with a segment of about the same size; the last is being written."""
    journal = start()
    for n in range(10):
        at_s = NOON + n * DAY
        entry = journal.begin(ask("hello"), f"day{n}", at_s)
        journal.forwarded(entry, b"." * 10_000)
        journal.ended(entry, "answered", at_s)
        journal.commit(at_s)
        journal.sync()
        os.utime(segments(folder)[-1], (at_s, at_s))
    journal.commit(at_s)
    return journal


def left(folder):
    return [path.name[6:8] for path in segments(folder)]


@pytest.mark.parametrize(
    ("keep_days", "max_bytes", "expected"),
    [
        (30, 10**9, [f"{7 + n:02}" for n in range(10)]),
        (3.5, 10**9, ["13", "14", "15", "16"]),
        (30, 35_000, ["14", "15", "16"]),
        (1.5, 35_000, ["15", "16"]),
        (0, 0, ["16"]),
    ],
    ids=["all may stay", "days", "bytes", "both", "none may stay"],
)
def test_the_oldest_go_until_the_rest_is_young_and_small_enough(keep_days, max_bytes, expected, days, folder):
    done = prune(folder, NOON + 9 * DAY + 60, keep_days=keep_days, max_bytes=max_bytes)

    assert left(folder) == expected
    assert done.segments == 10 - len(expected)
    assert done.left_bytes == sum(path.stat().st_size for path in segments(folder))


def test_the_journal_prunes_by_its_own_settings(start, folder, days):
    journal = start(keep_days=2.5)

    assert journal.prune(NOON + 9 * DAY).segments == 7
    assert left(folder) == ["14", "15", "16"]


def test_what_is_kept_still_reads_after_what_was_older_is_gone(start, folder, ask, days):
    from stillup.gateway.journal.read import load

    prune(folder, NOON + 9 * DAY, keep_days=1, max_bytes=10**9)

    assert load(folder, "day9").body() == ask("hello").body
    assert load(folder, "day1") is None


def test_a_reader_keeps_what_it_holds_while_the_file_is_deleted(folder, days):
    from stillup.gateway.journal.read import load

    held = load(folder, "day0")
    prune(folder, NOON + 9 * DAY, keep_days=1, max_bytes=0)

    assert held.answer() == b"." * 10_000


def test_pruning_a_folder_that_is_not_there_deletes_nothing(tmp_path):
    assert prune(tmp_path / "none", NOON, keep_days=1, max_bytes=1).segments == 0
