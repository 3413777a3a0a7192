"""What is said of whether a story came out right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.sim.outcome import Check, checks
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
