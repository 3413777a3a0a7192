"""Who may ask what of the page and the hub: one rule for each route there is, and none without a rule."""

from __future__ import annotations

import re
from contextlib import closing
from enum import StrEnum
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from litestar.testing import TestClient

from stillup.config.schema import Web
from stillup.secret import Secret
from stillup.web.app import build
from stillup.web.front import Front
from tests.security.conftest import made_up_site

TOKEN = Secret("a-token-of-the-page-itself")
KNOWN = {"authorization": f"Bearer {TOKEN.reveal()}"}
HERE, BEHIND, BEYOND, OPEN = "here", "behind a proxy, public", "beyond, private", "beyond, public"
PLACES = {
    HERE: Web(),
    BEHIND: Web(public=True),
    BEYOND: Web(listen="0.0.0.0:8780"),
    OPEN: Web(listen="0.0.0.0:8780", public=True),
}


class Rule(StrEnum):
    """Who may ask a route without the token."""

    ANYBODY = "anybody, wherever the page is"
    READERS = "anybody, where the page is on loopback or public"
    OWNER = "anybody on loopback as long as the page is not public: it tells what is spent"
    NOBODY = "nobody: it spends money or shows what is private"

    def lets_in(self, place: str) -> bool:
        """Whether a request without the token is let in."""
        return {
            Rule.ANYBODY: True,
            Rule.READERS: place != BEYOND,
            Rule.OWNER: place == HERE,
            Rule.NOBODY: False,
        }[self]


_READERS = """
/ /method /compare /incidents /incidents/{incident_id:str} /{service:str} /{service:str}/history /{service:str}/report
/events /api /api/v1 /api/v1/openapi.json /api/v1/{path:str}
/api/v1/services /api/v1/services/{service:str} /api/v1/services/{service:str}/verdict
/api/v1/services/{service:str}/evidence /api/v1/services/{service:str}/forecast
/api/v1/services/{service:str}/reports /api/v1/services/{service:str}/alternatives /api/v1/capabilities
/api/v1/incidents /api/v1/incidents/{incident:str} /api/v1/changes
/api/v1/reports /api/v1/hub/counts /api/v1/pool /api/v1/pool/counts
/api/v2/summary.json /api/v2/status.json /api/v2/components.json /api/v2/incidents.json
/api/v2/incidents/unresolved.json /api/v2/scheduled-maintenances.json
/api/v2/scheduled-maintenances/upcoming.json /api/v2/scheduled-maintenances/active.json
/{service:str}/api/v2/summary.json /{service:str}/api/v2/status.json /{service:str}/api/v2/components.json
/{service:str}/api/v2/incidents.json /{service:str}/api/v2/incidents/unresolved.json
/{service:str}/api/v2/scheduled-maintenances.json /{service:str}/api/v2/scheduled-maintenances/upcoming.json
/{service:str}/api/v2/scheduled-maintenances/active.json
/feed.json /feed.atom /{service:str}/feed.atom /{service:str}/feed.json
/maintenances.ics /{service:str}/maintenances.ics /badge.svg /{service:str}/badge.svg
"""
_NOBODY = """
/chat /chat/models /chat/send /chat/render /vault /vault/{key:str} /vault/{key:str}/brief
/drills /drills/{key:str} /drills/{key:str}/report.html /drills/{key:str}/report.md
/risk /sla /sla/report /sla/switch
"""
RULES = {
    **dict.fromkeys(("/healthz", "/readyz", "/robots.txt", "/favicon.ico"), Rule.ANYBODY),
    **dict.fromkeys(_READERS.split(), Rule.READERS),
    "/metrics": Rule.OWNER,
    **dict.fromkeys(_NOBODY.split(), Rule.NOBODY),
}
CHANGING = {
    ("POST", "/chat"), ("POST", "/chat/send"), ("POST", "/chat/render"), ("POST", "/{service:str}/report"),
    ("POST", "/api/v1/reports"), ("POST", "/api/v1/pool"),
}  # fmt: skip
"""All that is there to be asked with another method than GET."""
ASKED = {path: rule for path, rule in RULES.items() if path != "/events"}
"""All whose answers have an end."""
SNEAKY = (
    "/{}/",
    "//{}",
    "/{}//",
    "/%2F{}",
    "/./{}",
    "/x/../{}",
    "/{};a=b",
    "/{}%00",
    "/{}%20",
    "/{}\\",
    "/{}?token=",
    "http://127.0.0.1/{}",
)


