"""The team's own steps: what a list in Markdown becomes, and what a bad file costs (a sentence, nothing more)."""

import os
from pathlib import Path

import pytest

from stillup.daemon.team import MOST_BYTES, MOST_LETTERS, MOST_STEPS, TeamSteps, read_steps
from stillup.errors import BadDataError
from stillup.model.service import OutageClass
from stillup.response.playbook import Done, Step


@pytest.fixture
def written(tmp_path):
    def write(text, name="all.md"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_list_items_are_steps_and_the_rest_is_for_readers_of_the_file(written):
    text = """# When it is down

Some words first.

- Ring the **desk**, `#ops`, see [the wiki](https://wiki.example/x).
- [x] Backups are made every hour.
- [ ] Close the shop
  front for new orders.

  With a paragraph that explains it.
  1. first the till
  2. then the door

> - quoted
"""
    assert read_steps(written(text)) == (
        Step(says="Ring the desk, #ops, see the wiki (https://wiki.example/x).", team=True),
        Step(says="Backups are made every hour.", done=Done.DONE, team=True),
        Step(says="Close the shop front for new orders.", team=True),
        Step(says="first the till", team=True),
        Step(says="then the door", team=True),
        Step(says="quoted", team=True),
    )


@pytest.mark.parametrize("text", ["", "no list at all", "```\n- code\n```"])
def test_a_file_without_a_list_has_no_steps(written, text):
    assert read_steps(written(text)) == ()


def test_markup_and_control_characters_are_text_or_nothing(written):
    (step,) = read_steps(written("- <script>alert(1)</script> now\x1b[2J\u202e x"))
    assert "\x1b" not in step.says
    assert "\u202e" not in step.says


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a\n\n- b\n-\n", 4, "a step without a word"),
        (f"- a\n- {'b' * (MOST_LETTERS + 1)}\n", 2, "letters"),
        ("- a\n" * (MOST_STEPS + 1), MOST_STEPS + 1, f"more than {MOST_STEPS} steps"),
        (b"- a\n- \xff\n", 2, "not UTF-8"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_line(written, text, line, why):
    path = written(text)
    with pytest.raises(BadDataError, match=why) as told:
        read_steps(path)
    assert str(told.value).startswith(f"{path}:{line}: ")


def test_a_file_that_never_ends_is_not_read_to_its_end(written):
    with pytest.raises(BadDataError, match="larger than 64 KiB"):
        read_steps(written("x" * (MOST_BYTES + 1)))


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "all.md")
    with pytest.raises(BadDataError, match="is no file"):
        read_steps(tmp_path / "all.md")


def test_steps_come_for_everything_then_for_the_service_then_for_the_class(written, tmp_path):
    for name in ("all", "claude", "chatgpt", "authentication"):
        written(f"- of {name}", f"{name}.md")
    team = TeamSteps(tmp_path, pytest.fail)
    team.refresh()
    of = [step.says for step in team.of("claude", OutageClass.AUTHENTICATION)]
    assert of == ["of all", "of claude", "of authentication"]
    assert [step.says for step in team.of("gemini", None)] == ["of all"]


def test_a_file_that_changes_is_read_again_and_one_that_goes_is_forgotten(written, tmp_path):
    team = TeamSteps(tmp_path, pytest.fail)
    path = written("- one")
    team.refresh()
    written("- one\n- two")
    team.refresh()
    assert len(team.of("claude", None)) == 2
    path.unlink()
    team.refresh()
    assert team.of("claude", None) == ()


def test_a_bad_file_is_said_once_and_the_others_go_on(written, tmp_path):
    said, classes = [], ", ".join(f"{c.value}.md" for c in OutageClass)
    team = TeamSteps(tmp_path, said.append)
    written("- good")
    bad = written("-\n", "claude.md")
    stray = written("- x", "cluade.md")
    for _ in range(3):
        team.refresh()
    assert said == [
        f"{bad}:1: a step without a word",
        f"{stray}: stands for nothing; allowed: all.md, a service as claude.md, {classes}",
    ]
    assert [step.says for step in team.of("claude", None)] == ["good"]
    written("- mended", "claude.md")
    team.refresh()
    assert [step.says for step in team.of("claude", None)] == ["good", "mended"]


@pytest.mark.parametrize("folder", [None, "/nowhere/at/all"])
def test_without_a_folder_there_are_no_steps(folder):
    team = TeamSteps(Path(folder) if folder else None, pytest.fail)
    team.refresh()
    assert team.of("claude", None) == ()
