"""Verdicts in words: the rule with its observed values, and only what is new when something moves."""

from datetime import UTC, datetime

import pytest

from stillup.model.evidence import Evidence, Standing
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict
from stillup.verdict.explain import because, headline, moved, rule, says, who

NOW = datetime(2026, 4, 7, tzinfo=UTC)


def verdict(state=State.PARTIAL_OUTAGE, confidence=Confidence.SUSPECTED, **rest):
    return Verdict(at=NOW, service="claude", state=state, confidence=confidence, **rest)


def crowd(**rest):
    return Evidence(
        family=Family.CROWD, standing=Standing.ALARM, observed=4.83, usual=0.02, unit="reports a minute", **rest
    )


def test_the_rule_shows_what_was_observed_and_what_follows():
    page = Evidence(family=Family.OFFICIAL, standing=Standing.CALM)
    told = rule(verdict(families=(Family.CROWD,)), [page, crowd(log_e=20.8)])
    assert told == (
        "official page: operational; crowd reports: 4.8 reports a minute where 0.02 is usual (e = 10^9) "
        "→ suspected by 1 independent side: one alone is never enough"
    )


@pytest.mark.parametrize(
    ("families", "confidence", "ends"),
    [
        ((Family.OFFICIAL,), Confidence.CONFIRMED, "confirmed by the official page"),
        (
            (Family.OFFICIAL, Family.CROWD),
            Confidence.CONFIRMED,
            "confirmed by the official page and 1 independent side",
        ),
        ((Family.CROWD, Family.PROBE), Confidence.CONFIRMED, "confirmed by 2 independent sides"),
    ],
)
def test_the_outcome_names_who_decided(families, confidence, ends):
    assert rule(verdict(families=families, confidence=confidence), []).endswith(ends)


def test_nobody_heard_is_said():
    assert rule(verdict(State.UNKNOWN, None), []) == "nothing heard → unknown"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(family=Family.PROBE, standing=Standing.NO_DATA), "our probe: no data"),
        (Evidence(family=Family.SEARCH, standing=Standing.NO_DATA, note="echo"), "searches: echo"),
        (Evidence(family=Family.SOCIAL, standing=Standing.CALM), "social posts: calm"),
        (Evidence(family=Family.OFFICIAL, standing=Standing.CALM, note="still red"), "official page: still red"),
        (
            Evidence(
                family=Family.OFFICIAL,
                standing=Standing.ALARM,
                state=State.DEGRADED,
                components=(("api", State.DEGRADED),),
            ),
            "official page: degraded (api)",
        ),
        (crowd(log_e=1.0), "crowd reports: 4.8 reports a minute where 0.02 is usual"),
        (crowd(log_e=500.0), "crowd reports: 4.8 reports a minute where 0.02 is usual (e > 10^30)"),
    ],
)
def test_each_side_in_its_own_words(evidence, words):
    assert says(evidence) == words


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
