"""What services are compared by: only what was seen, kept or is written down, and the rest is not known."""

from datetime import UTC, datetime, timedelta

import pytest

from stillup.catalog.load import catalogue, find_service
from stillup.catalog.models import Tier, models
from stillup.daemon.ask import judge_many
from stillup.daemon.compared import HISTORY, compare, shared
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, Layer, State
from stillup.model.signal import Outcome
from stillup.registry import SOURCES
from stillup.sources.base import Reading
from stillup.sources.report import Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def answer(service, *tries):
    lines = [
        Outcome(at=NOW, service=service, source="probe", layer=layer, ok=not error, latency_ms=ms, error=error or None)
        for layer, ms, error in tries
    ]
    report = Report(source="probe", service=service, started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
                    reading=Reading(signals=tuple(lines)))  # fmt: skip
    return judge_many([find_service(service)], [report] if tries else [], NOW)[0]


def incident(since, lasted=None, confidence=Confidence.CONFIRMED, first_seen=(), service="claude"):
    return Incident(id=since.isoformat(), service=service, opened_at=since, since=since, state=State.PARTIAL_OUTAGE,
                    confidence=confidence, first_seen=first_seen, recovered_at=lasted and since + lasted)  # fmt: skip


def test_each_layer_has_the_middle_of_what_worked_and_the_error_of_what_did_not():
    found = compare(
        answer(
            "claude",
            (Layer.EDGE, 40.0, ""), (Layer.EDGE, 60.0, ""), (Layer.EDGE, 900.0, ""),
            (Layer.AUTH, 30.0, "server_error"),
            (Layer.API_GATEWAY, 80.0, ""), (Layer.API_GATEWAY, 9.0, "timeout"),
        )
    )  # fmt: skip
    assert [(r.layer, r.ms, r.error) for r in found.rungs] == [
        (Layer.EDGE, 60.0, ""),
        (Layer.AUTH, None, "server_error"),
        (Layer.API_GATEWAY, 80.0, "timeout"),
    ]


def test_what_was_not_asked_and_not_kept_is_not_known():
    found = compare(answer("midjourney"))
    assert (found.rungs, found.models, found.past) == ((), (), None)


def test_the_page_trails_by_what_was_measured_here_else_as_its_kind_does():
    seen = [
        incident(NOW - n * 24 * HOUR, HOUR, first_seen=((Family.CROWD, NOW), (Family.OFFICIAL, NOW + n * HOUR)))
        for n in (1, 2, 3)
    ]
    measured = compare(answer("claude"), seen, NOW - HISTORY).lag
    assert (measured.seconds, measured.measured) == (2 * 3600.0, 3)
    usual = compare(answer("claude")).lag
    assert (usual.seconds, usual.measured) == (SOURCES["statuspage"].delay_s, 0)


def test_the_past_counts_confirmed_incidents_and_only_their_time_within_the_last_days():
    edge = NOW - HISTORY
    past = compare(
        answer("claude"),
        [
            incident(edge - HOUR, 3 * HOUR),
            incident(NOW - 2 * HOUR),
            incident(NOW - 50 * HOUR, HOUR, Confidence.SUSPECTED),
            incident(NOW - 60 * HOUR, 9 * HOUR, service="chatgpt"),
            incident(edge - 9 * HOUR, HOUR),
        ],
        edge - 100 * HOUR,
    ).past
    assert (past.incidents, past.suspected) == (2, 1)
    assert (past.down_s, past.longest_s, past.since) == (4 * 3600.0, 2 * 3600.0, edge)


def test_a_record_that_begins_later_says_since_when():
    assert compare(answer("claude"), [], NOW - HOUR).past.since == NOW - HOUR


@pytest.mark.parametrize("service", ["claude", "chatgpt", "gemini", "mistral"])
def test_comparable_models_are_the_makers_newest_of_each_tier(service):
    found = compare(answer(service)).models
    tiers = [m.tier for m in found]
    assert tiers == sorted(set(tiers), key=list(Tier).index)
    for model in found:
        newer = [m for m in models().values() if m.maker == model.maker and m.tier is model.tier and not m.legacy]
        assert newer[0] == model


def test_who_makes_no_models_has_none_to_compare():
    assert compare(answer("openrouter")).models == ()


def test_what_several_stand_on_is_shared_the_surest_first_and_one_may_stand_on_another():
    found = dict(shared([compare(answer(s)) for s in ("claude", "chatgpt", "copilot", "github")]))
    assert {s for s, _ in found["cloudflare"]} >= {"claude", "chatgpt"}
    assert "copilot" in dict(found["github"])
    alone = {d.service for d in catalogue()["claude"].dependencies} - {"claude"}
    assert not {base for base, _ in shared([compare(answer("claude"))])} & alone
