"""Globalping: an order goes out with nothing of the user's in it, results come in country by country."""

import json
from datetime import timedelta

import pytest
from aiohttp import web

from stillup.daemon.jobs import profile_of
from stillup.errors import Malformed, RateLimited
from stillup.model.service import Layer, State
from stillup.model.signal import Outcome
from stillup.net import Net
from stillup.registry import SOURCES
from stillup.sources import globalping
from stillup.sources.globalping import SOURCE
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

CADENCE = timedelta(seconds=SOURCES["globalping"].interval_s)


def look(country, status="finished", code=403):
    return {"probe": {"country": country}, "result": {"status": status, "statusCode": code, "timings": {"total": 90}}}


def measured(*looks, status="finished"):
    return json.dumps({"id": "m", "type": "http", "status": status, "results": list(looks)}).encode()


def outcomes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome)]


def test_the_order_names_a_public_page_and_countries_and_nothing_else(context, key):
    (order,) = SOURCE.requests(context(key=False, countries=["FR", "US"]))
    assert json.loads(order.json) == {
        "type": "http",
        "target": "claude.ai",
        "locations": [{"country": "FR", "limit": 1}, {"country": "US", "limit": 1}],
        "measurementOptions": {"protocol": "HTTPS", "request": {"method": "HEAD", "path": "/"}},
    }
    assert [name for name, _ in order.headers] == ["Accept"]
    assert key.encode() not in SOURCE.requests(context())[0].json


@pytest.mark.parametrize(
    ("result", "ok"),
    [
        (look("US", code=200), True),
        (look("US", code=403), True),  # a front that turns probes away is up
        (look("US", code=503), False),
        (look("US", "failed", None), False),
        (look("US", "offline", None), None),
        (look("US", "in-progress", None), None),
    ],
)
def test_an_answer_counts_by_what_the_catalogue_calls_one_and_a_probe_that_is_gone_does_not_count(context, result, ok):
    reading = SOURCE.parse(measured(look("DE"), result), context())
    told = {o.region: o.ok for o in outcomes(reading)}
    assert told == ({"DE": True} if ok is None else {"DE": True, "US": ok})


def test_results_are_told_at_the_edge_by_country(context, answer):
    reading = SOURCE.parse(answer("globalping/good.json"), context())
    assert {(o.layer, o.component) for o in outcomes(reading)} == {(Layer.EDGE, "web")}
    assert [o.region for o in outcomes(reading) if not o.ok] == ["IN"]
    assert reading.says == "answers from 4 of 5 countries, not from IN"


@pytest.mark.parametrize("looks", [(), (look("US", "offline", None),)])
def test_where_no_probe_could_look_there_is_no_data(context, looks):
    with pytest.raises(Malformed, match="no probe"):
        SOURCE.parse(measured(*looks), context())


@pytest.fixture
async def site(monkeypatch, now):
    """A Globalping that answers as scripted: what the order gets, then one look after the other."""
    monkeypatch.setattr(globalping, "_PAUSE_S", 0.001)
    runners = []

    async def start(*looks, refused=None):
        left = list(looks)

        async def ordered(_request):
            return refused or web.json_response({"id": "m", "probesCount": 2}, status=202)

        async def measure(_request):
            return web.Response(body=left.pop(0) if len(left) > 1 else left[0], content_type="application/json")

        app = web.Application()
        app.add_routes([web.post("/v1/measurements", ordered), web.get("/v1/measurements/m", measure)])
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}", left

    async with Net(FakeClock(now), timeout_s=5.0) as net:
        yield start, net
    for runner in runners:
        await runner.cleanup()


async def test_a_measurement_is_waited_for_until_it_is_done(site, context):
    start, net = site
    unfinished = measured(look("US"), look("DE", "in-progress", None), status="in-progress")
    url, left = await start(unfinished, unfinished, measured(look("US"), look("DE")))
    reading = await SOURCE.read(context(base_url=url), net)
    assert reading.says == "answers from 2 of 2 countries"
    assert len(left) == 1


async def test_what_has_come_in_by_the_deadline_is_read(site, context, monkeypatch):
    monkeypatch.setattr(globalping, "_PATIENCE_S", 0.2)
    start, net = site
    url, _ = await start(measured(look("US"), look("DE", "in-progress", None), status="in-progress"))
    assert (await SOURCE.read(context(base_url=url), net)).says == "answers from 1 of 1 countries"


async def test_tests_used_up_are_no_data_and_tell_when_to_come_again(site, context):
    start, net = site
    url, _ = await start(measured(), refused=web.Response(status=429, headers={"Retry-After": "1200"}))
    with pytest.raises(RateLimited) as refused:
        await SOURCE.read(context(base_url=url), net)
    assert refused.value.retry_after_s == 1200


def judged(context, bad, readings):
    monitor, ctx = Monitor(profile_of), context()
    for n in range(readings):
        at = ctx.now.replace(second=0) + n * CADENCE
        late = n >= readings - 8
        body = measured(*(look(c, "failed" if c in bad and late else "finished") for c in globalping.COUNTRIES))
        monitor.step(at, SOURCE.parse(body, context(now=at)).signals)
    monitor.step(at + CADENCE)
    return monitor.verdicts("claude")[None]


def test_one_country_that_gets_no_answer_is_that_country(context):
    verdict = judged(context, {"IN"}, 60)
    assert verdict.state.is_fault
    assert verdict.regions == ("IN",)


def test_all_countries_calm_is_calm(context):
    assert judged(context, set(), 60).state is State.OPERATIONAL
