"""The demo's two programs: through a gateway every answer comes that anybody can give, and without one none."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from stillup.cli.common import console
from stillup.cli.demo.command import Timeline, _listed, _opening
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.demo.play import LONGEST, Moment, first_minute, last_minute, play
from stillup.daemon.demo.programs import ALONE, THROUGH, Programs, Tally, Turn
from stillup.daemon.gateway import build
from stillup.gateway.plan import resolve
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict
from stillup.sim.asker import Told, ask_once, client_for
from stillup.sim.load import load, names, parse
from stillup.sim.modes import Mode
from stillup.sim.world import World
from stillup.testing import FakeClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEFORE_CONTENT = [
    Mode.REFUSED,
    Mode.RESET,
    Mode.HANG,
    Mode.UNAUTHORIZED,
    Mode.NO_CREDIT,
    Mode.FORBIDDEN,
    Mode.TIMEOUT,
    Mode.RATE_LIMITED,
    Mode.QUOTA,
    Mode.SERVER_ERROR,
    Mode.BAD_GATEWAY,
    Mode.UNAVAILABLE,
    Mode.GATEWAY_TIMEOUT,
    Mode.OVERLOADED,
    Mode.HTML,
    Mode.CAPTIVE,
    Mode.WRONG_TYPE,
    Mode.EMPTY,
    Mode.ERROR_FIRST,
    Mode.SLOW_FIRST_TOKEN,
    Mode.PINGS,
    Mode.SLOW_HEADERS,
]
"""Everything that goes wrong before the first word, and is not the request's own fault."""


def scenario(mode: str, service: str = "claude", more: str = ""):
    return parse(
        f"""
id = "made-up"
title = "made up"
service = "{service}"
starts = 2026-01-05T12:00:00Z
ends = 2026-01-05T12:12:00Z
[[faults]]
id = "f"
from = 2026-01-05T12:04:00Z
to = 2026-01-05T12:08:00Z
layer = "inference"
targets = {{ requests = "{mode}" }}
{more}
""",
        "made-up.toml",
    )


@pytest.mark.parametrize("service", ["claude", "chatgpt"])
@pytest.mark.parametrize("mode", BEFORE_CONTENT)
async def test_whatever_fails_before_the_first_word_another_answers(tmp_path, mode, service):
    clock = FakeClock(NOON + timedelta(minutes=5))
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(World(scenario(mode.value, service), clock, tmp_path / "transcripts"))
        text = world.config().replace("[gateway]\n", "[gateway]\nhedge_after_s = 0.1\n")
        config = parse_config(f'data = "{tmp_path}"\n{text}')
        gateway = build(config, resolve(config, world.environ()), SystemClock(), say=print)
        await gateway.start()
        stack.push_async_callback(gateway.stop, 0.0)
        protocol = config.gateway.upstreams[0].protocol
        client = await stack.enter_async_context(client_for(gateway.address, "claude-haiku-4-5", protocol))

        told = [await ask_once(client, clock) for _ in range(3)]

    assert [(t.ok, t.upstream, t.says) for t in told] == [(True, "stand-in", "The stand-in: simulated.")] * 3


async def played(scenario, enough, speeds):
    """What came of a play, and its moments; played slower for as long as there was not ``enough`` of it to see.

    The world runs ahead of the machine: what a slow one has no time for at one speed it has at the next. What never
    happens is not seen at any.
    """
    for speed in speeds:
        moments: list[Moment] = []
        outcome = await play(scenario, speed, moments.append)
        if enough(outcome, moments):
            break
    return outcome, moments


def fortunes(moments):
    return {(turn.name, turn.told.ok) for moment in moments for turn in moment.turns}


