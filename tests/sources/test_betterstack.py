"""Better Stack: monitors, one of them perhaps for each model, and reports that have no stages."""

import json

import pytest

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.sources.betterstack import SOURCE


@pytest.fixture
def page(changed):
    return lambda name="quiet", change=lambda page: None: changed(f"betterstack/{name}.json", change)


def monitor(page, name):
    """The attributes of one monitor."""
    listed = (i["attributes"] for i in page["included"] if i["type"] == "status_page_resource")
    return next(a for a in listed if a["public_name"] == name)


def is_now(name, word):
    return lambda page: monitor(page, name).update(status=word)


def report(page, number=0):
    """One report of those on the page."""
    return [i for i in page["included"] if i["type"] == "status_report"][number]["attributes"]


def with_report(*updates, **fields):
    """Adds a report on the API with these updates, newest first: text, and the word for each monitor it names."""
    ids = {"web": "8475065", "api": "8475116"}

    def hits(words):
        return [{"status_page_resource_id": ids[name], "status": word} for name, word in words.items()]

    def change(page):
        refs = []
        for number, (text, words) in enumerate(updates):
            refs.append({"id": f"u{number}", "type": "status_update"})
            at = f"2026-05-12T14:{50 - number:02}:00.000Z"
            about = {"message": text, "published_at": at, "affected_resources": hits(words)}
            page["included"].append(refs[-1] | {"attributes": about})
        about = {"title": "It hangs", "report_type": "manual", "starts_at": "2026-05-12T14:00:00Z", "ends_at": None}
        about |= {"aggregate_state": "degraded", "affected_resources": hits({"api": "degraded"})} | fields
        related = {"status_updates": {"data": refs}}
        page["included"].append({"id": "new", "type": "status_report", "attributes": about, "relationships": related})

    return change


def test_one_request_asks_for_the_page_as_json(context):
    (request,) = SOURCE.requests(context(base_url="http://127.0.0.1:9000/p/"))
    assert (request.url, request.tag) == ("http://127.0.0.1:9000/p/index.json", "index")


# -- monitors ---------------------------------------------------------------------------------------------------------


def test_a_quiet_page_is_calm_with_reports_that_ended_and_one_that_is_to_come(page, context, told, now):
    reading = SOURCE.parse(page(), context())
    known = [None, "web", "console", "code", "api", "claude-opus-4-6", "claude-haiku-4-5"]
    assert told.general(reading) == dict.fromkeys(known, State.OPERATIONAL), "the head of a section is no component"
    assert not told.incidents(reading)
    assert reading.signals[-1] == Alive(at=now, service="claude", source="betterstack")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("operational", State.OPERATIONAL),
        ("degraded", State.DEGRADED),
        ("downtime", State.MAJOR_OUTAGE),
        ("maintenance", State.MAINTENANCE),
        ("not_monitored", State.UNKNOWN),
    ],
)
def test_each_word_of_a_monitor_is_a_state(page, context, told, word, state):
    assert told.general(SOURCE.parse(page(change=is_now("Claude API", word)), context()))["api"] is state


@pytest.mark.parametrize("word", ["recovered", "resolved", "on fire", "", None])
def test_an_unknown_word_for_a_monitor_now_is_no_data(page, context, word):
    with pytest.raises(Malformed):
        SOURCE.parse(page(change=is_now("Claude API", word)), context())


def test_a_monitor_without_its_state_is_no_data(page, context):
    with pytest.raises(Malformed, match="status"):
        SOURCE.parse(page(change=lambda p: monitor(p, "Claude API").pop("status")), context())


def test_a_day_that_recovered_is_history_and_says_nothing_of_now(page, context, told):
    assert b'"status": "recovered"' in page()
    reading = SOURCE.parse(page(change=lambda p: monitor(p, "Claude API").pop("status_history")), context())
    assert told.general(reading) == told.general(SOURCE.parse(page(), context()))


def test_what_nobody_watches_is_unknown_and_leaves_the_whole_to_the_others(page, context, told):
    said = told.general(SOURCE.parse(page(change=is_now("Claude API", "not_monitored")), context()))
    assert (said["api"], said[None]) == (State.UNKNOWN, State.OPERATIONAL)

    def nobody(page):
        for item in page["included"]:
            if item["type"] == "status_page_resource":
                item["attributes"]["status"] = "not_monitored"

    said = told.general(SOURCE.parse(page(change=nobody), context()))
    assert set(said.values()) == {State.UNKNOWN}


@pytest.mark.parametrize("word", ["operational", "downtime", "on fire", None])
def test_the_pages_word_on_the_whole_is_not_read(page, context, told, word):
    def change(page):
        page["data"]["attributes"]["aggregate_state"] = word
        monitor(page, "Claude API")["status"] = "degraded"

    assert told.general(SOURCE.parse(page(change=change), context()))[None] is State.DEGRADED


def test_a_monitor_named_after_a_model_says_the_model_while_it_is_in_trouble(page, context):
    def lines(body):
        reading = SOURCE.parse(body, context())
        return {s.component: s.model for s in reading.signals if isinstance(s, Declared) and s.incident is None}

    assert lines(page(change=is_now("Claude Opus 4.6", "downtime")))["claude-opus-4-6"] == "opus"
    assert set(lines(page()).values()) == {None}
    assert lines(page(change=is_now("Claude API", "downtime")))["api"] is None


