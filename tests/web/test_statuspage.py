"""Pages that Statuspage's clients read: exact shapes, stable ids, nothing green that is unknown, and real clients."""

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stillup.board import Board, Maintenance
from stillup.catalog.load import catalogue
from stillup.config.schema import Web
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, Stage, State
from stillup.model.signal import Declared
from stillup.net import Request
from stillup.sources.base import Context, Setting
from stillup.sources.statuspage import SOURCE
from stillup.web.statuspage_updates import made_id
from stillup.web.statuspage_view import STATUS_WORDS, View
from tests.web import boards

FILES = (
    "summary",
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
)
INDICATORS = {"none", "minor", "major", "critical", "maintenance"}
HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe" + "x" * 1_000_000


def read(client, file, service=""):
    answer = client.get(f"/{service}/api/v2/{file}.json" if service else f"/api/v2/{file}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def part(state, **rest):
    return boards.verdict(component="web", components=("web",), state=state, **rest)


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", "claude"])
@pytest.mark.parametrize("file", FILES)
def test_every_file_has_the_page_and_its_own_part(client, file, service):
    told = read(client, file, service)
    assert set(told["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    own = {
        "summary": {"components", "incidents", "scheduled_maintenances", "status"},
        "status": {"status"},
        "components": {"components"},
        "incidents": {"incidents"},
        "incidents/unresolved": {"incidents"},
    }.get(file, {"scheduled_maintenances"})
    assert set(told) == {"page", *own}


COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id",
    "page_id", "group", "only_show_if_degraded",
}  # fmt: skip
INCIDENT = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink",
    "started_at", "page_id", "incident_updates", "components",
}  # fmt: skip
UPDATE = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components",
    "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip


@pytest.mark.parametrize("service", ["", "claude"])
def test_rows_incidents_and_updates_have_the_fields_clients_expect(client, service):
    told = read(client, "summary", service)
    for row in told["components"]:
        assert set(row) - {"components"} == COMPONENT
        assert row["status"] in STATUS_WORDS.values()
        assert row["page_id"] == told["page"]["id"]
    for incident in read(client, "incidents", service)["incidents"]:
        assert set(incident) == INCIDENT
        assert incident["impact"] in INDICATORS
        for update in incident["incident_updates"]:
            assert set(update) == UPDATE
            assert update["incident_id"] == incident["id"]
    for work in told["scheduled_maintenances"]:
        assert set(work) == INCIDENT | {"scheduled_for", "scheduled_until"}
    assert told["status"]["indicator"] in INDICATORS


