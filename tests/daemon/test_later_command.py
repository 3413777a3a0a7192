"""A command that waits: what is kept of it, and whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.daemon.later.command import (
    Command,
    Health,
    Stage,
    Why,
    arguments,
    environment_of,
    has_key,
    kept_environment,
    left_out,
    missing,
    next_of,
)

WELL = {"claude": Health(0.0, "operational"), "claude/api": Health(900.0, "operational")}


def command(n=1, *words, **more):
    made = Command(id=f"cmd_{n:024x}", number=n, words=words or ("make",), folder="/", added_at_s=0.0)
    return replace(made, **{"subjects": ("claude",), **more})


def turn(*commands, health=WELL, results=None, environ=None, now_s=1_000.0, well_for_s=120.0):
    known = {c.id: c.stage is Stage.DONE if c.stage.is_over else None for c in commands} | (results or {})
    return next_of(commands, known, health, environ or {}, now_s=now_s, well_for_s=well_for_s)


def test_the_first_in_line_runs_when_what_it_waits_for_has_been_well_for_long_enough():
    found = turn(command(1), command(2))
    assert (found.why, found.command.number) == (Why.RUN, 1)


@pytest.mark.parametrize(
    ("health", "says"),
    [
        ({}, "claude: not known yet"),
        ({"claude": Health(None, "major outage")}, "claude: major outage"),
        ({"claude": Health(None, "nobody knows how it is")}, "claude: nobody knows how it is"),
        ({"claude": Health(900.0, "operational")}, "claude is operational again, and must be so for 120 s"),
    ],
)
def test_else_it_waits_and_says_why(health, says):
    found = turn(command(1), health=health)
    assert (found.why, found.command, found.waits) == (Why.NOT_YET, None, {command(1).id: says})


def test_one_that_waits_for_another_service_holds_up_nobody():
    found = turn(command(1, subjects=("claude", "chatgpt")), command(2))
    assert (found.why, found.command.number) == (Why.RUN, 2)
    assert found.waits == {command(1).id: "chatgpt: not known yet"}


def test_one_that_somebody_ordered_goes_first_whatever_is_known():
    found = turn(command(1), command(2, hurried=True), health={})
    assert found.command.number == 2


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (Stage.WAITING, Why.NOT_YET),
        (Stage.RUNNING, Why.NOT_YET),
        (Stage.DONE, Why.RUN),
        (Stage.FAILED, Why.SKIP),
        (Stage.SKIPPED, Why.SKIP),
        (Stage.UNSURE, Why.SKIP),
    ],
)
def test_what_comes_after_another_needs_its_success(before, why):
    first, second = command(1, stage=before, subjects=("nobody",)), command(2, after=command(1).id)
    assert turn(first, second).why is why


def test_what_comes_after_something_that_is_gone_is_skipped():
    found = turn(command(2, after="cmd_" + "f" * 24))
    assert (found.why, found.waits[found.command.id]) == (Why.SKIP, "cmd_" + "f" * 24 + " is not there any more")


def test_what_comes_after_a_request_waits_for_its_answer():
    request = "later_" + "0" * 24
    assert turn(command(1, after=request), results={request: None}).why is Why.NOT_YET
    assert turn(command(1, after=request), results={request: True}).why is Why.RUN
    assert turn(command(1, after=request), results={request: False}).why is Why.SKIP


def test_a_variable_that_is_not_there_keeps_it_waiting():
    wants = command(1, wants=("A_KEY",))
    assert turn(wants).waits == {wants.id: "A_KEY is not set where it would be run"}
    assert turn(wants, environ={"A_KEY": "dummy"}).why is Why.RUN
    assert missing(wants, {"A_KEY": ""}) == ("A_KEY",)


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), st.booleans(), st.integers(-1, 9)), max_size=8))
def test_only_what_waits_is_ever_run_or_skipped_and_nothing_waits_without_a_reason(rows):
    made = [
        command(n, stage=stage, hurried=hurried, after=command(after).id if after >= 0 else "")
        for n, (stage, hurried, after) in enumerate(rows)
    ]
    found = turn(*made)
    waiting = [c for c in made if c.stage is Stage.WAITING]
    if found.command is None:
        assert set(found.waits) == {c.id for c in waiting}
    else:
        assert found.command in waiting
    assert all(found.waits.values())
    assert (found.why is Why.NOTHING_WAITS) == (not waiting)


def test_what_a_program_needs_to_find_its_way_is_kept_and_nothing_else():
    environ = {
        "PATH": "/bin", "HOME": "/home/ann", "LC_ALL": "C", "ANTHROPIC_API_KEY": "dummy", "MYSQL_PWD": "x",
        "HTTPS_PROXY": "http://ann:pass@proxy", "XDG_DATA_HOME": "/x", "PYTHONPATH": "https://u:secret@host/x",
        "XDG_ODD": "\udcff",
    }  # fmt: skip
    assert kept_environment(environ) == {"HOME": "/home/ann", "LC_ALL": "C", "PATH": "/bin", "XDG_DATA_HOME": "/x"}
    assert left_out(environ | {"SSH_AUTH_SOCK": "/x"}, ("ANTHROPIC_API_KEY",)) == ()
    assert left_out(environ, ()) == ("ANTHROPIC_API_KEY",)


def test_it_gets_what_was_kept_and_by_name_what_its_runner_has():
    made = command(1, environment={"PATH": "/then"}, wants=("A_KEY",))
    runners = {"PATH": "/now", "A_KEY": "dummy", "B_KEY": "dummy", "SSH_AUTH_SOCK": "/now/agent"}
    assert environment_of(made, runners) == {"PATH": "/then", "A_KEY": "dummy", "SSH_AUTH_SOCK": "/now/agent"}


@pytest.mark.parametrize(
    "word",
    [
        "sk-ant-api03-" + "a" * 30,
        "OPENAI_API_KEY=sk-proj-" + "a" * 30,
        "Authorization: Bearer " + "a" * 20,
        "ghp_" + "a" * 36,
        "AKIA" + "A" * 16,
        "AIza" + "a" * 35,
        "https://ann:hunter2@example.org/x.git",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_key_is_seen(word):
    assert has_key(word)


@pytest.mark.parametrize(
    "word", ["make", "--model=claude-sonnet-4-5", "https://example.org/a:b@c", "Bearer $TOKEN", "sk-short", "a" * 99]
)
def test_what_does_not_is_not(word):
    assert not has_key(word)


@pytest.mark.parametrize(
    ("words", "run"),
    [
        (("make",), ("make",)),
        (("make", "test all"), ("make", "test all")),
        (("make && git push",), ("/bin/sh", "-c", "make && git push")),
        (("echo $HOME",), ("/bin/sh", "-c", "echo $HOME")),
    ],
)
def test_one_word_that_holds_more_is_a_line_for_the_shell(words, run):
    assert arguments(command(1, *words)) == run


def test_neither_words_nor_variables_are_shown():
    assert "secret" not in repr(command(1, "secret", environment={"A": "secret"}))
    assert command(1, "/usr/bin/make all secret").name == "make"
