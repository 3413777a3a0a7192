"""One look at many services: a line each, worst first, at any width, as JSON, and one exit code for all."""

import io
import json
import re
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from stillup.catalog.load import capabilities, catalogue, find_service
from stillup.catalog.offers import able
from stillup.cli.answer.as_json import answer_json
from stillup.cli.answer.glance import glance, onset, worst_code
from stillup.cli.answer.many import Many, many_json, ordered, render
from stillup.cli.answer.which import ALL, Which, is_one, which
from stillup.cli.main import COMMANDS, run
from stillup.cli.terminal.columns import Cell, Column, cut, lines
from stillup.daemon.ask import judge, judge_many
from stillup.errors import Blame, UsageError
from stillup.model.service import Capability, Confidence, Layer, Scope, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.sources.base import Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)
LATE = Failure(kind=FailureKind.LATE, says="no answer within 2.2 s", blame=Blame.PROVIDER)
KEYLESS = Failure(kind=FailureKind.NOT_CONFIGURED, says="Downdetector needs a key", blame=Blame.USER)


def report(service, source, *signals, error=None):
    reading = None if error else Reading(signals=(*signals, Alive(at=NOW, service=service, source=source)))
    return Report(source=source, service=service, started_at=NOW, elapsed_ms=120, next_at=NOW, why_next=Why.CADENCE,
                  reading=reading, error=error)  # fmt: skip


def page(service, state, component=None):
    line = Declared(at=NOW, service=service, source="statuspage", state=state, component=component)
    return report(service, "statuspage", line)


def failing(service, component, layer=Layer.API_GATEWAY):
    tries = [
        Outcome(at=NOW, service=service, source="probe", component=component, layer=layer, ok=False, error="reset")
        for _ in range(3)
    ]
    return report(service, "probe", *tries)


REPORTS = (
    page("claude", State.MAJOR_OUTAGE, "web"),
    page("chatgpt", State.OPERATIONAL),
    page("github", State.DEGRADED),
    failing("gemini", "api"),
    report("gemini", "reddit", error=LATE),
    report("deepl", "reddit", error=LATE),
    report("deepl", "downdetector", error=KEYLESS),
)
NAMED = ("chatgpt", "claude", "deepl", "gemini", "github", "midjourney")


def look(*names, task=None, everything=False):
    wanted = which([ALL] if everything else names or NAMED, task)
    chosen = Which(
        can=tuple(s for s in wanted.can if s.id in NAMED), cannot=wanted.cannot, task=task, everything=everything
    )
    answers = judge_many(chosen.can, REPORTS, NOW)
    return Many(answers=ordered(answers, task), at=NOW, which=chosen)


def printed(many, width):
    out = Console(file=io.StringIO(), width=width, force_terminal=False)
    out.print(render(many, width))
    return out.file.getvalue()


def ids(many):
    return [a.service.id for a in many.answers]


def test_the_worst_come_first_and_what_is_unknown_before_what_works():
    places = {service: n for n, service in enumerate(ids(look()))}
    assert places["claude"] == 0
    assert max(places["gemini"], places["github"]) < min(places["deepl"], places["midjourney"])
    assert places["chatgpt"] == len(NAMED) - 1


def test_a_line_says_the_state_since_when_what_is_broken_who_says_so_and_what_to_use():
    claude = next(row for row in printed(look(), 160).splitlines() if "Claude " in row)
    for word in ("✗", "partial outage, confirmed", "just seen", "claude.ai", "page", "ChatGPT"):
        assert word in claude


