"""Feeds and the calendar, as a feed reader and a calendar program read them."""

import json
import warnings
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from icalendar import Calendar
from lxml import etree
from msgspec import structs

from stillup.board import Board, Maintenance
from stillup.config.schema import Web
from stillup.model.service import Stage, State
from stillup.sources.decode import parse_xml
from stillup.web.feed_items import MOST, items
from tests.web import boards

HOSTILE = "<script>alert(1)</script> & ]]> \x00\x0b\x1b[31m\ud800\ufffe\u202egnp.exe" + "x" * 1_000_000
ATOM = "{http://www.w3.org/2005/Atom}"


class Hostile(boards.MadeUpArchive):
    """An archive whose texts were written by somebody who means harm."""

    def incidents(self, *_, **__):
        return [structs.replace(boards.INCIDENT, title=HOSTILE, components=(HOSTILE,))]

    def changes(self, *_, **__):
        return [boards.verdict(components=(HOSTILE,), regions=(HOSTILE,), models=(HOSTILE,))]


def feed_of(answer):
    assert answer.status_code == 200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the reader's own
        told = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not told.bozo, told.get("bozo_exception")
    return told


# -- a feed reader ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/feed.atom", "/claude/feed.atom"])
def test_a_feed_reader_reads_changes_and_incidents(client, path):
    told = feed_of(client.get(path))
    assert told.version == "atom10"
    titles = [entry.title for entry in told.entries]
    assert titles[0] == "Claude: partial outage, confirmed"
    assert "Claude: Users cannot sign in to Claude" in titles
    assert "Claude: Elevated errors on Claude Opus (over)" in titles
    assert told.entries[0].link == f"http://127.0.0.1:8780/incidents/{boards.INCIDENT.id}"
    assert "Back in about 55 min" in told.entries[0].content[0].value
    assert told.feed.updated == told.entries[0].updated


def test_an_incident_says_how_long_before_the_official_page_it_was_seen(client):
    (entry,) = [e for e in feed_of(client.get("/feed.atom")).entries if e.id.endswith(boards.INCIDENT.id)]
    assert "19 min before the official page" in entry.content[0].value


def test_a_feed_without_anything_to_tell_is_whole(opened):
    client = opened(archive=None, shown=Board(at=boards.NOW, services={"gemini": boards.calm("gemini", State.UNKNOWN)}))
    told = feed_of(client.get("/gemini/feed.atom"))
    assert (told.entries, told.feed.updated) == ([], "2026-05-12T00:00:00Z")


# -- RFC 4287 ---------------------------------------------------------------------------------------------------------


def test_the_feed_keeps_the_rules_of_atom(client):
    root = etree.fromstring(client.get("/claude/feed.atom").content)
    assert root.tag == f"{ATOM}feed"
    rels = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert rels == {"self": "http://127.0.0.1:8780/claude/feed.atom", "alternate": "http://127.0.0.1:8780/claude"}
    assert root.find(f"{ATOM}author/{ATOM}name").text == "stillup"
    entries = root.findall(f"{ATOM}entry")
    for place in (root, *entries):
        for name in ("id", "title", "updated"):
            (only,) = place.findall(f"{ATOM}{name}")
            assert only.text
        moment = datetime.fromisoformat(place.find(f"{ATOM}updated").text)
        assert moment.utcoffset() == timedelta(0)
    ids = [e.find(f"{ATOM}id").text for e in entries]
    assert len(set(ids)) == len(ids)
    assert all(i.startswith("tag:") for i in ids)


