"""The first five minutes: what stillup did is ticked off, what it could not says why, the rest is the reader's."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.playbook import Done, Rerouting, Situation, Step, playbook

NOW = datetime(2026, 4, 7, 14, 32, tzinfo=UTC)
DOWN = Verdict(
    at=NOW, service="claude", state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED,
    families=(Family.OFFICIAL, Family.CROWD),
)  # fmt: skip


def told(verdict=DOWN, **rest):
    return playbook(Situation(verdict=verdict, now=NOW, **rest))


def words(steps):
    return [step.says for step in steps]


def step_with(word, steps):
    (found,) = (step for step in steps if word in step.says)
    return found


def test_an_operational_service_needs_no_steps():
    assert told(Verdict(at=NOW, service="claude", state=State.OPERATIONAL), usual=("x",)) == ()


def test_unknown_points_to_the_doctor():
    assert "stillup doctor" in told(Verdict(at=NOW, service="claude"))[0].says


def test_your_own_trouble_gets_your_own_steps():
    assert "connection" in told(Verdict(at=NOW, service="claude", scope=Scope.YOU))[0].says
    quota = Verdict(at=NOW, service="claude", scope=Scope.YOUR_QUOTA)
    assert "limit" in told(quota)[0].says
    assert "Sign in again" in told(quota, refused_key=True)[0].says
    assert told(quota)[1] == told(quota, refused_key=True)[1]


def test_in_an_outage_the_order_is_you_work_requests_parts_class_others_team_telling_and_when_to_look_again():
    steps = told(
        usual=("Stay signed in.",),
        parts_up=("Claude API",),
        instead=("ChatGPT", "Gemini"),
        gateway=Rerouting(saves=True, answering=("bedrock",)),
        team=(Step(says="Ring the desk.", team=True),),
        back_in_s=3600.0,
    )
    assert words(steps) == [
        "It is not only you.",
        "What went through the gateway is saved.",
        "Requests through the gateway are rerouted.",
        "Go on with what still works: Claude API.",
        "Stay signed in.",
        "Switch to another service that is up: ChatGPT, Gemini.",
        "Ring the desk.",
        "Tell those who wait for it.",
        "Look again at 15:35 UTC.",
    ]


@pytest.mark.parametrize(
    ("families", "confidence", "reached", "says", "done", "note"),
    [
        ((Family.CROWD,), Confidence.SUSPECTED, None, "not only you", Done.DONE, "seen by other people's reports"),
        ((Family.OFFICIAL, Family.PROBE), Confidence.CONFIRMED, True, "not only you", Done.DONE,
         "seen by the official page and our own probe; this machine reaches other sites"),
        ((Family.PROBE,), Confidence.SUSPECTED, True, "network works", Done.DONE, "so far seen by our own probe alone"),
        ((Family.PROBE,), Confidence.SUSPECTED, None, "See whether it is only you", Done.TO_DO, ""),
        ((Family.TRAFFIC,), Confidence.SUSPECTED, False, "See whether it is only you", Done.TO_DO, ""),
        ((Family.TRAFFIC, Family.PROBE), Confidence.CONFIRMED, None, "not only you", Done.DONE,
         "seen by real requests and our own probe"),
    ],
)  # fmt: skip
def test_whether_it_is_only_you_rests_on_who_else_sees_it(families, confidence, reached, says, done, note):
    first = told(structs.replace(DOWN, families=families, confidence=confidence), reached=reached)[0]
    assert says in first.says
    assert (first.done, first.note) == (done, note)


@pytest.mark.parametrize(
    ("gateway", "says", "done"),
    [
        (None, "Copy unsent text", Done.TO_DO),
        (Rerouting(saves=False), "Copy unsent text", Done.TO_DO),
        (Rerouting(saves=True, uses=False), "Copy unsent text", Done.TO_DO),
        (Rerouting(saves=True), "is saved", Done.DONE),
    ],
)
def test_work_is_saved_where_a_journal_is_kept_of_what_goes_there(gateway, says, done):
    assert step_with(says, told(gateway=gateway)).done is done


@pytest.mark.parametrize(
    ("given", "done", "note"),
    [
        ({"gateway": Rerouting(saves=True, answering=("b", "c"))}, Done.DONE, "b answers"),
        ({"gateway": Rerouting(saves=True, ready=("c",), failing=("b",))}, Done.DONE, "the next one goes to c"),
        ({"gateway": Rerouting(saves=True, failing=("b",))}, Done.CANNOT, "b fails too"),
        ({"gateway": Rerouting(saves=True)}, Done.CANNOT, "no other provider is in its routes"),
        ({"may_reroute": True}, Done.CANNOT, "no gateway runs here: `stillup up`, or `stillup with -- PROGRAM`"),
    ],
)
def test_requests_are_rerouted_where_somebody_answers_in_its_place(given, done, note):
    steps = told(**given)
    found = next(step for step in steps if "reroute" in step.says or "another provider" in step.says)
    assert (found.done, found.note) == (done, note)


@pytest.mark.parametrize("given", [{}, {"gateway": Rerouting(saves=True, uses=False)}])
def test_nothing_is_said_of_rerouting_where_it_is_of_no_use(given):
    assert not any("rerout" in says or "another provider" in says for says in words(told(**given)))


def test_the_team_is_told_once_an_alert_went_out():
    done = step_with("team is told", told(alerts=True, told_at=NOW))
    assert (done.done, done.note) == (Done.DONE, "by an alert at 14:32 UTC")
    assert step_with("Tell those", told(alerts=True)).note == ""
    assert "[alerts]" in step_with("Tell those", told()).note


@pytest.mark.parametrize(
    ("back_in_s", "says", "note"),
    [
        (None, "14:50", ""),
        (60.0, "14:45", ""),
        (1800.0, "15:05", "half of such faults are over by then"),
        (90_000.0, "16:35", ""),
    ],
)
def test_the_time_to_look_again_is_when_half_of_such_faults_are_over_within_reason(back_in_s, says, note):
    last = told(back_in_s=back_in_s)[-1]
    assert last.says == f"Look again at {says} UTC."
    assert last.note == note


def test_advice_that_says_when_to_look_again_is_not_said_twice():
    assert sum("ook again" in says for says in words(told(usual=("Look again in 15 minutes.",)))) == 1