async def test_a_whole_play_shows_both_programs_and_the_turns_of_their_fortune():
    def both_were_asked_throughout(outcome, moments):
        through, alone = outcome.programs
        in_all_upstreams = set(through.by_upstream) >= {"claude", "stand-in"}
        return in_all_upstreams and alone.failed > 0 and fortunes(moments) >= {(ALONE, False), (ALONE, True)}

    outcome, moments = await played(scenario("overloaded"), both_were_asked_throughout, (120.0, 30.0, 12.0))

    through, alone = outcome.programs
    assert (through.name, alone.name) == (THROUGH, ALONE)
    assert through.failed == 0
    assert alone.failed > 0
    assert set(through.by_upstream) >= {"claude", "stand-in"}
    assert fortunes(moments) >= {(ALONE, False), (ALONE, True)}
    assert (THROUGH, False) not in fortunes(moments)


async def test_a_service_that_no_program_asks_is_played_without_them():
    outcome = await play(scenario("ok", "github"), 1_000.0, lambda moment: None)

    assert outcome.programs == ()


def told(*, ok: bool = True, upstream: str = "", minute: int = 0, reason: str = "outage_confirmed") -> Told:
    at = NOON + timedelta(minutes=minute)
    return Told(asked_at=at, at=at, ok=ok, says="529 Overloaded", upstream=upstream, reason=reason)


def test_failures_count_as_lost_only_when_somebody_could_have_answered():
    programs = Programs(lambda at: at < NOON + timedelta(minutes=5))
    programs.tallies["p"] = Tally(name="p", client="")
    for minute in (1, 6):
        programs.hear("p", told(ok=False, minute=minute))

    tally = programs.tallies["p"]
    assert (tally.asked, tally.answered, tally.failed, tally.lost) == (2, 0, 2, 1)


def test_a_turn_is_told_once_and_only_when_something_is_different():
    programs = Programs(lambda at: True)
    programs.tallies["p"] = Tally(name="p", client="")
    for answer in (told(upstream="a"), told(upstream="a"), told(upstream="b"), told(upstream="b"), told(ok=False)):
        programs.hear("p", answer)

    assert [(t.told.ok, t.told.upstream) for t in programs.turns()] == [(True, "b"), (False, "")]
    assert programs.turns() == ()
    assert programs.tallies["p"].by_upstream == {"a": 2, "b": 2}


def test_the_timeline_says_a_gateways_reason_in_words():
    timeline = Timeline(console(color=False), scenario("ok"))
    turns = tuple(Turn(THROUGH, told(upstream="a", reason=reason)) for reason in ("overloaded", "trickle"))

    lines = [line.text for line in timeline.lines(Moment(at=NOON, turns=turns))]

    assert [line.partition("by a ")[2] for line in lines] == [
        "(after it was overloaded)",
        "(asked to see whether it is well again)",
    ]


def test_the_timeline_says_who_answers_now_and_who_gets_no_answer():
    timeline = Timeline(console(color=False), scenario("ok"))
    turns = (Turn(THROUGH, told(upstream="stand-in")), Turn(ALONE, told(ok=False)))

    lines = [line.text for line in timeline.lines(Moment(at=NOON, turns=turns))]

    assert lines == [
        "12:00  ↪ with the gateway, a program is answered by stand-in (outage confirmed)",
        "12:00  ✗ without the gateway, a program gets no answer: 529 Overloaded",
    ]


async def test_where_the_story_is_about_claude_code_the_programs_say_that_they_stand_for_it():
    """Else "unharmed: api" beside a program that fails would contradict itself."""
    outcome = await play(scenario("overloaded", more="transcript_status = 500"), 1_000.0, lambda moment: None)
    assert {t.client.endswith("; it stands for Claude Code") for t in outcome.programs} == {True}
    plain = await play(scenario("overloaded"), 1_000.0, lambda moment: None)
    assert {"Claude Code" in t.client for t in plain.programs} == {False}


def said_at_first(service: str, speed: float) -> str:
    out = Console(file=StringIO(), width=300)
    _opening(out, scenario("ok", service), speed)
    return out.file.getvalue()


