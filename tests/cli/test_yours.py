"""One plain line on the user's own requests: whose it is to mend, and when a limit opens."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from stillup.catalog.load import find_service
from stillup.cli.answer.as_json import answer_object
from stillup.cli.answer.glance import glance
from stillup.cli.answer.one import render_answer
from stillup.cli.answer.yours import headline_of, own_words, sentence
from stillup.cli.common import exit_code
from stillup.daemon.ask import judge
from stillup.daemon.yours import yours
from stillup.model.service import Capability, Layer, Scope, State
from stillup.model.signal import Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.sources.base import Context, Reading, Setting
from stillup.sources.claude_code import SOURCE
from stillup.sources.codex import SOURCE as CODEX
from stillup.sources.report import Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 5, 12, 15, 0, 30, tzinfo=UTC)
CLAUDE = find_service("claude")


def ago(**length):
    return (NOW - timedelta(**length)).isoformat().replace("+00:00", "Z")


def answers(number, **length):
    """So many answers, the newest of them that long ago."""
    newest = NOW - timedelta(**length)
    return [
        {
            "type": "assistant",
            "timestamp": (newest - timedelta(minutes=n)).isoformat().replace("+00:00", "Z"),
            "requestId": f"req_ok_{n}",
            "message": {"model": "m"},
        }
        for n in range(number)
    ]


def error(status, word, request="req_x", quota=None, **length):
    row = {"type": "assistant", "timestamp": ago(**length), "isApiErrorMessage": True, "requestId": request}
    row |= {"error": word, "message": {"model": "<synthetic>"}}
    row |= {"apiErrorStatus": status} if status else {"apiError": word}
    return row | ({"quotaLimits": quota} if quota else {})


def limit(name, **until):
    return {"status": "rejected", "rateLimitType": name, "resetsAt": int((NOW + timedelta(**until)).timestamp())}


def report(*rows, source=SOURCE, service=CLAUDE):
    lines = b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in rows)
    reading = source.parse(lines, Context(now=NOW, service=service, setting=Setting()))
    return Report(
        source=source.id, service=service.id, started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
        reading=reading,
    )  # fmt: skip


def said(*rows, verdict=None, **more):
    return [
        sentence(line, verdict or Verdict(at=NOW, service="claude"), NOW)
        for line in yours([report(*rows, **more)], NOW)
    ]


NETWORK = "ENETUNREACH"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (answers(41, minutes=3), "none of 41 requests failed in 24 h"),
        (
            [
                *answers(38, minutes=9),
                *(error(529, "server_error", f"r{m}", minutes=m) for m in (4, 6)),
                error(500, "server_error", "r7", minutes=7),
            ],
            "3 of 41 requests failed in 24 h: 2 overloaded (theirs), 1 server error (theirs), the last 4 min ago",
        ),
        (
            [error(429, "rate_limit", quota=limit("five_hour", hours=3), minutes=2)],
            "your five-hour limit is reached, resets 18:00 UTC: not an outage",
        ),
        (
            [error(429, "rate_limit", quota=limit("seven_day", days=2), hours=7)],
            "your weekly limit is reached, resets 2026-05-14 15:00 UTC: not an outage",
        ),
        (
            [error(429, "rate_limit", quota=limit("seven_day_opus", days=2), minutes=2), *answers(2, minutes=8)],
            "your weekly Opus limit is reached, resets 2026-05-14 15:00 UTC: not an outage",
        ),
        (
            [error(429, "rate_limit", minutes=2)],
            "your requests come faster than your limit allows, 2 min ago: not an outage",
        ),
        (
            [error(401, "authentication_failed", minutes=2)],
            "your sign-in or key was refused, 2 min ago: run /login, or mend the key: not an outage",
        ),
        ([error(400, "billing_error", minutes=2)], "your credit or plan does not cover them, 2 min ago: not an outage"),
        (
            [error(None, "connection_failed", minutes=2), *answers(3, minutes=9)],
            "1 of 4 requests failed in 24 h: 1 without a connection, the last 2 min ago",
        ),
    ],
)
def test_the_line_says_whose_it_is(rows, line):
    assert said(*rows) == [f"Claude Code: {line}"]


def test_what_no_answer_has_followed_stands_and_what_one_has_does_not():
    refused = error(401, "authentication_failed", minutes=9)
    assert said(refused, *answers(1, minutes=12)) == [
        "Claude Code: your sign-in or key was refused, 9 min ago: run /login, or mend the key: not an outage"
    ]
    assert said(refused, *answers(1, minutes=5)) == ["Claude Code: none of 1 requests failed in 24 h"]


def test_a_limit_that_has_opened_again_is_not_spoken_of():
    opened = error(429, "rate_limit", quota=limit("five_hour", minutes=-5), hours=2)
    assert said(opened, *answers(1, hours=3)) == ["Claude Code: none of 1 requests failed in 24 h"]


def test_while_the_service_is_down_a_refusal_is_not_said_to_be_yours_alone():
    down = Verdict(at=NOW, service="claude", state=State.MAJOR_OUTAGE)
    (line,) = said(error(401, "authentication_failed", minutes=2), verdict=down)
    assert line.endswith("run /login, or mend the key")


def test_where_this_machine_is_cut_off_a_failed_connection_is_your_network():
    here = Verdict(at=NOW, service="claude", scope=Scope.YOU)
    (line,) = said(error(None, "connection_failed", minutes=2), verdict=here)
    assert line.endswith("the last 2 min ago: your network")


def test_codex_says_how_to_sign_in_there():
    row = {"type": "event_msg", "timestamp": ago(minutes=2)}
    row["payload"] = {"type": "task_complete", "error": {"codex_error_info": "unauthorized"}}
    (line,) = said(row, source=CODEX, service=find_service("chatgpt"))
    assert (
        line == "Codex: your sign-in or key was refused, 2 min ago: run `codex login`, or mend the key: not an outage"
    )


def test_a_machine_without_requests_has_no_line():
    assert said({"type": "user", "timestamp": ago(minutes=2)}) == []


def out_of_reach(minutes):
    body = {"connection": {"code": NETWORK}, "isNetworkDown": True}
    return {"type": "system", "subtype": "api_error", "timestamp": ago(minutes=minutes), "error": body}


@pytest.mark.parametrize(
    ("rows", "scope", "code", "words"),
    [
        ([error(429, "rate_limit", quota=limit("five_hour", hours=3), minutes=2)], Scope.YOUR_QUOTA, 4, "resets 18:00"),
        ([error(401, "authentication_failed", minutes=2)], Scope.YOUR_QUOTA, 4, "run /login"),
        ([error(429, "rate_limit", quota=limit("five_hour", minutes=-5), hours=2)], None, 3, ""),
        ([out_of_reach(3), out_of_reach(2)], Scope.YOU, 4, "your network: no way out from here"),
    ],
)
def test_the_first_answer_says_it_on_screen_in_json_and_by_its_exit_code(rows, scope, code, words):
    answer = judge(CLAUDE, [report(*rows)], [], NOW)
    out = Console(file=io.StringIO(), width=160, force_terminal=False)
    out.print(render_answer(answer, Capability.CODING, 160))
    assert (answer.verdict.scope, exit_code(answer.verdict)) == (scope, code)
    assert words in out.file.getvalue()
    assert words in "".join(line["says"] for line in answer_object(answer, Capability.CODING)["yours"])


def test_json_has_the_numbers_behind_the_line():
    rows = [error(429, "rate_limit", quota=limit("five_hour", hours=3), minutes=2), *answers(2, minutes=8)]
    (line,) = answer_object(judge(CLAUDE, [report(*rows)], [], NOW), Capability.CODING)["yours"]
    assert {k: v for k, v in line.items() if k != "says"} == {
        "source": "claude_code",
        "program": "Claude Code",
        "requests": 2,
        "failed": 0,
        "kinds": {},
        "last_failed_at": None,
        "own": "quota:five_hour",
        "own_at": NOW - timedelta(minutes=2),
        "resets_at": NOW.replace(microsecond=0) + timedelta(hours=3),
    }


@pytest.mark.parametrize(
    ("row", "words", "step"),
    [
        (error(401, "authentication_failed", minutes=2), "your sign-in or key", "Sign in again"),
        (error(403, "permission_error", minutes=2), "your sign-in or key", "Sign in again"),
        (error(400, "billing_error", minutes=2), "your credit or plan", "Wait for your limit"),
        (error(429, "rate_limit", quota=limit("five_hour", hours=3), minutes=2), "your limit", "Wait for your limit"),
        (error(429, "rate_limit", minutes=2), "your limit", "Wait for your limit"),
    ],
)
def test_the_headline_tells_a_refused_key_and_an_empty_purse_from_a_limit(row, words, step):
    answer = judge(CLAUDE, [report(row)], [], NOW)
    told = answer_object(answer, Capability.CODING)
    out = Console(file=io.StringIO(), width=160, force_terminal=False)
    out.print(render_answer(answer, Capability.CODING, 160))
    assert told["headline"] == f"Claude: {words}, not an outage"
    assert out.file.getvalue().startswith(f"? Claude: {words}, not an outage")
    assert told["todo"][0].startswith(step)
    assert glance(CLAUDE, answer.verdict, answer.evidence, own_words(answer)).state == words


def test_a_key_that_our_own_probe_was_refused_with_is_a_key_too():
    refused = Outcome(
        at=NOW, service="claude", source="probe", layer=Layer.INFERENCE, ok=False, error="authentication 401"
    )
    probe = Report(
        source="probe", service="claude", started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
        reading=Reading(signals=(refused,)),
    )  # fmt: skip
    assert headline_of(judge(CLAUDE, [probe], [], NOW)) == "Claude: your sign-in or key, not an outage"


def test_the_newest_trouble_of_ones_own_is_the_one_that_is_named():
    rows = [error(401, "authentication_failed", "r1", minutes=9), error(429, "rate_limit", "r2", minutes=2)]
    assert own_words(judge(CLAUDE, [report(*rows)], [], NOW)) == "your limit"


def test_while_the_service_fails_no_word_of_ones_own_takes_the_headline():
    down = Declared(at=NOW, service="claude", source="statuspage", state=State.MAJOR_OUTAGE)
    page = Report(
        source="statuspage", service="claude", started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
        reading=Reading(signals=(down,)),
    )  # fmt: skip
    answer = judge(CLAUDE, [page, report(error(401, "authentication_failed", minutes=2))], [], NOW)
    assert headline_of(answer) == "Claude: major outage, confirmed"


def climbed(*ways_out):
    """The probe's word on this network: its control hosts, of which each answered or did not."""
    lines = [
        Outcome(at=NOW, service="claude", source="probe", layer=Layer.NETWORK, ok=ok, error=None if ok else "dns")
        for ok in ways_out
    ]
    return Report(
        source="probe", service="claude", started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
        reading=Reading(signals=tuple(lines)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ways_out", "own"),
    [((), "network"), ((False, False), "network"), ((True, False, False), "network"), ((True,), None)],
)
def test_a_network_that_was_away_minutes_ago_is_not_yours_to_mend_once_the_control_hosts_answer(ways_out, own):
    (line,) = yours([report(out_of_reach(6), out_of_reach(5)), climbed(*ways_out)], NOW)
    assert line.own == own


def test_a_limit_stands_though_the_network_is_well():
    (line,) = yours(
        [report(error(429, "rate_limit", quota=limit("five_hour", hours=3), minutes=2)), climbed(True)], NOW
    )
    assert line.own == "quota:five_hour"
