"""The official page shows what was posted by then, with the times it was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stillup.model.service import Stage, State
from stillup.sim.load import load
from stillup.sim.page import Page, page_at
from stillup.sim.scenario import Official
from stillup.sim.story import Story
from stillup.sim.wire.routes import Desk, Visit

APRIL = load("2026-04-07")
BORN = datetime(2024, 1, 1, tzinfo=UTC)


def april(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 4, 7, hour, minute, second, tzinfo=UTC)


def page(now: datetime) -> Page:
    return page_at("april", APRIL.official, ("web", "api"), now, BORN)


def served(path: str, now: datetime, service: str = "claude") -> dict:
    visit = Visit(path=f"/statuspage/{service}{path}", params={}, headers={}, base_url="http://w", now=now)
    return msgspec.json.decode(Desk(Story(APRIL)).reply(visit).body)


def test_before_the_first_post_the_page_is_green_although_the_fault_is_there():
    before = page(april(14, 55, 9))

    assert before.incidents == ()
    assert before.components == {"web": State.OPERATIONAL, "api": State.OPERATIONAL}


def test_the_first_post_appears_at_14_55_and_is_dated_back_to_14_32():
    (incident,) = page(april(14, 55, 10)).incidents

    assert incident.started_at == april(14, 32)
    assert incident.created_at == april(14, 55, 10)
    assert incident.stage is Stage.INVESTIGATING
    assert incident.impact == "critical"


@pytest.mark.parametrize(
    ("now", "stage", "web"),
    [
        (april(15, 12), Stage.INVESTIGATING, State.MAJOR_OUTAGE),
        (april(15, 23), Stage.MONITORING, State.MAJOR_OUTAGE),
        (april(15, 58), Stage.MONITORING, State.MAJOR_OUTAGE),
        (april(15, 59, 5), Stage.RESOLVED, State.OPERATIONAL),
    ],
)
def test_the_page_stays_red_until_it_says_resolved(now, stage, web):
    there = page(now)

    assert there.incidents[0].stage is stage
    assert there.components == {"web": web, "api": State.OPERATIONAL}


def test_the_wire_tells_the_time_shown_from_the_time_posted():
    (incident,) = served("/api/v2/summary.json", april(14, 56))["incidents"]
    (update,) = incident["incident_updates"]

    assert update["display_at"] == incident["started_at"] == "2026-04-07T14:32:00.000Z"
    assert update["created_at"] == incident["created_at"] == "2026-04-07T14:55:10.000Z"
    assert {a["code"]: a["new_status"] for a in update["affected_components"]}["rwppv331jlwc"] == "major_outage"


def test_a_resolved_incident_leaves_the_summary_and_stays_in_the_list():
    summary, listed = (served(f"/api/v2/{name}.json", april(16, 0)) for name in ("summary", "incidents"))

    assert summary["incidents"] == []
    assert [i["status"] for i in listed["incidents"]] == ["resolved"]
    assert [u["status"] for u in listed["incidents"][0]["incident_updates"]] == [
        "resolved",
        "monitoring",
        "investigating",
    ]


def test_another_services_page_is_quiet():
    summary = served("/api/v2/summary.json", april(15, 0), "chatgpt")

    assert summary["incidents"] == []
    assert {c["status"] for c in summary["components"]} == {"operational"}
    assert summary["status"]["indicator"] == "none"


def test_two_incidents_stand_newest_first_and_keep_their_own_updates():
    rows = [
        Official(at=BORN, posted_at=BORN + n * timedelta(minutes=1), stage=stage, body="", title=title, incident=name)
        for n, (name, stage, title) in enumerate(
            [("a", Stage.INVESTIGATING, "A"), ("b", Stage.IDENTIFIED, "B"), ("a", Stage.RESOLVED, "A, renamed")]
        )
    ]

    found = page_at("two", rows, (), BORN + timedelta(hours=1), BORN).incidents

    assert [(i.title, i.stage, len(i.updates)) for i in found] == [
        ("B", Stage.IDENTIFIED, 1),
        ("A, renamed", Stage.RESOLVED, 2),
    ]
    assert len({i.id for i in found}) == 2
