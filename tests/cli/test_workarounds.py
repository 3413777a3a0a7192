"""What others say helped, in the answer: a block of its own, marked as other people's, and only for a fault."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from stillup.catalog.load import find_service
from stillup.cli.answer.as_json import answer_json
from stillup.cli.answer.one import render_answer
from stillup.daemon.ask import judge
from stillup.model.service import Capability, State
from stillup.model.signal import Alive, Declared
from stillup.response.workarounds import Tip
from stillup.sources.base import Reading
from stillup.sources.report import Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)
CLAUDE = find_service("claude")
TITLE = "What others say helped (links to other people's posts, not checked by stillup)"


def report(source, signals, tips=()):
    reading = Reading(signals=tuple(signals), says="-", tips=tuple(tips))
    return Report(source=source, service="claude", started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
                  reading=reading)  # fmt: skip


def answered(state):
    page = Declared(at=NOW, service="claude", source="statuspage", state=state, component="web")
    made = Tip(
        source="reddit",
        url="https://www.reddit.com/r/ClaudeAI/comments/1abc/login_loop/",
        title="Login loop? [bold]Clearing[/bold] the cookies worked for me",
        at=NOW - timedelta(minutes=12),
        why=("says what to do", "says that it worked"),
        weight=0.8,
        component="web",
    )
    lines = [page, Alive(at=NOW, service="claude", source="statuspage")]
    posts = [Alive(at=NOW, service="claude", source="reddit")]
    return judge(CLAUDE, [report("statuspage", lines), report("reddit", posts, [made])], [], NOW)


def printed(answer, width):
    out = Console(file=io.StringIO(), width=width, force_terminal=False)
    out.print(render_answer(answer, Capability.CODING, width))
    return out.file.getvalue()


def test_a_fault_shows_them_last_with_host_age_and_reason():
    text = printed(answered(State.MAJOR_OUTAGE), 120)
    block = text[text.index(TITLE) :].splitlines()
    assert block[1:] == [
        "  • Login loop? [bold]Clearing[/bold] the cookies worked for me",
        "    www.reddit.com · 12 min old · says what to do; says that it worked",
        "    https://www.reddit.com/r/ClaudeAI/comments/1abc/login_loop/",
    ]
    assert text.index("Use instead") < text.index(TITLE)


def test_calm_shows_none_anywhere():
    answer = answered(State.OPERATIONAL)
    assert "What others say" not in printed(answer, 120)
    assert json.loads(answer_json(answer, Capability.CODING))["workarounds"]["links"] == []


def test_programs_are_told_that_they_are_not_checked():
    said = json.loads(answer_json(answered(State.MAJOR_OUTAGE), Capability.CODING))["workarounds"]
    assert said["note"] == "links to other people's posts, not checked by stillup"
    (link,) = said["links"]
    assert link["host"] == "www.reddit.com"
    assert link["age_s"] == 720
    assert set(link) == {"title", "url", "host", "source", "age_s", "why"}


@pytest.mark.parametrize("width", [30, 40, 80])
def test_no_line_is_wider_than_the_terminal(width):
    text = printed(answered(State.MAJOR_OUTAGE), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
