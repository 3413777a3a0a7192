"""How the pages are built: for a strict content policy, for those who hear them, for bad networks."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files
from itertools import pairwise

import pytest
from litestar import get
from litestar.testing import TestClient
from lxml import html

from stillup.catalog.load import catalogue
from stillup.web.app import build
from tests.web.paged import BROWSER, faulty, page

PAGES = ("/", "/claude", "/chatgpt", "/gemini", "/claude/report", "/method", "/nobody")
BUDGET = 50 * 1024


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_nothing_that_a_strict_policy_forbids(showing, path):
    shown = page(showing(), path)
    assert not shown.xpath("//style | //*[@style] | //script[not(@src)] | //iframe | //object | //base")
    assert not [a for e in shown.iter() for a in e.attrib if a.startswith("on")]
    for to in shown.xpath("//script/@src | //link/@href | //img/@src"):
        assert to.startswith("/")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_well_formed_for_those_who_hear_it(showing, path):
    shown = page(showing(), path)
    assert shown.get("lang") == "en"
    ids = shown.xpath("//@id")
    assert len(ids) == len(set(ids))
    levels = [int(h.tag[1]) for h in shown.iter("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels)), levels
    assert [len(shown.findall(f".//{tag}")) for tag in ("main", "header", "footer")] == [1, 1, 1]
    assert shown.xpath("//a[@class='skip']/@href") == ["#main"]
    assert not shown.xpath("//section[not(@aria-labelledby) and not(@id='verdict')]")
    for label in shown.xpath("//@aria-labelledby"):
        assert label in ids


@pytest.mark.parametrize("path", [*PAGES, "/incidents", "/claude/history", "/compare"])
def test_no_drawing_fills_a_page_whose_style_did_not_arrive(showing, path):
    for drawing in page(showing(), path).xpath("//main//svg | //header//svg"):
        assert drawing.get("width"), html.tostring(drawing)
        assert drawing.get("height"), html.tostring(drawing)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_the_feeds_and_the_api(showing, path):
    shown = page(showing(), path)
    assert {"/feed.atom", "/feed.json"} <= set(shown.xpath("//link[@rel='alternate']/@href"))
    assert "/api" in shown.xpath("//footer//a/@href")


def first_view(client: TestClient, path: str) -> int:
    answer = client.get(path, headers=BROWSER)
    shown = html.fromstring(answer.text)
    loaded = shown.xpath("//script/@src | //link[@rel='stylesheet' or @rel='icon']/@href")
    names = [to.removeprefix("/static/").partition("?")[0] for to in loaded]
    static = files("stillup.web") / "static"
    return sum(len(gzip.compress(b)) for b in (answer.content, *((static / n).read_bytes() for n in names)))


@pytest.mark.parametrize("path", ["/", "/claude", "/claude/report"])
def test_the_first_view_is_at_most_fifty_kilobytes(showing, path):
    everyone = {s: faulty(s) for s in catalogue() if s != "claude"}
    assert first_view(showing(services=everyone), path) <= BUDGET


def test_every_static_file_that_a_page_names_bears_the_mark_of_its_content(showing):
    for path in PAGES:
        for to in page(showing(), path).xpath("//script/@src | //link[starts-with(@href, '/static/')]/@href"):
            assert re.fullmatch(r"/static/[a-z]+\.(css|js|svg)\?v=[0-9a-f]{12}", to)


def test_unknown_routes_of_other_modules_get_the_same_error_page(site_of):
    @get("/boom", sync_to_thread=False)
    def boom() -> str:
        raise ValueError("secret")

    app = build(site_of())
    app.register(boom)
    with TestClient(app, base_url="http://127.0.0.1:8780", raise_server_exceptions=False) as client:
        assert client.get("/boom", headers=BROWSER).status_code == 500
