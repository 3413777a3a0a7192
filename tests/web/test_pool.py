"""Sharing counts with the page, and being given sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from litestar.testing import TestClient

from stillup.catalog.load import catalogue
from stillup.catalog.models import models
from stillup.config.schema import Web
from stillup.hub.pooling import PooledCounts
from stillup.registry import load_source
from stillup.sources.base import Context, Setting
from stillup.web.app import build

HERE = {"Host": "127.0.0.1:8780"}
END = datetime(2026, 5, 4, 8, 5, tzinfo=UTC)
MODEL = next(iter(models()))


class MovedClock:
    at = END + timedelta(seconds=20)

    def now(self):
        return self.at

    def wall_s(self):
        return self.at.timestamp()

    def monotonic_s(self):
        return self.at.timestamp()


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def client(site_of, clock):
    pool = PooledCounts(Random(1).randbytes)
    app = build(site_of(clock=clock, pool=pool, settings=Web(trusted_proxies=("127.0.0.1",))))

    async def behind(scope, receive, send):
        if scope["type"] == "http":
            scope["client"] = ("127.0.0.1", 5000)
        await app(scope, receive, send)

    with TestClient(behind, base_url="http://127.0.0.1:8780") as client:
        yield client


def batch(name: int, **change):
    tallies = [
        {"service": "claude", "model": MODEL, "ok": 9, "failed": 1},
        {"service": "claude", "model": "our-own-secret-model", "ok": 5, "failed": 5},
        {"service": "our-own-service", "ok": 5, "failed": 5},
    ]
    return {"installation": f"{name:032x}", "end": END.isoformat(), "tallies": tallies, **change}


def share(client, name, **change):
    headers = {**HERE, "X-Forwarded-For": f"{20 + name}.{name}.3.4"}
    return client.post("/api/v1/pool", json=batch(name, **change), headers=headers)


def test_sums_of_ten_name_public_models_alone(client, clock):
    assert {share(client, n).status_code for n in range(10)} == {202}
    clock.at += timedelta(minutes=5)
    told = client.get("/api/v1/pool/counts?service=claude", headers=HERE)

    assert told.json()["k"] == 10
    assert told.json()["windows"] == [
        {"end": "2026-05-04T08:05:00Z", "sums": [{"ok": 90, "failed": 10, "model": MODEL}]}
    ]
    ctx = Context(now=clock.at, service=catalogue()["claude"], setting=Setting(base_url="http://127.0.0.1:8780"))
    assert load_source("pool").parse(told.content, ctx).says == "10 of 100 shared requests failed"
    again = client.get("/api/v1/pool/counts?service=claude", headers={**HERE, "If-None-Match": told.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"installation": "me@example.org"}, 400),
        ({"tallies": []}, 400),
        ({"tallies": [{"service": "claude", "ok": -1, "failed": 0}]}, 400),
        ({"who": "me"}, 400),
        ({"end": "yesterday"}, 400),
        ({"end": "2026-05-04T08:05:00"}, 400),
        ({"end": "2026-05-03T08:05:00Z"}, 410),
    ],
)
def test_what_is_no_batch_is_refused(client, change, status):
    answer = share(client, 1, **change)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_page_of_another_site_shares_nothing(client):
    for headers in ({"Origin": "https://evil.example"}, {"Content-Type": "text/plain"}):
        answer = client.post("/api/v1/pool", json=batch(1), headers={**HERE, **headers})
        assert answer.status_code in (403, 415)


@pytest.mark.parametrize(("query", "status"), [("", 400), ("service=nonesuch", 404), ("service=claude&a=1", 400)])
def test_a_question_that_makes_no_sense_is_refused(client, query, status):
    assert client.get(f"/api/v1/pool/counts?{query}", headers=HERE).status_code == status


def test_without_a_pool_there_is_none(site_of):
    with TestClient(build(site_of()), base_url="http://127.0.0.1:8780") as client:
        assert client.get("/api/v1/pool/counts?service=claude", headers=HERE).status_code == 404
        assert client.post("/api/v1/pool", json=batch(1), headers=HERE).status_code == 404
