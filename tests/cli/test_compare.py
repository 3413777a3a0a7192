"""Services side by side: at any width, with what is unknown said to be so, and as JSON."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from stillup.catalog.load import catalogue, find_service
from stillup.catalog.models import models
from stillup.cli.instead.compare_view import as_json, code_of, render
from stillup.cli.main import run
from stillup.daemon.ask import judge_many
from stillup.daemon.compared import compare
from stillup.model.service import Capability, Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.sources.base import Reading
from stillup.sources.report import Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)


def report(service, source, *lines):
    return Report(source=source, service=service, started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
                  reading=Reading(signals=lines))  # fmt: skip


def page(service, state):
    about = {"at": NOW, "service": service, "source": "statuspage"}
    return report(service, "statuspage", Declared(**about, state=state, component="web"), Alive(**about))


def tried(service, layer, ms=None, error=None):
    return Outcome(at=NOW, service=service, source="probe", layer=layer, ok=not error, latency_ms=ms, error=error)


@pytest.fixture
def compared():
    reports = [
        page("claude", State.MAJOR_OUTAGE),
        page("chatgpt", State.OPERATIONAL),
        report("claude", "probe", tried("claude", Layer.EDGE, 41.0), tried("claude", Layer.AUTH, error="server_error")),
    ]
    return [compare(a) for a in judge_many([find_service(s) for s in ("claude", "chatgpt", "deepl")], reports, NOW)]


def printed(compared, width, task=None):
    out = Console(file=io.StringIO(), width=width, force_terminal=False)
    out.print(render(compared, task, width))
    return out.file.getvalue()


def test_they_stand_side_by_side_with_all_that_is_known(compared):
    text = printed(compared, 140)
    head = text.splitlines()[0]
    assert head.index("✗ Claude") < head.index("✓ ChatGPT") < head.index("? DeepL")
    for word in ("partial outage, confirmed", "edge 41 ms", "sign-in fails: server error", "17 min behind", "a month"):
        assert word in text


def test_what_is_not_known_is_said_so(compared):
    rows = {line[:11].strip(): line for line in printed(compared, 140).splitlines() if line[:11].strip()}
    assert rows["Answers in"].count("unknown") == 2
    assert rows["30 days"].count("unknown") == 3


def test_prices_are_the_catalogues(compared):
    model = next(m for m in models().values() if m.maker == "anthropic" and m.tier == "strong" and not m.legacy)
    assert f"strong: {model.name}, ${model.price.input:g} / ${model.price.output:g}" in printed(compared, 200)


def test_what_they_share_is_said(compared):
    text = " ".join(printed(compared, 140).split())
    name = catalogue()["cloudflare"].name
    assert f"Claude and ChatGPT both stand on {name}" in text


def test_for_a_task_how_each_does_it_and_whether_that_is_free(compared):
    text = printed(compared[:2], 120, Capability.CODING)
    how = next(a for a in catalogue()["claude"].abilities if a.capability is Capability.CODING)
    assert f"coding: {'free tier' if how.free else 'paid'}" in text
    assert how.link in text


@pytest.mark.parametrize("width", [30, 50, 79, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_and_where_it_is_narrow_they_stand_below_each_other(compared, width):
    text = printed(compared, width)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width
    assert ("ChatGPT" in text.splitlines()[0]) is (width >= 79)


def test_json_has_the_same_with_null_for_what_is_not_known(compared):
    told = json.loads(as_json(compared))
    assert told["exit_code"] == code_of(compared) == 2
    claude, deepl = told["services"]["claude"], told["services"]["deepl"]
    assert claude["verdict"]["state"] == "partial_outage"
    assert (claude["latency_ms"], claude["errors"]) == ({"auth": None, "edge": 41.0}, {"auth": "server_error"})
    assert (deepl["past"], deepl["latency_ms"]) == (None, {})
    assert any(s["service"] == "cloudflare" for s in told["shared"])


@pytest.mark.parametrize(
    "args", [["claude"], ["claude", "deepl", "--task", "coding"], list(catalogue())[:9], ["claude", "nobody-at-all"]]
)
def test_what_cannot_be_compared_is_refused(args, capsys):
    assert run(["compare", *args]) == 64
    assert capsys.readouterr().err


def test_a_record_younger_than_the_days_says_when_it_begins(compared):
    """Sources tell their last day, so it begins before the first watch and is not called watching."""
    young = compare(compared[0].answer, kept_since=NOW - timedelta(days=1))
    text = printed([young], 140)
    assert "(record here begins 06 Apr)" in text
    assert "watched" not in text
    old = compare(compared[0].answer, kept_since=NOW - timedelta(days=90))
    assert "record here begins" not in printed([old], 140)