def test_monitors_of_a_section_without_any_known_one_are_left_out(page, context, told):
    def add(page):
        page["included"].append({"id": "9", "type": "status_page_section", "attributes": {"name": "Embeddings"}})
        about = {"public_name": "E5", "status": "downtime", "status_page_section_id": 9}
        page["included"].append({"id": "91", "type": "status_page_resource", "attributes": about})

    assert "e5" not in told.general(SOURCE.parse(page(change=add), context()))


def test_kinds_of_entries_that_are_new_are_let_pass(page, context, told):
    def add(page):
        page["included"].append({"id": "1", "type": "status_page_banner", "attributes": {"status": "on fire"}})
        page["included"].append({"id": "2", "type": "status_page_thing"})

    assert SOURCE.parse(page(change=add), context()) == SOURCE.parse(page(), context())


def test_a_page_without_monitors_is_no_data(page, context):
    def drop(page):
        page["included"] = [i for i in page["included"] if i["type"] != "status_page_resource"]

    with pytest.raises(Malformed):
        SOURCE.parse(page(change=drop), context())


# -- reports ----------------------------------------------------------------------------------------------------------


def test_a_report_speaks_for_the_monitors_it_names(answer, context, told):
    reading = SOURCE.parse(answer("betterstack/outage.json"), context())
    assert {key: (line.state, line.stage) for key, line in told.incidents(reading).items()} == {
        ("People cannot sign in", "web"): (State.MAJOR_OUTAGE, None),
        ("People cannot sign in", "code"): (State.DEGRADED, None),
        ("Console maintenance", "console"): (State.MAINTENANCE, Stage.IN_PROGRESS),
    }
    assert [link.url for link in reading.links] == [
        "https://status.example/incident/941970",
        "https://status.example/incident/941971",
    ]


def test_a_page_without_a_domain_of_its_own_is_linked_at_its_subdomain(page, context):
    body = page("good", lambda p: p["data"]["attributes"].update(custom_domain=None))
    (link,) = SOURCE.parse(body, context()).links
    assert link.url == "https://claude-public.betteruptime.com/incident/941960"


def test_a_maintenance_announced_in_the_morning_is_only_planned_until_it_begins(answer, context, told):
    past = told.past(SOURCE.parse(answer("betterstack/outage.json"), context()))
    assert past == [
        ("12 08:00", "console", State.MAINTENANCE, Stage.SCHEDULED),
        ("12 14:40", "web", State.MAJOR_OUTAGE, None),
        ("12 14:52", "web", State.MAJOR_OUTAGE, None),
        ("12 14:52", "code", State.DEGRADED, None),
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_report(aggregate_state="resolved"), id="it is called resolved, without an end"),
        pytest.param(with_report(ends_at="2026-05-12T14:59:00Z"), id="its end has come"),
        pytest.param(with_report(("Resolved", {}), ("Investigating", {})), id="a machine's last word is resolved"),
        pytest.param(with_report(("Fine.", {"api": "resolved"})), id="all it named is resolved"),
    ],
)
def test_a_report_that_ended_in_any_of_its_ways_is_not_open(page, context, told, change):
    assert not told.incidents(SOURCE.parse(page(change=change), context()))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_report(), id="nothing says that it is over"),
        pytest.param(with_report(aggregate_state=None, affected_resources=None), id="it says nothing at all"),
        pytest.param(with_report(aggregate_state="operational"), id="the whole is called well"),
        pytest.param(with_report(("Web is back.", {"web": "resolved"})), id="an update ends it for another alone"),
        pytest.param(with_report(("Worse.", {"api": "downtime"}), ("Fine.", {"api": "resolved"})), id="it came back"),
        pytest.param(with_report(ends_at="2026-05-12T18:00:00Z"), id="its end is to come"),
    ],
)
def test_a_report_is_open_until_something_says_that_it_is_over(page, context, told, change):
    assert told.incidents(SOURCE.parse(page(change=change), context()))


def test_updates_in_any_order_tell_their_story_by_when_they_were_published(page, context):
    def turn(page):
        page["included"].reverse()
        for item in page["included"]:
            item.get("relationships", {}).get("status_updates", {}).get("data", []).reverse()

    one, other = (SOURCE.parse(page("good", change), context()) for change in (turn, lambda page: None))
    assert set(one.signals) == set(other.signals)


def test_a_report_names_monitors_that_are_gone_and_updates_that_are_not_there(page, context, told):
    def change(page):
        with_report()(page)
        page["included"][-1]["relationships"]["status_updates"]["data"] = [{"id": "nowhere", "type": "status_update"}]
        page["included"][-1]["attributes"]["affected_resources"] = [{"status_page_resource_id": 1, "status": "?"}]

    (line,) = told.incidents(SOURCE.parse(page(change=change), context())).values()
    assert (line.component, line.state) == (None, State.DEGRADED)


def test_another_kind_of_document_is_not_this_page(page, context):
    for change in ({"type": "monitor"}, {"attributes": {}}):
        loaded = json.loads(page())
        loaded["data"] |= change
        with pytest.raises(Malformed):
            SOURCE.parse(json.dumps(loaded).encode(), context())


async def test_a_reading_over_http_gives_what_the_page_says(site, answer, context, told):
    server, net = await site({"/p/index.json": answer("betterstack/outage.json")})
    reading = await SOURCE.read_here(context(base_url=server.url("/p")), net)
    assert told.general(reading)[None] is State.PARTIAL_OUTAGE
