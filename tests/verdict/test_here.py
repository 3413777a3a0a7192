"""Is it this machine: what one source says of the way out is overtaken by another's later word."""

from datetime import UTC, datetime, timedelta

from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.verdict.here import Here

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


def hear(here, minute, source, *, ok, layer=Layer.NETWORK, times=2):
    at, error = NOON + timedelta(minutes=minute), None if ok else "EAI_AGAIN"
    tried = Outcome(at=at, service="claude", source=source, layer=layer, ok=ok, error=error)
    here.look([tried] * times, second(minute))


def second(minute):
    return int((NOON + timedelta(minutes=minute)).timestamp())


def test_a_network_that_was_away_is_back_once_another_source_gets_out():
    here = Here()
    hear(here, 0, "claude_code", ok=False)
    assert here.since(second(1)) is not None
    hear(here, 2, "probe", ok=True)
    assert here.since(second(3)) is None


def test_a_way_out_in_the_same_minute_or_at_another_layer_is_no_later_word():
    here = Here()
    hear(here, 0, "claude_code", ok=False)
    hear(here, 0, "probe", ok=True)
    hear(here, 2, "probe", ok=True, layer=Layer.LOCAL)
    assert here.since(second(3)) is not None
