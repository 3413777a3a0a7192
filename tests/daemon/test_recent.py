"""The last hours of a service: what was counted is counted once, what was not heard is no zero."""

from datetime import UTC, datetime, timedelta

import pytest

from stillup.daemon.recent import WINDOW_S, Recent
from stillup.errors import Blame
from stillup.model.service import Layer
from stillup.model.signal import Alive, Counted, Outcome
from stillup.sources.base import Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 4, 7, 14, 7, tzinfo=UTC)
ONE = timedelta(seconds=WINDOW_S)


def reading(source, *signals, at=NOW):
    return Report(source=source, service="claude", started_at=at, elapsed_ms=1, next_at=at, why_next=Why.CADENCE,
                  reading=Reading(signals=signals))  # fmt: skip


def counted(count, at=NOW, source="downdetector", window_s=WINDOW_S, **more):
    return Counted(at=at, service="claude", source=source, window_s=window_s, count=count, **more)


def alive(at=NOW, source="downdetector"):
    return Alive(at=at, service="claude", source=source)


def tried(ok, at=NOW, layer=Layer.API_GATEWAY, source="probe", **more):
    return Outcome(at=at, service="claude", source=source, layer=layer, ok=ok, **more)


def test_what_nobody_spoke_of_is_a_gap_and_what_a_counting_source_did_not_name_is_zero():
    recent = Recent()
    recent.hear(reading("downdetector", counted(3, NOW - 3 * ONE), alive(NOW - ONE), alive()))
    assert recent.counts(NOW, 5) == [None, 3.0, None, 0.0, 0.0]


def test_the_last_count_of_a_window_stands_and_counts_of_two_sources_add_up():
    recent = Recent()
    recent.hear(reading("downdetector", counted(3), alive()))
    recent.hear(reading("downdetector", counted(5), alive()))
    recent.hear(reading("reddit", counted(2, source="reddit", window_s=60, id="a"), alive(source="reddit")))
    assert recent.counts(NOW, 1) == [7.0]


def test_a_try_that_is_told_again_with_each_reading_counts_once():
    recent = Recent()
    for minute in range(5):
        at = NOW - timedelta(minutes=5 - minute)
        shared = Outcome(at=at, service="claude", source="pool", layer=Layer.INFERENCE, window_s=300, n_ok=8,
                         n_failed=2, id="pool::14:00")  # fmt: skip
        recent.hear(reading("pool", shared, at=at))
    recent.hear(reading("pool", tried(True, source="pool", id="pool::14:05"), tried(True), tried(True)))
    assert recent.failing(NOW, 1) == [2 / 13]


def test_a_source_whose_silence_says_nothing_gives_no_zero():
    recent = Recent()
    recent.hear(reading("hackernews", alive(source="hackernews")))
    assert recent.counts(NOW, 1) == [None]


def test_a_source_heard_again_within_its_usual_time_covers_what_lies_between_and_after_a_pause_it_does_not():
    recent = Recent()
    hour = NOW.replace(minute=0)
    recent.hear(reading("reddit", alive(hour - timedelta(seconds=1), "reddit"), at=hour - timedelta(seconds=1)))
    recent.hear(reading("reddit", alive(hour + timedelta(minutes=14), "reddit"), at=hour + timedelta(minutes=14)))
    assert recent.counts(hour + timedelta(minutes=14), 2) == [0.0, 0.0]
    recent.hear(reading("reddit", alive(NOW + 8 * ONE, "reddit"), at=NOW + 8 * ONE))
    assert recent.counts(NOW + 8 * ONE, 3) == [None, None, 0.0]


def test_the_end_of_a_window_belongs_to_it():
    recent = Recent()
    end = NOW.replace(minute=15)
    recent.hear(reading("downdetector", counted(4, end)))
    assert recent.counts(end, 1) == [4.0]
    assert recent.counts(end + timedelta(seconds=1), 2) == [4.0, None]


def test_a_longer_window_is_spread_over_what_it_covers():
    recent = Recent()
    recent.hear(reading("downdetector", counted(8, NOW, window_s=4 * WINDOW_S)))
    assert recent.counts(NOW, 5) == [None, 2.0, 2.0, 2.0, 2.0]


def test_the_share_that_failed_is_of_the_services_own_tries():
    recent = Recent()
    recent.hear(
        reading(
            "probe",
            tried(ok=True),
            tried(ok=False, error="reset"),
            tried(ok=False, layer=Layer.NETWORK, error="timeout"),
            tried(ok=False, error="http_401"),
        )
    )
    assert recent.failing(NOW, 2) == [None, 0.5]


def test_windows_of_tries_count_as_many_as_they_hold_and_one_without_tries_is_a_gap():
    recent = Recent()
    whole = Outcome(at=NOW, service="claude", source="gateway", layer=Layer.INFERENCE, window_s=60, n_ok=9, n_failed=1)
    empty = Outcome(at=NOW - ONE, service="claude", source="gateway", layer=Layer.INFERENCE, window_s=60, n_ok=0,
                    n_failed=0)  # fmt: skip
    recent.hear(reading("gateway", whole, empty))
    assert recent.failing(NOW, 2) == [None, pytest.approx(0.1)]


def test_the_time_to_an_answer_is_the_deepest_layers_newest():
    recent = Recent()
    assert recent.latency() is None
    recent.hear(reading("probe", tried(ok=True, layer=Layer.EDGE, latency_ms=20.0), tried(ok=True, latency_ms=90.0)))
    recent.hear(reading("probe", tried(ok=True, at=NOW - ONE, latency_ms=1.0)))
    assert (recent.latency().layer, recent.latency().ms) == (Layer.API_GATEWAY, 90.0)


def test_a_source_that_fails_keeps_the_time_it_was_last_read_well():
    recent = Recent()
    recent.hear(reading("probe", tried(ok=True)))
    error = Failure(kind=FailureKind.LATE, says="no answer", blame=Blame.PROVIDER)
    recent.hear(Report(source="probe", service="claude", started_at=NOW + ONE, elapsed_ms=1, next_at=NOW,
                       why_next=Why.CADENCE, error=error))  # fmt: skip
    assert (recent.sources["probe"].ok, recent.heard_at()) == (False, NOW)


def test_what_was_kept_is_recalled_only_from_before_a_source_tells_its_own_past():
    recent = Recent()
    recent.hear(reading("downdetector", counted(3, NOW - ONE), alive()))
    recent.recall([counted(9, NOW - ONE, id="again"), counted(2, NOW - 2 * ONE), tried(ok=True, at=NOW - ONE)], NOW)
    assert recent.counts(NOW, 3) == [2.0, 3.0, 0.0]
    assert recent.failing(NOW, 2) == [0.0, None]


def test_a_day_is_kept_and_no_more():
    recent = Recent()
    recent.hear(reading("downdetector", counted(3, NOW - 200 * ONE), counted(1, NOW), alive()))
    assert sum(v or 0.0 for v in recent.counts(NOW, 300)) == 1.0
    recent.hear(reading("downdetector", alive(NOW + 200 * ONE), at=NOW + 200 * ONE))
    assert sum(v or 0.0 for v in recent.counts(NOW + 200 * ONE, 300)) == 0.0