@pytest.mark.parametrize("width", [20, 30, 40, 44, 50, 60, 70, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_each_service_has_one(width):
    text = printed(look(), width)
    assert max(cell_len(row.rstrip()) for row in text.splitlines()) <= width
    assert sum(row.startswith(("✗", "!", "✓", "?", "•")) for row in text.splitlines()) >= len(NAMED)


def test_plain_output_has_no_escape_codes_and_no_blanks_at_the_end_of_a_row():
    text = printed(look(), 120)
    assert "\x1b" not in text
    assert not any(row.endswith(" ") for row in text.splitlines() if row.startswith(("✗", "✓", "?")))


def test_where_it_is_narrow_a_question_mark_stands_for_suspected_and_is_explained():
    text = printed(look(), 50)
    assert "outage?" in text
    assert "? = suspected" in text


def test_what_could_not_be_read_is_said_once_for_all_services_it_was_asked_for():
    text = " ".join(printed(look(), 120).split())
    assert re.search(r"Not read \(no answer in time\): Reddit of (Gemini, DeepL|DeepL, Gemini)\.", text)
    assert "Not asked, not set up: Downdetector" in text


def test_the_same_reason_of_many_hosts_is_one_line_and_what_was_spared_was_not_asked():
    def failed(service, kind, says):
        return report(service, "reddit", error=Failure(kind=kind, says=says, blame=Blame.NETWORK))

    reports = [
        failed("claude", FailureKind.UNREACHABLE, "www.reddit.com: DNS: name not found"),
        failed("chatgpt", FailureKind.UNREACHABLE, "status.openai.com: DNS: name not found"),
        failed("deepl", FailureKind.RATE_LIMITED, "not asked: Reddit turns away who asks for so many"),
    ]
    chosen = which(["claude", "chatgpt", "deepl"], None)
    many = Many(answers=ordered(judge_many(chosen.can, reports, NOW), None), at=NOW, which=chosen)
    text = " ".join(printed(many, 120).split())
    assert "Not read (DNS: name not found): Reddit of ChatGPT, Claude." in text
    assert "Not asked (Reddit turns away who asks for so many): Reddit of DeepL." in text


def test_where_this_machine_is_cut_off_that_is_said_once_and_of_no_service():
    def offline(service):
        tries = [
            Outcome(at=NOW, service=service, source="probe", layer=Layer.LOCAL, ok=False, error="offline")
            for _ in range(3)
        ]
        return report(service, "probe", *tries)

    chosen = which(["claude", "chatgpt"], None)
    answers = judge_many(chosen.can, [offline("claude"), offline("chatgpt")], NOW)
    many = Many(answers=ordered(answers, None), at=NOW, which=chosen)
    text = printed(many, 100)
    assert text.startswith("? It is you, not them\n  this machine or its network fails")
    assert "ChatGPT" not in text
    assert many.code == 4
    assert all(len(line) <= 50 for line in printed(many, 50).splitlines())


def test_a_service_that_no_source_can_be_asked_about_is_said_so_and_is_unknown():
    many = look()
    assert [a.service.id for a in many.mute] == ["midjourney"]
    assert "No source to ask about: Midjourney" in printed(many, 120)
    midjourney = next(a for a in many.answers if a.service.id == "midjourney")
    assert midjourney.verdict.state is State.UNKNOWN


def test_a_service_without_a_source_is_unknown_when_it_was_named_and_counts_for_nothing_among_all():
    for everything, code in ((False, 3), (True, 0)):
        chosen = Which(can=(find_service("chatgpt"), find_service("midjourney")), everything=everything)
        answers = judge_many(chosen.can, [page("chatgpt", State.OPERATIONAL)], NOW)
        assert Many(answers=tuple(answers), at=NOW, which=chosen).code == code


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([0, 3], 3), ([3, 4], 4), ([4, 1, 3], 1), ([1, 2, 0], 2), ([0, 4], 4), ([], 3)],
)
def test_the_exit_code_is_that_of_the_worst(codes, worst):
    assert worst_code(codes) == worst


def test_for_a_task_only_those_that_can_do_it_stand_there_in_the_catalogues_order_with_their_price():
    many = look(task=Capability.CODING, everything=True)
    order = [s for s in capabilities()[Capability.CODING].order if s in NAMED]
    assert ids(many) == order
    text = printed(many, 120)
    assert "Up now for code generation: ChatGPT (paid)" in text
    for service in order:
        how = next(a for a in catalogue()[service].abilities if a.capability is Capability.CODING)
        row = next(r for r in text.splitlines() if f"  {catalogue()[service].name} " in r)
        assert ("free tier" if how.free else "paid") in row


