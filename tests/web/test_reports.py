"""Handing in reports by the page's form and by the API, and what other hubs are told."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from random import Random

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar.testing import TestClient
from schemathesis import GenerationMode

from stillup.catalog.load import catalogue
from stillup.config.schema import Web
from stillup.hub.desk import Hub
from stillup.hub.values import Reason
from stillup.model.signal import Counted
from stillup.registry import load_source
from stillup.sources.base import Context, Setting
from stillup.web.app import build
from stillup.web.front import Front
from tests.web import boards

HERE = {"Host": "127.0.0.1:8780"}
FORM = {**HERE, "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
SAID = {"service": "claude", "problem": "sign_in", "component": "web", "region": "US-CA"}


class MovedClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = boards.NOW + timedelta(seconds=5)

    def now(self):
        return self.at

    def wall_s(self):
        return self.at.timestamp()

    def monotonic_s(self):
        return self.at.timestamp()

    async def sleep(self, seconds):
        raise NotImplementedError


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def hub():
    return Hub(Random(1).randbytes, boards.NOW - timedelta(minutes=5), ["claude"])


@pytest.fixture
def desk(site_of, clock, hub):
    """A client of a page that takes reports."""
    site = site_of(clock=clock, desk=hub, settings=Web())
    with TestClient(build(site), base_url="http://127.0.0.1:8780") as client:
        yield client


def opened(desk) -> str:
    """Opens the form; its token."""
    page = desk.get("/claude/report", headers=HERE).text
    return re.search(r'name="token" value="([^"]+)"', page)[1]


def sent(desk, token, *, headers=FORM, **fields):
    data = {"token": token, "problem": "sign_in", "component": "web", "region": "US-CA", **fields}
    return desk.post("/claude/report", data={k: v for k, v in data.items() if v is not None}, headers=headers)


# -- the form ---------------------------------------------------------------------------------------------------------


def test_a_form_that_was_opened_here_is_taken_and_thanked_for(desk, hub):
    answer = sent(desk, opened(desk))

    assert answer.status_code == 200
    assert "Thank you" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert hub.reasons == {Reason.ADMITTED: 1}


def test_the_component_and_the_region_may_be_left_open(desk, hub):
    assert sent(desk, opened(desk), component="", region="").status_code == 200
    assert sent(desk, opened(desk), component=None, region=None, problem="slow").status_code == 200
    assert hub.reasons[Reason.ADMITTED] == 2


def test_the_same_again_is_taken_and_folded(desk, hub):
    for _ in range(2):
        assert sent(desk, opened(desk)).status_code == 200
    assert hub.reasons == {Reason.ADMITTED: 1, Reason.FOLDED: 1}


def test_a_form_is_good_once(desk):
    token = opened(desk)
    sent(desk, token)
    again = sent(desk, token, problem="slow")

    assert again.status_code == 409
    assert "sent already" in again.text


def test_a_form_that_lay_open_for_too_long_is_stale(desk, clock):
    token = opened(desk)
    clock.at += timedelta(hours=2)

    assert sent(desk, token).status_code == 410


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "ü" * 43, "x" * 3000, None])
def test_a_form_without_our_token_is_refused(desk, hub, token):
    answer = sent(desk, token)

    assert answer.status_code in (403, 410)  # what claims to be of before this process cannot be told from forged
    assert not hub.reasons[Reason.ADMITTED]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_a_page_of_another_site_sends_is_refused(desk, hub, headers):
    token = opened(desk)

    assert sent(desk, token, headers={**FORM, **headers}).status_code == 403
    assert desk.post("/api/v1/reports", json=SAID, headers={**HERE, **headers}).status_code == 403
    assert not hub.reasons
    assert sent(desk, token, headers={**FORM, "Origin": "http://127.0.0.1:8780"}).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"problem": "<script>alert(1)</script>"},
        {"problem": None},
        {"component": "no-such-part"},
        {"region": "US-ZZ"},
        {"region": "\u202eSU"},
        {"region": "x" * 2000},
    ],
)
def test_what_the_form_does_not_offer_is_refused_and_not_repeated_raw(desk, hub, fields):
    answer = sent(desk, opened(desk), **fields)

    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    assert not hub.reasons


def test_a_report_of_what_is_not_watched_is_not_found(desk):
    assert desk.post("/nonesuch/report", data={"problem": "slow"}, headers=FORM).status_code == 404


@pytest.mark.parametrize("body", [b"", b"a=1&a=2", b"\xff\xfe=1", b"&".join(b"f%d=1" % i for i in range(50))])
def test_what_is_no_form_is_refused(desk, body):
    assert desk.post("/claude/report", content=body, headers=FORM).status_code == 400


def test_a_megabyte_is_refused(desk):
    assert desk.post("/claude/report", content=b"problem=" + b"x" * (1 << 20), headers=FORM).status_code == 413
    long = json.dumps({**SAID, "component": "x" * (1 << 20)})
    answer = desk.post("/api/v1/reports", content=long, headers={**HERE, "Content-Type": "application/json"})
    assert answer.status_code == 413


def test_without_a_desk_reports_are_closed(site_of):
    with TestClient(build(site_of()), base_url="http://127.0.0.1:8780") as client:
        assert sent(client, "x").status_code == 403
        assert client.post("/api/v1/reports", json=SAID, headers=HERE).status_code == 403
        assert client.get("/api/v1/hub/counts?service=claude", headers=HERE).status_code == 404


# -- the API ----------------------------------------------------------------------------------------------------------


def test_a_program_hands_a_report_in(desk):
    answer = desk.post("/api/v1/reports", json=SAID, headers=HERE)

    assert answer.status_code == 202
    assert answer.json() == {
        "reason": "admitted",
        "says": "Thank you. Together with what people on other networks say it decides.",
    }


def test_a_program_may_say_less_often_than_a_person(desk):
    problems = ["slow", "sign_in", "quality", "other"]
    answers = [desk.post("/api/v1/reports", json={**SAID, "problem": p}, headers=HERE) for p in problems]

    assert [a.status_code for a in answers] == [202, 202, 429, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 90
    assert answers[-1].json()["type"] == "/api#too-many"


def test_what_is_refused_is_counted_once(desk, hub):
    for problem in ("slow", "sign_in", "quality", "other"):
        desk.post("/api/v1/reports", json={**SAID, "problem": problem}, headers=HERE)
    assert hub.reasons == {Reason.ADMITTED: 2, Reason.TOO_MANY: 2}


@pytest.mark.parametrize(
    ("change", "status", "allowed"),
    [
        ({"service": "nonesuch"}, 404, "claude"),
        ({"problem": "gremlins"}, 400, ""),
        ({"component": "nonesuch"}, 400, "web"),
        ({"region": "DE-XX"}, 400, "a country (ISO 3166-1), as DE"),
        ({"sender": "me"}, 400, ""),
        ({"service": 7}, 400, ""),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(desk, change, status, allowed):
    answer = desk.post("/api/v1/reports", json={**SAID, **change}, headers=HERE)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert not allowed or allowed in answer.json()["allowed"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 3000])
def test_what_is_no_report_is_a_clear_refusal(desk, body):
    answer = desk.post("/api/v1/reports", content=body, headers={**HERE, "Content-Type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_any_web_page_could_send_is_not_taken_for_json(desk, hub, kind):
    answer = desk.post("/api/v1/reports", content=json.dumps(SAID), headers={**HERE, "Content-Type": kind})

    assert answer.status_code == 415
    assert not hub.reasons


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_calls_do_what_their_description_says(site_of, clock, hub, mode):
    front = Front(site_of(clock=clock, desk=hub))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", front, headers=HERE)
    for where, method in (("/api/v1/reports", "post"), ("/api/v1/hub/counts", "get")):

        @given(case=schema[where][method].as_strategy(generation_mode=mode))
        @settings(
            derandomize=True, max_examples=15, deadline=None, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def each(case):
            answer = case.call(headers=HERE)
            assert answer.status_code < 500
            case.validate_response(
                answer, excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
            )

        each()


# -- what other hubs are told -----------------------------------------------------------------------------------------


def hand_in(desk, count, **change):
    for i in range(count):
        headers = {**HERE, "X-Forwarded-For": f"{20 + i}.{i}.3.4"}
        assert desk.post("/api/v1/reports", json={**SAID, **change}, headers=headers).status_code == 202


def told(desk, **headers):
    return desk.get("/api/v1/hub/counts?service=claude", headers={**HERE, **headers})


@pytest.fixture
def proxied(site_of, clock, hub):
    """A client whose connection counts as a trusted proxy's."""
    app = build(site_of(clock=clock, desk=hub, settings=Web(trusted_proxies=("127.0.0.1",))))

    async def behind(scope, receive, send):
        if scope["type"] == "http":
            scope["client"] = ("127.0.0.1", 5000)
        await app(scope, receive, send)

    with TestClient(behind, base_url="http://127.0.0.1:8780") as client:
        yield client


