"""Timelines: what is said of a story, in the order it is said."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from stillup.model.service import Confidence, Scope, State
from stillup.response.alerts.quiet import window
from stillup.response.alerts.reasons import Reason
from stillup.response.alerts.values import (
    Acked,
    Changed,
    Flapping,
    Silence,
    Silenced,
    Started,
    Ticked,
    Work,
)
from tests.response.alert_stories import at, play, rule, settings, steps, verdict

PLAIN = settings()
BY_NIGHT = settings(rule(quiet=(window("12:05-13:00"),)), digest_min=14 * 60)
ESCALATING = settings(rule(escalate_after_s=600, escalate_to=("boss",)))

STORIES = [
    ("nothing happens", PLAIN, ["0 ok"], 60, []),
    ("one when it breaks and one when it is back", PLAIN, ["0 ok", "5 partial", "50 ok"], 60,
     ["5 broke broke", "50 back back"]),
    ("the first thing heard is an outage", PLAIN, ["0 major"], 10, ["0 broke broke"]),
    ("suspected, then confirmed", PLAIN, ["0 partial?", "2 partial", "9 ok"], 20,
     ["0 broke broke", "2 changed surer", "9 back back"]),
    ("worse", PLAIN, ["0 degraded", "2 major", "9 ok"], 20, ["0 broke broke", "2 changed worse", "9 back back"]),
    ("better is no news before it is over", PLAIN, ["0 major", "2 degraded", "9 ok"], 20,
     ["0 broke broke", "9 back back"]),
    ("to and fro between two states is told once", PLAIN,
     ["0 partial", "1 major", "2 partial", "3 major", "4 partial", "5 major"], 20,
     ["0 broke broke", "1 changed worse"]),
    ("other parts, once the last message is old enough", PLAIN,
     ["0 partial web", "1 partial web api", "2 partial web api code"], 30,
     ["0 broke broke", "10.5 changed parts_changed"]),
    ("parts that come and go meanwhile are no news", PLAIN,
     ["0 partial web", "1 partial web api", "2 partial web"], 30, ["0 broke broke"]),
    ("parts and scope change at an old outage", PLAIN, ["0 partial web", "20 partial"], 30,
     ["0 broke broke", "20 changed parts_changed"]),
    ("no data leaves what was said standing", PLAIN, ["0 partial", "5 unknown", "9 partial", "12 ok"], 20,
     ["0 broke broke", "12 back back"]),
    ("no data is not back", PLAIN, ["0 partial", "5 unknown"], 20, ["0 broke broke"]),
    ("maintenance ends an outage, and is said to be maintenance", PLAIN, ["0 partial", "5 maint"], 20,
     ["0 broke broke", "5 back back"]),
    ("no updates", settings(rule(updates=False)), ["0 degraded?", "2 major", "5 major web", "30 ok"], 60,
     ["0 broke broke", "30 back back"]),
    ("only what is confirmed", settings(rule(confidence=Confidence.CONFIRMED)),
     ["0 partial?", "5 partial", "6 partial?", "9 ok"], 20, ["5 broke broke", "9 back back"]),
    ("a suspicion that was none is not told to who wants it confirmed",
     settings(rule(confidence=Confidence.CONFIRMED)), ["0 partial?", "5 ok"], 20, []),
    ("major outages only", settings(rule(states=(State.MAJOR_OUTAGE,))),
     ["0 partial", "5 major", "9 partial", "15 ok"], 20, ["5 broke broke", "9 back back"]),
    ("too short to be told", settings(rule(for_s=300)), ["0 partial", "4 ok"], 20, []),
    ("long enough: told when it is", settings(rule(for_s=300)), ["0 partial", "9 ok"], 20,
     ["5.5 broke broke", "9 back back"]),
    ("a short gap begins the time anew", settings(rule(for_s=300)), ["0 partial", "4 ok", "5 partial", "8 ok"], 20, []),
    ("a gap without data does not", settings(rule(for_s=300)), ["0 partial", "4 unknown", "5 partial"], 20,
     ["5 broke broke"]),
    ("unknown is told to who asks for it", settings(rule(states=(State.UNKNOWN,))), ["0 unknown", "9 ok"], 20,
     ["0 broke broke", "9 back back"]),
    ("a rule of another service hears nothing", settings(rule(services=("chatgpt",))), ["0 major"], 20, []),
    ("quiet hours: what lasts is told once afterwards", BY_NIGHT, ["6 degraded", "20 partial", "30 major"], 70,
     ["60.5 broke broke"]),
    ("quiet hours: what ended meanwhile comes with the digest", BY_NIGHT, ["6 partial", "30 ok"], 130,
     ["120.5 digest digest_due"]),
    ("quiet hours: what was told before is ended afterwards", BY_NIGHT, ["1 partial", "30 ok"], 70,
     ["1 broke broke", "60.5 back back"]),
    ("quiet hours: a new outage that lasts is an update of the old", BY_NIGHT,
     ["1 partial", "20 ok", "40 major"], 70, ["1 broke broke", "60.5 changed worse"]),
    ("quiet hours without a digest drop it", settings(rule(quiet=(window("12:05-13:00"),))), ["6 partial", "30 ok"],
     130, []),
    ("a digest only", settings(rule(digest=True), digest_min=13 * 60), ["0 partial", "9 ok", "20 major"], 100,
     ["60.5 digest digest_due"]),
    ("a digest with nothing in it is not sent", settings(rule(digest=True), digest_min=13 * 60), ["0 ok"], 100, []),
    ("escalated once", ESCALATING, ["0 partial", "30 ok"], 40,
     ["0 broke broke", "10.5 escalated escalated", "30 back back"]),
    ("not escalated when it is over", ESCALATING, ["0 partial", "9 ok"], 40, ["0 broke broke", "9 back back"]),
    ("not escalated when somebody knows", ESCALATING, ["0 partial", (5, Acked("claude")), "30 ok"], 40,
     ["0 broke broke", "30 back back"]),
    ("what somebody else's service is known to be does not count", ESCALATING,
     ["0 partial", (5, Acked("chatgpt"))], 40, ["0 broke broke", "10.5 escalated escalated"]),
    ("that somebody knows ends with it", ESCALATING, ["0 partial", (5, Acked()), "8 ok", "20 partial"], 40,
     ["0 broke broke", "8 back back", "20 broke broke", "30.5 escalated escalated"]),
    ("silence: what lasts is told afterwards", PLAIN,
     [(0, Silenced(Silence(service="claude", ends=at(20)))), "5 partial"], 40, ["20.5 broke broke"]),
    ("silence: what ended meanwhile is not", PLAIN,
     [(0, Silenced(Silence(service="claude", ends=at(20)))), "5 partial", "9 ok"], 40, []),
    ("silence of another service", PLAIN, [(0, Silenced(Silence(service="chatgpt", ends=at(20)))), "5 partial"], 40,
     ["5 broke broke"]),
    ("silence of a part", PLAIN, [(0, Silenced(Silence(service="claude", component="web"))), "5 partial web"], 40, []),
    ("silence of a part, and another is hit too", PLAIN,
     [(0, Silenced(Silence(service="claude", component="web"))), "5 partial web api"], 40, ["5 broke broke"]),
    ("maintenance that the page announced", settings(silences=(Silence(maintenance=True),)),
     [(0, Ticked((Work(service="claude"),))), "5 partial", (30, Ticked(()))], 40, ["30 broke broke"]),
    ("maintenance of a part", settings(silences=(Silence(service="claude", component="web", maintenance=True),)),
     [(0, Ticked((Work(service="claude"),))), "5 partial web", "20 partial web api"], 40, ["20 broke broke"]),
    ("maintenance that nobody is silent for", PLAIN, [(0, Ticked((Work(service="claude"),))), "5 partial"], 40,
     ["5 broke broke"]),
    ("on and off: four times told, the fifth time damped, then how it stands", PLAIN,
     ["0 partial", "2 ok", "4 partial", "6 ok", "8 partial", "10 ok", "12 partial", "14 ok", "16 partial"], 60,
     ["0 broke broke", "2 back back", "4 broke broke", "6 back back", "8 flapping flapping_began",
      "31.5 changed settled"]),
    ("on and off, and back", PLAIN, ["0 partial", "2 ok", "4 partial", "6 ok", "8 partial", "10 ok"], 60,
     ["0 broke broke", "2 back back", "4 broke broke", "6 back back", "8 flapping flapping_began",
      "25.5 back settled"]),
    ("slowly on and off is not damped", PLAIN,
     ["0 partial", "20 ok", "40 partial", "61 ok", "81 partial", "102 ok"], 120,
     ["0 broke broke", "20 back back", "40 broke broke", "61 back back", "81 broke broke", "102 back back"]),
    ("damping can be switched off", settings(flapping=Flapping(changes=0)),
     ["0 partial", "1 ok", "2 partial", "3 ok", "4 partial", "5 ok"], 20,
     ["0 broke broke", "1 back back", "2 broke broke", "3 back back", "4 broke broke", "5 back back"]),
    ("whoever has only begun to watch does not say that it is over", PLAIN,
     ["0 partial", (5, Started()), "6 ok", "9 partial"], 40, ["0 broke broke"]),
    ("what it saw break itself it does say", PLAIN, [(0, Started()), "1 partial", "4 ok"], 40,
     ["1 broke broke", "4 back back"]),
    ("whoever goes on where the one before ended says it at once", PLAIN,
     ["0 partial", (5, Started()), (6, Ticked(resumed=True)), "7 ok"], 40, ["0 broke broke", "7 back back"]),
    ("what was over when it went on is made up for", PLAIN,
     ["0 partial", (5, Started()), "6 ok", (6.1, Ticked(resumed=True))], 40, ["0 broke broke", "6.1 back back"]),
    ("unless it is still so after a while", PLAIN, ["0 partial", (5, Started()), "6 ok"], 40,
     ["0 broke broke", "15.5 back back"]),
]  # fmt: skip


@pytest.mark.parametrize(("told", "story", "until", "said"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES])
def test_what_is_said(told, story, until, said):
    assert play(story, until, told) == said


REGIONS = [(("US",), ("US-CA",), True), (("US-CA",), ("US",), True), (("US",), ("FR",), False), (("US",), (), True)]


@pytest.mark.parametrize(("wanted", "hit", "told"), REGIONS)
def test_a_rule_of_regions_hears_of_states_and_countries_that_lie_in_each_other(wanted, hit, told):
    story = [(0, Changed(verdict(0, "major", regions=hit)))]
    assert bool(play(story, 5, settings(rule(regions=wanted)))) is told


MODELS = [(("claude-opus*",), ("Claude-Opus-4",), True), (("*haiku*",), ("claude-opus",), False), (("x",), (), True)]


@pytest.mark.parametrize(("wanted", "hit", "told"), MODELS)
def test_a_rule_of_models_hears_of_those_that_its_patterns_meet(wanted, hit, told):
    story = [(0, Changed(verdict(0, "major", models=hit, scope=Scope.MODEL)))]
    assert bool(play(story, 5, settings(rule(models=wanted)))) is told


PARTS = [
    ("its own line", [verdict(0, "partial", component="api")], ("api",)),
    ("trouble of the whole that names no part", [verdict(0, "major")], ()),
    ("trouble of other parts", [verdict(0, "partial", "web"), verdict(0, "partial", component="web")], None),
    ("two of its parts are one message", [verdict(0, "partial", component="api"),
                                         verdict(0, "major", component="code")], ("api",)),
]  # fmt: skip


@pytest.mark.parametrize(("verdicts", "hit"), [p[1:] for p in PARTS], ids=[p[0] for p in PARTS])
def test_a_rule_of_components_hears_of(verdicts, hit):
    told = settings(rule(components=("api", "code"), updates=False))
    outcomes = [o for o, _ in steps([(0, Changed(v)) for v in verdicts], 5, told)]
    said = [d.components for o in outcomes for d in o.messages]
    assert said == ([] if hit is None else [hit])


def test_every_look_has_its_reason():
    story = ["0 ok", "1 partial", "2 partial", "3 degraded", "4 unknown", "5 ok"]
    reasons = [d.reason for o, _ in steps(story, 7, PLAIN) for d in o.decisions]
    assert reasons == [
        Reason.NOTHING_WRONG, Reason.NOTHING_WRONG, Reason.BROKE, Reason.UNCHANGED, Reason.UNCHANGED, Reason.UNCHANGED,
        Reason.EASED, Reason.EASED, Reason.UNSEEN, Reason.UNSEEN, Reason.BACK, Reason.NOTHING_WRONG,
        Reason.NOTHING_WRONG,
    ]  # fmt: skip


def test_what_was_kept_back_at_first_lasted_from_its_onset_on():
    outcomes = [o for o, _ in steps(["6 partial", "65 ok"], 70, BY_NIGHT)]
    assert [(d.kind, d.since, d.until) for o in outcomes for d in o.messages] == [
        ("broke", at(6), None),
        ("back", at(6), at(65)),
    ]


def test_what_is_forgotten_is_no_longer_known_of_by_anybody():
    *_, (outcome, _) = steps(["0 partial", (1, Acked())], 2, PLAIN)
    assert outcome.state.threads["r/claude"].acked
    *_, (started, _) = steps([(800, Started())], 800, PLAIN, outcome.state)
    assert not started.state.threads["r/claude"].acked


def test_what_is_escalated_is_ended_for_all_who_heard_of_it():
    outcomes = [o for o, _ in steps(["0 partial", "30 ok"], 40, ESCALATING)]
    assert [d.channels for o in outcomes for d in o.messages] == [("ops",), ("ops", "boss"), ("ops", "boss")]


def test_revisions_go_on_while_the_incident_is_the_same_and_begin_anew_with_the_next():
    def story():
        for minute, word, incident in ((0, "partial?", "a"), (1, "partial", "a"), (5, "ok", None), (9, "partial", "a"),
                                       (12, "ok", None), (40, "major", "b")):  # fmt: skip
            yield minute, Changed(verdict(minute, word, incident=incident))

    outcomes = [o for o, _ in steps(list(story()), 60, settings(flapping=Flapping(changes=0)))]
    said = [(d.incident, d.revision) for o in outcomes for d in o.messages]
    assert said == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 1)]


def test_what_changed_long_ago_counts_and_is_not_told_by_itself():
    story = [(0, Changed(verdict(0, "partial"), fold=True)), (5, Changed(verdict(5, "ok"), fold=True)),
             (9, Changed(verdict(9, "major"), fold=True))]  # fmt: skip
    outcomes = [o for o, m in steps(story, 0, PLAIN)]
    assert [d.reason for o in outcomes for d in o.decisions] == [Reason.TOO_OLD, Reason.NOTHING_WRONG, Reason.TOO_OLD]
    assert play([(70, Ticked())], 71, PLAIN, outcomes[-1].state)[0] == "70 broke broke"


def test_quiet_hours_are_those_of_the_zone():
    told = settings(rule(quiet=(window("14:00-15:00"),)), zone=ZoneInfo("Europe/Berlin"))  # 12:00 UTC in summer
    assert play(["5 partial"], 70, told) == ["60.5 broke broke"]


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        ("22:00-07:00", "tue 23:00", True), ("22:00-07:00", "wed 06:59", True), ("22:00-07:00", "wed 07:00", False),
        ("mon-fri 22:00-07:00", "fri 23:00", True), ("mon-fri 22:00-07:00", "sat 06:00", True),
        ("mon-fri 22:00-07:00", "sat 23:00", False), ("mon-fri 22:00-07:00", "mon 06:00", False),
        ("sat-sun 00:00-24:00", "sun 12:00", True), ("sat-sun 00:00-24:00", "mon 00:00", False),
        ("fri-mon 09:00-10:00", "sun 09:30", True), ("fri-mon 09:00-10:00", "tue 09:30", False),
        ("09:00-17:00", "tue 08:59", False), ("12:00-12:00", "tue 03:00", True),
    ],
)  # fmt: skip
def test_quiet_hours_may_pass_midnight_and_keep_to_days(hours, minute, quiet):
    day, clock = minute.split()
    hour, minute_ = map(int, clock.split(":"))
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    local = at(0).replace(day=11 + days.index(day), hour=hour, minute=minute_)  # 2026-05-11 is a Monday
    assert window(hours).covers(local) is quiet


def test_a_rule_that_is_gone_is_forgotten_at_the_next_start():
    *_, (outcome, _) = steps(["0 partial"], 2, PLAIN)
    *_, (started, _) = steps([(5, Started())], 5, settings(replace(PLAIN.rules[0], id="other")), outcome.state)
    assert started.state.threads == {}


def test_what_was_open_when_the_watch_ended_long_ago_is_open_no_longer():
    *_, (outcome, _) = steps(["0 partial"], 2, PLAIN)
    assert play([(700, Started()), "701 ok"], 730, PLAIN, outcome.state) == ["710.5 back back"]
    later = list(steps([(800, Started()), "801 ok"], 830, PLAIN, outcome.state))
    assert [d.reason for d in later[0][0].decisions] == [Reason.FORGOTTEN]
    assert [d for o, _ in later for d in o.messages] == []
