"""``stillup gateway journal`` shows what was kept, to people and programs."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from stillup.cli.gateway.journal import journal_commands
from stillup.errors import StillupError, UsageError
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.core.views import Try
from stillup.gateway.journal.segment import segments

ANSWER = (
    b'data: {"type":"content_block_delta","delta":{"text":"It is.\\u001b[2J\\n\\tSince"}}\n\n',
    b'data: {"type":"content_block_delta","delta":{"text":" noon."}}\n\n',
)


@pytest.fixture
def kept(start, ask, noon, target):
    """Three exchanges: one that failed over, one that was answered at once, one that never ended."""
    journal = start()
    for n, words in enumerate(("Is it down?", "Since when?", "And now?")):
        entry = journal.begin(ask("Hello.", "Hi.", words), f"req-{n}", noon + n)
        if n == 0:
            failed = Try(target=target, model="m", operation=Operation.GENERATE, ok=False, fault=Fault.RESET)
            journal.tried(entry, 1, failed, noon, why="first choice")
        journal.answering(entry, 2, target, noon, status=200)
        for chunk in ANSWER:
            journal.forwarded(entry, chunk)
        if n < 2:
            journal.ended(entry, "answered", noon + n + 3, status=200)
    journal.commit(noon)
    journal.close(noon)


@pytest.fixture
def run(tmp_path, capfdbinary):
    """Run the command; its exit code and what it printed."""
    config = tmp_path / "stillup.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n')

    def call(*args):
        code = journal_commands.main([*args, "--config", str(config)], prog_name="journal", standalone_mode=False)
        return code, *capfdbinary.readouterr()

    return call


def test_the_list_has_a_line_for_each_exchange_newest_first(kept, run):
    code, out, _ = run()
    lines = out.decode().splitlines()[1:]

    assert code == 0
    assert ["req-2" in lines[0], "req-1" in lines[1], "req-0" in lines[2]] == [True] * 3
    assert all(word in lines[2] for word in ("2026-04-07 12:00 UTC", "claude-opus", "Is it down?", "answered"))
    assert "unfinished" in lines[0]


def test_the_list_has_one_line_for_each_and_keeps_ids_whole_on_a_narrow_screen(kept, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(run()[1].splitlines()) == 4
    monkeypatch.setenv("COLUMNS", "60")
    assert all(f"req-{n}  " in run()[1].decode() for n in range(3))


def test_the_list_cuts_no_outcome_on_a_very_narrow_screen(kept, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = run()[1].decode().splitlines()
    assert [word in line for word, line in zip(("unfinished", "answered", "answered"), lines[1:], strict=True)] == [
        True
    ] * 3


def test_a_refused_exchange_says_that_nobody_was_asked(start, ask, noon, run):
    journal = start()
    journal.ended(journal.begin(ask("Hello."), "refused-1", noon), "refused", noon, status=404)
    journal.close(noon)
    out = run("show", "refused-1")[1].decode()

    assert "refused (404)" in out
    assert "nobody was asked" in out


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"Over\\u001b[2Jloaded"}}',
            529,
            "Over[2Jloaded",
        ),
        (b"<h1>Bad gateway</h1>", 502, "<h1>Bad gateway</h1>"),
        (ANSWER[0] + b'event: error\ndata: {"error":{"message":"a/m: its answer broke off"}}\n\n', 200, "broke off"),
    ],
    ids=["an error", "a page", "behind an answer"],
)
def test_what_a_client_was_told_of_failure_is_shown(start, ask, noon, run, body, status, says):
    journal = start()
    entry = journal.begin(ask("Hello."), "failed-1", noon)
    journal.forwarded(entry, body)
    journal.ended(entry, "failed", noon, status=status, reason="overloaded")
    journal.close(noon)
    out = run("show", "failed-1")[1].decode()
    facts = json.loads(run("show", "failed-1", "--json")[1])

    assert says in out.partition("error:\n")[2]
    assert ("answered:" in out) == (status == 200)
    assert "(no text)" not in out
    assert facts["reason"] == "overloaded"
    assert facts["error"].replace("\x1b", "").endswith(says)


def test_a_try_that_was_given_up_is_not_said_to_have_failed(start, ask, target, noon, run):
    journal = start()
    entry = journal.begin(ask("Hello."), "left-1", noon)
    journal.tried(entry, 0, Try(target=target, model="m", operation=Operation.GENERATE, ok=False), noon, why="")
    journal.ended(entry, "abandoned", noon)
    journal.close(noon)

    assert "a/m: given up after 0 ms\n" in run("show", "left-1")[1].decode()


def test_a_config_named_before_a_subcommand_counts_for_it(kept, run, tmp_path):
    before = ["--config", str(tmp_path / "stillup.toml")]
    assert journal_commands.main([*before, "show", "req-0"], prog_name="journal", standalone_mode=False) == 0


def test_the_list_for_programs_is_an_object_a_line(kept, run):
    found = [json.loads(line) for line in run("--json", "--last", "2")[1].splitlines()]

    assert [one["id"] for one in found] == ["req-2", "req-1"]
    assert found[1] == {
        "id": "req-1",
        "at": "2026-04-07T12:00:01Z",
        "ended_at": "2026-04-07T12:00:04Z",
        "protocol": "anthropic",
        "operation": "generate",
        "model": "claude-opus",
        "stream": True,
        "outcome": "answered",
        "status": 200,
        "reason": None,
        "upstream": "a",
        "asked": "Since when?",
        "tries": [],
        "seams": [],
    }


def test_one_exchange_is_shown_with_its_tries_its_question_and_its_answer(kept, run):
    out = run("show", "req-0")[1].decode()

    assert "model claude-opus, answered (200) after 3.0 s\n" in out
    assert "a/m: failed: the connection broke after 0 ms. first choice\n" in out
    assert "asked:\nIs it down?\n" in out
    assert "answered:\nIt is.[2J\n    Since noon.\n" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("instruction", ", asked to by an instruction"),
        ("prefill", ", with the beginning as a prefill"),
        ("", ""),
        ("new", ", new"),
    ],
)
def test_where_an_answer_broke_off_and_who_went_on_is_told_in_words(start, ask, noon, target, run, form, says):
    journal = start()
    entry = journal.begin(ask("Hello."), "seam-1", noon)
    journal.answering(entry, 0, target, noon, status=200)
    journal.forwarded(entry, ANSWER[0])
    other = replace(target, upstream="b")
    journal.seam(entry, 1, other, noon, model="n", broken=0, fault="cut", characters=13, form=form)
    journal.forwarded(entry, ANSWER[1])
    journal.ended(entry, "answered", noon, status=200)
    journal.close(noon)

    shown = " ".join(run("show", "seam-1")[1].decode().split())
    assert f"broke off behind 13 characters (its answer broke off); b/n went on{says} " in shown
    assert json.loads(run("--json")[1])["upstream"] == "a, b"


def test_the_bytes_of_request_and_answer_come_as_they_were_sent(kept, run, ask):
    assert run("show", "req-1", "--raw", "request")[1] == ask("Hello.", "Hi.", "Since when?").body
    assert run("show", "req-1", "--raw", "answer")[1] == b"".join(ANSWER)


def test_one_exchange_for_programs_has_the_text_of_its_answer(kept, run):
    found = json.loads(run("show", "req-0", "--json")[1])

    assert found["answer"] == "It is.\x1b[2J\n\tSince noon."
    assert found["tries"][0]["fault"] == "reset"


def test_a_beginning_of_several_ids_is_refused_with_the_ids_that_begin_so(kept, run):
    with pytest.raises(
        UsageError, match=r"^'req' is the beginning of several ids: req-2, req-1, req-0; say more"
    ) as no:
        run("show", "req")
    assert no.value.exit_code == 64


def test_an_id_that_is_whole_is_found_though_another_begins_so(start, ask, noon, run):
    journal = start()
    for id_ in ("req-1", "req-12"):
        journal.begin(ask("Hello."), id_, noon)
    journal.commit(noon)
    journal.close(noon)
    assert run("show", "req-1")[1].startswith(b"req-1  ")


def test_an_id_nobody_has_is_refused_with_a_hint(kept, run):
    with pytest.raises(UsageError, match="lists them"):
        run("show", "nope")


def test_a_request_that_is_damaged_is_not_passed_off_as_an_empty_one(start, folder, ask, noon, run):
    journal = start()
    journal.ended(journal.begin(ask("a long question " * 99), "x", noon), "answered", noon)
    journal.close(noon)
    (path,) = segments(folder)
    path.write_bytes(path.read_bytes().replace(b"a long", b"a wrong", 1).replace(b"question", b"questin", 1))

    assert run("--json")[0] == 0
    with pytest.raises(StillupError, match="damaged"):
        run("show", "x", "--raw", "request")


def test_pruning_says_what_went_and_what_is_left(kept, run, folder):
    assert run("prune", "--max-mb", "1", "--days", "36500")[1].startswith(b"0 files deleted")
    assert run("prune", "--max-mb", "0")[1].startswith(b"1 file deleted (0.0 MB), 0.0 MB kept")
    assert segments(folder) == []


def test_an_empty_journal_says_how_it_would_fill(run):
    code, out, err = run()

    assert (code, out) == (0, b"")
    assert b"Nothing kept yet" in err