def test_the_demo_says_that_its_gateway_waits_in_real_time():
    assert "a second of them is 4 min here: when a fault is over" in said_at_first("claude", 240)
    assert "gateway" not in said_at_first("claude", 1)
    assert "gateway" not in said_at_first("github", 240)


MANY = """
[[sources]]
source = "reddit"
from = 2026-01-05T12:02:00Z
to = 2026-01-05T12:06:00Z
mode = "rate_limited"
[[also]]
service = "github"
[[also.faults]]
id = "g"
from = 2026-01-05T12:03:00Z
to = 2026-01-05T12:05:00Z
layer = "edge"
components = { web = 1 }
targets = { endpoints = "bad_gateway" }
"""


def test_the_timeline_of_several_services_says_which_and_what_of_the_sources_fails():
    timeline = Timeline(console(color=False), scenario("ok", more=MANY))
    ill = Verdict(
        at=NOON + timedelta(minutes=9), service="github", state=State.DEGRADED, confidence=Confidence.SUSPECTED
    )
    crowd = Evidence(family=Family.CROWD, standing=Standing.ALARM)

    moment = Moment(at=NOON + timedelta(minutes=9), changes=(ill,), turned=(("github", crowd),))
    lines = [line.text for line in timeline.lines(moment)]

    assert lines[:6] == [
        "12:02    in truth: reddit fails (rate limited)",
        "12:03    in truth: GitHub: the fault begins (web)",
        "12:04    in truth: Claude: the fault begins (this machine)",
        "12:05    in truth: GitHub: the fault is over",
        "12:06    in truth: reddit answers again",
        "12:08    in truth: Claude: the fault is over",
    ]
    assert lines[6].startswith("12:09  · GitHub: crowd")
    assert lines[7].startswith("12:09  ! GitHub: degraded, suspected")


def test_the_timeline_is_in_the_order_of_its_times_although_minutes_are_judged_late_and_programs_go_on_meanwhile():
    out = Console(file=StringIO(), width=200)
    minute = [NOON + timedelta(minutes=m) for m in range(12)]
    ill = Verdict(at=minute[5], service="claude", state=State.DEGRADED, confidence=Confidence.SUSPECTED)
    early = Turn(ALONE, told(ok=False, minute=4))
    late = Turn(THROUGH, told(upstream="stand-in", minute=9))
    last = Turn(ALONE, told(ok=True, minute=11))

    with Timeline(out, scenario("ok")) as timeline:
        timeline.tell(Moment(at=minute[7], changes=(ill,), turns=(early, late)))
        timeline.tell(Moment(at=minute[10], turns=(last,)))

    told_of = [" ".join(line.split()[:2]) for line in out.file.getvalue().splitlines()]
    assert told_of == ["12:04 in", "12:04 ✗", "12:05 !", "12:08 in", "12:09 ↪", "12:11 ↪"]


async def test_a_play_of_several_services_judges_each():
    def services(told):
        return {each.service for each in told}

    def each_was_judged(outcome, _moments):
        return services(outcome.changes) == services(outcome.reports) == {"claude", "github"}

    outcome, _ = await played(scenario("overloaded", more=MANY), each_was_judged, (300.0, 60.0, 12.0))

    assert services(outcome.changes) == {"claude", "github"}
    assert services(outcome.reports) == {"claude", "github"}


def test_the_list_names_every_scenario_with_its_services_and_length():
    out = Console(file=StringIO(), width=200)
    out.print(_listed(map(load, names())))
    told = out.file.getvalue()

    assert all(name in told for name in names())
    assert "aws claude bedrock" in told
    assert "364 days" in told


def test_of_a_long_scenario_the_beginning_is_played():
    year = load("calm-year")
    assert last_minute(year) - first_minute(year) == LONGEST
    assert last_minute(load("2026-04-07")) == load("2026-04-07").ends