def test_ids_hang_on_the_configured_address_and_not_on_how_a_reader_called(opened):
    ids = [
        [e.id for e in feed_of(client.get("/feed.atom", headers={"Host": host})).entries]
        for client in (opened(), opened())
        for host in ("127.0.0.1:8780", "localhost:8780")
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    named = feed_of(opened(settings=Web(base_url="https://status.example.org")).get("/feed.atom"))
    assert named.entries[0].id == "tag:status.example.org,2026:change/claude/2026-05-12T14:56:00Z"
    assert named.entries[0].link.startswith("https://status.example.org/incidents/")


def test_an_incident_that_goes_on_keeps_its_id_and_moves_its_time():
    before = items([], [boards.INCIDENT])[0]
    after = items([], [structs.replace(boards.INCIDENT, recovered_at=boards.NOW)])[0]
    assert before.key == after.key
    assert before.published == after.published
    assert (after.updated, after.title) == (boards.NOW, "Claude: Users cannot sign in to Claude (over)")


def test_changes_of_components_are_left_to_their_service():
    assert items([boards.verdict(component="web")], []) == []


def test_no_more_than_fifty_are_told():
    many = [boards.verdict(at=boards.NOW - timedelta(minutes=m)) for m in range(200)]
    told = items(many, [])
    assert len(told) == MOST
    assert told[0].updated == boards.NOW


# -- JSON Feed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/feed.json", "/claude/feed.json"])
def test_the_json_feed_tells_the_same(client, path):
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("application/feed+json")
    told = answer.json()
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["feed_url"] == f"http://127.0.0.1:8780{path}"
    entries = feed_of(client.get(path.replace(".json", ".atom"))).entries
    assert [(i["id"], i["title"], i["date_modified"]) for i in told["items"]] == [
        (e.id, e.title, e.updated) for e in entries
    ]
    assert all(i["content_text"] for i in told["items"])


# -- the calendar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/maintenances.ics", "/claude/maintenances.ics"])
def test_a_calendar_program_reads_planned_work(client, path):
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    told = Calendar.from_ical(answer.content)
    (event,) = told.walk("VEVENT")
    assert event["SUMMARY"] == "Claude: Database upgrade"
    assert event["UID"] == "maintenance/claude/m1@localhost"
    assert event.decoded("DTSTART") == datetime(2026, 5, 14, 15, 0, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 5, 14, 16, 0, tzinfo=UTC)
    assert not event.errors


def test_work_without_a_beginning_is_left_out_and_one_without_an_end_has_none(opened):
    works = (
        Maintenance(id="a", title="Some day", stage=Stage.SCHEDULED),
        Maintenance(id="b", title="From then on", stage=Stage.SCHEDULED, starts=boards.NOW),
        Maintenance(id="c", title="Backwards", stage=Stage.SCHEDULED, starts=boards.NOW, ends=boards.ONSET),
    )
    client = opened(shown=boards.board(claude=boards.claude(maintenances=works)))
    events = Calendar.from_ical(client.get("/maintenances.ics").content).walk("VEVENT")
    assert [str(e["SUMMARY"]) for e in events] == ["Claude: From then on", "Claude: Backwards"]
    assert not any("DTEND" in e for e in events)


def test_a_service_without_planned_work_has_an_empty_calendar(client):
    assert Calendar.from_ical(client.get("/chatgpt/maintenances.ics").content).walk("VEVENT") == []


# -- what others wrote ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json", "/claude/feed.atom"])
def test_hostile_texts_are_only_texts(opened, path):
    answer = opened(archive=Hostile()).get(path)
    assert answer.status_code == 200
    assert len(answer.content) < 20_000
    for bad in ("\u202e", "\x1b", "\x00", "\\u001b"):
        assert bad not in answer.text
    if path.endswith("json"):
        assert json.loads(answer.content)["items"]
        return
    parse_xml(answer.content, "feed")
    for entry in feed_of(answer).entries:
        assert "<script" not in entry.content[0].value


def test_a_hostile_plan_breaks_no_line_of_the_calendar(opened):
    text = "x\r\nBEGIN:VEVENT\r\nUID:forged\r\n" + HOSTILE
    work = Maintenance(id=text, title=text, stage=Stage.SCHEDULED, starts=boards.NOW, body=text)
    answer = opened(shown=boards.board(claude=boards.claude(maintenances=(work,)))).get("/maintenances.ics")
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["UID"].startswith("maintenance/claude/")
    assert len(answer.content) < 10_000


# -- how it is answered -----------------------------------------------------------------------------------------------

EVERY = ["/feed.atom", "/claude/feed.atom", "/feed.json", "/claude/feed.json", "/maintenances.ics"]


@pytest.mark.parametrize("path", EVERY)
def test_a_reader_that_has_it_already_gets_a_304(client, path):
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "access-control-allow-origin" not in first.headers


@pytest.mark.parametrize("path", ["/nobody/feed.atom", "/nobody/feed.json", "/nobody/maintenances.ics"])
def test_a_feed_of_a_service_nobody_watches_is_not_found(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
