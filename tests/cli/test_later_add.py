"""``stillup later add``: commands and requests put in line, shown, run, cancelled."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from msgspec.structs import replace

from stillup.cli.later import shell as later_commands
from stillup.cli.main import run
from stillup.daemon.later.command import Stage
from stillup.daemon.later.shelf import Commands
from stillup.gateway.later.shelf import read_items, read_request
from tests.cli.test_later import Here

BODY = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
CONFIG = 'data = "{data}"\n[gateway]\nlisten = "127.0.0.1:9"\n[later]\npause_s = 0\nwell_for_s = 0\nnotify = false\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "stillup.toml"
    path.write_text(CONFIG.format(data=tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLUP_TOKEN", raising=False)
    return path


@pytest.fixture
def said(place, capsys):
    def spoken(*args, code=0):
        capsys.readouterr()
        first = [*args[:2], "--config", str(place), *args[2:]]
        assert run(first) == code, capsys.readouterr()
        told = capsys.readouterr()
        return told.out + told.err

    return spoken


def commands(place):
    return Commands(place.parent / "data" / "commands")


def test_a_command_is_put_in_line_and_it_is_said_what_is_kept(said, place, monkeypatch):
    monkeypatch.setenv("DUMMY_API_KEY", "dummy")
    told = said("later", "add", "--for", "claude/api", "--", "make", "-k", "all")
    assert "waits for claude/api; it runs in " in told
    assert "Kept with it: " in told
    assert "PATH" in told
    assert "Not kept: DUMMY_API_KEY" in told
    assert "Nothing runs it yet" in told
    (kept,) = commands(place).read()
    assert kept.owner == place.parent.stat().st_uid
    assert (kept.words, kept.subjects, kept.folder) == (("make", "-k", "all"), ("claude/api",), str(place.parent))
    assert "dummy" not in commands(place).at(kept.id, "command").read_text()
    assert f"{kept.id[:14]}  " in said("later", "list")
    assert "make -k all" in said("later", "list")
    (listed,) = json.loads(said("later", "list", "--json"))
    assert (listed["kind"], listed["stage"], listed["words"]) == ("command", "waiting", ["make", "-k", "all"])
    assert "PATH" in listed["environment"]


def test_without_a_word_it_waits_for_the_service_of_its_program_or_the_first_that_is_watched(said, place):
    said("later", "add", "--", "gemini", "-p", "hi")
    said("later", "add", "make test")
    assert [c.subjects for c in commands(place).read()] == [("gemini",), ("claude",)]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "what is to be run?"),
        (("--",), "what is to be run?"),
        (("--", " "), "what is to be run?"),
        (("--for", "nobody", "--", "make"), "no service called 'nobody'"),
        (("--for", "claude/nothing", "--", "make"), "claude has no component 'nothing'"),
        (("--after", "cmd_abc", "--", "make"), "nothing that waits is called so"),
        (("--in", "nowhere", "--", "make"), "does not exist"),
        (("--env", "A_KEY=dummy", "--", "make"), "--env takes the name of a variable"),
        (("--", "curl", "-H", "Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa"), "looks like a key"),
        (("--request", "nowhere.json"), "nowhere.json"),
        (("--", "printf", "\udcff"), "is kept as text"),
        (("make && make test", "--for", "claude"), "what is said of it stands before"),
    ],
)
def test_what_cannot_be_put_in_line_is_refused_with_the_reason(said, place, args, says):
    told = " ".join(said("later", "add", *args, code=64).split())
    assert says in told
    assert "aaaaaaaa" not in told
    assert not list(commands(place).folder.glob("*")) or not commands(place).read()


def test_what_was_put_in_line_runs_now_when_it_is_told_to(said, place):
    said("later", "add", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    (kept,) = commands(place).read()
    assert "it failed" not in said("later", "show", kept.id[:12])
    assert "sh failed: exit code 3" in said("later", "run", kept.id[4:12], code=1)
    told = said("later", "show", kept.id)
    assert "failed exit code 3" in told
    assert told.endswith("out\nerr\n")
    assert said("later", "show", kept.id, "--raw") == "out\nerr\n"
    assert json.loads(said("later", "show", kept.id, "--json"))["output"] == "out\nerr\n"
    assert said("later", "cancel", kept.id) == "It is forgotten.\n"
    assert said("later", "list") == "Nothing was put off.\n"


def test_all_that_waits_runs_in_line_and_what_is_skipped_is_no_success(said, place):
    said("later", "add", "echo 1 >>order")
    (first,) = commands(place).read()
    said("later", "add", "--after", first.id[:12], "echo 2 >>order")
    assert "is done" in said("later", "run")
    assert (place.parent / "order").read_text() == "1\n2\n"
    assert "No command waits." in said("later", "run", "--wait")


def test_nothing_of_a_command_can_steer_the_terminal(said, place):
    said("later", "add", "--", "printf", "\x1b[31mred\x07 done")
    (kept,) = commands(place).read()
    said("later", "run", kept.id)
    for told in (said("later", "list"), said("later", "show", kept.id)):
        assert "\x1b" not in told
        assert "\x07" not in told


def test_one_that_runs_is_stopped_when_it_is_cancelled(said, place):
    said("later", "add", "touch begun; sleep 60")
    (kept,) = commands(place).read()
    program = (sys.executable, "-m", "stillup", "later", "run", kept.id, "--config", str(place))
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as runner:
        while not (place.parent / "begun").exists() or not commands(place).find(kept.id).group:
            assert runner.poll() is None
        assert "It is stopped and forgotten" in said("later", "cancel", kept.id)
        runner.communicate(timeout=20)
    assert commands(place).read() == []


def test_one_that_runs_goes_on_when_its_runner_is_interrupted_and_that_is_said(said, place):
    os.mkfifo(place.parent / "go")
    said("later", "add", "touch begun; cat go; exit 3")
    (kept,) = commands(place).read()
    program = (sys.executable, "-m", "stillup", "later", "run", kept.id, "--config", str(place))
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as runner:
        while not (place.parent / "begun").exists() or not commands(place).find(kept.id).group:
            assert runner.poll() is None
        runner.send_signal(signal.SIGINT)
        _, told = runner.communicate(timeout=20)
    assert runner.returncode == 130
    assert f"{kept.id[:12]} goes on by itself; `stillup later cancel {kept.id[:12]}` stops it".encode() in told
    (place.parent / "go").write_text("")
    while commands(place).exit_code(kept.id) is None or commands(place).is_running(kept.id):
        pass
    assert "running ended with exit code 3; `stillup later run --wait` notes it" in said("later", "show", kept.id)
    said("later", "run", "--wait", code=1)
    assert "failed exit code 3" in said("later", "show", kept.id)


def test_one_that_cannot_be_stopped_is_not_forgotten(said, place):
    said("later", "add", "true")
    (kept,) = commands(place).read()
    commands(place).put(replace(kept, stage=Stage.RUNNING))  # whoever began it was killed before it knew its group
    lock = commands(place).hold(kept.id)
    assert "cannot be stopped from here" in said("later", "cancel", kept.id, code=70)
    os.close(lock)
    assert "It is stopped and forgotten" in said("later", "cancel", kept.id)


def test_who_waits_for_a_variable_that_is_not_there_is_told(said, place, monkeypatch):
    monkeypatch.delenv("DUMMY_NAME", raising=False)
    said("later", "add", "--env", "DUMMY_NAME", "--", "sleep", "1")
    monkeypatch.setattr(later_commands, "work", lambda *_: True)
    assert "(and for DUMMY_NAME, which is not set here)" in said("later", "run", "--wait", code=1)


def test_where_nothing_waits_and_no_gateway_runs_there_is_nothing_to_run(said):
    assert said("later", "run") == "Nothing waits.\n"


def test_no_id_is_the_id_of_none(said, place):
    (place.parent / "r.json").write_text(json.dumps(BODY))
    said("later", "add", "--request", "r.json")
    assert "without an ID: nothing that waits is called so" in said("later", "cancel", "", code=64)


# --- requests


@pytest.mark.parametrize(
    ("body", "options", "path", "model"),
    [
        (BODY, (), "/v1/messages", "claude-x"),
        (BODY | {"model": "gpt-x"}, (), "/v1/chat/completions", "gpt-x"),
        (BODY | {"model": "gpt-x"}, ("--protocol", "anthropic"), "/v1/messages", "gpt-x"),
        ({"messages": BODY["messages"]}, ("--model", "gpt-x"), "/v1/chat/completions", "gpt-x"),
        ({"model": "gpt-x", "input": "hi"}, (), "/v1/responses", "gpt-x"),
        ({"contents": []}, ("--model", "gemini-x"), "/v1beta/models/gemini-x:generateContent", "gemini-x"),
    ],
)
def test_a_request_waits_for_the_next_gateway_where_none_runs(said, place, body, options, path, model):
    (place.parent / "r.json").write_text(json.dumps(body))
    told = said("later", "add", "--request", "r.json", *options)
    (item,) = read_items(place.parent / "data" / "later")
    assert f"{item.id[:14]} is asked when an upstream is well" in told
    assert "no gateway runs" in told
    assert "nobody was asked yet" in " ".join(said("later", "list").split())
    assert "waiting: nobody was asked yet" in said("later", "show", item.id)
    request = read_request(place.parent / "data" / "later", item.id)
    assert (request.path, item.model, item.state) == (path, model, "waiting")
    assert json.loads(request.body) == body | ({} if "contents" in body else {"model": model})


@pytest.mark.parametrize(
    ("body", "options", "says"),
    [
        (b"", (), "no JSON object"),
        (b"[]", (), "no JSON object"),
        (b"\xff\xfe", (), "no JSON object"),
        (b"{}", (), "neither `messages`, `input` nor `contents`"),
        (b'{"messages": []}', (), "names no model"),
        (b'{"contents": []}', (), "give it with --model"),
        (b'{"contents": []}', ("--model", "../../x y"), "is not served"),
        (b'{"model": "m", "messages": []}', ("--for", "claude"), "a command has none"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(said, place, body, options, says):
    (place.parent / "r.json").write_bytes(body)
    assert says in " ".join(said("later", "add", "--request", "r.json", *options, code=64).split())
    assert not (place.parent / "data" / "later").exists()


def test_where_nothing_is_put_off_or_nobody_knows_whose_it_is_that_is_said(said, place):
    (place.parent / "r.json").write_text(json.dumps(BODY))
    text = place.read_text()
    place.write_text(text.replace("[gateway]\n", "[gateway]\ndefer = false\n"))
    assert "`gateway.defer` is false" in said("later", "add", "--request", "r.json", code=64)
    place.write_text(text + '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN_TOKEN"\n')
    assert "with users a request is put in line by the running gateway" in said(
        "later", "add", "--request", "r.json", code=64
    )


def test_a_running_gateway_asks_it_when_it_is_its_turn(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("STILLUP_TOKEN", raising=False)
    monkeypatch.setenv("A_KEY", "dummy")
    here = Here(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(BODY).encode())))
    with here.running():
        assert run(["later", "add", "--request", "-", "--json", "--config", str(here.path)]) == 0
        item_id = json.loads(capsys.readouterr().out)["id"]
        state = ""
        while state in {"", "waiting", "running"}:
            assert run(["later", "show", item_id, "--json", "--config", str(here.path)]) == 0
            state = json.loads(capsys.readouterr().out)["state"]
        assert state == "answered"
        assert run(["later", "show", item_id, "--config", str(here.path)]) == 0
        assert "A0 A1" in capsys.readouterr().out
