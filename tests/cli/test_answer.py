"""The first answer as a person sees it: wide, narrow, plain, and as JSON."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs
from rich.console import Console

from stillup.catalog.load import find_service
from stillup.cli.answer.as_json import answer_json
from stillup.cli.answer.one import render_answer
from stillup.cli.common import console, exit_code, span
from stillup.daemon.advice import other_parts
from stillup.daemon.ask import judge
from stillup.errors import Blame
from stillup.model.service import Capability, Confidence, Layer, Scope, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.sources.base import Link, Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why
from stillup.verdict.claim import Claim

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)
CLAUDE = find_service("claude")


def report(source, signals=(), says="", error=None, service="claude"):
    reading = None if error else Reading(signals=tuple(signals), says=says, links=(Link("https://example.org/more"),))
    return Report(source=source, service=service, started_at=NOW, elapsed_ms=120, next_at=NOW, why_next=Why.CADENCE,
                  reading=reading, error=error)  # fmt: skip


def declared(state, component=None, service="claude"):
    return Declared(at=NOW, service=service, source="statuspage", state=state, component=component)


def alive(source):
    return Alive(at=NOW, service="claude", source=source)


@pytest.fixture
def outage():
    page = report(
        "statuspage",
        [declared(State.MAJOR_OUTAGE, "web"), declared(State.OPERATIONAL, "api"), alive("statuspage")],
        "page: claude.ai major outage",
    )
    late = Failure(kind=FailureKind.LATE, says="no answer within 2.2 s", blame=Blame.PROVIDER)
    other = report("statuspage", [declared(State.OPERATIONAL, service="chatgpt")], service="chatgpt")
    return judge(CLAUDE, [page, report("reddit", error=late), other], [], NOW)


def printed(answer, width):
    out = Console(file=io.StringIO(), width=width, force_terminal=False)
    out.print(render_answer(answer, Capability.CODING, width))
    return out.file.getvalue()


def test_the_verdict_comes_first_then_what_is_broken_the_evidence_and_what_to_do(outage):
    text = printed(outage, 100)
    order = [
        "Claude: partial outage, confirmed",
        "Broken",
        "Works",
        "Evidence",
        "Status page",
        "Rule:",
        "What to do now",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "no answer within 2.2 s" in text
    assert "Claude API" in text[text.index("Works") : text.index("Evidence")]


def test_sources_that_are_not_set_up_share_a_line_unless_it_is_to_be_explained():
    unset = Failure(kind=FailureKind.NOT_CONFIGURED, says="it needs a key (SOME_KEY)", blame=Blame.USER)
    page = report("statuspage", [declared(State.OPERATIONAL), alive("statuspage")], "page: all operational")
    answer = judge(CLAUDE, [page, report("statusgator", error=unset), report("downdetector", error=unset)], [], NOW)
    text = " ".join(printed(answer, 100).split())
    assert "– Not asked, not set up: StatusGator, Downdetector (`stillup doctor claude` says how" in text
    assert "SOME_KEY" not in text
    out = Console(file=io.StringIO(), width=100, force_terminal=False)
    out.print(render_answer(answer, Capability.CODING, 100, explain=True))
    assert out.file.getvalue().count("not asked: it needs a key (SOME_KEY)") == 2


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(outage, width):
    assert max(len(line.rstrip()) for line in printed(outage, width).splitlines()) <= width


def test_plain_output_has_no_escape_codes(outage):
    assert "\x1b" not in printed(outage, 80)


def test_json_is_the_documented_verdict_with_its_grounds_beside_it(outage):
    told = json.loads(answer_json(outage, Capability.CODING))
    assert (told["state"], told["confidence"], told["components"]) == ("partial_outage", "confirmed", ["web"])
    assert [s["source"] for s in told["sources"]] == ["statuspage", "reddit"]
    assert told["sources"][0]["link"] == "https://example.org/more"
    assert told["usual_duration_s"]
    assert told["alternatives"][0]["offer"]["service"] == "chatgpt"


def test_nothing_read_is_unknown_never_calm():
    down = Failure(kind=FailureKind.UNREACHABLE, says="DNS: name not found", blame=Blame.NETWORK)
    answer = judge(CLAUDE, [report("statuspage", error=down)], [], NOW)
    assert answer.verdict.state is State.UNKNOWN
    assert exit_code(answer.verdict) == 3
    assert "unknown" in printed(answer, 80)


def test_three_failed_tries_of_one_look_are_a_suspicion():
    tries = [
        Outcome(
            at=NOW, service="claude", source="probe", component="api", layer=Layer.API_GATEWAY, ok=False, error="reset"
        )
        for _ in range(3)
    ]
    answer = judge(
        CLAUDE, [report("probe", [*tries, alive("probe")]), report("statuspage", [alive("statuspage")])], [], NOW
    )
    assert answer.verdict.confidence is Confidence.SUSPECTED
    assert exit_code(answer.verdict) == 1


def test_a_number_the_user_read_is_suspected_at_most():
    claims = [Claim("downdetector", 354, 86_400, 60.0), Claim("x", 5000, 3600, 10.0)]
    answer = judge(CLAUDE, [report("statuspage", [alive("statuspage")])], claims, NOW)
    assert answer.verdict.confidence is Confidence.SUSPECTED
    assert exit_code(answer.verdict) == 1
    assert "354 reports in 24 h, about 60 usual" in printed(answer, 120)


def test_a_small_number_the_user_read_changes_nothing():
    answer = judge(
        CLAUDE, [report("statuspage", [alive("statuspage")])], [Claim("downdetector", 70, 86_400, 60.0)], NOW
    )
    assert answer.verdict.state is State.OPERATIONAL


@pytest.mark.parametrize(
    ("state", "confidence", "scope", "code"),
    [
        (State.OPERATIONAL, None, None, 0),
        (State.MAINTENANCE, None, None, 0),
        (State.DEGRADED, Confidence.CONFIRMED, Scope.COMPONENT, 1),
        (State.MAJOR_OUTAGE, Confidence.SUSPECTED, Scope.EVERYONE, 1),
        (State.PARTIAL_OUTAGE, Confidence.CONFIRMED, Scope.REGION, 2),
        (State.MAJOR_OUTAGE, Confidence.CONFIRMED, Scope.EVERYONE, 2),
        (State.UNKNOWN, None, None, 3),
        (State.OPERATIONAL, None, Scope.YOU, 4),
        (State.UNKNOWN, None, Scope.YOUR_QUOTA, 4),
    ],
)
def test_exit_codes(state, confidence, scope, code):
    assert exit_code(Verdict(at=NOW, service="claude", state=state, confidence=confidence, scope=scope)) == code


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2, "now"), (40, "40 s"), (600, "10 min"), (7200, "2 h"), (timedelta(days=3).total_seconds(), "3 days")],
)
def test_spans_read_as_words(seconds, words):
    assert span(seconds) == words


def test_what_is_piped_has_no_blanks_at_the_end_of_a_line(outage, capsys):
    console().print(render_answer(outage, Capability.CHAT, 100))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert [line for line in lines if line != line.rstrip()] == []


def test_where_this_machine_is_cut_off_nothing_else_is_offered():
    tries = tuple(
        Outcome(at=NOW, service="claude", source="probe", layer=Layer.LOCAL, ok=False, error="offline")
        for _ in range(3)
    )
    answer = judge(CLAUDE, [report("probe", (*tries, alive("probe")))], [], NOW)
    text = printed(answer, 100)
    assert answer.verdict.scope is Scope.YOU
    assert "Check this machine's connection" in text
    assert "Use instead" not in text


def test_one_look_at_what_knows_no_past_does_not_say_since_when(outage):
    assert "since 14:58 UTC (or before; it was seen just now)" in printed(outage, 120)
    earlier = structs.replace(outage.verdict, since=NOW - timedelta(minutes=20))
    assert "since 14:38 UTC (20 min)" in printed(structs.replace(outage, verdict=earlier), 120)


def tried(component, *, ok, error=None):
    about = {"at": NOW, "service": "claude", "source": "probe", "layer": Layer.API_GATEWAY, "component": component}
    return [Outcome(**about, ok=ok, error=error)] * (1 if ok else 3)


def calm_page(*components):
    lines = (declared(State.OPERATIONAL, c) for c in components)
    return report("statuspage", [*lines, alive("statuspage")])


def test_a_page_that_knows_of_no_fault_cannot_vouch_for_the_other_parts():
    probe = report("probe", [*tried("api", ok=False, error="reset"), *tried("web", ok=True), alive("probe")])
    answer = judge(CLAUDE, [calm_page("api", "web", "cowork"), probe], [], NOW)
    text = " ".join(printed(answer, 120).split())
    assert "Works claude.ai Unsure Claude Cowork: no fault seen, but only the page calls them well" in text
    assert "Go on with what still works: claude.ai." in text
    object_ = json.loads(answer_json(answer, None))
    assert (object_["works"], object_["works_by_page_only"]) == (["claude.ai"], ["Claude Cowork"])


def test_a_part_whose_door_opens_and_whose_sign_in_fails_is_not_called_working():
    sign_in = Outcome(at=NOW, service="claude", source="probe", layer=Layer.AUTH, component="web", ok=False,
                      error="server_error")  # fmt: skip
    failing = [*tried("api", ok=False, error="reset"), *tried("web", ok=True), sign_in]
    probe = report("probe", [*failing, *tried("console", ok=True), alive("probe")])
    answer = judge(CLAUDE, [calm_page("api", "web", "console", "cowork"), probe], [], NOW)
    parts = other_parts(CLAUDE, answer.verdict, answer.components, answer.reports)
    assert (parts.up, parts.page_only) == (("Claude Console",), ("Claude Cowork",))


def test_of_many_tries_at_once_one_that_worked_is_enough():
    again = [*tried("web", ok=False, error="reset")[:1], *tried("web", ok=True)]
    probe = report("probe", [*tried("api", ok=False, error="reset"), *again, *again[::-1], alive("probe")])
    answer = judge(CLAUDE, [calm_page("api", "web"), probe], [], NOW)
    assert other_parts(CLAUDE, answer.verdict, answer.components, answer.reports).up == ("claude.ai",)


def test_a_page_that_tells_of_the_fault_is_believed_of_the_other_parts(outage):
    text = printed(outage, 120)
    assert "Works" in text
    assert "Unsure" not in text


def test_of_whom_only_the_page_was_read_it_is_not_said_that_he_is_up(outage):
    assert "ChatGPT (its page says it is up)" in printed(outage, 200)
    pages = [declared(State.OPERATIONAL, service="chatgpt")]
    requests = [Alive(at=NOW, service="chatgpt", source="codex")]
    both = [report("statuspage", pages, service="chatgpt"), report("codex", requests, service="chatgpt")]
    fault = report("statuspage", [declared(State.MAJOR_OUTAGE, "web"), alive("statuspage")])
    assert "ChatGPT (up now)" in printed(judge(CLAUDE, [fault, *both], [], NOW), 200)


def test_for_what_nothing_could_stand_in_nothing_is_offered(outage):
    out = Console(file=io.StringIO(), width=100)
    out.print(render_answer(outage, None, 100))
    assert "Use instead" not in out.file.getvalue()
    assert json.loads(answer_json(outage, None))["alternatives"] == []


def test_no_more_are_offered_than_a_person_reads(outage):
    offers = printed(outage, 250).split("Use instead")[1].splitlines()[1:]
    assert 3 <= len([line for line in offers if line.strip()]) <= 6


@pytest.mark.parametrize("width", [40, 100])
def test_trouble_of_what_it_stands_on_has_a_line_and_an_object(width):
    page = report("statuspage", [declared(State.PARTIAL_OUTAGE, "web"), alive("statuspage")], "page")
    aws = Declared(at=NOW, service="aws", source="aws", state=State.PARTIAL_OUTAGE)
    answer = judge(CLAUDE, [page, report("aws", [aws], service="aws")], [], NOW)
    assert "Stands on Amazon Web Services: partial outage by its page" in " ".join(printed(answer, width).split())
    (base,) = json.loads(answer_json(answer, Capability.CODING))["stands_on"]
    assert base == {
        "service": "aws",
        "name": "Amazon Web Services",
        "state": "partial_outage",
        "page_only": True,
        "confidence": 0.5,
    }


def test_what_it_stands_on_is_not_spoken_of_while_it_is_well(outage):
    assert "Stands on" not in printed(outage, 100)
    assert json.loads(answer_json(outage, Capability.CODING))["stands_on"] == []


def test_every_key_of_the_object_is_documented(outage):
    whole = Path(__file__).parents[2].joinpath("docs", "many.md").read_text("utf-8")
    told = whole.partition("## One service for programs")[2]
    assert [key for key in json.loads(answer_json(outage, Capability.CODING)) if f"`{key}`" not in told] == []
