"""What is proposed and shown of drills, from the configuration, the toolkit, the plans and what is under way."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from stillup.config import load_config
from stillup.daemon.drill.practice import Practising, proposal, weaknesses
from stillup.daemon.drill.under_way import UnderWay, drills_folder, running
from stillup.drill.history import keep
from stillup.drill.values import Kind, Where
from stillup.errors import UsageError
from stillup.gateway.faults.drill import DrillStatus
from stillup.kit.toolkit import Backup, Toolkit, Trial, save_toolkit
from stillup.model.service import Capability
from stillup.risk.points import Point, What
from stillup.testing import FakeClock
from tests.drill import drills

NOW = drills.AT
ROUTES = """
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "https://api.anthropic.com"
service = "claude"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "https://api.openai.com/v1"
service = "chatgpt"
[[gateway.routes]]
chain = ["a/claude-sonnet-5-5", "b/gpt-6.2-sol"]
"""


def risk(*points, of="Coding"):
    """A map of risks with one need and these single points of failure."""
    return lambda: SimpleNamespace(surveyed=[SimpleNamespace(need=SimpleNamespace(title=of), points=points)])


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{ROUTES}")
    return load_config(path, {})


@pytest.fixture
def folder(config):
    return drills_folder(config)


def practising(config, **rest):
    return Practising(config, {}, FakeClock(NOW), **{"risk": risk(), **rest})


def test_a_book_has_the_past_how_it_stands_and_what_is_next(config, folder):
    keep(folder, drills.drill(days_ago=40))
    book = practising(config).book()
    assert [drill.id for drill in book.drills] == [drills.drill(days_ago=40).id]
    assert (book.is_due, book.stands) == (True, "the last drill was 40 days ago")
    assert {play.kind for play in book.plan.plays} >= {Kind.MODE, Kind.PROVIDER, Kind.ALL, Kind.GREEN_PAGE}


def test_where_nothing_can_be_proposed_the_rest_is_shown(config, folder):
    keep(folder, drills.drill())

    def broken():
        raise UsageError("the journal is gone")

    assert practising(config, risk=broken).book().plan is not None
    (folder.parent / "toolkit.json").write_text("{")
    assert "cannot be used as your toolkit" in practising(config).book().plan.prepare[0].says


def test_a_drill_is_found_by_its_whole_id_alone(config, folder):
    keep(folder, drills.drill())
    whole = drills.drill().id
    assert practising(config).find(whole).id == whole
    for wrong in ("", "2026", f"{whole}x", "../toolkit", "\0"):
        assert practising(config).find(wrong) is None


def test_a_drill_under_way_is_told_with_what_ends_it(config, folder):
    assert practising(config).now() == ""
    for where, says in ((Where.GATEWAY, "Real requests meet it"), (Where.MIRROR, "No real request meets it")):
        with running(folder, UnderWay(id="20261102T093000-0a1b", since=NOW, where=where, says="Claude is down")):
            now = practising(config).now()
        assert now == f"Claude is down. {says}; `stillup drill abort` ends it."
    faults = [DrillStatus(upstream="a", mode="529", left_s=42.0)]
    assert practising(config, faults=lambda: faults).now() == (
        "a fails with 529 for 42 s more. Real requests meet it; `stillup gateway fault --off` ends it."
    )


def test_what_the_toolkit_says_is_to_be_mended_first(config):
    path = config.data_folder / "toolkit.json"
    assert "no backups are chosen" in next(weaknesses(config, NOW)).says

    def tested(days_ago, works=True):
        trial = Trial(at=NOW - timedelta(days=days_ago), works=works, says="key refused")
        save_toolkit(path, Toolkit(tasks={Capability.CODING: (Backup(service="chatgpt", trial=trial),)}))
        return list(weaknesses(config, NOW))

    assert tested(3) == []
    assert tested(45)[0].says == "the backups for coding were not tested of late"
    assert tested(45)[0].todo == "`stillup alternatives --test`"
    assert tested(3, works=False)[0].says == "ChatGPT did not work when it was tested: key refused"


def test_single_points_of_failure_come_before_what_was_never_practised(config):
    points = (
        Point(what=What.CLOUD, id="aws", sure=0.3, says="perhaps"),
        Point(what=What.SERVICE, id="claude", sure=1.0, says="nothing stands in for Claude"),
        Point(what=What.MACHINE, id="machine", sure=1.0, says="this machine"),
    )
    plan = proposal(config, {}, NOW, (), 30, risk=risk(*points))
    why = {item.plays[0].key: item.why for item in plan.items}
    assert why["provider:claude"] == "Coding: nothing stands in for Claude"
    assert set(why.values()) == {"never practised", "Coding: nothing stands in for Claude"}


def test_steps_of_plans_and_of_the_team_stand_with_the_outage_they_are_for(config):
    beside = config.path.parent
    for name in ("playbook", "plans"):
        (beside / name).mkdir()
    (beside / "playbook" / "claude.md").write_text("- [ ] Tell the team in #ai\n")
    (beside / "plans" / "coding.md").write_text(
        "---\nplan: coding\nservice: claude\ntask: [coding]\n---\n"
        "## Down <!-- level: down -->\n- [ ] Go on in Cursor.\n## All <!-- level: all -->\n- [ ] Write by hand.\n"
    )
    plan = proposal(config, {}, NOW, (), 60, risk=risk())
    steps = {item.plays[0].key: [step.says for step in item.by_hand] for item in plan.items}
    assert steps["provider:claude"] == ["Go on in Cursor.", "Tell the team in #ai"]
    assert steps["all"] == ["Write by hand."]
    assert steps["provider:chatgpt"] == []


def test_a_bad_file_of_steps_ends_no_proposal(config):
    (config.path.parent / "plans").mkdir()
    (config.path.parent / "plans" / "bad.md").write_bytes(b"\xff\xfe- [ ] no")
    assert proposal(config, {}, NOW, (), 30, risk=risk()).items
