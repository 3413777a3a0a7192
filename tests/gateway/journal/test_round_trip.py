"""What was kept is read back as it was."""

from __future__ import annotations

import stat

import pytest

from stillup.errors import StoreError
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.journal import Journal, segment
from stillup.gateway.journal.read import load, read_exchanges

DAY = 86_400


def keep(journal, ask, name, at_s, *chunks):
    """One exchange from begin to end."""
    entry = journal.begin(ask, name, at_s)
    for chunk in chunks:
        journal.forwarded(entry, chunk)
    journal.ended(entry, "answered", at_s, status=200)
    journal.commit(at_s)


def ids(folder, **order):
    return [one.id for one in read_exchanges(folder, **order)]


def test_an_exchange_is_read_back_with_all_that_was_told_of_it(start, folder, ask, noon, target):
    journal, asked = start(), ask("Is it down?", "Yes.", "Since when? " * 20)
    entry = journal.begin(asked, "x1", noon)
    failed = Try(
        target=target,
        model="claude-opus",
        operation=Operation.GENERATE,
        ok=False,
        fault=Fault.OVERLOADED,
        status=529,
        total_s=0.25,
    )
    journal.tried(entry, 1, failed, noon + 0.25, why="first choice")
    b = Target("b", "claude-opus", Protocol.ANTHROPIC)
    journal.answering(entry, 2, b, noon + 0.5, status=200, content_type="text/event-stream")
    journal.forwarded(entry, b"data: one\n\n")
    journal.commit(noon + 1)
    journal.forwarded(entry, b"data: two\n\n")
    journal.commit(noon + 2)
    journal.ended(entry, "answered", noon + 2.5, status=200, usage=Usage(input_tokens=11, output_tokens=22))
    journal.commit(noon + 2.5)

    found = load(folder, "x1")
    begin, end, one = found.begin, found.end, found.tries[0]

    assert (found.at_s, found.ended_s, found.outcome) == (noon, noon + 2.5, "answered")
    assert found.body() == asked.body
    assert (begin.protocol, begin.operation, begin.model, begin.stream) == (
        "anthropic",
        "generate",
        "claude-opus",
        True,
    )
    assert (begin.method, begin.path) == ("POST", "/v1/messages")
    assert (one.n, one.upstream, one.ok, one.fault, one.status, one.why) == (
        *(1, "a", False, "overloaded", 529),
        "first choice",
    )
    assert (found.answering[0].n, found.answering[0].upstream, found.answering[0].status) == (2, "b", 200)
    assert list(found.chunks()) == [(noon + 1, b"data: one\n\n"), (noon + 2, b"data: two\n\n")]
    assert found.answer() == b"data: one\n\ndata: two\n\n"
    assert (end.status, end.input_tokens, end.output_tokens, end.cache_read_tokens) == (200, 11, 22, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"no json " * 20,
        b'{"messages": 3, "x": "' + b"y" * 80 + b'"}',
        bytes(range(256)) * 4,
        b"[" * 100_000,
    ],
    ids=["none", "empty", "no json", "no list", "binary", "deep"],
)
def test_a_body_of_any_shape_comes_back_byte_for_byte(body, start, folder, ask, noon):
    keep(start(), ask(body=body), "x", noon)

    assert load(folder, "x").body() == body


def test_nothing_is_on_the_disk_before_the_commit_and_all_of_it_after(start, folder, ask, noon):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    journal.forwarded(entry, b"hi")

    assert ids(folder) == []
    journal.commit(noon)
    assert load(folder, "x").answer() == b"hi"


def test_exchanges_come_by_the_time_they_began_either_way_round(start, folder, ask, noon):
    journal = start()
    for n in range(3):
        keep(journal, ask("hello"), f"day{n}-a", noon + n * DAY)
        keep(journal, ask("hello"), f"day{n}-b", noon + n * DAY)

    oldest_first = ["day0-a", "day0-b", "day1-a", "day1-b", "day2-a", "day2-b"]
    assert ids(folder) == oldest_first
    assert ids(folder, newest_first=True) == oldest_first[::-1]


def test_a_new_day_and_a_full_segment_each_begin_a_new_file(start, folder, ask, noon, monkeypatch):
    monkeypatch.setattr(segment, "ROLL_BYTES", 1_000)
    journal = start()
    keep(journal, ask("hello"), "a", noon, b"." * 1_000)
    keep(journal, ask("hello"), "b", noon + 1)
    keep(journal, ask("hello"), "c", noon + 12 * 3600)

    assert [path.name for path in segment.segments(folder)] == [
        "20260407T120000.000Z.journal",
        "20260407T120001.000Z.journal",
        "20260408T000000.000Z.journal",
    ]


def test_a_segment_with_too_many_different_pieces_is_full_so_that_memory_is_bounded(
    start, folder, ask, noon, monkeypatch
):
    monkeypatch.setattr(segment, "ROLL_BLOBS", 10)
    journal = start()
    for n in range(21):
        keep(journal, ask(f"question {n} " * 99), f"x{n:02}", noon + n)

    assert len(segment.segments(folder)) == 3
    assert len(ids(folder)) == 21


