"""``stillup store``: moved, saved, brought back, checked; and no password on any line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from stillup.cli.main import cli
from stillup.cli.main import run as run_command
from stillup.model.signal import Alive
from stillup.model.verdict import Verdict
from stillup.store import open_store

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
HIDDEN = "not-to-be-shown"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command with a data folder of the test's own; its exit code and what it said on both streams."""
    monkeypatch.delenv("STILLUP_DATABASE_URL", raising=False)
    (tmp_path / "stillup.toml").write_text(f'data = "{tmp_path / "data"}"\n')

    def go(*words):
        given = ["store", *map(str, words), "--config", str(tmp_path / "stillup.toml")]
        code = run_command(given)
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


@pytest.fixture
def kept(tmp_path):
    """Something kept in the data folder."""
    with open_store(tmp_path / "data" / "stillup.db") as store:
        store.commit_step([Verdict(at=NOON + timedelta(minutes=n), service="claude") for n in range(5)], [], {})
        store.record(Alive(at=NOON, service="claude", source="reddit") for _ in range(7))
    return tmp_path / "data" / "stillup.db"


def changes(path):
    with open_store(path) as store:
        return store.transitions()


def test_a_move_says_what_it_moved_and_that_both_hold_the_same(run, kept, tmp_path):
    code, out, err = run("move", "--to", tmp_path / "new.db")
    assert (code, err) == (0, "")
    assert "Both hold the same, row by row" in out
    assert ["transitions", "5", "5"] in [line.split()[:3] for line in out.splitlines()]
    assert changes(tmp_path / "new.db") == changes(kept)


def test_a_move_for_machines_has_a_count_and_a_digest_a_table(run, kept, tmp_path):
    code, out, _ = run("move", "--to", tmp_path / "new.db", "--json")
    tables = {t["table"]: t for t in json.loads(out)["tables"]}
    assert code == 0
    assert (tables["signals"]["rows"], tables["transitions"]["copied"]) == (7, 5)
    assert len(tables["signals"]["digest"]) == 64


def test_a_backup_is_brought_back_and_overwrites_nothing(run, kept, tmp_path):
    assert run("backup", tmp_path / "saved.db")[0] == 0
    code, _, err = run("backup", tmp_path / "saved.db")
    assert code == 64
    assert "never overwrites" in err
    code, _, err = run("restore", tmp_path / "saved.db")
    assert code == 70
    assert "a move needs an empty one (transitions: 5 rows)" in err
    assert run("restore", tmp_path / "saved.db", "--to", tmp_path / "new.db")[0] == 0
    assert changes(tmp_path / "new.db") == changes(kept)
    assert [f.name for f in tmp_path.iterdir() if f.name.endswith(".part")] == []


def test_a_check_says_what_is_there_and_that_all_of_it_can_be_read(run, kept):
    code, out, _ = run("check")
    assert code == 0
    assert str(kept) in out
    assert "of no installation" in out
    assert "Every row can be read" in out


def test_a_check_of_a_damaged_row_says_so(run, kept):
    with closing(sqlite3.connect(kept)) as conn, conn:
        conn.execute("UPDATE signals SET value = '{' WHERE seq < 3")
        conn.execute("INSERT INTO evidence VALUES (99, 0, 'crowd', 'alarm', '{}')")
    code, out, _ = run("check", kept, "--json")
    assert code == 65
    faults = json.loads(out)["faults"]
    assert "2 rows of signals cannot be read by this version of stillup" in faults
    assert "1 rows of evidence belong to no change" in faults


def test_whose_it_is_can_be_forgotten(run, kept):
    with open_store(kept) as store:
        store.claim("prod", NOON)
    assert "of the installation 'prod'" in run("check")[1]
    assert "it was of 'prod'" in run("release")[1]
    assert "of no installation" in run("check")[1]


@pytest.mark.parametrize("words", [("check",), ("move", "--to"), ("backup", "saved.db", "--from")])
def test_an_address_in_a_variable_is_never_shown(run, kept, words, monkeypatch, tmp_path):
    monkeypatch.setenv("OURS", f"postgresql://stillup:{HIDDEN}@127.0.0.1:1/stillup")
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words, "env:OURS")
    assert code == 70
    assert "nothing listens at the database postgresql://127.0.0.1:1/stillup" in err
    assert HIDDEN not in out + err


def test_a_password_on_the_command_line_is_warned_of_and_not_said_again(run):
    code, out, err = run("check", f"postgresql://stillup:{HIDDEN}@127.0.0.1:1/stillup")
    assert code == 70
    assert "a password on the command line can be seen" in err
    assert HIDDEN not in out + err


@pytest.mark.parametrize(
    ("where", "code", "says"),
    [
        ("env:NOBODY_SET_THIS", 64, "the variable NOBODY_SET_THIS holds nothing"),
        ("mysql://db/x", 70, "a database is a file, or postgresql://"),
        ("/nowhere/at/all.db", 70, "there is no database at /nowhere/at/all.db"),
    ],
)
def test_what_is_no_database_is_said(run, where, code, says):
    got, _, err = run("check", where)
    assert got == code
    assert says in err


def test_every_command_says_what_it_does():
    said = CliRunner().invoke(cli, ["store", "--help"]).output
    for word in ("move", "backup", "restore", "check", "release"):
        assert word in said
