"""The native API: what is known as JSON, what is unknown as null, lists by pages, refusals that say what is allowed."""

from datetime import datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import msgspec
import pytest
from litestar.testing import TestClient

from stillup.board import Board, Maintenance
from stillup.config.schema import Web
from stillup.model.service import Capability, Stage, State
from stillup.response.workarounds import Workaround
from stillup.web.front import Front
from tests.web import boards

V1 = "/api/v1"
ABOUT_CLAUDE = ("", "/verdict", "/evidence", "/forecast", "/reports", "/alternatives")
READS = (
    "/services",
    *(f"/services/claude{rest}" for rest in ABOUT_CLAUDE),
    "/incidents",
    f"/incidents/{boards.INCIDENT.id}",
    "/changes",
    "/capabilities",
    "/openapi.json",
)
HOSTILE = "<script>alert(1)</script>\x00\x1b[31m\u202egnp.exe\u2066 " + "x" * 1_000_000


def get(client, path, **rest):
    return client.get(V1 + path, **rest)


# -- what is told -----------------------------------------------------------------------------------------------------


def test_every_service_is_listed_in_the_order_of_the_configuration(client):
    told = get(client, "/services").json()
    assert [(s["id"], s["state"]) for s in told["services"]] == [
        ("claude", "partial_outage"),
        ("chatgpt", "operational"),
        ("gemini", "unknown"),
    ]
    assert told["state"] == "partial_outage"
    assert told["as_of"] == "2026-05-12T15:00:00Z"


def test_a_verdict_says_what_since_when_and_by_which_rule(client):
    told = get(client, "/services/claude/verdict").json()
    assert told["state"] == "partial_outage"
    assert told["confidence"] == "confirmed"
    assert told["since"] == "2026-05-12T14:32:00Z"
    assert told["diagnosis"][0] == {
        "class": "authentication",
        "layer": "auth",
        "p": 0.82,
        "for": ["sign-in fails, the API answers"],
        "against": [],
    }
    assert told["forecast"] == {"p10_s": 900.0, "p50_s": 3300.0, "p90_s": 14000.0}
    assert "168 reports in 28 min" in told["rule"]


def test_a_component_nobody_spoke_of_is_unknown(client):
    parts = {c["id"]: c["state"] for c in get(client, "/services/claude").json()["components"]}
    assert parts["web"] == "major_outage"
    assert parts["api"] == "operational"
    assert parts["mobile"] == "unknown"


def test_what_nobody_counted_is_null_and_not_zero(client):
    told = get(client, "/services/claude/reports").json()
    counts = [w["count"] for w in told["windows"]]
    assert counts.count(None) == 2
    assert 0.0 in counts
    assert told["window_s"] == 900


def test_a_family_that_was_not_heard_has_no_strength(client):
    told = {e["family"]: e for e in get(client, "/services/claude/evidence").json()["evidence"]}
    assert told["search"]["standing"] == "no_data"
    assert told["search"]["log_e"] is None
    assert told["search"]["heard_at"] is None
    assert told["crowd"]["log_e"] == 21.0


def test_a_service_that_is_well_has_no_forecast(client):
    told = get(client, "/services/chatgpt/forecast").json()
    assert (told["left"], told["made_at"], told["curve"], told["likely"]) == (None, None, [], None)


def test_alternatives_for_another_task_come_from_the_catalogue_and_are_not_down(client):
    told = get(client, "/services/chatgpt/alternatives?task=coding").json()
    assert told["task"] == "coding"
    offered = [c["service"] for c in told["choices"]]
    assert offered
    assert "claude" not in offered, "it is down"


def test_alternatives_without_a_task_are_those_the_board_has_chosen(client):
    told = get(client, "/services/claude/alternatives").json()
    assert (told["task"], told["up_parts"]) == ("chat", ["Claude API"])
    assert [c["service"] for c in told["choices"]] == ["chatgpt"]


