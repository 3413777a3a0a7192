"""A pool of shared counts: sums by model, each window told once."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.sources.pool import SOURCE
from stillup.verdict.intake import Intake


def outcomes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome)]


def test_a_pool_is_its_address(context):
    assert not SOURCE.covers(context())
    (request,) = SOURCE.requests(context(base_url="http://127.0.0.1:9/pool"))
    assert request.url == "http://127.0.0.1:9/pool/api/v1/pool/counts"
    with pytest.raises(NotConfigured, match=r"sources\.pool\.base_url"):
        SOURCE.requests(context())


def test_sums_are_windows_of_tries_by_model(answer, context):
    told = outcomes(SOURCE.parse(answer("pool/good.json"), context()))

    assert [(o.model, o.n_ok, o.n_failed, o.layer) for o in told] == [
        (None, 40, 0, Layer.API_GATEWAY),
        ("claude-opus-4-5", 812, 3, Layer.INFERENCE),
        ("claude-opus-4-5", 790, 5, Layer.INFERENCE),
    ]
    assert {(o.component, o.window_s) for o in told} == {("api", 300)}


def test_a_window_that_is_read_again_is_no_second_one(answer, context, now):
    intake = Intake()
    first = SOURCE.parse(answer("pool/good.json"), context())
    later = now + timedelta(minutes=2)
    again = SOURCE.parse(answer("pool/good.json"), context(now=later, since=now))
    for line in (*first.signals, *again.signals):
        intake.put(line)
    told = [
        line
        for tick in range(int(now.timestamp()) // 60 * 60 - 1200, int(later.timestamp()) + 120, 60)
        for line in intake.take(tick)
    ]

    assert len([line for line in told if isinstance(line, Outcome)]) == 3


def test_what_most_shared_requests_met_is_said(answer, context):
    assert SOURCE.parse(answer("pool/outage.json"), context()).says == "895 of 1046 shared requests failed"
    assert SOURCE.parse(answer("pool/quiet.json"), context()).says == "too few installations share"


@pytest.mark.parametrize("change", [{"service": "chatgpt"}, {"window_s": 60}, {"windows": None}])
def test_what_is_of_another_shape_or_service_is_refused(answer, context, change):
    body = json.loads(answer("pool/good.json")) | change
    with pytest.raises(Malformed):
        SOURCE.parse(json.dumps(body).encode(), context())
