"""Checkly: history that is no state, the list of what is open, and what may be said from which."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, Refused
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.sources.checkly import SOURCE

API, WEB = "k8w3r06qmzrp", "rwppv331jlwc"


@pytest.fixture
def page(answer):
    """The bytes of an uptime, changed by a function of it."""

    def make(name="quiet", change=lambda body: None):
        body = json.loads(answer(f"checkly/{name}.json"))
        change(body)
        return json.dumps(body).encode()

    return make


def unresolved(*events):
    return json.dumps({"incidents": list(events)}).encode()


def event(**changes):
    given = {"id": "e1", "name": "Completion API Degraded", "severity": "MEDIUM", "lastUpdateStatus": "INVESTIGATING"}
    return given | {"created_at": "2026-05-12T14:40:00.000Z"} | changes


def general(reading):
    return {s.component: s.state for s in reading.signals if isinstance(s, Declared) and not s.incident}


def test_days_without_an_open_event_are_alive_and_declare_nothing(page, context):
    reading = SOURCE.parse(page(), context())
    assert reading.says == "page: no open event"
    assert [type(s) for s in reading.signals] == [Alive]


def test_an_event_that_is_not_resolved_is_an_open_incident_of_its_service_alone(page, context):
    reading = SOURCE.parse(page("good"), context())
    assert general(reading) == {None: State.DEGRADED, "api": State.DEGRADED}
    lines = [s for s in reading.signals if isinstance(s, Declared) and s.incident]
    assert {(s.component, s.stage, s.model) for s in lines} == {("api", Stage.INVESTIGATING, "opus")}


def test_with_the_list_of_what_is_open_services_that_it_does_not_name_are_operational(page, context):
    answers = {"uptime": page(), "unresolved": unresolved(event(services=[{"id": WEB, "name": "claude.ai"}]))}
    reading = SOURCE.answered(answers, context())
    assert general(reading) == {
        None: State.DEGRADED, "web": State.DEGRADED, "api": State.OPERATIONAL, "code": State.OPERATIONAL
    }  # fmt: skip


def test_the_empty_list_of_what_is_open_makes_all_operational(page, context):
    answers = {"uptime": page("good"), "unresolved": unresolved()}
    assert set(general(SOURCE.answered(answers, context())).values()) == {State.OPERATIONAL}


def test_an_incident_that_names_no_services_is_about_all(page, context):
    answers = {"uptime": page(), "unresolved": unresolved(event(severity="CRITICAL"))}
    assert set(general(SOURCE.answered(answers, context())).values()) == {State.MAJOR_OUTAGE}


@pytest.mark.parametrize(
    ("severity", "state"),
    [("MINOR", State.DEGRADED), ("MEDIUM", State.DEGRADED), ("MAJOR", State.PARTIAL_OUTAGE),
     ("CRITICAL", State.MAJOR_OUTAGE), (None, State.DEGRADED)],
)  # fmt: skip
def test_severities(page, context, severity, state):
    answers = {"uptime": page(), "unresolved": unresolved(event(severity=severity, services=[{"id": API, "name": ""}]))}
    assert general(SOURCE.answered(answers, context()))["api"] is state


def test_a_severity_nobody_knows_is_malformed_while_it_is_open(page, context):
    for status, refused in (("INVESTIGATING", True), ("RESOLVED", False)):
        answers = {"uptime": page(), "unresolved": unresolved(event(severity="WILD", lastUpdateStatus=status))}
        if refused:
            with pytest.raises(Malformed, match="severity"):
                SOURCE.answered(answers, context())
        else:
            assert SOURCE.answered(answers, context()).says == "page: all operational"


def test_a_status_nobody_knows_is_open(page, context):
    answers = {"uptime": page(), "unresolved": unresolved(event(lastUpdateStatus="PONDERING"))}
    assert State.DEGRADED in general(SOURCE.answered(answers, context())).values()


@pytest.mark.parametrize("days", [2, -3])
def test_an_uptime_that_does_not_reach_to_today_is_no_data(page, context, now, days):
    with pytest.raises(Malformed, match="today"):
        SOURCE.parse(page(), context(now=now + timedelta(days=days)))


def test_a_page_that_says_its_answer_is_not_whole_is_no_data(page, context):
    with pytest.raises(Malformed, match="not whole"):
        SOURCE.parse(page(change=lambda body: body.update(partialError=True)), context())
    with pytest.raises(Malformed):
        SOURCE.parse(page(change=lambda body: body.pop("partialError")), context())


async def test_without_the_list_of_what_is_open_the_uptime_alone_is_read(site, page, context):
    server, net = await site({"/p/uptime": page()})
    reading = await SOURCE.read_here(context(base_url=server.url("/p"), key=False), net)
    assert general(reading) == {}


async def test_without_the_uptime_there_is_no_data(site, context):
    server, net = await site({"/p/unresolved-incidents": unresolved()})
    with pytest.raises(Refused):
        await SOURCE.read_here(context(base_url=server.url("/p"), key=False), net)


def test_the_pages_name_is_found_in_its_html_and_stands_in_the_address(context):
    html = b'<script>fetch("/api/status-page/mistral-ai/uptime")</script>'
    assert SOURCE.address("https://s.example", html) == "https://s.example/api/status-page/mistral-ai"
    urls = [r.url for r in SOURCE.requests(context(base_url="http://127.0.0.1:9"))]
    assert urls == ["http://127.0.0.1:9/uptime", "http://127.0.0.1:9/unresolved-incidents"]
