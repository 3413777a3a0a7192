"""The line in Claude Code's status bar: what it says, and that it is never late, never loud and never an error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.cli.statusline.words import Seen, line, via
from stillup.clock import SystemClock
from stillup.config.schema import Web
from stillup.daemon.web import Serving
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.store import Report, open_store
from tests.web import boards, talking

NOW = datetime(2026, 5, 12, 15, tzinfo=UTC)
SESSION = {"session_id": "s", "model": {"id": "claude-opus-5-5", "display_name": "Opus"}, "workspace": {}}
WITHIN_S = 30
PATIENT_S = "20"
"""A busy machine must not decide what is said."""


@pytest.fixture
def bar(tmp_path):
    """What is printed for a session, with the page at an address (default: where nobody listens)."""

    def run(*arguments, session=SESSION, page="127.0.0.1:9", gateway="127.0.0.1:9", **environ):
        text = f'data = "{tmp_path}"\n[web]\nlisten = "{page}"\n[gateway]\nlisten = "{gateway}"\n'
        (tmp_path / "stillup.toml").write_text(text)
        file = str(tmp_path / "stillup.toml")
        words = [sys.executable, "-m", "stillup", "statusline", "--within", PATIENT_S, "--config", file, *arguments]
        given = session if isinstance(session, bytes) else json.dumps(session).encode()
        known = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1", **environ}
        done = subprocess.run(words, input=given, capture_output=True, timeout=WITHIN_S, env=known, check=False)
        assert done.returncode == 0
        assert not done.stderr
        return done.stdout.decode()

    return run


@pytest.fixture
def page():
    """Serves a board; its address."""
    running = []

    def serve(shown):
        serving = Serving(Web(listen="127.0.0.1:0"), SystemClock(), shown, say=print)
        address = serving.start()
        running.append(serving)
        return address.removeprefix("http://")

    yield serve
    for serving in running:
        serving.stop()


@pytest.fixture
def kept(tmp_path):
    """Leaves behind what a monitor would: a verdict, and that a source was asked so long ago."""

    def leave(ago=timedelta(minutes=1), **verdict):
        now = datetime.now(UTC)
        with open_store(tmp_path / "stillup.db") as store:
            store.commit_step([Verdict(at=now - ago, service="claude", **verdict)], [], {})
            store.save_reports([Report(source="statuspage", service="claude", at=now - ago, ok=True)])

    return leave


def now_board():
    """The made-up outage, as if it were judged just now."""
    by = datetime.now(UTC) - boards.NOW
    shown = boards.claude()
    verdict = replace(shown.verdict, at=shown.verdict.at + by, since=shown.verdict.since + by)
    return replace(boards.board(claude=replace(shown, verdict=verdict)), at=boards.NOW + by)


# -- where it comes from ----------------------------------------------------------------------------------------------


def test_the_running_page_says_how_claude_is(bar, page):
    assert bar(page=page(now_board())) == "▲ Claude partial outage 28 min · back ~56 min\n"


def test_another_service_can_be_shown(bar, page):
    assert bar("--service", "ChatGPT", page=page(now_board())) == "● ChatGPT ok\n"


def test_a_page_that_judges_nothing_any_more_is_not_believed(bar, page):
    assert bar(page=page(boards.board())) == "? Claude unknown · stillup judges nothing now\n"


def test_without_a_page_the_last_word_that_was_kept_counts_while_it_is_fresh(bar, kept):
    since = datetime.now(UTC) - timedelta(minutes=12)
    kept(state=State.MAJOR_OUTAGE, confidence=Confidence.SUSPECTED, since=since)
    assert bar() == "■ Claude major outage? 12 min\n"


def test_what_was_kept_long_ago_says_nothing(bar, kept):
    kept(timedelta(hours=1), state=State.OPERATIONAL)
    assert bar() == "? Claude unknown · not watched; run stillup up\n"


def test_without_anything_it_says_what_to_run(bar):
    assert bar() == "? Claude unknown · not watched; run stillup up\n"


# -- through the gateway ----------------------------------------------------------------------------------------------


def test_who_answers_in_place_of_the_first_is_named(bar, page, tmp_path):
    with talking.Talking(tmp_path / "journal") as world:
        address = world.url.removeprefix("http://")
        shown = page(now_board())

        def said():
            return bar(page=shown, gateway=address, ANTHROPIC_BASE_URL=world.url)

        assert "via" not in said()
        world.do(world.a.set, Behaviour(failure=Failure.STATUS, status=529))
        ask(world.url)
        while "via" not in (told := said()):  # a busy machine starts it when the first is due to be tried again
            ask(world.url)
        assert told == "▲ Claude partial outage 28 min · back ~56 min · via second\n"
        assert "via" not in bar(page=shown, gateway=address)  # this session does not go through it


def test_a_gateway_that_the_session_needs_and_that_is_gone_is_said(bar):
    assert bar(ANTHROPIC_BASE_URL="http://127.0.0.1:9").endswith(" · the gateway does not answer\n")


def ask(url):
    from urllib.request import Request, urlopen

    body = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    head = {"content-type": "application/json"}
    with urlopen(Request(f"{url}/v1/messages", json.dumps(body).encode(), head), timeout=WITHIN_S) as answer:
        assert answer.headers["x-stillup-upstream"] == "second"


# -- never late, never loud -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [b"", b"{", b"[]", b"\xff\xfe", b'{"model":5}', b"[" * 100_000, b"x" * 1_000_000])
def test_whatever_comes_in_a_line_goes_out(session, bar):
    assert bar(session=session, ANTHROPIC_BASE_URL="http://127.0.0.1:9").startswith("? Claude unknown")


@pytest.mark.parametrize("arguments", [["--service", "no-such"], ["--service", ""], ["--service", "\x1b[31m" * 30]])
def test_a_service_that_is_not_known_is_no_error(arguments, bar):
    said = bar(*arguments)
    assert said.startswith("? ")
    assert "\x1b" not in said


def test_a_broken_configuration_is_no_error(tmp_path):
    (tmp_path / "stillup.toml").write_text("= nonsense")
    words = [sys.executable, "-m", "stillup", "statusline", "--config", str(tmp_path / "stillup.toml")]
    done = subprocess.run(words, input=b"{}", capture_output=True, timeout=WITHIN_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Claude unknown" in done.stdout


def test_a_page_that_takes_the_question_and_never_answers_holds_nothing_up(bar):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = bar("--within", "0.3", page=f"127.0.0.1:{silent.getsockname()[1]}")
    assert said.startswith("? Claude unknown")


def test_an_input_that_never_ends_holds_nothing_up(tmp_path):
    words = [sys.executable, "-m", "stillup", "statusline"]
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "STILLUP_DATA": str(tmp_path)}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=known, cwd=tmp_path
    ) as done:
        out = done.stdout.read()  # our end of its input stays open all the while
        assert done.wait(WITHIN_S) == 0
        assert done.stderr.read() == b""
        done.stdin.close()
    assert b"Claude" in out


def test_a_page_that_answers_nonsense_is_passed_over(bar, page):
    with talking_nonsense() as address:
        assert bar(page=address) == "? Claude unknown · not watched; run stillup up\n"


def talking_nonsense():
    from contextlib import contextmanager
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_): ...

    @contextmanager
    def run():
        with HTTPServer(("127.0.0.1", 0), Nonsense) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield f"127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()

    return run()


# -- the words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "via_", "says"),
    [
        ({"state": "operational"}, "", "● Claude ok"),
        ({"state": "degraded", "models": ("Opus 5.5",)}, "", "▲ Claude degraded · Opus 5.5"),
        (
            {"state": "partial_outage", "since": NOW - timedelta(minutes=12), "left_s": 2400.0},
            "via bedrock",
            "▲ Claude partial outage 12 min · back ~40 min · via bedrock",
        ),
        ({"state": "major_outage", "is_suspected": True, "since": NOW}, "", "■ Claude major outage?"),
        ({"state": "major_outage", "left_s": -900.0}, "", "■ Claude major outage · back ~60 s"),
        ({"state": "maintenance"}, "", "⚒ Claude maintenance"),
        ({"state": "operational", "scope": "your_quota"}, "", "• Claude your limit, not the service"),
        ({"state": "a-new-word"}, "", "? Claude unknown"),
        ({"state": "unknown", "note": "x" * 200}, "", f"? Claude unknown · {'x' * 60}"),
    ],
)
def test_the_line_says_what_matters_and_no_more(seen, via_, says):
    assert line(Seen(name="Claude", **seen), NOW, via_).plain == says


def test_colours_are_around_the_state_alone():
    told = line(Seen(name="Cla\x1b[31mude", state="operational"), NOW, "via \x07b")
    assert told.ansi == "\x1b[32m● Cla[31mude ok\x1b[0m · via b"


CHAIN = [{"protocol": "anthropic", "model": "m", "chain": [("a", "m"), ("b", "n"), ("c", "o")]}]


@pytest.mark.parametrize(
    ("unwell", "says"),
    [((), ""), (("a",), "via b"), (("a", "b"), "via c"), (("b",), ""), (("a", "b", "c"), "nobody answers for it")],
)
def test_the_first_that_is_well_answers(unwell, says):
    models = {"a": "m", "b": "n", "c": "o"}
    targets = [{"upstream": u, "model": models[u], "operation": "generate", "condition": "open"} for u in unwell]
    assert via(CHAIN, targets, "m[1m]") == says


def test_a_model_that_is_in_no_chain_is_taken_for_the_first():
    assert via(CHAIN, [], "unheard-of") == ""
    assert via([], [], "m") == ""