def test_an_incident_is_told_with_its_timeline_and_leads(client):
    told = get(client, f"/incidents/{boards.INCIDENT.id}").json()
    assert told["incident"]["lead_s"] == 19 * 60
    assert [s["family"] for s in told["incident"]["first_seen"]] == ["probe", "crowd", "official"]
    assert [m["kind"] for m in told["timeline"]] == ["onset", "seen", "verdict", "official"]
    assert told["leads"][0] == {"family": "probe", "lead_s": 1140.0}
    assert told["wrong"] == ["The mobile apps were never named, and the page named them."]


def test_every_capability_names_who_has_it(client):
    told = get(client, "/capabilities").json()["capabilities"]
    assert {c["id"] for c in told} == set(Capability)
    assert all(c["services"] for c in told)


def test_links_begin_with_the_configured_address(opened):
    client = opened(settings=Web(base_url="https://status.example.org/up/"))
    assert get(client, "/incidents").json()["incidents"][0]["link"] == (
        f"https://status.example.org/up/incidents/{boards.INCIDENT.id}"
    )


def test_a_board_without_services_is_unknown(opened):
    told = get(opened(shown=Board(at=boards.NOW)), "/services").json()
    assert (told["state"], told["services"]) == ("unknown", [])


def test_the_worst_of_all_does_not_hang_on_the_order(opened):
    shown = boards.board(claude=boards.calm("claude", State.UNKNOWN), gemini=boards.calm("gemini"))
    assert get(opened(shown=shown), "/services").json()["state"] == "operational"


# -- how it is answered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READS)
def test_an_unchanged_answer_costs_a_304(client, path):
    first = get(client, path)
    assert first.status_code == 200
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert "max-age=" in first.headers["cache-control"]
    again = get(client, path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert get(client, path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", [*READS, "/services/nobody", "/incidents?limit=0"])
def test_scripts_of_any_site_may_read_a_public_page_and_no_other(opened, path):
    def allowed(settings):
        answer = get(opened(settings=settings), path, headers={"Origin": "https://elsewhere.example"})
        return answer.headers.get("access-control-allow-origin")

    assert allowed(Web(public=True)) == "*"
    assert allowed(Web()) is None


@pytest.mark.parametrize("path", READS)
def test_times_are_in_utc_and_nothing_is_not_a_number(client, path):
    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key.endswith(("_at", "since", "as_of")) and isinstance(inner, str):
                    assert inner.endswith("Z"), (key, inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(msgspec.json.decode(get(client, path).content))


@pytest.mark.parametrize("path", READS)
def test_a_head_request_has_the_headers_alone(client, path):
    answer = client.head(V1 + path)
    assert (answer.status_code, answer.content) == (200, b"")


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READS[:-1])
def test_an_unknown_parameter_is_refused_by_name(client, path):
    answer = get(client, f"{path}?servise=claude")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["status"]) == ("/api#unknown-parameter", 400)
    assert "'servise'" in told["detail"]
    assert told["allowed"]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("limit=0", "a whole number from 1 to 100"),
        ("limit=101", "a whole number from 1 to 100"),
        ("limit=ten", "a whole number from 1 to 100"),
        ("limit=" + "9" * 500, "a whole number from 1 to 100"),
        ("limit=1&limit=2", "it, once"),
    ],
)
def test_a_bad_limit_is_refused_with_what_is_allowed(client, query, allowed):
    answer = get(client, f"/incidents?{query}")
    assert (answer.status_code, answer.json()["allowed"]) == (400, [allowed])


def test_an_unknown_task_is_refused_with_those_there_are(client):
    answer = get(client, "/services/claude/alternatives?task=juggling")
    assert (answer.status_code, answer.json()["allowed"]) == (400, list(Capability))


@pytest.mark.parametrize("rest", ABOUT_CLAUDE)
def test_an_unknown_service_is_not_found_and_those_watched_are_named(client, rest):
    answer = get(client, f"/services/nobody{rest}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/api#unknown-service")
    assert answer.json()["allowed"] == ["claude", "chatgpt", "gemini"]