def test_minutes_that_are_over_are_given_out_and_do_not_change(proxied, clock):
    hand_in(proxied, 30)
    assert told(proxied).json()["minutes"] == []
    clock.at += timedelta(minutes=1)
    first = told(proxied)
    hand_in(proxied, 12, problem="slow")
    clock.at += timedelta(minutes=1)
    second = told(proxied)

    assert first.json()["minutes"][0]["counts"] == [
        {"count": 30, "component": "web", "region": "US-CA", "problem": "sign_in"}
    ]
    assert second.json()["minutes"][0] == first.json()["minutes"][0]
    assert len(second.json()["minutes"]) == 2
    clock.at += timedelta(minutes=20)
    assert told(proxied).json()["minutes"] == []


def test_another_hub_reads_what_is_given_out(proxied, clock):
    hand_in(proxied, 30)
    clock.at += timedelta(minutes=1)
    setting = Setting(base_url="http://127.0.0.1:8780")
    ctx = Context(now=clock.at, service=catalogue()["claude"], setting=setting, since=boards.NOW)
    reading = load_source("hub").parse(told(proxied).content, ctx)

    assert reading.says == "30 reports in 15 min"
    assert [(s.count, s.region) for s in reading.signals if isinstance(s, Counted)] == [(30, "US-CA")]


