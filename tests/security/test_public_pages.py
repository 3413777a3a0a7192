"""What a front between the page and its readers may keep for everybody: what is the same for everybody, and no more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http.client import HTTPConnection
from os import urandom
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest
from litestar.testing import TestClient
from web.fronted import front

from stillup.config.schema import Web
from stillup.hub.desk import Hub
from stillup.web.answer import FOR_ALL
from stillup.web.front import Front
from tests.security.conftest import made_up_site
from tests.security.test_page_routes import ASKED, KNOWN, TOKEN, Rule, asked

NAMED = {"public": True, "base_url": "https://status.example.org"}
PLACES = {
    "here, named": Web(base_url=NAMED["base_url"]),
    "public without a name of its own": Web(listen="0.0.0.0:8780", public=True),
    "behind a proxy": Web(**NAMED),
    "beyond": Web(listen="0.0.0.0:8780", base_url=NAMED["base_url"]),
    "beyond, public": Web(listen="0.0.0.0:8780", **NAMED),
}
NOW = datetime(2026, 5, 4, 8, 5, tzinfo=UTC)
KEPT = {"behind a proxy", "beyond, public"}
"""Where pages are for everybody."""
PAGES = (
    "/",
    "/claude",
    "/method",
    "/incidents",
    "/claude/history",
    "/?task=coding",
    "/claude?board=17",
    "/?utm_source=x",
)


def site(where):
    return made_up_site(settings=PLACES[where], token=TOKEN, desk=Hub(urandom, NOW, ["claude"]))


@pytest.fixture(scope="module", params=PLACES)
def place(request):
    """How the page is reached, and somebody who asks it."""
    with TestClient(Front(site(request.param)), base_url="http://127.0.0.1:8780") as client:
        client.follow_redirects = False
        yield request.param, client


def may_be_shared(answer) -> bool:
    return re.search(r"\bpublic\b|\bs-maxage\b", answer.headers.get("cache-control", "")) is not None


def test_only_pages_that_everybody_may_read_under_one_name_are_for_everybody(place):
    where, client = place
    for path, rule in ASKED.items():
        answer = client.get(asked(path))
        if may_be_shared(answer):
            assert where in KEPT, path
            assert rule is Rule.READERS or path == "/robots.txt", path
            assert "set-cookie" not in answer.headers
            assert answer.status_code == 200
    for path in PAGES:
        assert may_be_shared(client.get(path)) is (where in KEPT), path


def test_whoever_shows_a_token_right_or_wrong_gets_nothing_that_is_kept_for_others():
    page = Front(site("beyond, public"))
    cookie = {"cookie": f"a=b; {page._access.cookie_name}=x"}
    with TestClient(page, base_url="http://127.0.0.1:8780") as client:
        client.follow_redirects = False
        for path in (*PAGES, *(asked(path) for path in ASKED)):
            for shown in (KNOWN, {"authorization": "Bearer another"}, cookie):
                assert not may_be_shared(client.get(path, headers=shown)), (path, shown)
            separator = "&" if "?" in path else "?"
            assert not may_be_shared(client.get(f"{path}{separator}token={TOKEN.reveal()}", headers=cookie)), path


def test_a_form_and_its_token_are_nobody_elses(place):
    _, client = place
    told = [client.get("/claude/report", headers=KNOWN) for _ in range(2)]
    assert {(answer.status_code, answer.headers["cache-control"]) for answer in told} <= {
        (200, "no-store"), (200, "private, no-store")
    }  # fmt: skip
    assert told[0].content != told[1].content


def test_what_is_kept_is_the_same_whoever_asked_and_by_whatever_name():
    page = Front(site("beyond, public"))
    with TestClient(page, base_url="http://127.0.0.1:8780") as client:
        client.follow_redirects = False
        asks = (
            {}, KNOWN, {"host": "localhost:8780"}, {"host": "status.example.org"}, {"accept-language": "de"},
            {"x-forwarded-host": "evil.example"}, {"x-forwarded-proto": "gopher"}, {"user-agent": "<script>"},
        )  # fmt: skip
        for path in PAGES:
            told = {client.get(path, headers=headers).content for headers in asks}
            assert len(told) == 1, path
            assert TOKEN.reveal().encode() not in told.pop()


def test_what_has_not_changed_says_so_for_everybody_too():
    page = Front(site("beyond, public"))
    with TestClient(page, base_url="http://127.0.0.1:8780") as client:
        client.follow_redirects = False
        tag = client.get("/claude").headers["etag"]
        again = client.get("/claude", headers={"if-none-match": tag})
        assert (again.status_code, again.headers["cache-control"]) == (304, FOR_ALL.decode())


@pytest.mark.skipif(which("nginx") is None, reason="nginx is not installed here")
def test_a_crowd_behind_the_front_as_it_is_shipped_asks_the_page_once_and_owners_ask_it_themselves(serve, tmp_path):
    page = Front(site("behind a proxy"))
    with front(serve(page), Path(tmp_path)) as address:
        at = urlsplit(address)

        def ask(path, **headers):
            line = HTTPConnection(at.hostname, at.port, timeout=20)
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            body = answer.read()
            line.close()
            return answer.status, body

        def met():
            return sum(page.traffic.requests.values())

        told = [ask("/claude?board=5") for _ in range(20)]
        assert {status for status, _ in told} == {200}
        assert len({body for _, body in told}) == 1
        assert met() == 1
        assert ask("/claude?board=5", **KNOWN)[0] == 200
        assert met() == 2
        assert [ask("/chat")[0] for _ in range(2)] == [401, 401]
        assert len({ask("/claude/report")[1] for _ in range(2)}) == 2
        assert met() == 6
