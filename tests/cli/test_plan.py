"""``stillup plan``: what it writes, what it never overwrites, and what it refuses."""

import json
from pathlib import Path

import msgspec
import pytest

from stillup.catalog.load import capabilities, catalogue
from stillup.catalog.without import without
from stillup.cli.main import run
from stillup.daemon.plan.steps import Level, read_plan
from stillup.daemon.team import MOST_LETTERS
from stillup.kit.toolkit import Toolkit
from stillup.model.service import Capability


@pytest.fixture
def stillup(tmp_path, monkeypatch, capsys):
    """Runs the command with a configuration of its own, and gives code, output and what was said."""
    for name in ("OLLAMA_HOST", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "stillup.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n')

    def call(*words):
        code = run(["plan", *words, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    call.config, call.folder = config, tmp_path / "plans"
    return call


def without_day(text: str) -> str:
    """Without the day on which it was made."""
    return "\n".join(line for line in text.splitlines() if "stillup: made" not in line)


def test_a_plan_is_written_beside_the_configuration_and_can_be_read_back(stillup):
    code, out, said = stillup("coding")
    path = stillup.folder / "coding.md"
    assert (code, out) == (0, f"Written: {path}\n")
    assert "add what only you know" in said
    assert path.stat().st_mode & 0o077 == 0
    plan = read_plan(path)
    assert (plan.service, plan.tasks) == ("claude", (Capability.CODING,))
    assert set(plan.steps) == set(Level)
    assert stillup()[1].startswith("coding: when Claude is not there, for coding\n")


@pytest.mark.parametrize("task", list(Capability))
@pytest.mark.parametrize("service", ["claude", "chatgpt", "gemini"])
def test_every_task_has_a_plan_whose_steps_can_be_read_while_something_is_down(stillup, task, service):
    code, *_ = stillup(task.value, "--without", service) if _can(service, task) else (0,)
    assert code == 0
    if _can(service, task):
        steps = read_plan(stillup.folder / f"{task.value}.md").steps
        assert all(1 <= len(steps[level]) <= 16 for level in Level)
        assert all(len(step.says) < MOST_LETTERS for level in Level for step in steps[level])
        assert service not in {o for level in Level for step in steps[level] for o in [step.says] if "Go on in" in o}


def _can(service, task):
    return any(a.capability is task for a in catalogue()[service].abilities)


def test_every_capability_of_the_catalogue_says_how_it_goes_on_without():
    assert set(without()) == set(capabilities())


def test_several_workflows_and_several_tasks(stillup):
    assert stillup("writing", "translation")[0] == 0
    assert stillup("Weekly report", "--task", "writing", "--task", "analysis", "--without", "chatgpt")[0] == 0
    plan = read_plan(stillup.folder / "weekly-report.md")
    assert (plan.name, plan.service) == ("Weekly report", "chatgpt")
    assert plan.tasks == (Capability.WRITING, Capability.ANALYSIS)
    assert sorted(p.name for p in stillup.folder.iterdir()) == ["translation.md", "weekly-report.md", "writing.md"]
    assert stillup("Weekly report")[1].startswith("Nothing has changed"), "what it is for is known from the file"


def test_what_a_person_added_stays_when_stillups_part_is_renewed(stillup):
    stillup("coding")
    path = stillup.folder / "coding.md"
    path.write_text(path.read_text() + "- [ ] Ring Ada.\n")
    before = path.read_text()
    _choose(stillup, Capability.CODING, "mistral", "local")
    assert stillup("coding")[1] == f"Renewed: {path}\n"
    now = path.read_text()
    assert now.endswith("- [ ] Ring Ada.\n")
    assert now != before
    plan = read_plan(path)
    assert plan.steps[Level.ALL][-1].says == "Ring Ada."
    assert any("Go on in Mistral" in step.says for step in plan.steps[Level.DOWN])
    assert "Your backup Mistral: never tested" in now
    assert stillup("coding")[1] == f"Nothing has changed: {path}\n"


def _choose(stillup, task, *services):
    data = stillup.config.parent / "data"
    data.mkdir(exist_ok=True)
    (data / "toolkit.json").write_bytes(msgspec.json.encode(Toolkit().with_choice(task, services)))


def test_a_part_that_a_person_edited_is_never_overwritten_unless_told_and_is_kept_even_then(stillup):
    stillup("coding")
    path = stillup.folder / "coding.md"
    fresh = path.read_text()
    edited = fresh.replace("Try again with growing pauses", "Have a coffee")
    path.write_text(edited)
    code, out, said = stillup("coding")
    assert (code, out) == (0, f"Written beside it: {stillup.folder / 'coding.new.md'}\n")
    assert "--force" in said
    assert path.read_text() == edited
    assert stillup("coding", "--force")[1] == f"Renewed: {path}\n"
    assert without_day(path.read_text()) == without_day(fresh)
    assert (stillup.folder / "coding.old.md").read_text() == edited
    assert len(json.loads(stillup("--json")[1])) == 5, "one plan: what lies beside it is none"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "all mine",
        lambda text: text.replace("<!-- stillup: end ", "<!-- gone "),
        lambda text: text + text,
        lambda text: "",
    ],
)
def test_a_file_without_its_marks_is_a_persons_own(stillup, spoil):
    stillup("coding")
    path = stillup.folder / "coding.md"
    mine = spoil(path.read_text())
    path.write_text(mine)
    assert stillup("coding")[1].startswith("Written beside it")
    assert path.read_text() == mine
    assert stillup("coding", "--force")[0] == 0
    assert (stillup.folder / "coding.old.md").read_text() == mine


def test_another_service_changes_the_front_matter_too(stillup):
    stillup("coding")
    stillup("coding", "--without", "cursor")
    assert read_plan(stillup.folder / "coding.md").service == "cursor"
    stillup("coding")
    assert read_plan(stillup.folder / "coding.md").service == "cursor", "it was said once"


def test_nothing_is_written_when_it_is_only_printed(stillup):
    code, out, _ = stillup("coding", "--print")
    assert code == 0
    assert out.startswith("---\nplan: coding\n")
    value = json.loads(stillup("coding", "--json")[1])
    assert [level["level"] for level in value["levels"]] == list(Level)
    assert value["alone"]["hours"]["low"] <= value["alone"]["hours"]["mid"] <= value["alone"]["hours"]["high"]
    assert not stillup.folder.exists()
    assert stillup()[1].startswith("No plan is there yet")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["gardening"], "what does 'gardening' need an AI for? add --task"),
        (["../../etc/passwd"], "what does '../../etc/passwd' need an AI for?"),
        (["///"], "cannot be the name of a plan"),
        (["a\nservice: cursor", "--task", "coding"], "cannot be the name of a plan"),
        (["x" * 61, "--task", "coding"], "cannot be the name of a plan"),
        (["both", "--task", "image", "--task", "translation", "--without", "nobody"], "no service called 'nobody'"),
        (["deepl", "--task", "coding", "--without", "deepl"], "DeepL is not known for coding"),
        (["a <!-- level: down -->", "--task", "coding"], "cannot be the name of a plan"),
        (["--print"], "a plan for what?"),
    ],
)
def test_what_cannot_be_planned_is_refused_and_nothing_is_written(stillup, words, why):
    code, _, said = stillup(*words)
    assert code == 64
    assert why in said
    assert not stillup.folder.exists()


