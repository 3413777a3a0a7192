"""AWS Health: UTF-16, numbers as texts, one region at a time, and events that nobody ends."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.sources.aws import SOURCE
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import Profile


@pytest.fixture
def page(answer):
    """The text of a list of events, changed by a function of it."""

    def make(name="good", change=lambda events: None):
        events = json.loads(answer(f"aws/{name}.json"))
        change(events)
        return json.dumps(events)

    return make


def read(text, ctx):
    return SOURCE.parse(text.encode(), ctx)


def general(reading):
    return {s.component: s.state for s in reading.signals if isinstance(s, Declared) and not s.incident}


def by_region(reading):
    return {s.region: s.state for s in reading.signals if isinstance(s, Declared) and s.incident}


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf"])
def test_it_is_read_in_the_encoding_its_mark_names(page, context, mark):
    encoding = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le"}.get(mark, "utf-8")
    assert SOURCE.parse(mark + page().encode(encoding), context()) == read(page(), context())


@pytest.mark.parametrize("body", [b"\xfe\xff\xd8\x00", b"\xfe\xff[", b"\xfe\xff"])
def test_half_a_letter_of_utf_16_is_malformed(body, context):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


def test_an_event_in_one_region_is_told_of_that_place_and_partial_at_most(page, context):
    def worst(events):
        events[0]["impacted_services"]["api-us-east-1"]["current"] = "3"

    for change in (lambda _: None, worst):
        reading = read(page(change=change), context())
        assert set(general(reading).values()) == {State.OPERATIONAL}
        assert by_region(reading)["US-VA"] is State.PARTIAL_OUTAGE
    assert reading.says.startswith("page: trouble in US-VA alone")


def test_an_event_open_since_march_is_told_with_place_and_age_and_is_no_fault(page, context):
    reading = read(page("quiet"), context())
    (line,) = [s for s in reading.signals if isinstance(s, Declared) and s.incident]
    assert (line.state, line.region) == (State.UNKNOWN, "AE")
    assert line.title == "Increased Error Rates (UAE, open since 2026-03-01)"
    assert reading.says.endswith("long open and not counted: UAE, open since 2026-03-01")
    assert general(reading)[None] is State.OPERATIONAL


def test_the_same_event_was_a_fault_in_its_first_week(page, context, now):
    began = context(now=now.replace(month=3, day=6))
    assert by_region(read(page("quiet"), began))["AE"] is State.PARTIAL_OUTAGE
    assert by_region(read(page("quiet"), context(now=began.now + timedelta(days=4))))["AE"] is State.UNKNOWN


def test_three_regions_at_once_are_trouble_for_everyone_as_bad_as_the_third_worst(page, context):
    reading = read(page("outage"), context())
    assert general(reading)["api"] is State.MAJOR_OUTAGE
    assert general(reading)["console"] is State.PARTIAL_OUTAGE
    assert general(reading)[None] is State.PARTIAL_OUTAGE
    two = read(page("outage", lambda events: events.__delitem__(slice(0, 2))), context())
    assert set(general(two).values()) == {State.OPERATIONAL}


def test_an_event_that_is_resolved_or_has_an_end_is_over(page, context):
    def end(events):
        events[0]["end_time"] = "1778599999"

    assert by_region(read(page(change=end), context())).keys() == {"AE"}


def test_services_that_are_none_of_ours_and_longer_names_are_left_alone(page, context):
    def rename(events):
        events[0]["impacted_services"] = {"api-gateway-us-east-1": {"service_name": "API Gateway", "current": "3"}}

    assert by_region(read(page(change=rename), context())).keys() == {"AE"}


def test_a_region_nobody_knows_has_no_place(page, context):
    def move(events):
        events[0]["impacted_services"] = {"api-us-moon-1": {"service_name": "Claude API", "current": "2"}}
        events[0]["service"] = "multipleservices-us-moon-1"

    assert by_region(read(page(change=move), context()))[None] is State.PARTIAL_OUTAGE


def test_an_event_of_one_service_stands_for_it_without_a_list(page, context):
    def alone(events):
        events[0] |= {"service": "api-us-east-1", "service_name": "Claude API", "status": "1"}
        del events[0]["impacted_services"]

    assert by_region(read(page(change=alone), context()))["US-VA"] is State.DEGRADED


@pytest.mark.parametrize("listed", [None, {}])
def test_an_event_of_several_services_that_names_none_calls_none_of_them_well(listed, page, context):
    def nothing(events):
        events[0] |= {"service": "multipleservices-us-east-1", "impacted_services": listed}

    with pytest.raises(Malformed, match="does not say which"):
        read(page(change=nothing), context())


@pytest.mark.parametrize("word", ["4", "", "open", -1])
def test_a_status_nobody_knows_is_malformed(page, context, word):
    def change(events):
        events[0]["status"] = word

    with pytest.raises(Malformed, match="not known"):
        read(page(change=change), context())


def test_numbers_may_come_as_numbers(page, context):
    def change(events):
        events[0] |= {"status": 2, "date": int(events[0]["date"])}

    assert read(page(change=change), context()) == read(page(), context())


@pytest.mark.parametrize("date", ["soon", "1e999", "-99999999999999"])
def test_a_date_that_is_none_does_not_make_an_event_old(page, context, date):
    def change(events):
        events[0]["date"] = date

    assert by_region(read(page(change=change), context()))["US-VA"] is State.PARTIAL_OUTAGE


def test_bedrock_is_looked_for_by_its_prefix(page, context):
    def rename(events):
        events[0]["impacted_services"] = {"bedrock-us-east-1": {"service_name": "Amazon Bedrock", "current": "2"}}

    lines = [s for s in read(page(change=rename), context("bedrock")).signals if isinstance(s, Declared)]
    assert {(s.component, s.state) for s in lines if s.region == "US-VA"} == {("api", State.PARTIAL_OUTAGE)}


@pytest.mark.parametrize(
    ("name", "state", "regions"),
    [
        ("quiet", State.OPERATIONAL, ()),
        ("good", State.PARTIAL_OUTAGE, ("US-VA",)),
        ("outage", State.PARTIAL_OUTAGE, ("DE", "IE", "US-OR", "US-VA")),
    ],
)
def test_what_the_verdict_makes_of_it(page, context, now, name, state, regions):
    """Nothing is red for the sake of an event that has been open for months, and one region is not everyone."""
    monitor = Monitor(lambda service: Profile(service=service, components=("web", "api")))
    changes = list(monitor.step(now, read(page(name), context()).signals))
    for minute in (1, 2):
        then = now + timedelta(minutes=minute)
        changes += monitor.step(then, read(page(name), context(now=then)).signals)
    *_, last = [v for v in changes if v.component is None]
    assert (last.state, tuple(last.regions)) == (state, regions)
