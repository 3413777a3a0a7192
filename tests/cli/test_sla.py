"""``stillup sla`` and ``stillup switch`` as commands."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from stillup.cli.main import cli, run
from stillup.cli.risk.sla_view import as_csv, render
from stillup.cli.risk.switch import render as render_switch
from stillup.store import open_store
from tests.daemon.sla_world import fill

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGIN = NOW - timedelta(days=1)
PLAN = "every paying account, for each region"
CONFIG = f"""
services = ["claude", "bedrock"]
[[sla.agreements]]
service = "bedrock"
plan = "{PLAN}"
bill = 1000
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A configuration over a day with an hour of outage, begun half a day ago, of two services."""
    folder = tmp_path_factory.mktemp("cli-sla")
    path = folder / "stillup.toml"
    path.write_text(f'data = "{folder}/data"\n{CONFIG}')
    with open_store(folder / "data" / "stillup.db") as store:
        fill(store, BEGIN, 1, {700: 60}, every=5)
        fill(store, BEGIN, 1, {700: 60}, service="bedrock", every=5)
    return path


@pytest.fixture
def out(config):
    def ask(*words, code=0):
        done = CliRunner().invoke(cli, [*words, "--config", str(config)], standalone_mode=False, catch_exceptions=False)
        assert done.return_value == code
        return done.stdout

    return ask


def test_every_side_has_a_line_of_its_own_and_nothing_is_added_up(out):
    told = out("sla", "claude", "--month", f"{BEGIN:%Y-%m}")
    assert "Claude API" in told
    for side in ("our probes", "official page", "stillup's verdict"):
        assert side in told
    assert "no two of them are ever added up" in told


def test_as_json_it_is_a_list_of_figures(out):
    rows = json.loads(out("sla", "--json", "--month", f"{BEGIN:%Y-%m}"))
    assert {r["service"] for r in rows} <= {"claude", "bedrock"}
    probe = next(r for r in rows if r["service"] == "bedrock" and r["side"] == "probe")
    assert probe["low"] <= probe["available"] <= probe["high"]
    assert probe["target"] == 0.999


def test_the_target_of_the_command_line_is_in_force(out):
    rows = json.loads(out("sla", "claude", "--json", "--target", "95", "--month", f"{BEGIN:%Y-%m}"))
    assert {r["target"] for r in rows} == {0.95}


def test_the_figures_and_the_report_are_written_to_files(out, tmp_path):
    out("sla", "--html", str(tmp_path / "r.html"), "--csv", str(tmp_path / "r.csv"), "--month", f"{BEGIN:%Y-%m}")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert rows
    assert len({tuple(r) for r in rows}) == 1
    page = (tmp_path / "r.html").read_text()
    assert "<svg" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits_the_terminal(config, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    told = CliRunner().invoke(cli, ["sla", "--config", str(config)], standalone_mode=False).stdout
    assert told
    assert max(len(line) for line in told.splitlines()) <= width


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sla", "claude", "--month", "2026-13"], "allowed: as 2026-10"),
        (["sla", "claude", "--month", "2999-01"], "has not begun yet"),
        (["sla", "claude", "--target", "nan"], "nan"),
        (["sla", "claude", "--target", "0.999"], "range"),
        (["sla", "nobody-at-all"], "nobody-at-all"),
        (["sla", "claude", "--html", "/nowhere/at/all.html"], "cannot be written"),
        (["switch", "claude", "--incident", "x\x1b[31m"], "no incident of Claude is called"),
        (["switch", "claude", "--task", "image"], "does nothing of image"),
    ],
)
def test_what_cannot_be_is_refused_and_said_why(config, capsys, words, says):
    assert run([*words, "--config", str(config)]) == 64
    told = capsys.readouterr().err
    assert says in told
    assert "\x1b" not in told


def test_without_a_database_it_says_what_would_measure(tmp_path, capsys):
    (tmp_path / "c.toml").write_text(f'data = "{tmp_path}/none"\n')
    assert run(["sla", "claude", "--config", str(tmp_path / "c.toml")]) == 0
    said = capsys.readouterr()
    assert (said.out + said.err).count("Nothing was measured") == 1


def test_a_name_that_a_spreadsheet_would_run_is_text():
    from stillup.cli.risk.sla_view import _safe

    assert [_safe(v) for v in ("=cmd()", "\t@x", "\x1b[31mapi", 1, None)] == [
        "'=cmd()",
        "'@x",
        "[31mapi",
        1,
        None,
    ]
    assert as_csv([]).count("\n") == 1
    assert render([], 80) is not None


def test_stay_or_switch_says_what_it_rests_on_and_what_is_not_known(out):
    told = out("switch", "claude")
    assert told.startswith("Claude for conversation: ")
    for part in ("This incident", "Down, in hours a year", "As a backup", "What moves", "What does not", "Not known"):
        assert part in told
    assert "no record of outages says that" in told


def test_stay_or_switch_as_json_has_the_same_figures(out):
    told = json.loads(out("switch", "claude", "--json"))
    assert told["advice"] in ("stay_and_add_a_backup", "too_little_known")
    assert all(0 <= r["better"] <= 1 for r in told["rivals"] if r["better"] is not None)
    assert told["lengths"]["this_s"] == 3600 + 120
    assert render_switch is not None