def test_services_that_were_named_and_cannot_do_the_task_are_left_out_and_named():
    chosen = which(["claude", "deepl"], Capability.CODING)
    assert [s.id for s in chosen.can] == ["claude"]
    assert "Not for coding: DeepL." in printed(look("claude", "deepl", task=Capability.CODING), 100)


def test_json_has_for_each_service_the_object_that_a_look_at_it_alone_gives():
    told = json.loads(many_json(look()))
    assert told["exit_code"] == 2
    assert list(told["services"]) == ids(look())
    assert told["no_source"] == ["midjourney"]
    alone = judge(find_service("claude"), REPORTS, [], NOW)
    assert told["services"]["claude"] == json.loads(answer_json(alone, Capability.CHAT))


def test_all_is_the_whole_catalogue_and_names_and_aliases_mean_each_service_once():
    assert {s.id for s in which(["ALL"]).can} == set(catalogue())
    assert [s.id for s in which(["anthropic", "claude", "ChatGPT"]).can] == ["claude", "chatgpt"]
    assert is_one(["claude"])
    assert not is_one(["all"])
    assert not is_one(["claude", "chatgpt"])
    with pytest.raises(UsageError, match="did you mean"):
        which(["claude", "cluade"])


def test_no_service_is_called_like_a_command():
    names = {word.lower() for s in catalogue().values() for word in (s.id, s.name, *s.aliases)}
    assert not names & {*COMMANDS, ALL}


@pytest.mark.parametrize("task", list(Capability))
def test_those_able_to_do_a_task_stand_in_the_catalogues_order(task):
    found = [s.id for s in able(task)]
    assert found[: len(capabilities()[task].order)] == list(capabilities()[task].order)


def test_a_number_about_one_service_is_refused_for_many(capsys):
    assert run(["claude", "chatgpt", "--seen", "downdetector=3/1h"]) == 64
    assert "name that one alone" in capsys.readouterr().err


def test_trouble_of_the_users_own_is_no_fault_of_the_service():
    quota = Verdict(at=NOW, service="claude", state=State.OPERATIONAL, scope=Scope.YOUR_QUOTA)
    line = glance(find_service("claude"), quota, ())
    assert (line.state, line.mark, line.broken) == ("your limit", "•", "")


def test_names_from_the_network_cannot_steer_the_terminal():
    evil = Verdict(at=NOW, service="claude", state=State.DEGRADED, confidence=Confidence.SUSPECTED,
                   components=("web\x1b[31m\u202e",), since=NOW)  # fmt: skip
    broken = glance(find_service("claude"), evil, ()).broken
    assert "\x1b" not in broken
    assert "\u202e" not in broken


@pytest.mark.parametrize(
    ("since", "short", "words"),
    [
        (None, True, ""),
        (datetime(2026, 4, 7, 14, 30, 20, tzinfo=UTC), True, "28 min"),
        (datetime(2026, 4, 7, 14, 30, 20, tzinfo=UTC), False, "14:30 (28 min)"),
        (datetime(2026, 4, 5, 14, 58, 20, tzinfo=UTC), False, "05 Apr 14:58 (2 days)"),
    ],
)
def test_since_when_in_few_letters(since, short, words):
    assert onset(since, NOW, short=short) == words


def test_columns_that_shrink_give_way_and_vanish_before_they_say_nothing():
    def table(width):
        fixed = Column(title="State", cells=(Cell("major outage"),))
        soft = Column(title="Broken", cells=(Cell("claude.ai and everything else"),), shrinks=True)
        return [str(row) for row in lines([fixed, soft], width)]

    assert table(60) == ["State         Broken", "major outage  claude.ai and everything else"]
    assert table(24) == ["State         Broken", "major outage  claude.ai…"]
    assert table(16) == ["State", "major outage"]


def test_wide_letters_are_cut_by_the_room_they_take():
    assert cut("状态页面", 8) == "状态页面"
    assert cell_len(cut("状态页面是坏的", 8)) <= 8
