"""A disk that is full or broken stops the journal, never the traffic."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager

import pytest

from stillup.gateway.journal.read import load, read_exchanges
from stillup.gateway.journal.segment import segments
from stillup.gateway.journal.write import RETRY_S

resource = pytest.importorskip("resource")


@contextmanager
def files_of_at_most(size):
    """No file can grow beyond so many bytes: for a writer the same as a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def forward(journal, entry, at_s, times=20):
    for _ in range(times):
        journal.forwarded(entry, b"." * 200)
        journal.commit(at_s)


def test_a_full_disk_is_said_once_and_traffic_goes_on(start, folder, ask, noon, said, target):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    with files_of_at_most(2_000):
        forward(journal, entry, noon)
        other = journal.begin(ask("hello"), "y", noon + 1)
        journal.answering(other, 1, target, noon + 1, status=200)
        forward(journal, other, noon + 1)
        journal.ended(entry, "answered", noon + 1)
        journal.ended(other, "answered", noon + 1)
        journal.commit(noon + 1)

    assert len(said) == 1
    assert "the journal is not kept for now: File too large" in said[0]
    assert journal.trouble
    assert journal.errors == 1
    assert [one.id for one in read_exchanges(folder)] == ["x"]


def test_what_was_committed_before_the_disk_was_full_is_there(start, folder, ask, noon):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    with files_of_at_most(2_000):
        forward(journal, entry, noon)

    found = load(folder, "x")
    assert found.outcome == "unfinished"
    assert len(found.answer()) % 200 == 0
    assert found.answer()


def test_it_is_tried_again_later_in_a_new_file_and_that_is_said_too(start, folder, ask, noon, said):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    with files_of_at_most(2_000):
        forward(journal, entry, noon)
    for id_, at_s in (("early", noon + RETRY_S - 1), ("later", noon + RETRY_S)):
        journal.ended(journal.begin(ask("hello"), id_, at_s), "answered", at_s)
        journal.commit(at_s)

    assert [one.id for one in read_exchanges(folder)] == ["x", "later"]
    assert said[1:] == ["the journal is kept again"]
    assert journal.trouble == ""


def test_a_clock_that_was_set_back_does_not_keep_it_from_being_tried_again(start, folder, ask, noon):
    journal = start()
    with files_of_at_most(2_000):
        forward(journal, journal.begin(ask("hello"), "x", noon), noon)
    journal.begin(ask("hello"), "y", noon - 3600)
    journal.commit(noon - 3600)

    assert load(folder, "y")


def test_a_folder_that_cannot_be_made_stops_nothing(start, folder, ask, noon, said):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    forward(journal, entry, noon)
    journal.prune(noon)
    journal.begin(ask("hello"), "y", noon + RETRY_S)
    journal.begin(ask("hello"), "z", noon + 2 * RETRY_S)

    assert journal.errors == 3
    assert len(said) == 1
    assert folder.read_text() == "a file where the folder should be"


@pytest.mark.skipif(os.name != "posix", reason="modes say nothing there")
def test_a_folder_others_can_write_to_is_not_used(start, folder, ask, noon, said):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    journal = start()
    journal.begin(ask("hello"), "x", noon)
    journal.commit(noon)

    assert "others can write" in said[0]
    assert segments(folder) == []


def test_a_folder_that_is_deleted_meanwhile_is_made_anew_with_the_next_file(start, folder, ask, noon):
    journal = start()
    journal.begin(ask("hello"), "x", noon)
    journal.commit(noon)
    segments(folder)[0].unlink()
    folder.rmdir()
    journal.begin(ask("hello"), "y", noon + 86_400)
    journal.commit(noon + 86_400)

    assert [one.id for one in read_exchanges(folder)] == ["y"]


def test_a_disk_that_fails_while_it_is_waited_for_stops_the_journal_at_the_next_commit(
    start, folder, ask, noon, said, monkeypatch
):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    journal.commit(noon)
    (current,) = journal._open
    read_end, write_end = os.pipe()  # a pipe cannot be synced: EINVAL, as a real failure of the disk
    os.dup2(write_end, current.fd)
    thread = threading.Thread(target=journal.sync)
    thread.start()
    thread.join()
    forward(journal, entry, noon)
    os.close(read_end)
    os.close(write_end)

    assert len(said) == 1
    assert journal.trouble


def test_syncing_and_pruning_in_another_thread_disturb_no_writer(start, folder, ask, noon):
    journal, over = start(), threading.Event()

    def tend():
        while not over.is_set():
            journal.sync()
            journal.prune(noon)

    thread = threading.Thread(target=tend)
    thread.start()
    for n in range(200):
        at_s = noon + n * 43_200  # a new file every second time
        entry = journal.begin(ask("hello"), f"x{n:03}", at_s)
        forward(journal, entry, at_s, times=3)
        journal.ended(entry, "answered", at_s)
        journal.commit(at_s)
    over.set()
    thread.join()

    assert [one.id for one in read_exchanges(folder)] == [f"x{n:03}" for n in range(200)]
    assert journal.trouble == ""
