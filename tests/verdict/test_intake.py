"""What waits for its minute: once each, in order, and remembered no longer than a double of it could come."""

from datetime import UTC, datetime, timedelta

from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.verdict.intake import Intake

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


def tried(minute, name):
    at = NOON + timedelta(minutes=minute)
    return Outcome(at=at, service="claude", source="probe", layer=Layer.EDGE, ok=True, id=name)


def test_a_line_whose_id_has_come_is_dropped_within_two_hours_even_at_another_time():
    intake = Intake()
    intake.put(tried(0, "a"))
    assert len(intake.take(int(NOON.timestamp()))) == 1
    intake.put(tried(90, "a"))
    assert intake.next_s is None


def test_ids_of_long_ago_are_forgotten_so_that_a_month_takes_no_more_memory_than_a_morning():
    intake, held = Intake(), []
    for minute in range(20 * 60):
        for number in range(10):
            intake.put(tried(minute, f"{minute}-{number}"))
        intake.take(int((NOON + timedelta(minutes=minute)).timestamp()))
        held.append(len(intake._ids))
    assert max(held) == held[-1] == held[200]