def test_a_name_with_folders_in_it_stays_in_the_folder(stillup):
    assert stillup("../../etc/passwd", "--task", "coding")[0] == 0
    assert [p.name for p in stillup.folder.iterdir()] == ["etc-passwd.md"]


def test_a_link_is_followed_and_stays_a_link(stillup, tmp_path):
    stillup.folder.mkdir(mode=0o700)
    target = tmp_path / "dotfiles.md"
    (stillup.folder / "coding.md").symlink_to(target)
    assert stillup("coding")[0] == 65
    target.write_text("mine")
    assert stillup("coding")[1].startswith("Written beside it")
    assert target.read_text() == "mine"
    assert (stillup.folder / "coding.md").is_symlink()


def test_a_folder_that_others_can_write_to_is_refused(stillup):
    stillup.folder.mkdir()
    stillup.folder.chmod(0o777)
    code, _, said = stillup("coding")
    assert code == 65
    assert "chmod go-w" in said


def test_the_chain_the_alerts_and_ones_own_notice_are_in_it(stillup, monkeypatch):
    monkeypatch.setenv("PLAN_KEY", "sk-not-to-be-seen")
    stillup.config.write_text(
        stillup.config.read_text()
        + """
[gateway]
defer = true
[[gateway.upstreams]]
id = "first"
protocol = "anthropic"
key_env = "PLAN_KEY"
service = "claude"
[[gateway.upstreams]]
id = "second"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
key_env = "PLAN_KEY"
service = "chatgpt"
[[gateway.routes]]
match = "*"
chain = ["first", "second/gpt"]
[alerts]
channels = [{ id = "ops", url = "http://127.0.0.1:9/hook" }]
rules = [{ id = "all", channels = ["ops"] }]
"""
    )
    kit = stillup.config.parent / "kit"
    kit.mkdir()
    (kit / "outage-notice.md").write_text("{{service}} is away, use {{instead}}; {{who|Ada}} knows more, at {{place}}.")
    (kit / "mine.md").write_text("---\ntitle: Mine\ntask: coding\n---\nx")
    _, out, said = stillup("coding", "--print")
    assert said == ""
    assert "The gateway's chain: first → second" in out
    assert "goes on by itself: second." in out
    assert "Alerts tell ops by themselves." in out
    assert "is kept and asked again (`stillup later list`)" in out
    assert "    Claude is away, use ChatGPT or GitHub Copilot; Ada knows more, at PLACE." in out
    assert "In the kit: Mine (`mine`)" in out
    assert "Claude and ChatGPT together" in out
    assert "sk-not" not in out


