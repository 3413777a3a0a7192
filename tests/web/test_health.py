"""What machines ask."""

from datetime import timedelta

import pytest
from litestar.testing import TestClient
from msgspec import structs

from stillup.config.schema import Web
from stillup.web.front import Front
from tests.web import boards


def answer_of(site, path):
    with TestClient(Front(site), base_url="http://127.0.0.1:8780") as client:
        return client.get(path)


def test_a_process_that_answers_lives(client):
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("seq", "age", "status", "says"),
    [
        (0, timedelta(0), 503, "nothing was judged yet"),
        (1, timedelta(0), 200, "ready"),
        (1, timedelta(minutes=2), 200, "ready\n"),
        (1, timedelta(minutes=6), 200, "ready, but old: the last judged minute is 2026-05-12 14:54 UTC\n"),
        (1, timedelta(days=2), 200, "ready, but old"),
        (1, timedelta(minutes=-10), 200, "ready, but old: the last judged minute is 2026-05-12 15:10 UTC\n"),
    ],
)
def test_it_is_ready_while_it_has_something_to_show_and_says_how_old_that_is(site_of, seq, age, status, says):
    shown = structs.replace(boards.board(seq=seq), at=boards.NOW - age)
    answer = answer_of(site_of(shown=shown), "/readyz")
    assert answer.status_code == status
    assert says in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_one_that_is_being_ended_answers_and_says_that_nobody_should_be_sent_to_it(site_of):
    site = site_of(is_leaving=lambda: True)
    assert "it is being ended" in answer_of(site, "/readyz").text
    assert answer_of(site, "/healthz").status_code == answer_of(site, "/").status_code == 200


def test_crawlers_read_what_is_public_and_nothing_else(site_of):
    assert "Disallow: /\n" in answer_of(site_of(), "/robots.txt").text
    public = answer_of(site_of(settings=Web(public=True)), "/robots.txt").text
    assert "Disallow: /\n" not in public
    assert "Disallow: /chat\n" in public


def test_a_browser_that_asks_for_an_icon_is_shown_ours(client):
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