def table() -> dict[str, set[str]]:
    """The application's own: methods by path."""
    return {route.path: set(getattr(route, "methods", ())) or {"GET"} for route in build(made_up_site()).routes}


def asked(path: str) -> str:
    """A path of that form that is there."""
    named = {"service": "claude", "key": "abc", "incident": "abc", "incident_id": "abc", "path": "x"}
    return re.sub(r"\{(\w+):str\}", lambda m: named[m[1]], path)


@pytest.fixture(scope="module", params=PLACES)
def place(request):
    """How the page is reached, and somebody who asks it."""
    site = made_up_site(settings=PLACES[request.param], token=TOKEN)
    with TestClient(Front(site), base_url="http://127.0.0.1:8780") as client:
        yield request.param, client


def status(client, method, path, **more):
    """Of an answer, of which nothing is read: one of them has no end."""
    with client.stream(method, path, **more) as answer:
        return answer.status_code


def test_every_route_has_a_rule_and_every_rule_a_route():
    assert set(table()) == set(RULES)


def test_every_route_that_can_change_something_is_known():
    safe = {"GET", "HEAD", "OPTIONS"}
    assert {(m, path) for path, methods in table().items() for m in methods - safe} == CHANGING


def test_who_has_no_token_gets_what_the_rule_says(place):
    where, client = place
    for path, rule in ASKED.items():
        for method in ("GET", "HEAD", "OPTIONS", *(m for m, changed in CHANGING if changed == path)):
            code = status(client, method, asked(path))
            assert (code != 401) is rule.lets_in(where), (method, path, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong-token-of-the-page"},
        {"authorization": f"Basic {TOKEN.reveal()}"},
        {"authorization": TOKEN.reveal()},
        {"cookie": f"stillup={TOKEN.reveal()}; stillup-00000000={TOKEN.reveal()}"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-original-url": "/healthz"},
    ],
    ids=repr,
)
def test_a_wrong_token_opens_no_more_than_none(place, headers):
    where, client = place
    for path, rule in ASKED.items():
        assert (status(client, "GET", asked(path), headers=headers) != 401) is rule.lets_in(where), path
        assert (status(client, "GET", f"{asked(path)}?token=wrong", headers=headers) != 401) is rule.lets_in(where)


def test_the_token_opens_everything(place):
    _, client = place
    for path in ASKED:
        assert status(client, "GET", asked(path), headers=KNOWN) not in (401, 403, 421), path


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a,b"])
def test_another_name_for_this_machine_is_answered_by_no_route(place, host):
    _, client = place
    for path in RULES:
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            code = status(client, method, asked(path), headers={**KNOWN, "host": host})
            assert code in (400, 421), (path, method, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8781"},
        {"origin": "http://127.0.0.1:8780.evil.example"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "nonsense"},
    ],
    ids=lambda h: " ".join(h.values()),
)
def test_a_page_of_another_site_changes_nothing(place, headers):
    _, client = place
    for method, path in CHANGING:
        assert status(client, method, asked(path), headers={**KNOWN, **headers}) == 403, path


@pytest.mark.parametrize("where", PLACES)
def test_no_way_of_writing_a_private_path_gets_round_the_token(where, site_of, serve):
    address = urlsplit(serve(Front(site_of(settings=PLACES[where], token=TOKEN)))).netloc
    private = [asked(path).lstrip("/") for path, rule in RULES.items() if rule is Rule.NOBODY]
    ways = [form.format(path) for path in private for form in SNEAKY]
    ways += [f"/%{ord(path[0]):x}{path[1:]}" for path in private] + [f"/{path.upper()}" for path in private]
    with closing(HTTPConnection(address, timeout=20)) as line:
        for way in ways:
            line.request("GET", way, headers={"accept": "text/html"})
            answer = line.getresponse()
            answer.read()
            assert answer.status in (400, 401, 404), way


def test_another_site_reads_what_is_public_and_nothing_else(place):
    where, client = place
    for path, rule in ASKED.items():
        with client.stream("GET", asked(path), headers={**KNOWN, "origin": "https://evil.example"}) as answer:
            is_public = where in (BEHIND, OPEN) and rule is Rule.READERS
            assert answer.headers.get("access-control-allow-origin") in (None, "*" if is_public else None), path
            assert "access-control-allow-credentials" not in answer.headers, path


def test_every_answer_says_that_it_is_not_to_be_framed_or_guessed_at(place):
    _, client = place
    for path in ASKED:
        with client.stream("GET", asked(path)) as answer:
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
