"""Instatus: components from one answer, incidents from the other, and no list of incidents while there are none."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, Refused
from stillup.model.service import Stage, State
from stillup.model.signal import Alive
from stillup.sources.instatus import SOURCE


@pytest.fixture
def read(answer, context):
    """Reads both answers of one name, each after a change of its own."""

    def make(name="quiet", summary=lambda page: None, components=lambda page: None):
        bodies = {}
        for tag, change in (("summary", summary), ("components", components)):
            loaded = json.loads(answer(f"instatus/{name}-{tag}.json"))
            change(loaded)
            bodies[tag] = json.dumps(loaded).encode()
        return SOURCE.answered(bodies, context())

    return make


def word_of(name, word):
    def change(page):
        next(c for c in page["components"] if c["name"] == name)["status"] = word

    return change


def with_incident(**fields):
    return lambda page: page.update(activeIncidents=[{"name": "It hangs", "status": "INVESTIGATING"} | fields])


def test_two_requests_ask_for_the_components_and_for_the_incidents(context):
    asked = SOURCE.requests(context(base_url="http://127.0.0.1:9000/p/"))
    assert {r.tag: r.url for r in asked} == {
        "components": "http://127.0.0.1:9000/p/v2/components.json",
        "summary": "http://127.0.0.1:9000/p/summary.json",
    }


# -- components -------------------------------------------------------------------------------------------------------


def test_a_quiet_page_has_no_list_of_incidents_and_is_calm(read, answer, told, now):
    assert b"active" not in answer("instatus/quiet-summary.json")
    reading = read()
    names = [None, "web", "console", "code", "cowork", "api"]
    assert told.general(reading) == dict.fromkeys(names, State.OPERATIONAL), "the head of a group is no component"
    assert reading.signals[-1] == Alive(at=now, service="claude", source="instatus")
    assert reading.says == "page: all operational"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("OPERATIONAL", State.OPERATIONAL),
        ("DEGRADEDPERFORMANCE", State.DEGRADED),
        ("MINOROUTAGE", State.PARTIAL_OUTAGE),
        ("PARTIALOUTAGE", State.PARTIAL_OUTAGE),
        ("MAJOROUTAGE", State.MAJOR_OUTAGE),
        ("UNDERMAINTENANCE", State.MAINTENANCE),
    ],
)
@pytest.mark.parametrize("whole", ["UP", "HASISSUES"])
def test_each_word_of_a_component_is_a_state_whatever_the_page_says_of_the_whole(read, told, word, state, whole):
    reading = read(summary=lambda p: p["page"].update(status=whole), components=word_of("Claude API", word))
    assert told.general(reading)["api"] is state
    assert told.general(reading)[None] in (state, State.PARTIAL_OUTAGE)


@pytest.mark.parametrize("word", ["ONFIRE", "operational", "", None])
def test_an_unknown_word_is_no_data(read, word):
    with pytest.raises(Malformed):
        read(components=word_of("Claude API", word))
    with pytest.raises(Malformed):
        read(summary=lambda p: p["page"].update(status=word))


def test_a_list_without_components_is_no_data_even_if_the_page_says_up(read):
    with pytest.raises(Malformed, match="no components"):
        read(components=lambda p: p.update(components=[]))


def test_a_component_without_its_state_is_no_data(read):
    with pytest.raises(Malformed, match="status"):
        read(components=lambda p: p["components"][0].pop("status"))


@pytest.mark.parametrize(
    ("word", "state"),
    [("UP", State.OPERATIONAL), ("HASISSUES", State.DEGRADED), ("UNDERMAINTENANCE", State.MAINTENANCE)],
)
def test_the_summary_alone_gives_the_pages_word_on_the_whole(changed, context, told, word, state):
    body = changed("instatus/quiet-summary.json", lambda p: p["page"].update(status=word))
    assert told.general(SOURCE.parse(body, context(), "summary")) == {None: state}


# -- incidents --------------------------------------------------------------------------------------------------------


def test_incidents_name_no_components_so_their_titles_decide(read, told):
    said = told.incidents(read("outage"))
    assert {key: (line.state, line.stage) for key, line in said.items()} == {
        ("claude.ai cannot be reached", "web"): (State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("Claude Console maintenance", "console"): (State.MAINTENANCE, Stage.IN_PROGRESS),
    }


def test_an_incident_without_an_id_is_known_by_its_address_or_else_by_its_name(read, told):
    def incident(**fields):
        (line,) = told.incidents(read(summary=with_incident(**fields))).values()
        return line.incident

    assert incident(id="cl1", url="https://s.example/incident/cl2") == "cl1"
    assert incident(url="https://s.example/incident/cl2") == "cl2"
    assert incident() == "it hangs"


@pytest.mark.parametrize(
    ("impact", "state"),
    [
        ("OPERATIONAL", State.DEGRADED),
        ("DEGRADEDPERFORMANCE", State.DEGRADED),
        ("MINOROUTAGE", State.PARTIAL_OUTAGE),
        ("PARTIALOUTAGE", State.PARTIAL_OUTAGE),
        ("MAJOROUTAGE", State.MAJOR_OUTAGE),
        ("APOCALYPSE", State.DEGRADED),
        (None, State.DEGRADED),
    ],
)
def test_an_incident_on_a_green_page_is_as_bad_as_its_impact(read, told, impact, state):
    (line,) = told.incidents(read(summary=with_incident(impact=impact))).values()
    assert line.state is state


@pytest.mark.parametrize("status", ["RESOLVED", "NOTSTARTEDYET", "COMPLETED"])
def test_what_is_over_or_only_planned_is_not_open(read, told, status):
    assert not told.incidents(read(summary=with_incident(status=status)))


@pytest.mark.parametrize("status", ["ESCALATED", "", None])
def test_an_incident_at_an_unknown_stage_is_open(read, told, status):
    (line,) = told.incidents(read(summary=with_incident(status=status))).values()
    assert line.stage is None


def test_the_past_has_when_an_incident_was_last_updated_and_never_when_it_is_said_to_have_started(read, told):
    assert told.past(read("good")) == [("12 14:50", None, State.DEGRADED, Stage.IDENTIFIED)]
    started = {"started": "Tue May 12 2026 14:31:00 GMT+0000 (Coordinated Universal Time)"}
    assert not told.past(read(summary=with_incident(**started)))


def test_a_model_in_a_title_is_said(read, told):
    (line,) = told.incidents(read("good")).values()
    assert line.model == "opus"


# -- a real request ---------------------------------------------------------------------------------------------------


async def test_both_answers_are_needed(site, answer, context, told):
    bodies = {f"/{path}": answer(f"instatus/outage-{tag}.json") for tag, path in PATHS.items()}
    server, net = await site(bodies)
    reading = await SOURCE.read_here(context(base_url=server.url("")), net)
    assert told.general(reading)["web"] is State.MAJOR_OUTAGE
    for path in bodies:
        server, net = await site({p: b for p, b in bodies.items() if p != path})
        with pytest.raises(Refused):
            await SOURCE.read_here(context(base_url=server.url("")), net)


PATHS = {"summary": "summary.json", "components": "v2/components.json"}


def test_later_readings_tell_only_what_is_now(answer, context, told, now):
    bodies = {tag: answer(f"instatus/good-{tag}.json") for tag in PATHS}
    assert not told.past(SOURCE.answered(bodies, context(since=now - timedelta(minutes=5))))
