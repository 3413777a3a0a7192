"""What Prometheus is told."""

import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from stillup.web.front import Front
from stillup.web.traffic import route_class
from tests.web import boards


def read(text: str) -> dict:
    """The samples of an exposition, by name and labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_what_is_known_of_services_and_sources_is_told(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = read(answer.text)
    assert found["stillup_state", "", "claude", "partial_outage"] == 1
    assert found["stillup_state", "", "claude", "operational"] == 0
    assert found["stillup_state", "claude", "major_outage", "web"] == 1
    assert found["stillup_confirmed", "claude"] == 1
    assert found["stillup_confirmed", "gemini"] == 0
    assert found["stillup_probability", "claude"] == 0.98
    assert ("stillup_probability", "gemini") not in found
    assert found["stillup_source_age_seconds", "claude", "statuspage"] == 5
    assert found["stillup_source_ok", "claude", "google_trends"] == 0
    assert ("stillup_source_age_seconds", "claude", "google_trends") not in found
    assert (found["stillup_board_age_seconds",], found["stillup_board_seq",]) == (5, 7)


def test_what_came_in_is_counted_by_class_never_by_address(client):
    for path in ("/", "/claude", "/claude", "/gemini", *(f"/nothing/{i}" for i in range(20)), "/claude/badge.svg"):
        client.get(path)
    client.get("/", headers={"host": "evil.example"})
    found = read(client.get("/metrics").text)
    assert found["stillup_web_requests_total", "200", "service"] == 3
    assert found["stillup_web_requests_total", "404", "other"] == 20
    assert found["stillup_web_requests_total", "421", "index"] == 1
    assert found["stillup_web_refused_total", "foreign_host"] == 1
    assert found["stillup_web_ready_total",] == 1
    assert found["stillup_web_event_readers",] == 0


def test_other_parts_add_theirs_and_one_that_fails_is_counted_and_left_out(site_of):
    def broken() -> bytes:
        raise RuntimeError

    site = site_of(more_metrics=(broken, lambda: b"# TYPE other gauge\nother 1.0\n"))
    with TestClient(Front(site), base_url="http://127.0.0.1:8780") as client:
        found = read(client.get("/metrics").text)
    assert found["other",] == 1
    assert found["stillup_web_metrics_failed_total",] == 1


def test_a_hostile_name_stays_a_label(site_of):
    hostile = 'x"} 1\nstillup_state{a="b'
    site = site_of(shown=boards.board(claude=boards.claude(components={hostile: boards.verdict()})))
    with TestClient(Front(site), base_url="http://127.0.0.1:8780") as client:
        found = read(client.get("/metrics").text)
    assert found["stillup_state", "claude", "partial_outage", hostile] == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "index"),
        ("/claude", "service"),
        ("/claude/history", "history"),
        ("/claude/report", "report"),
        ("/claude/badge.svg", "badge"),
        ("/claude/feed.atom", "feed"),
        ("/feed.json", "feed"),
        ("/api/v1/services", "api"),
        ("/api/v2/summary.json", "statuspage"),
        ("/claude/api/v2/summary.json", "statuspage"),
        ("/incidents/x", "incidents"),
        ("/chat", "chat"),
        ("/a/b/c/d", "other"),
    ],
)
def test_every_address_belongs_to_a_class(path, expected):
    assert route_class([part for part in path.split("/") if part]) == expected
