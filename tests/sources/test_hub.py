"""A remote hub: minutes of reports, each told once."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.sources.hub import SOURCE


def counted(reading):
    return [
        (f"{s.at:%H:%M}", s.count, s.component, s.region, s.problem) for s in reading.signals if isinstance(s, Counted)
    ]


def test_a_hub_is_its_address_and_nothing_is_read_without_one(context):
    assert not SOURCE.covers(context())
    assert SOURCE.covers(context(base_url="http://127.0.0.1:9/hub"))
    with pytest.raises(NotConfigured, match=r"sources\.hub\.base_url"):
        SOURCE.requests(context())


def test_the_hub_is_asked_about_the_service_with_its_token(context, key):
    (request,) = SOURCE.requests(context(base_url="https://hub.example/x"))
    assert (request.url, request.params) == ("https://hub.example/x/api/v1/hub/counts", (("service", "claude"),))
    assert dict(request.headers)["Authorization"].reveal() == f"Bearer {key}"
    (open_one,) = SOURCE.requests(context(base_url="https://hub.example", key=False))
    assert "Authorization" not in dict(open_one.headers)


def test_the_first_reading_tells_a_quarter_of_an_hour_with_its_empty_minutes(answer, context):
    reading = SOURCE.parse(answer("hub/outage.json"), context())
    told = counted(reading)

    assert {at for at, *_ in told} == {f"14:{m}" for m in range(46, 60)} | {"15:00"}
    assert sum(n for _, n, *_ in told) == 12 + 6 + 4 + 3 + 40 + 20 + 13 + 10 + 64 + 32 + 21 + 16 + 80 + 40 + 26 + 20
    assert ("14:57", 12, "web", "US-CA", Problem.SIGN_IN) in told
    assert isinstance(reading.signals[-1], Alive)


def test_a_later_reading_tells_new_minutes_and_two_of_the_old(answer, context, now):
    reading = SOURCE.parse(answer("hub/outage.json"), context(since=now - timedelta(minutes=1)))

    assert {at for at, *_ in counted(reading)} == {"14:58", "14:59", "15:00"}
    assert {s.id for s in reading.signals if isinstance(s, Counted)} == {"remote"}


def test_names_that_are_not_known_here_are_dropped_and_the_count_stands(answer, context):
    body = json.loads(answer("hub/quiet.json"))
    rows = [
        {"count": 3, "component": "nonesuch", "region": "Mars", "problem": "gremlins"},
        {"count": 2, "component": "\u202e", "region": "US-CA\n"},
    ]
    body["minutes"] = [{"end": "2026-05-12T14:59:00Z", "counts": rows}]
    told = [row for row in counted(SOURCE.parse(json.dumps(body).encode(), context())) if row[1]]

    assert told == [("14:59", 5, None, None, None)]


@pytest.mark.parametrize(
    "change",
    [{"service": "chatgpt"}, {"window_s": 300}, {"minutes": None}, {"minutes": [{"end": "2026-05-12T14:59:00Z"}]}],
)
def test_what_is_of_another_shape_or_service_is_refused(answer, context, change):
    body = json.loads(answer("hub/good.json")) | change
    with pytest.raises(Malformed):
        SOURCE.parse(json.dumps(body).encode(), context())


def test_a_minute_of_the_future_waits_until_it_is_over(answer, context):
    body = json.loads(answer("hub/good.json"))
    body["minutes"][0]["end"] = "2026-05-12T15:09:00Z"
    reading = SOURCE.parse(json.dumps(body).encode(), context())

    assert all(at <= "15:00" for at, *_ in counted(reading))