def test_times_are_written_as_javascript_writes_them(client):
    told = read(client, "summary", "claude")
    datetime.strptime(told["page"]["updated_at"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
    assert told["page"]["updated_at"] == "2026-05-12T15:00:00.000Z"


def test_updates_stand_newest_first_and_tell_the_course(client):
    now, past = read(client, "incidents", "claude")["incidents"]
    assert [u["status"] for u in now["incident_updates"]] == ["identified", "identified", "investigating"]
    times = [u["created_at"] for u in now["incident_updates"]]
    assert times == sorted(times, reverse=True)
    assert (now["status"], now["resolved_at"]) == ("identified", None)
    assert [u["status"] for u in past["incident_updates"]] == ["resolved", "identified"]
    assert past["resolved_at"] == past["updated_at"] == "2026-05-01T15:50:00.000Z"


def test_ids_are_the_same_at_every_asking_and_no_two_are_alike(client, opened):
    first, second = read(client, "summary"), read(opened(), "summary")
    assert first == second
    assert made_id("service", "claude") == "nghjdyvh450j", "clients have stored it"
    every = {made_id(kind, s) for kind in ("service", "page", "component") for s in catalogue()}
    assert len(every) == 3 * len(catalogue())


def test_rows_bear_the_ids_of_the_official_page_so_that_a_client_finds_them_again(client):
    rows = {row["id"]: row["name"] for row in read(client, "components", "claude")["components"]}
    assert rows["k8w3r06qmzrp"] == "Claude API"


def test_a_service_is_a_group_of_its_components(client):
    head, *rows = read(client, "components", "claude")["components"]
    assert (head["name"], head["group"], head["status"]) == ("Claude", True, "partial_outage")
    assert head["components"] == [row["id"] for row in rows]
    assert {row["group_id"] for row in rows} == {head["id"]}


def test_links_begin_with_the_configured_address(opened):
    told = read(opened(settings=Web(base_url="https://status.example.org")), "summary", "claude")
    assert told["page"]["url"] == "https://status.example.org/claude"
    assert told["incidents"][0]["shortlink"] == f"https://status.example.org/incidents/{boards.INCIDENT.id}"


# -- what is not known ------------------------------------------------------------------------------------------------


def test_an_unknown_service_is_left_out_and_named(client):
    told = read(client, "summary")
    assert [row["name"] for row in told["components"]] == ["Claude", "ChatGPT"]
    assert told["status"] == {"indicator": "major", "description": "Partial System Outage; unknown: Gemini"}


def test_an_unknown_component_is_left_out(client):
    assert "Claude mobile apps" not in [r["name"] for r in read(client, "components", "claude")["components"]]


def test_no_trouble_known_is_not_all_systems_operational(opened):
    status = read(opened(shown=boards.board(claude=boards.calm("claude"))), "status")["status"]
    assert status == {"indicator": "none", "description": "No Known Trouble; unknown: Gemini"}


@pytest.mark.parametrize("file", ["summary", "status", "components"])
@pytest.mark.parametrize("path", ["/api/v2", "/gemini/api/v2"])
def test_where_nothing_is_known_there_is_no_page(opened, path, file):
    nothing = Board(at=boards.NOW, services={"gemini": boards.calm("gemini", State.UNKNOWN)})
    answer = opened(shown=nothing).get(f"{path}/{file}.json")
    assert (answer.status_code, answer.json()["type"]) == (503, "/api#nothing-known")
    assert "operational" not in answer.text


def test_an_incident_whose_end_nobody_saw_is_not_resolved(opened):
    lost = Incident(**{f: getattr(boards.PAST, f) for f in boards.PAST.__struct_fields__} | {"recovered_at": None})

    class Kept(boards.MadeUpArchive):
        def incidents(self, *_, **__):
            return [lost]

    (told,) = read(opened(archive=Kept()), "incidents", "claude")["incidents"]
    assert (told["status"], told["resolved_at"]) == ("monitoring", None)


# -- the page in a word -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "indicator"),
    [
        ((State.OPERATIONAL, State.OPERATIONAL), "none"),
        ((State.MAINTENANCE, State.OPERATIONAL), "maintenance"),
        ((State.MAINTENANCE, State.DEGRADED), "minor"),
        ((State.PARTIAL_OUTAGE, State.DEGRADED), "major"),
        ((State.MAJOR_OUTAGE, State.OPERATIONAL), "major"),
        ((State.MAJOR_OUTAGE, State.MAJOR_OUTAGE), "critical"),
        ((State.MAJOR_OUTAGE, State.UNKNOWN), "critical"),
    ],
)
def test_the_indicator_of_all_services(states, indicator):
    each = {s: boards.calm(s, state) for s, state in zip(("claude", "gemini"), states, strict=True)}
    assert View(Board(at=boards.NOW, services=each), "http://x").status.indicator == indicator


@pytest.mark.parametrize(
    ("state", "indicator"),
    [
        (State.OPERATIONAL, "none"),
        (State.MAINTENANCE, "maintenance"),
        (State.DEGRADED, "minor"),
        (State.PARTIAL_OUTAGE, "major"),
        (State.MAJOR_OUTAGE, "critical"),
    ],
)
def test_the_indicator_of_one_service(state, indicator):
    shown = boards.claude(verdict=boards.verdict(state=state))
    assert View(boards.board(claude=shown), "http://x", shown).status.indicator == indicator


def test_a_suspicion_says_that_it_is_one():
    shown = boards.claude(verdict=boards.verdict(confidence=Confidence.SUSPECTED))
    assert View(boards.board(claude=shown), "http://x", shown).status.description.endswith("(suspected)")


def test_an_incident_that_is_only_suspected_is_being_investigated(opened):
    suspected = Incident(
        id="s1",
        service="claude",
        opened_at=boards.ONSET,
        since=boards.ONSET,
        state=State.DEGRADED,
        confidence=Confidence.SUSPECTED,
        first_seen=((Family.CROWD, boards.ONSET),),
    )
    shown = boards.claude(verdict=boards.verdict(incident="s1"), incidents=(suspected,))
    (told,) = read(opened(shown=boards.board(claude=shown)), "incidents/unresolved", "claude")["incidents"]
    assert (told["status"], told["impact"]) == ("investigating", "minor")
    assert told["name"] == "claude: degraded"
    assert [c["group"] for c in told["components"]] == [True], "no part was named: it is the whole that is hit"


# -- maintenance ------------------------------------------------------------------------------------------------------


def test_planned_work_is_upcoming_then_active(opened):
    soon = Maintenance(id="a", title="Later", stage=Stage.SCHEDULED, starts=boards.NOW + timedelta(days=1))
    now = Maintenance(id="b", title="Now", stage=Stage.IN_PROGRESS, starts=boards.NOW - timedelta(hours=1))
    client = opened(shown=boards.board(claude=boards.claude(maintenances=(soon, now))))
    names = {
        file: [m["name"] for m in read(client, f"scheduled-maintenances{file}", "claude")["scheduled_maintenances"]]
        for file in ("", "/upcoming", "/active")
    }
    assert names == {"": ["Now", "Later"], "/upcoming": ["Later"], "/active": ["Now"]}


def test_work_without_a_time_is_told_without_one(opened):
    work = Maintenance(id="a", title="Some day", stage=Stage.SCHEDULED)
    client = opened(shown=boards.board(claude=boards.claude(maintenances=(work,))))
    (told,) = read(client, "scheduled-maintenances", "claude")["scheduled_maintenances"]
    assert (told["scheduled_for"], told["scheduled_until"], told["started_at"]) == (None, None, None)


# -- how it is answered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_what_clients_add_to_keep_caches_away_is_let_pass(client, file):
    plain = client.get(f"/api/v2/{file}.json")
    assert client.get(f"/api/v2/{file}.json?_=1775574000&cb=xyz").json() == plain.json()
    assert "access-control-allow-origin" not in plain.headers
    assert client.get(f"/api/v2/{file}.json", headers={"If-None-Match": plain.headers["etag"]}).status_code == 304


def test_an_unknown_service_and_an_unknown_file_are_not_found(client):
    assert client.get("/nobody/api/v2/summary.json").json()["allowed"] == ["claude", "chatgpt", "gemini"]
    assert client.get("/api/v2/subscribers.json").status_code == 404
    assert client.get("/claude/api/v2/nothing.json").status_code == 404


def test_texts_are_no_markup_even_to_a_client_that_trusts_them(opened):
    class Kept(boards.MadeUpArchive):
        def incidents(self, *_, **__):
            named = {f: getattr(boards.INCIDENT, f) for f in boards.INCIDENT.__struct_fields__} | {"title": HOSTILE}
            return [Incident(**named)]

    work = Maintenance(id=HOSTILE, title=HOSTILE, stage=Stage.SCHEDULED, body=HOSTILE, components=(HOSTILE,))
    client = opened(archive=Kept(), shown=boards.board(claude=boards.claude(maintenances=(work,))))
    for file in ("incidents", "scheduled-maintenances"):
        answer = client.get(f"/claude/api/v2/{file}.json")
        assert len(answer.content) < 20_000
        for bad in ("<", "\u202e", "\x1b", "\\u001b"):
            assert bad not in answer.text


# -- our own reader ---------------------------------------------------------------------------------------------------


def context(base_url):
    setting = Setting(base_url=base_url, key=None, interval_s=300, options={})
    return Context(service=catalogue()["claude"], setting=setting, now=boards.NOW, since=None)


def test_our_own_reader_finds_the_same_states_again(client):
    ctx = context("http://127.0.0.1:8780/claude")
    (asked,) = SOURCE.requests(ctx)
    assert isinstance(asked, Request)
    reading = SOURCE.parse(client.get(asked.url).content, ctx, asked.tag)
    states = {s.component: s.state for s in reading.signals if isinstance(s, Declared) and s.incident is None}
    assert states[None] is State.PARTIAL_OUTAGE
    assert {c: states[c] for c in ("web", "console", "api")} == {
        c: v.state for c, v in boards.claude().components.items()
    }
    assert "mobile" not in states
    assert [w.title for w in reading.maintenances] == ["Database upgrade"]


def test_our_own_reader_finds_the_record_again(client):
    ctx = context("http://127.0.0.1:8780/claude")
    reading = SOURCE.parse(client.get("/claude/api/v2/incidents.json").content, ctx, "incidents")
    assert {s.incident for s in reading.signals if isinstance(s, Declared)} >= {boards.INCIDENT.id}


# -- clients that others wrote ----------------------------------------------------------------------------------------

NODE = Path(__file__).parents[2] / ".clients" / "node_modules" / "statuspage.io"
ASK = """
const {Statuspage} = require('statuspage.io');
(async () => {
  const page = new Statuspage('any');
  page.setApiUrl(process.argv[1]);
  const {api} = page;
  console.log(JSON.stringify({
    summary: await api.getSummary(), status: await api.getStatus(), components: await api.getComponents(),
    incidents: await api.incidents.getAll(), unresolved: await api.incidents.getUnresolved(),
    upcoming: await api.scheduledMaintenances.getUpcoming(),
  }));
})();
"""


@pytest.mark.skipif(
    not NODE.exists() or shutil.which("node") is None, reason="no Node client: script/real-clients installs it"
)
@pytest.mark.parametrize("service", ["", "/claude"])
def test_a_node_client_reads_every_file_unchanged(served, service):
    ran = subprocess.run(
        ["node", "-e", ASK, f"{served}{service}"],
        cwd=NODE.parents[1],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    told = json.loads(ran.stdout)
    assert told["status"]["status"]["indicator"] == "major"
    assert told["unresolved"]["incidents"][0]["name"] == "Users cannot sign in to Claude"
    assert [i["status"] for i in told["incidents"]["incidents"]] == ["identified", "resolved"]
    assert told["upcoming"]["scheduled_maintenances"][0]["scheduled_for"] == "2026-05-14T15:00:00.000Z"
    assert told["summary"]["components"] == told["components"]["components"]


EXPORT = """
import json, sys
from statuspage_prometheus_exporter import service_checker
print(json.dumps(service_checker.check_service_status("claude", service_checker.SERVICES["claude"])))
"""


def test_a_prometheus_exporter_of_others_reads_the_summary_unchanged(served, tmp_path):
    pytest.importorskip("statuspage_prometheus_exporter", reason="the exporter is not installed")
    told = exported(f"{served}/claude/api/v2/summary.json", tmp_path)
    assert (told["success"], told["status"], told["raw_status"]) == (True, 0, "major")
    (incident,) = told["incident_metadata"]
    assert incident["affected_components"] == ["claude.ai", "Claude Console"]
    assert {c["name"]: c["status"] for c in told["component_metadata"]}["Claude API"] == "operational"
    assert [m["name"] for m in told["maintenance_metadata"]] == ["Database upgrade"]


def test_to_an_exporter_of_others_what_is_unknown_is_a_failed_reading_and_not_calm(served, tmp_path):
    pytest.importorskip("statuspage_prometheus_exporter", reason="the exporter is not installed")
    told = exported(f"{served}/gemini/api/v2/summary.json", tmp_path)
    assert (told["success"], told["status"]) == (False, None)


def exported(url, folder):
    services = folder / "services.json"
    services.write_text(json.dumps({"claude": {"name": "Claude", "type": "status_page", "url": url}}))
    env = {"PATH": os.environ["PATH"], "SERVICES_JSON_PATH": str(services), "HOME": str(folder), "NO_PROXY": "*"}
    ran = subprocess.run(
        [sys.executable, "-c", EXPORT], cwd=folder, env=env, capture_output=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("service", ["", "/claude"])
def test_a_component_whose_key_is_no_text_breaks_nothing(opened, service):
    client = opened(shown=boards.board(claude=boards.claude(components={"\ud800": part(State.DEGRADED)})))
    assert client.get(f"{service}/api/v2/summary.json").status_code == 200
    assert client.get("/api/v1/services/claude").status_code == 200
    assert client.get("/claude").status_code == 200
