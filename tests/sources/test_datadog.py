"""Datadog's status pages: groups inside groups, posts set back, and lists that are null when they are empty."""

import pytest

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Alive
from stillup.sources.datadog import SOURCE


@pytest.fixture
def page(changed):
    return lambda name="quiet", change=lambda page: None: changed(f"datadog/{name}.json", change)


def is_now(word):
    """Sets the state of Claude API, the last of the page's components."""
    return lambda page: page["components"][-1].update(status=word)


def test_one_request_asks_for_the_whole_page(context):
    (request,) = SOURCE.requests(context(base_url="http://127.0.0.1:9000/p/"))
    assert (request.url, request.tag) == ("http://127.0.0.1:9000/p/config.json", "config")


# -- components -------------------------------------------------------------------------------------------------------


def test_components_are_found_in_groups_of_groups_and_groups_are_none(page, context, told, now):
    reading = SOURCE.parse(page(), context())
    known = [None, "web", "console", "code", "cowork", "api"]
    assert told.general(reading) == dict.fromkeys(known, State.OPERATIONAL)
    assert reading.signals[-1] == Alive(at=now, service="claude", source="datadog")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("operational", State.OPERATIONAL),
        ("degraded", State.DEGRADED),
        ("partial_outage", State.PARTIAL_OUTAGE),
        ("major_outage", State.MAJOR_OUTAGE),
        ("maintenance", State.MAINTENANCE),
    ],
)
def test_each_word_of_a_component_is_a_state(page, context, told, word, state):
    assert told.general(SOURCE.parse(page(change=is_now(word)), context()))["api"] is state


@pytest.mark.parametrize("word", ["degraded_performance", "", None])
def test_an_unknown_word_for_a_component_now_is_no_data(page, context, word):
    with pytest.raises(Malformed):
        SOURCE.parse(page(change=is_now(word)), context())


def test_a_kind_of_component_nobody_knows_is_no_data(page, context):
    with pytest.raises(Malformed):
        SOURCE.parse(page(change=lambda p: p["components"][0].update(type="ComponentTree")), context())


def test_a_component_many_groups_deep_is_found_and_an_endless_depth_refused(page, context, told):
    def deep(groups):
        head = b'{"components": [' + b'{"id": "g", "name": "Deep", "type": "ComponentGroup", "components": [' * groups
        body = page().replace(b'{"components": [', head, 1)
        return body.replace(b'], "created"', b"]}" * groups + b'], "created"', 1)

    assert told.general(SOURCE.parse(deep(50), context()))["api"] is State.OPERATIONAL
    with pytest.raises(Malformed, match="nested"):
        SOURCE.parse(deep(50_000), context())


@pytest.mark.parametrize("field", ["incidents", "maintenances"])
def test_a_list_may_be_null_but_a_list_that_is_gone_is_no_data(page, context, told, field):
    reading = SOURCE.parse(page(change=lambda p: p.update({field: None})), context())
    assert told.general(reading)[None] is State.OPERATIONAL
    with pytest.raises(Malformed, match=field):
        SOURCE.parse(page(change=lambda p: p.pop(field)), context())


def test_a_page_that_is_switched_off_is_no_data(page, context):
    with pytest.raises(Malformed, match="switched off"):
        SOURCE.parse(page(change=lambda p: p.update(enabled=False)), context())


# -- incidents --------------------------------------------------------------------------------------------------------


def test_an_incident_speaks_for_the_components_it_leaves_in_trouble(answer, context, told):
    reading = SOURCE.parse(answer("datadog/outage.json"), context())
    assert {key: (line.state, line.stage) for key, line in told.incidents(reading).items()} == {
        ("People cannot sign in", "web"): (State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("People cannot sign in", "code"): (State.PARTIAL_OUTAGE, Stage.INVESTIGATING),
        ("Console maintenance", "console"): (State.MAINTENANCE, Stage.IN_PROGRESS),
    }, "one maintenance was canceled, one is to come"
    assert all(link.url.startswith("https://claude.statuspage.example/") for link in reading.links)


def test_a_post_is_dated_by_when_it_was_written_though_it_shows_an_earlier_time(answer, context, told):
    body = answer("datadog/good.json")
    assert b'"startedAt": "2026-05-12T14:21:00Z"' in body
    assert told.past(SOURCE.parse(body, context())) == [
        ("12 14:35", "api", State.DEGRADED, Stage.INVESTIGATING),
        ("12 14:50", "api", State.DEGRADED, Stage.IDENTIFIED),
    ]


def test_of_posts_written_at_once_the_one_that_shows_the_later_time_is_the_newest(page, context, told):
    def at_once(page):
        incident = page["incidents"][0]
        for post in incident["timeline"]:
            post["createdAt"] = "2026-05-12T14:50:41.7301Z"
        incident["timeline"].reverse()

    (line,) = told.incidents(SOURCE.parse(page("good", at_once), context())).values()
    assert line.body == "The cause is known and a fix is on its way."


@pytest.mark.parametrize(
    "change",
    [
        {"currentStatus": "resolved", "resolved": True},
        {"currentStatus": "canceled"},
        {"currentStatus": None, "resolved": True},
        {"deletedAt": "2026-05-12T14:55:00Z"},
    ],
)
def test_what_is_over_called_off_or_deleted_is_not_open(page, context, told, change):
    reading = SOURCE.parse(page("good", lambda p: p["incidents"][0].update(change)), context())
    assert not told.incidents(reading)
    assert told.general(reading)["api"] is State.DEGRADED


@pytest.mark.parametrize("change", [{"currentStatus": "escalated"}, {"resolved": True}, {"timeline": None}])
def test_an_incident_is_open_while_its_own_stage_does_not_say_that_it_ended(page, context, told, change):
    assert told.incidents(SOURCE.parse(page("good", lambda p: p["incidents"][0].update(change)), context()))


def test_unknown_words_of_history_do_not_spoil_the_page(page, context, told):
    def change(page):
        for hit in page["incidents"][0]["componentsAffected"]:
            hit["status"] = "smouldering"

    assert told.general(SOURCE.parse(page(change=change), context()))[None] is State.OPERATIONAL


async def test_a_reading_over_http_gives_what_the_page_says(site, answer, context, told):
    server, net = await site({"/p/config.json": answer("datadog/outage.json")})
    reading = await SOURCE.read_here(context(base_url=server.url("/p")), net)
    assert told.general(reading)[None] is State.PARTIAL_OUTAGE
