"""Verdicts in words: the rule with its observed values, and only what is new when something moves."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.incident import Incident
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Layer, OutageClass, Scope, Stage, State
from stillup.model.verdict import Diagnosis, Forecast, Verdict
from stillup.verdict.telling import units
from stillup.verdict.telling.explain import because, headline, moved, outcome, page_is_read, rule, says, side, who
from stillup.verdict.telling.narrate import Telling, as_json, paragraph, sentence

NOW = datetime(2026, 4, 7, tzinfo=UTC)


def verdict(state=State.PARTIAL_OUTAGE, confidence=Confidence.SUSPECTED, **rest):
    return Verdict(at=NOW, service="claude", state=state, confidence=confidence, **rest)


def crowd(**rest):
    whole = {"observed": 0.9, "usual": 0.02, "unit": "reports a minute", "log_e": 13.8}
    return Evidence(family=Family.CROWD, standing=Standing.ALARM, **{**whole, **rest})


def page(standing=Standing.CALM, **rest):
    return Evidence(family=Family.OFFICIAL, standing=standing, heard_at=NOW - timedelta(minutes=4), **rest)


REDDIT = Evidence(
    family=Family.SOCIAL,
    standing=Standing.ALARM,
    numbers=(Numbers(source="reddit", observed=12, usual=0.4, window_s=600, what="posts"),),
)


def probed(*parts):
    """Our probe, which failed alike in all these parts."""
    failed = [
        Numbers(source="probe", observed=5, usual=0.01, window_s=300, tries=5, part=part, log_e=11.6) for part in parts
    ]
    return Evidence(family=Family.PROBE, standing=Standing.ALARM, numbers=tuple(failed))


# -- each side in its own words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(family=Family.PROBE, standing=Standing.NO_DATA), "our probe: no data"),
        (Evidence(family=Family.SEARCH, standing=Standing.NO_DATA, note="echo"), "searches: echo"),
        (Evidence(family=Family.SOCIAL, standing=Standing.CALM), "social posts: calm"),
        (Evidence(family=Family.OFFICIAL, standing=Standing.CALM, note="still red"), "official page: still red"),
        (
            page(
                Standing.ALARM,
                state=State.DEGRADED,
                components=(("api", State.DEGRADED),),
                note="Elevated errors",
                stage=Stage.IDENTIFIED,
                stage_since=NOW - timedelta(minutes=20),
            ),
            'official page: degraded (API), "Elevated errors", identified for 20 min, 4 min old',
        ),
        (
            page(Standing.ALARM, state=State.DEGRADED, note='"all well". Ignore what was said; "'),
            "official page: degraded, \"'all well'. Ignore what was said; '\", 4 min old",
        ),
        (page(), "official page: operational, 4 min old"),
        (crowd(), "crowd 0.9/min where 0.02 is usual, e = 10^6"),
        (
            Evidence(family=Family.SOCIAL, standing=Standing.CALM, observed=0.06, usual=0.05, unit="posts a minute"),
            "social posts calm: 3.6/h where 3 is usual",
        ),
        (crowd(log_e=1.0), "crowd 0.9/min where 0.02 is usual"),
        (crowd(log_e=500.0), "crowd 0.9/min where 0.02 is usual, e > 10^30"),
        (crowd(window_s=600.0), "crowd 9 reports in 10 min where 0.2 is usual, e = 10^6"),
        (crowd(observed=700.0, window_s=600.0), "crowd 700/min where 0.02 is usual, e = 10^6"),
        (REDDIT, "reddit 12 posts in 10 min where 0.4 is usual"),
        (
            Evidence(
                family=Family.PROBE,
                standing=Standing.ALARM,
                observed=5,
                usual=0.05,
                unit="failures of 6 tries (auth)",
                log_e=9.2,
            ),
            "our probe 5 failures of 6 tries (auth) where 0.05 is usual, e = 10^4",
        ),
        (
            Evidence(
                family=Family.TRAFFIC,
                standing=Standing.ALARM,
                numbers=(Numbers(source="claude_code", observed=5, usual=0.1, window_s=300, tries=6),),
            ),
            "claude_code 5 of 6 tries failed where 0.1 is usual",
        ),
        (
            probed(("web", "auth"), ("console", "api_gateway")),
            (
                "probe (web, auth) 5 of 5 tries failed where 0.01 is usual, e = 10^5; "
                "probe (console, api gateway) 5 of 5 tries failed where 0.01 is usual, e = 10^5"
            ),
        ),
        (probed((), ()), "probe 5 of 5 tries failed where 0.01 is usual, e = 10^5"),
    ],
)
def test_each_side_in_its_own_words(evidence, words):
    assert side(evidence, NOW, str.upper) == words


def test_without_a_clock_no_ages_are_told():
    assert says(page()) == "official page: operational"


def test_what_was_read_this_moment_is_called_that():
    assert side(page(), NOW - timedelta(minutes=4)) == "official page: operational, just now"


# -- the rule --------------------------------------------------------------------------------------------------------


def test_the_rule_shows_what_was_observed_and_what_follows():
    told = rule(verdict(families=(Family.CROWD,)), [page(), crowd()], NOW)
    assert told == (
        "official page: operational, 4 min old; crowd 0.9/min where 0.02 is usual, e = 10^6 "
        "→ suspected by 1 independent family: one alone is never enough"
    )


@pytest.mark.parametrize(
    ("families", "ends"),
    [
        ((Family.OFFICIAL,), "confirmed by the official page"),
        ((Family.OFFICIAL, Family.CROWD), "confirmed by the official page and 1 independent family"),
        ((Family.CROWD, Family.PROBE), "confirmed by 2 independent families; the official page does not say so"),
        (
            (Family.CROWD,),
            "confirmed before, now said by 1 independent family; what was found stands until it is over",
        ),
    ],
)
def test_the_outcome_names_who_decided(families, ends):
    assert outcome(verdict(families=families, confidence=Confidence.CONFIRMED)) == ends


@pytest.mark.parametrize(
    ("evidence", "ends"),
    [
        ([page()], "the official page does not say so yet"),
        ([page(Standing.NO_DATA)], "no official page could be read"),
        ([], "no official page could be read"),
    ],
)
def test_a_page_that_is_calm_and_one_that_cannot_be_read_are_told_apart(evidence, ends):
    agreed = verdict(
        confidence=Confidence.CONFIRMED, reason=Reason.FAMILIES_AGREE, families=(Family.CROWD, Family.PROBE)
    )
    assert because(agreed, page_is_read=page_is_read(evidence)).endswith(ends)
    assert because(agreed).endswith("the official page is not among them")  # true either way
    assert rule(agreed, evidence).endswith(ends.removesuffix(" yet"))


def test_what_was_confirmed_is_never_called_suspected_in_the_same_breath():
    left = verdict(confidence=Confidence.CONFIRMED, reason=Reason.ONE_FAMILY_ALARMS, families=(Family.CROWD,))
    assert "suspected" not in because(left)
    assert "suspected" in because(verdict(reason=Reason.ONE_FAMILY_ALARMS, families=(Family.CROWD,)))


def test_nobody_heard_is_said():
    told = rule(verdict(State.UNKNOWN, None), [])
    assert told == "nothing heard → unknown: nobody who could tell was heard: unknown is unknown"


# -- one sentence, one paragraph, JSON -------------------------------------------------------------------------------


def confirmed(**rest):
    return verdict(
        confidence=Confidence.CONFIRMED,
        families=(Family.CROWD, Family.SOCIAL),
        since=NOW - timedelta(minutes=12),
        probability=0.97,
        scope=Scope.COMPONENT,
        components=("web",),
        problems=("sign_in",),
        reason=Reason.FAMILIES_AGREE,
        **rest,
    )


def seen(**first):
    at = {Family(f): NOW - timedelta(minutes=m) for f, m in first.items()}
    return Incident(
        id="x",
        service="claude",
        opened_at=NOW,
        since=NOW,
        state=State.DEGRADED,
        confidence=Confidence.CONFIRMED,
        first_seen=tuple(sorted(at.items())),
    )


CAUSE = (
    Diagnosis(OutageClass.AUTHENTICATION, Layer.AUTH, 0.82, ("sign-in fails", "the API works"), ("the site fails",)),
    Diagnosis(OutageClass.PRESENTATION, Layer.PRESENTATION, 0.11),
)


def test_one_sentence_has_the_verdict_the_values_and_the_rule():
    told = sentence(Telling(verdict=confirmed(), evidence=[page(), REDDIT, crowd()], name="Claude"))
    assert told == (
        "Claude: partial outage, confirmed: crowd 0.9/min where 0.02 is usual, e = 10^6; reddit 12 posts in 10 min "
        "where 0.4 is usual; official page: operational, 4 min old → confirmed by 2 independent families; the "
        "official page does not say so."
    )


def test_sides_without_a_word_are_named_together_at_the_end():
    silent = [Evidence(family=f, standing=Standing.NO_DATA) for f in (Family.PROBE, Family.SEARCH)]
    told = sentence(Telling(verdict=verdict(families=(Family.CROWD,)), evidence=[*silent, crowd()]))
    assert "is usual, e = 10^6; no data from searches, our probe →" in told


def test_one_paragraph_tells_when_who_why_how_long_and_who_was_first():
    ahead = Forecast(p50_s=5400, p10_s=1800, p90_s=18_000)
    case = confirmed(diagnosis=CAUSE, forecast=ahead)
    told = paragraph(
        Telling(verdict=case, evidence=[page(), crowd()], incident=seen(crowd=20, official=4), name="Claude")
    )
    assert told == (
        "Claude: partial outage, confirmed. That there is a fault is very likely (97 %). "
        "It began about 23:48 UTC, 12 min ago. Who is hit: only some parts; broken: web; trouble: sign in. "
        "What each side says: crowd 0.9/min where 0.02 is usual, e = 10^6; official page: operational, 4 min old. "
        "By the rule that is confirmed by 2 independent families; the official page does not say so. "
        "It looks like authentication (82 %) at the auth layer; for it: sign-in fails, the API works; "
        "against it: the site fails; else presentation (11 %). "
        "Half of such faults end within 1 h 30 min from now, four in five after 30 min to 5 h. "
        "Crowd saw it 16 min before the official page."
    )


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        (seen(crowd=4, official=20), "Crowd saw it 16 min after the official page."),
        (seen(crowd=4, official=4), "Crowd and the official page saw it in the same minute."),
        (seen(crowd=4), "The official page has not said so yet."),
        (seen(official=4), "Only the official page saw it."),
    ],
)
def test_who_saw_it_first_is_told(incident, words):
    assert paragraph(Telling(verdict=confirmed(), incident=incident)).endswith(words)


def test_a_page_that_stays_red_after_the_end_is_called_not_updated():
    over = verdict(State.OPERATIONAL, None, reason=Reason.PAGE_NOT_UPDATED)
    told = paragraph(Telling(verdict=over, evidence=[page(note="still red about a fault that is over")], name="Claude"))
    assert told.startswith("Claude works again; its official page has not been updated and is still red. What each")
    assert "still red about a fault that is over, 4 min old" in told


def test_a_cause_nobody_knows_is_called_that():
    nobody = (Diagnosis(OutageClass.UNKNOWN, None, 1.0),)
    assert "nobody can tell yet (99 %)" in paragraph(Telling(verdict=confirmed(diagnosis=nobody)))


def test_a_cause_less_likely_than_not_is_called_not_clear():
    unsure = (Diagnosis(OutageClass.PRESENTATION, Layer.PRESENTATION, 0.46),)
    told = paragraph(Telling(verdict=confirmed(diagnosis=unsure)))
    assert "The cause is not clear yet, likeliest is presentation (46 %) at the presentation layer." in told


def test_a_service_that_works_has_no_cause_no_forecast_and_no_onset():
    told = paragraph(Telling(verdict=verdict(State.OPERATIONAL, None, reason=Reason.ALL_CALM), evidence=[page()]))
    assert told == (
        "claude: operational. What each side says: official page: operational, 4 min old. "
        "By the rule that is operational: every side that could be read is calm."
    )


KEYS = [
    "sentence", "at", "service", "component", "state", "confidence", "probability", "probability_words",
    "since", "reason", "because", "rule", "scope", "components", "regions", "problems", "models", "sides",
    "diagnosis", "layers", "forecast", "first_seen", "lead_s",
]  # fmt: skip
SIDE_KEYS = [
    "family", "standing", "says", "since", "age_s", "observed", "usual", "unit", "window_s", "log_e", "sources",
    "numbers", "state", "stage", "stage_since",
]  # fmt: skip


def test_the_json_has_its_keys_in_the_documented_order():
    case = confirmed(diagnosis=CAUSE, forecast=Forecast(p50_s=5400, p10_s=1800, p90_s=18_000))
    told = as_json(Telling(verdict=case, evidence=[REDDIT, page()], incident=seen(crowd=20, official=4)))
    assert list(told) == KEYS
    assert [list(one) for one in told["sides"]] == [SIDE_KEYS, SIDE_KEYS]
    docs = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text("utf-8")
    assert [key for key in [*KEYS, *SIDE_KEYS] if f"`{key}`" not in docs] == []
    again = json.loads(json.dumps(told))
    assert (again["lead_s"], again["probability_words"], again["layers"][0]["layer"]) == (
        960,
        "very likely (97 %)",
        "auth",
    )
    assert again["diagnosis"][0]["for"] == ["sign-in fails", "the API works"]
    assert again["forecast"]["p50_s"] == 5400


def test_what_is_not_known_is_null_in_the_json():
    told = as_json(Telling(verdict=verdict(State.UNKNOWN, None)))
    assert [told[k] for k in ("confidence", "probability", "since", "forecast", "lead_s")] == [None] * 5
    assert (told["sides"], told["first_seen"], told["layers"]) == ([], {}, [])


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed", "usual", "words"),
    [
        (0.9, 0.02, "0.9/min where 0.02 is usual"),
        (1200.0, 10.0, "1200/min where 10 is usual"),
        (0.083, 0.018, "5/h where 1.1 is usual"),
        (0.0005, 0.0001, "0.72/day where 0.14 is usual"),
        (0.0, 0.02, "0/day where 29 is usual"),
    ],
)
def test_rates_come_in_the_unit_that_reads_well(observed, usual, words):
    assert units.rates(observed, usual) == words


@pytest.mark.parametrize(
    ("observed", "what", "words"),
    [
        (1, "posts", "1 post in 6 min where 0.063 is usual"),
        (0.999, "reports", "1 report in 6 min where 0.063 is usual"),
        (1.0, "searches", "1 search in 6 min where 0.063 is usual"),
        (2, "posts", "2 posts in 6 min where 0.063 is usual"),
        (0, "posts", "0 posts in 6 min where 0.063 is usual"),
    ],
)
def test_one_of_something_is_told_in_the_singular(observed, what, words):
    assert units.counts(observed, 0.063, what, 360) == words


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.999, "almost certain (99 %)"),
        (0.97, "very likely (97 %)"),
        (0.7, "likely (70 %)"),
        (0.5, "about as likely as not (50 %)"),
        (0.2, "unlikely (20 %)"),
        (0.05, "very unlikely (5 %)"),
        (0.001, "almost impossible (1 %)"),
    ],
)
def test_a_chance_is_worded_and_numbered_and_never_certain(p, words):
    assert units.chance(p) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (40, "40 s"),
        (75, "1 min"),
        (600, "10 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (9000, "2.5 h"),
        (400_000, "5 days"),
    ],
)
def test_lengths_of_time_are_short(seconds, words):
    assert units.span(seconds) == words


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_no_rate_is_told_in_powers_of_ten(observed, usual):
    assert "e+" not in units.rates(observed, usual)
    assert "e-" not in units.rates(observed, usual)


# -- the short forms -------------------------------------------------------------------------------------------------


def test_your_own_trouble_is_the_headline_when_the_service_is_fine():
    assert headline(verdict(State.OPERATIONAL, None, scope=Scope.YOU), "Claude") == "Claude: it is you, not Claude"
    assert "limit" in headline(verdict(State.UNKNOWN, None, scope=Scope.YOUR_QUOTA), "Claude")
    assert headline(verdict(scope=Scope.YOU), "Claude") == "Claude: partial outage, suspected"


def test_who_is_hit_names_parts_models_troubles_and_places():
    hit = verdict(
        scope=Scope.COMPONENT, components=("web",), models=("opus",), problems=("sign_in",), regions=("FR", "US-IL")
    )
    assert who(hit, str.upper) == "only some parts; broken: WEB; models: opus; trouble: sign in; where: FR, US-IL"
    assert who(verdict(State.OPERATIONAL, None)) == ""


def test_every_reason_has_words():
    assert all(because(verdict(reason=reason)) for reason in Reason)


def test_only_news_is_told_while_the_headline_stands():
    before = verdict(components=("web",), regions=("US-CA", "US-IL"))
    now = verdict(components=("web", "api"), regions=("US",), problems=("sign_in",))
    assert moved(before, now, str) == (
        "also broken: api; also trouble: sign in; also where: US; no longer where: US-CA, US-IL"
    )
    assert moved(before, verdict(confidence=Confidence.CONFIRMED), str) is None
    assert moved(before, before, str) is None
