"""Cloudflare Radar: a country's trouble is no service's, a verified cloud's is that cloud's, a hint is a hint."""

import json
from datetime import timedelta

import pytest

from stillup.daemon.jobs import profile_of
from stillup.errors import Malformed
from stillup.model.service import Confidence, Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.sources.cloudflare_radar import SOURCE
from stillup.verdict.monitor import Monitor


@pytest.fixture
def read(context, answer):
    return lambda name, tag, **ctx: SOURCE.parse(answer(f"cloudflare_radar/{name}-{tag}.json"), context(**ctx), tag)


def told(reading):
    return {s.region: s.error for s in reading.signals if isinstance(s, Outcome)}


def test_an_outage_that_stands_is_told_of_its_country_at_the_layer_network(read):
    reading = read("good", "outages")
    (line,) = (s for s in reading.signals if isinstance(s, Outcome))
    assert (line.region, line.layer, line.ok, line.error) == ("IQ", Layer.NETWORK, False, "government directed")


def test_a_verified_anomaly_counts_an_unverified_one_is_a_hint(read):
    reading = read("good", "anomalies")
    assert told(reading) == {"SY": "traffic anomaly"}
    assert reading.says == "networks in trouble: SY; 1 unverified"


def test_a_cloud_that_fails_is_degraded_for_the_service_that_it_is_and_for_no_other(read):
    for tag in ("outages", "anomalies"):
        (declared,) = (s for s in read("outage", tag, service="aws").signals if isinstance(s, Declared))
        assert (declared.state, declared.component) == (State.DEGRADED, None)
        assert not [s for s in read("outage", tag, service="claude").signals if isinstance(s, Declared)]


@pytest.mark.parametrize("service", ["claude", "aws"])
def test_countries_without_network_never_vote_on_a_service(read, now, service):
    monitor = Monitor(profile_of)
    for n in range(60):
        at = now + timedelta(minutes=5 * n)
        monitor.step(at, [*read("good", "outages", service=service, now=at).signals])
    said = monitor.verdicts(service).get(None)
    assert said is None or (said.state is State.UNKNOWN and said.scope is None)


def test_a_cloud_alone_is_suspected_until_nothing_is_open_any_more(read, now):
    monitor = Monitor(profile_of)
    monitor.step(now + timedelta(minutes=1), read("outage", "anomalies", service="aws").signals)
    verdict = monitor.verdicts("aws")[None]
    assert (verdict.state, verdict.confidence) == (State.DEGRADED, Confidence.SUSPECTED)


async def test_that_nothing_is_open_any_more_ends_what_was_declared(site, context, answer):
    quiet = {
        "/radar/annotations/outages": answer("cloudflare_radar/quiet-outages.json"),
        "/radar/traffic_anomalies": answer("cloudflare_radar/quiet-anomalies.json"),
    }
    server, net = await site(quiet)
    ours = await SOURCE.read(context("aws", base_url=server.url("")), net)
    assert [s.state for s in ours.signals if isinstance(s, Declared)] == [State.OPERATIONAL]
    other = await SOURCE.read(context("claude", base_url=server.url("")), net)
    assert [type(s) for s in other.signals] == [Alive]


@pytest.mark.parametrize(
    ("start", "end", "stands"),
    [
        (timedelta(hours=-2), None, True),
        (timedelta(hours=-2), timedelta(hours=1), True),
        (timedelta(hours=-2), timedelta(hours=-1), False),
        (timedelta(days=-3), None, False),  # nobody closed it
        (timedelta(hours=1), None, False),  # of the future
    ],
)
def test_only_what_stands_now_is_told(context, now, start, end, stands):
    row = {"uuid": "u", "type": "LOCATION", "status": "VERIFIED", "startDate": (now + start).isoformat()}
    row |= {"locationDetails": {"code": "SY"}} | ({"endDate": (now + end).isoformat()} if end else {})
    body = json.dumps({"success": True, "result": {"trafficAnomalies": [row]}}).encode()
    assert bool(told(SOURCE.parse(body, context(), "anomalies"))) is stands


@pytest.mark.parametrize("tag", ["outages", "anomalies"])
def test_an_answer_that_says_it_failed_is_no_calm(context, tag):
    result = {"annotations": []} if tag == "outages" else {"trafficAnomalies": []}
    body = json.dumps({"success": False, "errors": [{"code": 1}], "result": result}).encode()
    with pytest.raises(Malformed, match="failed"):
        SOURCE.parse(body, context(), tag)


@pytest.mark.parametrize(
    ("outages", "anomalies", "says"),
    [
        ("quiet", "quiet", "no network in trouble; 1 unverified"),
        ("good", "good", "networks in trouble: IQ; networks in trouble: SY; 1 unverified"),
        ("good", "quiet", "networks in trouble: IQ; 1 unverified"),
        ("quiet", "good", "networks in trouble: SY; 1 unverified"),
    ],
)
async def test_the_two_lists_are_said_as_one_and_never_calm_and_in_trouble(
    site, context, answer, outages, anomalies, says
):
    server, net = await site(
        {
            "/radar/annotations/outages": answer(f"cloudflare_radar/{outages}-outages.json"),
            "/radar/traffic_anomalies": answer(f"cloudflare_radar/{anomalies}-anomalies.json"),
        }
    )
    assert (await SOURCE.read(context("claude", base_url=server.url("")), net)).says == says