def test_an_unchanged_answer_costs_no_body(proxied, clock):
    hand_in(proxied, 30)
    clock.at += timedelta(minutes=1)
    tag = told(proxied).headers["etag"]

    assert told(proxied, **{"If-None-Match": tag}).status_code == 304


def test_a_region_that_few_speak_of_is_not_named(proxied, clock):
    hand_in(proxied, 30, region="US-CA")
    for i, region in enumerate(["US-WY", "US-WY", "FR", "US-VT"]):
        headers = {**HERE, "X-Forwarded-For": f"{120 + i}.9.3.4"}
        proxied.post("/api/v1/reports", json={**SAID, "region": region}, headers=headers)
    clock.at += timedelta(minutes=1)

    counts = told(proxied).json()["minutes"][0]["counts"]
    assert {c.get("region"): c["count"] for c in counts} == {"US-CA": 30, "US": 3, None: 1}


@pytest.mark.parametrize(
    ("query", "status"), [("", 400), ("service=", 400), ("service=nonesuch", 404), ("service=claude&x=1", 400)]
)
def test_a_question_for_counts_that_makes_no_sense_is_refused(desk, query, status):
    assert desk.get(f"/api/v1/hub/counts?{query}", headers=HERE).status_code == status


# -- where what is taken has to be kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_report_is_acknowledged_only_when_it_is_kept(site_of, clock, hub, is_kept):
    async def kept() -> bool:
        return is_kept

    site = site_of(clock=clock, desk=hub, settings=Web(), kept=kept)
    with TestClient(build(site), base_url="http://127.0.0.1:8780") as client:
        by_form = sent(client, opened(client))
        answers = []
        # The short way, and the long one that an unusual content type goes.
        for part, kind in (("api", "application/json"), ("mobile", "application/json; charset=utf-8")):
            clock.at += timedelta(minutes=5)
            headers = {**HERE, "Content-Type": kind}
            answers.append(
                client.post("/api/v1/reports", content=json.dumps({**SAID, "component": part}), headers=headers)
            )

    if is_kept:
        assert (by_form.status_code, [a.status_code for a in answers]) == (200, [202, 202])
        return
    assert by_form.status_code == 503
    assert "cannot be kept" in by_form.text
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/api#unkept"
    assert hub.reasons[Reason.ADMITTED] == 3
