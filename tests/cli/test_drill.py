"""``stillup drill``: the plan, the list, the report, and a run that is seen."""

from __future__ import annotations

import json
import os
import re

import pytest

from stillup.cli.main import run
from stillup.daemon.drill.under_way import UnderWay, running
from stillup.drill.history import keep
from stillup.drill.values import Where
from tests.drill import drills

LOCAL = ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL", "STILLUP_OFFLINE_URL")
NOWHERE = "http://127.0.0.1:9"
NEWEST, OLDER = drills.drill(drills.scene(), drills.full_scene()), drills.drill(days_ago=31, where=Where.GATEWAY)


@pytest.fixture
def drill(tmp_path, monkeypatch, capsys):
    """Runs the command on a machine without a local model, with a configuration of its own."""
    for name in [n for n in os.environ if n.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    for name in LOCAL:
        monkeypatch.setenv(name, NOWHERE)
    config = tmp_path / "stillup.toml"

    def ask(*arguments, more="", kept=()):
        config.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{more}")
        for each in kept:
            keep(tmp_path / "data" / "drills", each)
        code = run(["drill", *arguments, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def test_before_the_first_drill_the_list_says_how_to_begin_and_a_report_is_refused(drill):
    code, out, _ = drill("list")
    assert (code, "stillup drill run" in out) == (0, True)
    assert drill("list", "--json")[1].strip() == "[]"
    code, _, err = drill("report")
    assert code == 64
    assert "no drill was run yet" in err


def test_the_list_has_the_newest_first_each_with_its_finding(drill):
    code, out, _ = drill("list", kept=[OLDER, NEWEST])
    assert code == 0
    assert out.index(NEWEST.id) < out.index(OLDER.id)
    assert out.count("100 % continuity with your backups, 25 % without.") == 2
    assert "(real requests)" in out
    told = json.loads(drill("list", "--json")[1])
    assert [(one["id"], one["continuity"], one["whole"]) for one in told] == [(NEWEST.id, 1, True), (OLDER.id, 1, True)]
    assert told[0]["scenes"][1]["lanes"]["without them"]["score"]["errors"] == 3


def test_what_can_be_played_is_listed_by_name(drill):
    _, out, _ = drill("list", "--scenes")
    for name in ("mode:529", "mode:cut", "provider:claude", "all", "green_page"):
        assert f"\n{name} " in f"\n{out}", name
    assert {"scene": "mode:429", "title": "first: 429: too many requests"} in json.loads(
        drill("list", "--scenes", "--json")[1]
    )


def test_a_report_is_the_newest_or_the_one_whose_id_begins_so(drill):
    _, out, _ = drill("report", kept=[OLDER, NEWEST])
    assert out.startswith("# Drill of 2026-11-02 09:30 UTC")
    assert drill("report", "202610")[1].startswith("# Drill of 2026-10-02 09:30 UTC")
    whole = json.loads(drill("report", "--json")[1])
    assert whole["drill"]["id"] == NEWEST.id
    for beginning, says in (("1999", "no drill's ID begins with '1999'"), ("2026", "the ID of 2 drills begins with")):
        code, _, err = drill("report", beginning)
        assert (code, says in err) == (64, True)


def test_a_report_is_written_where_it_is_wanted(drill, tmp_path):
    html, text = tmp_path / "r.html", tmp_path / "r.md"
    code, out, err = drill("report", "--html", str(html), "--markdown", str(text), kept=[OLDER, NEWEST])
    assert (code, out) == (0, "")
    assert "All drills so far" in html.read_text("utf-8")
    assert text.read_text("utf-8").startswith("# Drill of")
    assert str(html) in "".join(err.split("\n"))
    code, _, err = drill("report", "--html", str(tmp_path / "nowhere" / "r.html"))
    assert (code, "cannot be written: No such file" in err) == (64, True)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_there(drill, tmp_path):
    drill("list", kept=[NEWEST])
    (tmp_path / "data" / "drills" / "20261103T000000-0000.json").write_text("{")
    code, out, err = drill("list")
    assert (code, NEWEST.id in out) == (0, True)
    assert "20261103T000000-0000.json: cannot be read" in "".join(err.split("\n"))


def test_the_plan_goes_from_the_small_to_the_worst_and_says_why(drill, tmp_path):
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "claude.md").write_text("- [ ] Tell the team in #ai\n")
    code, out, _ = drill("plan", "--minutes", "60")
    assert code == 0
    assert out.startswith("# A drill of ")
    assert "First mend: no backups are chosen for any task" in out
    assert "`stillup drill run provider:claude`" in out
    assert "- [ ] By hand: Tell the team in #ai" in out
    assert out.index("6 ways to fail: 429") < out.index("Every provider is out of reach")
    told = json.loads(drill("plan", "--minutes", "120", "--json")[1])
    assert told["minutes"] == 120
    assert sum(item["minutes"] for item in told["items"]) <= 112


def test_a_run_is_told_as_it_goes_on_is_kept_and_gives_0_when_nothing_was_lost(drill, tmp_path):
    html = tmp_path / "r.html"
    code, out, err = drill("run", "529", "--html", str(html))
    assert code == 0, err
    assert "100 % continuity with your backups, 0 % without." in " ".join(out.split())
    assert "[1/1] DRILL: first fails" in err
    assert err.count(": lost (") == 1
    assert html.read_text("utf-8").startswith("<!doctype html>")
    assert "first: 529: overloaded" in drill("list")[1]


def test_a_run_without_a_backup_says_exactly_what_was_lost_and_gives_1(drill):
    more = (
        '[[gateway.upstreams]]\nid = "only"\nprotocol = "anthropic"\nbase_url = "https://api.anthropic.com"\n'
        'service = "claude"\n[[gateway.routes]]\nchain = ["only/claude-sonnet-5-5"]\n'
    )
    code, out, _ = drill("run", "mode:refused", more=more)
    text = " ".join(out.split())
    assert code == 1
    assert "0 % continuity with your backups" in text
    assert "Lost in “only: no connection: it is refused”:" in text
    assert "characters of each answer never came" in text


def test_a_run_for_programs_is_one_line_of_json(drill):
    code, out, err = drill("run", "mode:empty", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["whole"], told["simulated"], told["scenes"][0]["scene"]) == (True, True, "mode:empty")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "mode:nothing"), "no scene is called 'mode:nothing'"),
        (("run", "cut@nobody"), "cannot hit 'nobody'; your routes have: first, second"),
        (("run", "529", "--all"), "--all plays every scene"),
        (("run", "529", "--for", "soon"), "soon"),
        (("run", "529", "--on-gateway"), "no gateway answers at "),
        (("plan", "--minutes", "1"), "10<=x<=240"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_can(drill, arguments, says):
    code, _, err = drill(*arguments)
    assert (code, says in err) == (64, True), err


def test_where_no_drill_is_under_way_there_is_none_to_end(drill):
    code, _, err = drill("abort")
    assert (code, err.strip()) == (1, "No drill is under way.")


def test_on_a_terminal_the_plan_is_set_out_within_its_width(drill, monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "60")):
        monkeypatch.setenv(name, value)
    _, out, _ = drill("plan", "--color")
    words = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "**" not in words
    assert max(map(len, words.splitlines())) <= 60


def test_what_is_under_way_cannot_steer_the_terminal(drill, tmp_path):
    told = UnderWay(id="x", since=NEWEST.at, where=Where.MIRROR, says=drills.EVIL)
    with running(tmp_path / "data" / "drills", told):
        for arguments in (("abort",), ("run", "529")):
            _, _, err = drill(*arguments)
            assert "under way" in err or "told to end" in err
            assert "\x1b" not in err
            assert "\u202e" not in err