def test_an_unknown_service_in_a_list_is_not_an_empty_list(client):
    assert get(client, "/incidents?service=nobody").status_code == 404


@pytest.mark.parametrize("path", ["/nothing", "/services/claude/nothing", "/services/claude/verdict/more"])
def test_an_unknown_path_is_a_problem_in_json(client, path):
    answer = get(client, path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_query_of_a_megabyte_is_refused(served):
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{served}{V1}/incidents?cursor={'a' * 1_000_000}", timeout=10)
    with refused.value as answer:
        assert answer.code in (400, 414, 431)


def test_a_long_query_is_refused_with_the_most_that_is_allowed(client):
    assert get(client, "/incidents?cursor=" + "a" * 2_000).json()["type"] == "/api#long-query"


@pytest.mark.parametrize(
    "name", ["\u202egnp.exe", "<script>alert(1)</script>", "a\x00b", "x" * 4_000, "%ff%fe", "\ud7ff"]
)
def test_odd_names_are_not_found_and_not_echoed_as_they_are(client, name):
    answer = get(client, f"/services/{quote(name)}/verdict")
    assert answer.status_code in (400, 404)
    assert "\u202e" not in answer.text
    assert len(answer.content) < 1_500


def test_what_a_read_does_not_do_is_refused(client):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = client.request(method, f"{V1}/services")
        assert answer.status_code == 405, method
        assert answer.headers["content-type"] == "application/problem+json"


# -- texts from elsewhere ---------------------------------------------------------------------------------------------


def test_texts_from_elsewhere_are_bounded_and_without_tricks(opened):
    shown = boards.board(
        claude=boards.claude(
            headline=HOSTILE,
            maintenances=(
                Maintenance(id=HOSTILE, title=HOSTILE, stage=Stage.SCHEDULED, body=HOSTILE, components=(HOSTILE,)),
            ),
            workarounds=(
                Workaround(title=HOSTILE, url="javascript:alert(1)", host="x", source="x", age_s=1.0, why=(HOSTILE,)),
            ),
        )
    )
    answer = get(opened(shown=shown), "/services/claude")
    assert len(answer.content) < 20_000
    assert "\u202e" not in answer.text
    assert "\x1b" not in answer.text
    assert "javascript:" not in answer.text


def test_the_page_of_the_api_names_every_call_and_runs_nothing(client):
    page = client.get("/api").text
    for path in client.get(f"{V1}/openapi.json").json()["paths"]:
        assert path in page
    assert "https://cdn" not in page
    assert "<style" not in page


def test_every_kind_of_refusal_is_explained_on_the_page(client):
    page = client.get("/api").text
    for path in ("/services/nobody", "/x", "/services?x", "/incidents?cursor=x", "/incidents/x", "/incidents?limit=0"):
        kind = get(client, path).json()["type"]
        assert f'id="{kind.removeprefix("/api#")}"' in page, kind


def test_nothing_is_said_twice_when_the_board_is_older_than_the_archive(opened):
    shown = boards.board(claude=boards.claude(incidents=()))
    told = get(opened(shown=shown), "/incidents").json()["incidents"]
    assert len({i["id"] for i in told}) == len(told) == 2


def test_the_answer_changes_with_the_board(site_of):
    now = [boards.board()]
    with TestClient(Front(site_of(board=lambda: now[0])), base_url="http://127.0.0.1:8780") as client:
        before = get(client, "/services")
        now[0] = boards.board(seq=8, claude=boards.calm("claude"))
        after = get(client, "/services", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["services"][0]["state"] == "operational"


def test_a_change_tells_its_headline(client):
    told = get(client, "/changes?limit=1").json()["changes"][0]
    assert told["headline"] == "Claude: partial outage, confirmed"
    assert datetime.fromisoformat(told["at"]) == boards.NOW - timedelta(minutes=4)
