"""What is said of whether a story came out right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.model.service import Confidence, OutageClass, State
from stillup.model.verdict import Diagnosis, Verdict
from stillup.sim.load import parse
from stillup.sim.outcome import Check, checks, judged
from stillup.sim.scenario import Expect

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minute", "ok", "order"), [(-17, True, "before"), (0, False, "not before"), (3, False, "not before")]
)
def test_the_alarm_is_told_beside_the_first_word_of_the_page_and_no_second_lead_is_reckoned(minute, ok, order):
    """How long the first side was ahead stands in the incident; the alarm comes after that side."""
    at = NOON + timedelta(minutes=minute)
    alarm = Verdict(at=at, service="claude", state=State.DEGRADED, confidence=Confidence.SUSPECTED)
    says = f"alarm at {at:%H:%M} UTC, {order} the official page first spoke (12:00 UTC)"
    assert list(checks(Expect(official_at=NOON), [alarm])) == [Check(ok, says)]


def changed(minute: int, **values) -> Verdict:
    return Verdict(at=NOON + timedelta(minutes=minute), service="claude", **values)


ILL = {"state": State.DEGRADED, "confidence": Confidence.SUSPECTED}
WELL = {"state": State.OPERATIONAL}


@pytest.mark.parametrize(("most", "ok"), [(0, False), (1, False), (2, True)])
def test_an_alarm_is_each_time_it_goes_from_well_to_ill(most, ok):
    changes = [changed(0, **WELL), changed(1, **ILL), changed(2, **ILL), changed(3, **WELL), changed(4, **ILL)]
    (found,) = checks(Expect(alarms_at_most=most), changes)
    assert found == Check(ok, f"alarms: {most} at most (were 2)")


@pytest.mark.parametrize(
    ("expect", "ok"),
    [
        (Expect(models=("opus",)), True),
        (Expect(models=("haiku",)), False),
        (Expect(diagnosis=OutageClass.DATABASE), True),
        (Expect(diagnosis=OutageClass.AUTHENTICATION), False),
    ],
)
def test_models_and_the_likeliest_class_are_looked_for_in_every_change(expect, ok):
    likely = (Diagnosis(OutageClass.DATABASE, None, 0.6), Diagnosis(OutageClass.AUTHENTICATION, None, 0.4))
    changes = [changed(0, **ILL, models=("opus",), diagnosis=likely), changed(9, **WELL)]
    (found,) = checks(expect, changes)
    assert found.ok is ok


MANY = """
id = "many"
title = "many"
service = "claude"
starts = 2026-01-05T12:00:00Z
ends = 2026-01-05T14:00:00Z
[expect]
suspected_by = 2026-01-05T12:30:00Z
[[also]]
service = "github"
[also.expect]
worst = "operational"
"""


def test_each_service_is_judged_by_its_own_changes():
    ill = changed(5, **ILL)
    other = replace(ill, service="github", **WELL)
    says = [check.says for check in judged(parse(MANY, "many.toml"), [ill, other]) if check.ok]
    assert says == [
        "Claude: suspected by 12:30 UTC (at 12:05 UTC)",
        "GitHub: worst state operational (was operational)",
    ]
    assert not any(check.ok for check in judged(parse(MANY, "many.toml"), [replace(ill, service="github")]))


def test_of_a_part_that_was_played_only_what_was_due_by_then_is_judged():
    assert len(list(judged(parse(MANY, "many.toml"), [], NOON + timedelta(minutes=29)))) == 1
    assert len(list(judged(parse(MANY, "many.toml"), [], NOON + timedelta(minutes=30)))) == 2