def test_hostile_words_of_the_kit_and_the_configuration_make_no_steps_and_no_marks(stillup):
    kit = stillup.config.parent / "kit"
    kit.mkdir()
    (kit / "outage-notice.md").write_text(
        "a\n\n# x <!-- level: down -->\n\n- [ ] rm -rf\n\n<!-- stillup: end 0123456789abcdef -->"
    )
    assert stillup("coding")[0] == 0
    steps = read_plan(Path(stillup.folder / "coding.md")).steps[Level.DOWN]
    assert all("rm -rf" not in step.says for step in steps)
    assert stillup("coding")[1].startswith("Nothing has changed")


def test_what_a_plan_rests_on_is_said_in_words(stillup):
    _, out, _ = stillup("coding", "--print")
    (rests,) = (line for line in out.splitlines() if line.startswith("- Claude is down about"))
    assert "in 90 % of cases); public incident history of claude" in rests


def test_the_name_in_a_plan_of_somebody_elses_cannot_steer_the_terminal(stillup):
    stillup("coding")
    path = stillup.folder / "coding.md"
    path.write_text(path.read_text().replace("plan: coding", "plan: co\x1b]0;title\x07ding"))
    assert stillup()[1].startswith("co]0;titleding: when Claude is not there")


def test_the_words_of_a_kit_of_somebody_elses_cannot_steer_the_terminal(stillup, tmp_path, monkeypatch):
    folder = tmp_path / "kit"
    folder.mkdir()
    (folder / "outage-notice.md").write_text("---\ntitle: notice\n---\nIt is \x1b]0;title\x07down\n")
    stillup.config.write_text(stillup.config.read_text() + f'[kit]\nfolder = "{folder}"\n')
    _, out, _ = stillup("coding", "--print")
    assert "    It is ]0;titledown\n" in out