def test_an_exchange_ends_in_the_file_where_it_began(start, folder, ask, noon):
    journal = start(sync="none")
    entry = journal.begin(ask("a long one"), "long", noon)
    journal.forwarded(entry, b"first ")
    journal.commit(noon)
    keep(journal, ask("hello"), "short", noon + DAY, b"hi")
    journal.forwarded(entry, b"second")
    journal.ended(entry, "answered", noon + DAY + 1)
    journal.commit(noon + DAY + 1)
    newer = segment.segments(folder)[1]
    newer.unlink()

    found = load(folder, "long")
    assert (found.answer(), found.outcome) == (b"first second", "answered")
    assert not found.is_running


@pytest.mark.parametrize("sync", ["none", "second", "always"])
def test_a_file_is_given_back_once_nothing_runs_in_it(sync, start, folder, ask, noon):
    journal = start(sync=sync)
    for n in range(3):
        keep(journal, ask("hello"), f"x{n}", noon + n * DAY)
        journal.sync()
    journal.commit(noon + 2 * DAY)

    assert [segment.in_use(path) for path in segment.segments(folder)] == [False, False, True]


def test_a_file_is_not_given_back_before_the_disk_has_all_of_it(start, folder, ask, noon):
    journal = start(sync="second")
    keep(journal, ask("hello"), "a", noon)
    keep(journal, ask("hello"), "b", noon + DAY)
    journal.commit(noon + DAY)

    assert segment.in_use(segment.segments(folder)[0])
    journal.sync()
    journal.commit(noon + DAY)
    assert not segment.in_use(segment.segments(folder)[0])


def test_an_exchange_without_an_end_runs_while_its_writer_lives_and_is_unfinished_after(start, folder, ask, noon):
    journal = start()
    journal.begin(ask("hello"), "x", noon)
    journal.commit(noon)

    assert load(folder, "x").outcome == "running"
    journal.close(noon)
    assert load(folder, "x").outcome == "unfinished"


def test_a_second_end_is_none(start, folder, ask, noon):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    journal.ended(entry, "answered", noon, status=200)
    journal.ended(entry, "cancelled", noon)
    journal.commit(noon)

    assert load(folder, "x").outcome == "answered"


def test_two_gateways_may_write_to_one_folder_at_the_same_time(start, folder, ask, noon):
    one, other = start(), start()
    keep(one, ask("hello"), "a", noon)
    keep(other, ask("hello"), "b", noon)

    assert ids(folder) == ["a", "b"]
    assert len(segment.segments(folder)) == 2


def test_a_clock_that_is_set_back_stops_nothing(start, folder, ask, noon):
    journal = start()
    entry = journal.begin(ask("hello"), "x", noon)
    journal.ended(entry, "answered", noon - 3600)
    journal.commit(noon - 3600)

    assert load(folder, "x").ended_s == noon


def test_folder_and_files_are_for_their_owner_alone(start, folder, ask, noon):
    keep(start(), ask("hello"), "x", noon)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


def test_a_journal_that_is_off_takes_everything_and_keeps_nothing(ask, noon, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal.off()
    entry = journal.begin(ask("hello"), "x", noon)
    journal.answering(entry, 1, target, noon, status=200)
    journal.forwarded(entry, b"hi")
    journal.ended(entry, "answered", noon)
    journal.commit(noon)
    journal.sync()
    journal.prune(noon)
    journal.close(noon)

    assert journal.written_bytes == 0
    assert list(tmp_path.iterdir()) == []


def test_other_files_in_the_folder_are_left_alone(start, folder, ask, noon, tmp_path):
    keep(start(), ask("hello"), "x", noon)
    (folder / "notes.txt").write_text("mine")
    (folder / "20260101T000000.000Z.journal").write_bytes(b"")
    (folder / "20260101T000001.000Z.journal").write_bytes(b"a text of somebody's that is no segment at all")
    (folder / "20260101T000002.000Z.journal").symlink_to(tmp_path / "nowhere")

    assert ids(folder) == ["x"]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert ids(tmp_path / "none") == []
    assert load(tmp_path / "none", "x") is None


def test_a_path_and_a_model_that_are_no_text_are_kept_as_far_as_they_are(start, folder, ask, noon):
    keep(start(), ask("hello", path="/v1/\udce9", model="m\ud800"), "x", noon)

    begin = load(folder, "x").begin
    assert (begin.path, begin.model) == ("/v1/?", "m?")
    assert load(folder, "x").body() == ask("hello").body


def test_a_folder_that_cannot_be_read_is_said_in_a_sentence(tmp_path):
    (tmp_path / "journal").write_text("a file")

    with pytest.raises(StoreError, match="cannot be read: Not a directory"):
        ids(tmp_path / "journal")
