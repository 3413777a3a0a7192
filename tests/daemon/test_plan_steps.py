"""Plans read back: which lists are steps, of which level they are, and what a bad file costs (a sentence)."""

import pytest

from stillup.catalog.load import find_service
from stillup.config import parse_config
from stillup.daemon.plan.steps import Level, PlanSteps, level_of, plan_steps, plans_folder, read_plan, team_steps
from stillup.daemon.playbook import Helpers, steps_for
from stillup.daemon.team import MOST_BYTES, MOST_LETTERS, MOST_STEPS
from stillup.errors import BadDataError
from stillup.model.service import Capability, Confidence, Family, OutageClass, State
from stillup.model.verdict import Verdict
from stillup.response.playbook import Done
from stillup.testing import FakeClock

HEAD = "---\nplan: my code\nservice: claude\ntask: [coding]\n---\n"
PLAN = f"""{HEAD}
- a list of nobody's steps

## Slow <!-- level: slow -->
- [ ] Send less.

## Down <!-- level: down -->
- [ ] Go to the neighbour.
- [x] Keys are there.

### And then
- [ ] Write it by hand.

## Telephone numbers
- Ada 0123

# Alone <!--level:all-->
1. Take paper.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plans").mkdir()
    return tmp_path / "plans"


def says(steps):
    return [step.says for step in steps]


def test_a_list_is_of_the_level_of_the_nearest_heading_that_names_one_and_other_lists_are_for_readers(folder):
    path = folder / "code.md"
    path.write_text(PLAN)
    plan = read_plan(path)
    assert (plan.name, plan.service, plan.tasks) == ("my code", "claude", (Capability.CODING,))
    assert {level: says(steps) for level, steps in plan.steps.items()} == {
        Level.SLOW: ["Send less."],
        Level.DOWN: ["Go to the neighbour.", "Keys are there.", "Write it by hand."],
        Level.ALL: ["Take paper."],
    }
    assert [step.done for step in plan.steps[Level.DOWN]] == [Done.TO_DO, Done.DONE, Done.TO_DO]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# no front matter", "service: is ''; allowed"),
        ("---\nservice: claud\n---\n", "service: is 'claud'"),
        ("---\nservice: claude\ntask: [singing]\n---\n", "task: is 'singing'; allowed: writing"),
        (f"{HEAD}# x <!-- level: broken -->\n- a\n", ":7: stands under level 'broken'; allowed: slow"),
        (f"{HEAD}# x <!-- level: down -->\n-\n", ":7: a step without a word"),
        (f"{HEAD}# x <!-- level: down -->\n- {'a' * (MOST_LETTERS + 1)}\n", ":7: a step of more than"),
        (f"{HEAD}# x <!-- level: down -->\n" + "- a\n" * (MOST_STEPS + 1), f":{7 + MOST_STEPS}: more than"),
        (HEAD + "x" * MOST_BYTES, "larger than"),
        (b"---\nservice: claude\n---\n\xff", ":4: not UTF-8"),
    ],
)
def test_a_plan_that_cannot_be_used_is_named_with_its_line_and_counts_for_nothing(folder, text, why):
    path = folder / "bad.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadDataError, match=r"bad\.md") as caught:
        read_plan(path)
    assert why in str(caught.value)
    told = []
    steps = PlanSteps(folder, told.append)
    steps.refresh()
    steps.refresh()
    assert steps.plans == ()
    assert told == [str(caught.value)]  # once


def test_a_plan_is_read_again_when_it_changes_and_what_lies_beside_it_is_none(folder):
    told = []
    path = folder / "code.md"
    path.write_text(PLAN)
    for name in ("code.new.md", "code.old.md", ".hidden.md", "notes.txt"):
        (folder / name).write_text(PLAN)
    steps = PlanSteps(folder, told.append)
    steps.refresh()
    assert [plan.path for plan in steps.plans] == [path]
    path.write_text(PLAN.replace("Send less.", "Send nothing."))
    steps.refresh()
    assert says(steps.of("claude", State.DEGRADED)) == ["Send nothing."]
    path.unlink()
    steps.refresh()
    assert steps.plans == ()
    assert told == []


@pytest.mark.parametrize(
    ("state", "nobody", "level"),
    [
        (State.DEGRADED, False, Level.SLOW),
        (State.DEGRADED, True, Level.SLOW),
        (State.PARTIAL_OUTAGE, False, Level.PART),
        (State.MAJOR_OUTAGE, False, Level.DOWN),
        (State.MAJOR_OUTAGE, True, Level.ALL),
        (State.OPERATIONAL, True, None),
        (State.UNKNOWN, False, None),
        (State.MAINTENANCE, False, None),
    ],
)
def test_the_level_follows_the_state(state, nobody, level):
    assert level_of(state, nobody=nobody) is level


def test_nobody_is_left_only_where_everything_known_is_down(folder):
    (folder / "code.md").write_text(PLAN)
    steps = PlanSteps(folder, pytest.fail)
    steps.refresh()

    def of(**states):
        return says(steps.of("claude", State.MAJOR_OUTAGE, lambda s: states.get(s, State.UNKNOWN)))

    down = ["Go to the neighbour.", "Keys are there.", "Write it by hand."]
    assert of() == down
    assert of(chatgpt=State.MAJOR_OUTAGE, cursor=State.OPERATIONAL) == down
    assert of(chatgpt=State.MAJOR_OUTAGE) == ["Take paper."]
    assert of(deepl=State.MAJOR_OUTAGE) == down, "it could not stand in anyway"
    assert steps.of("chatgpt", State.MAJOR_OUTAGE) == ()


def test_the_playbook_of_an_outage_has_the_teams_steps_and_then_the_plans(tmp_path, folder):
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "all.md").write_text("- Ring Ada.\n")
    (folder / "code.md").write_text(PLAN)
    config = parse_config("", path=tmp_path / "stillup.toml")
    now = FakeClock().now()
    verdict = Verdict(
        at=now, service="claude", state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED,
        families=(Family.OFFICIAL, Family.CROWD),
    )  # fmt: skip
    steps = steps_for(find_service("claude"), verdict, now, helpers=Helpers(team=team_steps(config, pytest.fail)))
    mine = [(step.says, step.note) for step in steps if step.team]
    assert mine == [
        ("Ring Ada.", ""),
        ("Go to the neighbour.", "plan: my code"),
        ("Keys are there.", "plan: my code"),
        ("Write it by hand.", "plan: my code"),
    ]
    well = Verdict(at=now, service="claude", state=State.OPERATIONAL)
    assert steps_for(find_service("claude"), well, now, helpers=Helpers(team=team_steps(config))) == ()


def test_drills_read_the_steps_of_every_plan_for_a_service_each_once(tmp_path, folder):
    config = parse_config("", path=tmp_path / "stillup.toml")
    assert plans_folder(config) == folder
    (folder / "a.md").write_text(PLAN)
    (folder / "b.md").write_text(PLAN.replace("my code", "other").replace("Take paper", "Take chalk"))
    assert says(plan_steps(config, None, Level.ALL, pytest.fail)) == ["Take paper.", "Take chalk."]
    assert len(plan_steps(config, "claude", Level.DOWN, pytest.fail)) == 3
    assert plan_steps(config, "gemini", Level.DOWN, pytest.fail) == ()


def test_a_class_of_fault_still_has_its_own_steps(tmp_path, folder):
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "authentication.md").write_text("- Stay signed in.\n")
    team = team_steps(parse_config("", path=tmp_path / "stillup.toml"), pytest.fail)
    assert says(team.of("claude", OutageClass.AUTHENTICATION)) == ["Stay signed in."]
