"""A large source is read in a process of its own, and all that is read comes over."""

from __future__ import annotations

import json

import pytest

from stillup.clock import SystemClock
from stillup.vault import intake
from stillup.vault.apart import LEAST_BYTES, coming, read_apart
from stillup.vault.importing import recognise
from stillup.vault.keeping import verify
from tests.vault.talks import Given


def said(number, text):
    return {
        "uuid": f"c{number}",
        "name": f"Talk {number}",
        "created_at": "2026-01-02T03:04:05Z",
        "chat_messages": [
            {"uuid": f"m{number}-{n}", "sender": ("human", "assistant")[n % 2], "text": text,
             "attachments": [{"file_name": "notes.txt", "extracted_content": "noted"}]}
            for n in range(4)
        ],
    }  # fmt: skip


@pytest.fixture
def export(tmp_path):
    def write(*talks):
        path = tmp_path / "conversations.json"
        path.write_bytes(json.dumps(talks).encode())
        return path

    return write


def test_what_comes_over_is_what_is_read_here(export):
    path = export(said(1, "half \ud83d of a pair"), {"uuid": "c2", "name": "\udcff odd"}, said(3, "日本"))
    importer = recognise(path)

    with read_apart(path, importer, "") as reads:
        told = list(reads)

    assert told == list(coming(importer.read(path)))
    assert [one.skipped is None for one in told] == [True, False, True]


def test_it_goes_on_where_the_mark_says(export):
    path = export(*(said(n, "words") for n in range(5)))
    importer = recognise(path)
    marks = [one.mark for one in coming(importer.read(path))]

    with read_apart(path, importer, marks[2]) as reads:
        assert [one.what.id for one in reads] == ["c3", "c4"]


def test_a_reader_that_leaves_early_is_not_waited_for(export):
    path = export(*(said(n, "words " * 2_000) for n in range(200)))
    with read_apart(path, recognise(path), "") as reads:
        assert next(reads).what.id == "c0"


def test_a_process_that_ends_too_early_is_no_end_of_the_source(export, capfd):
    path = export(said(1, "words"))
    with read_apart(path, Given(name="of no kind"), "") as reads, pytest.raises(OSError, match="before it was done"):
        list(reads)
    assert "Traceback" in capfd.readouterr().err


def test_a_large_export_comes_into_the_vault_with_what_of_it_cannot_be_read(vault, export):
    path = export(*(said(n, f"words {n} " + "many " * 50_000) for n in range(9)), {"uuid": "odd", "name": "Odd"})
    assert path.stat().st_size > LEAST_BYTES

    taken = intake.take(vault, path, recognise(path), SystemClock())

    assert (sum(taken.puts.values()), taken.skips) == (9, 1)
    assert taken.skipped[0].where == "conversations.json › “Odd” › odd"
    assert {about.turns for about in vault.newest(20)} == {4}
    assert vault.load(vault.find("c7")).turns[0].attachments[0].text == "noted"
    assert verify(vault).troubles == []
