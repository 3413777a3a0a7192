"""Flashcat: states from changes, English out of two languages, times in seconds since 1970."""

import json
from datetime import UTC, datetime

import pytest

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Declared
from stillup.sources.flashcat import SOURCE, english

API, WEB = "k8w3r06qmzrp", "rwppv331jlwc"


@pytest.fixture
def page(answer):
    """The bytes of a page, changed by a function of its ``data``."""

    def make(name="good", change=lambda data: None):
        body = json.loads(answer(f"flashcat/{name}.json"))
        change(body["data"])
        return json.dumps(body).encode()

    return make


def general(reading):
    return {s.component: s.state for s in reading.signals if isinstance(s, Declared) and not s.incident}


def incidents(reading):
    return [s for s in reading.signals if isinstance(s, Declared) and s.incident]


def test_a_component_is_as_bad_as_the_worst_change_that_names_it(page, context, answer):
    both = json.loads(answer("flashcat/outage.json"))["data"]["active_changes"]
    reading = SOURCE.parse(page(change=lambda d: d["active_changes"].extend(both)), context())
    assert general(reading)["api"] is State.PARTIAL_OUTAGE
    assert general(reading)["web"] is State.MAJOR_OUTAGE
    assert general(reading)["code"] is State.OPERATIONAL


def test_full_outage_is_its_word_for_a_major_one(page, context):
    assert general(SOURCE.parse(page("outage"), context()))["web"] is State.MAJOR_OUTAGE


def test_an_unknown_word_for_a_component_now_is_malformed_one_of_history_is_let_pass(page, context):
    def now(data):
        data["active_changes"][0]["affected_components"][0]["status"] = "wobbly"

    def history(data):
        data["active_changes"][0]["updates"][0]["component_changes"][0]["status"] = "wobbly"

    with pytest.raises(Malformed):
        SOURCE.parse(page(change=now), context())
    assert general(SOURCE.parse(page(change=history), context()))["api"] is State.DEGRADED


@pytest.mark.parametrize("gone", ["active_changes", "page"])
def test_without_one_of_its_two_lists_nothing_is_calm(page, context, gone):
    with pytest.raises(Malformed):
        SOURCE.parse(page("quiet", lambda data: data.pop(gone)), context())


def test_where_a_change_does_not_say_how_a_component_is_its_newest_update_does(page, context):
    def forget(data):
        change = data["active_changes"][0]
        del change["affected_components"][0]["status"]
        change["updates"].reverse()
        change["updates"].append(
            {"at_seconds": 1, "status": "investigating", "component_changes": [{"component_id": API, "status": "x"}]}
        )

    assert general(SOURCE.parse(page(change=forget), context()))["api"] is State.DEGRADED


def test_one_that_nothing_says_how_it_is_is_unknown_and_never_operational(page, context):
    def forget(data):
        data["active_changes"][0]["affected_components"][0].pop("status")
        data["active_changes"][0]["updates"] = []

    assert general(SOURCE.parse(page(change=forget), context()))["api"] is State.UNKNOWN


def test_planned_maintenance_takes_nothing_down_and_work_that_goes_on_does(page, context):
    def begin(data):
        data["active_changes"][0]["status"] = "ongoing"

    assert general(SOURCE.parse(page("quiet"), context()))["console"] is State.OPERATIONAL
    reading = SOURCE.parse(page("quiet", begin), context())
    assert general(reading)["console"] is State.MAINTENANCE
    assert {(s.stage, s.state) for s in incidents(reading)} == {(Stage.IN_PROGRESS, State.MAINTENANCE)}


def test_updates_are_told_at_their_seconds_in_the_english_half_of_their_text(page, context):
    first, *_, last = incidents(SOURCE.parse(page(), context()))
    assert (first.at, first.stage, first.body) == (
        datetime(2026, 5, 12, 14, 35, tzinfo=UTC),
        Stage.INVESTIGATING,
        "We are looking into slow answers.",
    )
    assert (last.title, last.body) == ("Elevated latency on the Claude API", "The cause is known.")


@pytest.mark.parametrize("seconds", [1e308, -1e18, None])
def test_a_time_beyond_the_calendar_is_no_time(page, context, seconds):
    def wild(data):
        for update in data["active_changes"][0]["updates"]:
            update["at_seconds"] = seconds

    assert {s.at for s in incidents(SOURCE.parse(page(change=wild), context()))} == {context().now}


@pytest.mark.parametrize(
    ("text", "half"),
    [
        (
            "DeepSeek 网页/API 性能下降（DeepSeek Web/API Degraded Performance）",
            "DeepSeek Web/API Degraded Performance",
        ),
        ("API服务异常(API service partially unavailable)", "API service partially unavailable"),
        ("本次问题已解决。\n\nThe incident has been resolved.", "The incident has been resolved."),
        ("English first.\n\n中文。", "English first."),
        ("搜索服务异常", "搜索服务异常"),
        ("Only English (with an aside)", "Only English (with an aside)"),
        ("", ""),
    ],
)
def test_the_english_half_of_a_text_is_taken_where_there_is_one(text, half):
    assert english(text) == half


def test_a_components_name_keeps_the_english_before_its_brackets(page, context):
    def rename(data):
        data["page"]["components"][0] |= {"component_id": "new", "name": "Claude V9 Pro API服务(API Service)"}

    found = SOURCE.parse(page("quiet", rename), context())
    assert "claude-v9-pro-api" in general(found)


def test_the_pages_id_of_the_hint_stands_in_the_address(context):
    (request,) = SOURCE.requests(context("deepseek"))
    assert request.url == "https://status.deepseek.com/api/status-page/6410630422455/summary/active"
    (again,) = SOURCE.requests(context("deepseek", base_url="http://127.0.0.1:9/api/status-page/7"))
    assert again.url == "http://127.0.0.1:9/api/status-page/7/summary/active"


@pytest.mark.parametrize("html", [b'{\\"page_id\\":6410630422455,', b'{"pageId": "6410630422455"}'])
def test_the_pages_id_is_found_in_its_html(html):
    assert SOURCE.address("https://s.example", html) == "https://s.example/api/status-page/6410630422455"
    assert SOURCE.address("https://s.example", b"<html>") == "https://s.example"


def test_five_thousand_components_are_read_and_two_hundred_kept(page, context):
    def swell(data):
        row = data["page"]["components"][0]
        data["page"]["components"] += [row | {"component_id": f"c{n}", "name": f"City {n}"} for n in range(5000)]

    said = general(SOURCE.parse(page("outage", swell), context()))
    assert len(said) == 201
    assert said["web"] is State.MAJOR_OUTAGE
