"""A limit stands as long as it says; what says nothing of its end lapses by itself."""

from datetime import UTC, datetime, timedelta
from math import inf

import msgspec
import pytest

from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.verdict.own import OwnTrouble, opens_at

AT = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)


def failed(error, at=AT):
    return Outcome(at=at, service="claude", source="claude_code", layer=Layer.API_GATEWAY, ok=False, error=error)


def stands(error, after):
    own = OwnTrouble()
    assert own.take(failed(error), AT.timestamp())
    return own.quota((AT + after).timestamp()) is not None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("quota:five_hour until 2026-05-12T18:00:00Z", "2026-05-12T18:00:00+00:00"),
        ("quota:five_hour", None),
        ("quota until 2026-13-40T99:00:00Z", None),
        ("quota until tomorrow", None),
        (None, None),
    ],
)
def test_an_error_may_say_when_its_limit_opens(error, text):
    assert opens_at(error) == (text and datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("error", "after", "still"),
    [
        ("quota:five_hour until 2026-05-12T15:30:00Z", timedelta(minutes=29), True),
        ("quota:five_hour until 2026-05-12T15:30:00Z", timedelta(minutes=30), False),
        ("quota:seven_day until 2026-05-15T15:00:00Z", timedelta(days=2), True),
        ("quota until 2027-05-15T15:00:00Z", timedelta(days=9), False),  # no limit is that long
        ("quota until 2026-05-12T14:00:00Z", timedelta(0), False),  # over before it was met
        ("quota:five_hour", timedelta(hours=4), True),
        ("quota:five_hour", timedelta(hours=6), False),
        ("rate_limit", timedelta(minutes=14), True),
        ("rate_limit", timedelta(minutes=16), False),
    ],
)
def test_a_limit_stands_until_it_opens(error, after, still):
    assert stands(error, after) is still


def test_an_answer_ends_a_limit_before_its_time():
    own = OwnTrouble()
    own.take(failed("quota:five_hour until 2026-05-12T18:00:00Z"), AT.timestamp())
    worked = Outcome(at=AT, service="claude", source="claude_code", layer=Layer.INFERENCE, n_ok=1, n_failed=0)
    own.take(worked, AT.timestamp() + 60)
    assert own.quota(AT.timestamp() + 120) is None


def test_a_limit_that_is_over_hides_the_end_of_no_other():
    own = OwnTrouble()
    own.take(failed("quota until 2026-05-12T15:30:00Z"), AT.timestamp())
    other = msgspec.structs.replace(failed("quota until 2026-05-12T16:00:00Z"), source="codex")
    own.take(other, AT.timestamp())
    ends = [(AT + timedelta(minutes=m)).timestamp() for m in (30, 60)]
    assert own.next_expiry_s(AT.timestamp()) == ends[0]
    assert own.next_expiry_s(ends[0]) == ends[1]
    assert own.next_expiry_s(ends[1]) == inf


def test_both_limits_are_seen_to_end_while_nobody_says_anything(timeline):
    error = "quota until {}"
    for source, minute in (("claude_code", 30), ("codex", 60)):
        timeline.add(1, "outcome", source, layer="api_gateway", ok=False, error=error.format(timeline.at(minute)))
    timeline.add(300, "alive", "statuspage")
    whole = [v for v in timeline.run() if v.component is None]
    assert [(timeline.minute(v), v.reason) for v in whole] == [(1, "your_quota"), (60, "no_data"), (300, "all_calm")]
