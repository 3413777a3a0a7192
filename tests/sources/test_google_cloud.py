"""Google's dashboards: ids, ends, words of updates, places, and products that leave the list."""

import json
from datetime import UTC, datetime

import pytest

from stillup.errors import Malformed
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.sources.google_cloud import CLOUD, WORKSPACE

API = "k8w3r06qmzrp"


@pytest.fixture
def page(answer):
    """The bytes of a list of incidents, changed by a function of it."""

    def make(name="outage", change=lambda body: None):
        body = json.loads(answer(f"google_cloud/{name}.json"))
        change(body)
        return json.dumps(body).encode()

    return make


def products(*ids):
    return json.dumps({"products": [{"id": i, "title": "Renamed on Agent Platform"} for i in ids]}).encode()


def general(reading):
    return {s.component: s.state for s in reading.signals if isinstance(s, Declared) and not s.incident}


def incidents(reading):
    return [s for s in reading.signals if isinstance(s, Declared) and s.incident]


def test_the_empty_list_is_a_good_answer_and_an_object_is_none(context):
    assert set(general(CLOUD.parse(b"[]", context())).values()) == {State.OPERATIONAL}
    with pytest.raises(Malformed):
        CLOUD.parse(b"{}", context())


def test_incidents_of_other_products_and_ended_ones_are_left_alone(page, context):
    reading = CLOUD.parse(page("quiet"), context())
    assert not incidents(reading)
    assert set(general(reading).values()) == {State.OPERATIONAL}


def test_a_product_is_known_by_its_id_whatever_its_title(page, context):
    def rename(body):
        for product in body[0]["affected_products"]:
            product["title"] = "Gemini on Agent Platform"

    assert general(CLOUD.parse(page(change=rename), context()))["api"] is State.MAJOR_OUTAGE


@pytest.mark.parametrize(
    ("word", "severity", "state"),
    [
        ("SERVICE_OUTAGE", "high", State.MAJOR_OUTAGE),
        ("SERVICE_DISRUPTION", "medium", State.PARTIAL_OUTAGE),
        ("SERVICE_DISRUPTION", "low", State.DEGRADED),
        ("SERVICE_INFORMATION", "low", State.OPERATIONAL),
        ("AVAILABLE", "high", State.OPERATIONAL),
    ],
)
def test_the_newest_update_says_how_it_is_now_not_the_worst_it_was(page, context, word, severity, state):
    def change(body):
        body[0]["most_recent_update"]["status"] = word
        body[0]["severity"] = severity

    assert general(CLOUD.parse(page(change=change), context()))["api"] is state


def test_an_unknown_word_of_an_open_incident_is_malformed_of_an_ended_one_it_is_not(page, context):
    def now(body):
        body[0]["most_recent_update"]["status"] = "SERVICE_WOBBLE"

    def history(body):
        body[0]["updates"][1]["status"] = body[1]["status_impact"] = "SERVICE_WOBBLE"

    with pytest.raises(Malformed, match="not known"):
        CLOUD.parse(page(change=now), context())
    assert general(CLOUD.parse(page(change=history), context()))["api"] is State.MAJOR_OUTAGE


def test_updates_are_dated_by_when_they_were_written_not_by_the_beginning_that_was_set_back(page, context):
    dated = sorted({s.at for s in incidents(CLOUD.parse(page(), context()))})
    assert dated[0] == datetime(2026, 5, 12, 14, 40, tzinfo=UTC)  # it says it began at 13:20


def test_trouble_in_one_place_is_told_of_that_place_and_leaves_the_product_green(page, context):
    reading = CLOUD.parse(page("good"), context())
    assert general(reading)["api"] is State.OPERATIONAL
    assert {(s.region, s.state) for s in incidents(reading)} == {("US-IA", State.PARTIAL_OUTAGE)}
    assert reading.says == "page: trouble in US-IA alone, 1 incident open"


@pytest.mark.parametrize(
    ("locations", "region"),
    [
        (["us-central1-b"], "US-IA"),
        (["us-central1", "us-east1"], "US"),
        (["europe-west3", "europe-west10"], "DE"),
        (["us-central1", "europe-west3"], None),
        (["global"], None),
        (["us-central1", "mars-north1"], None),
        ([], None),
    ],
)
def test_a_place_is_said_only_when_all_locations_lie_in_it(page, context, locations, region):
    def move(body):
        body[0]["currently_affected_locations"] = [{"id": i, "title": i} for i in locations]

    assert {s.region for s in incidents(CLOUD.parse(page(change=move), context()))} == {region}


def test_a_product_that_left_the_dashboard_is_no_longer_called_operational(context):
    here = CLOUD.answered({"incidents": b"[]", "products": products(API, "other")}, context())
    assert general(here) == {None: State.OPERATIONAL, "api": State.OPERATIONAL}
    with pytest.raises(Malformed, match="none of this service's components"):
        CLOUD.answered({"incidents": b"[]", "products": products("other")}, context())


def test_of_two_dashboards_each_is_asked_for_the_products_it_has(context):
    for source, component in ((CLOUD, "api"), (WORKSPACE, "web")):
        said = general(source.parse(b"[]", context("gemini")))
        assert set(said) == {None, component}


async def test_the_list_of_products_may_be_missing_and_is_asked_for_once_an_hour(site, page, context):
    server, net = await site({"/p/incidents.json": page()})
    reading = await CLOUD.read_here(context(base_url=server.url("/p"), key=False), net)
    assert general(reading)["api"] is State.MAJOR_OUTAGE
    assert [r.min_interval_s for r in CLOUD.page_requests("https://x.example")] == [60.0, 3600.0]


def test_an_open_outage_that_names_no_product_calls_none_of_them_well(page, context):
    def empty(body):
        body[0]["affected_products"] = []

    def informs(body):
        empty(body)
        body[0]["most_recent_update"]["status"] = "SERVICE_INFORMATION"

    with pytest.raises(Malformed, match="which products"):
        CLOUD.parse(page(change=empty), context())
    assert set(general(CLOUD.parse(page(change=informs), context())).values()) == {State.OPERATIONAL}


def test_a_list_of_months_is_read(page, context):
    def swell(body):
        body += [body[-1] | {"id": f"Past{n}"} for n in range(2000)]

    assert general(CLOUD.parse(page(change=swell), context()))["api"] is State.MAJOR_OUTAGE
