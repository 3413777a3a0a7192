"""Badges: a state in colour and in words, as wide as its text, and nothing but text in it."""

from urllib.parse import quote

import pytest
from lxml import etree

from stillup.board import Board
from stillup.config.schema import Web
from stillup.model.service import Confidence, State
from stillup.web.badge import _COLOURS, MOST_LABEL, badge, width
from tests.web import boards

SVG = "{http://www.w3.org/2000/svg}"


def image(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/svg+xml"
    return etree.fromstring(answer.content)


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/claude/badge.svg", ["Claude", "partial outage"]),
        ("/chatgpt/badge.svg", ["ChatGPT", "operational"]),
        ("/gemini/badge.svg", ["Gemini", "unknown"]),
        ("/claude/badge.svg?component=api", ["Claude API", "operational"]),
        ("/claude/badge.svg?component=web", ["claude.ai", "major outage"]),
        ("/claude/badge.svg?component=mobile", ["Claude mobile apps", "unknown"]),
        ("/claude/badge.svg?label=status", ["status", "partial outage"]),
        ("/badge.svg", ["AI services", "1 of 3 in trouble"]),
        ("/badge.svg?label=AI", ["AI", "1 of 3 in trouble"]),
        ("/claude/badge.svg?style=flat&v=3", ["Claude", "partial outage"]),
    ],
)
def test_a_badge_says_what_and_how_it_is(client, path, says):
    root = image(client.get(path))
    assert words(root) == says
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.find(f"{SVG}title").text == ": ".join(says)


def test_a_suspicion_says_that_it_is_one(opened):
    shown = boards.claude(verdict=boards.verdict(confidence=Confidence.SUSPECTED))
    root = image(opened(shown=boards.board(claude=shown)).get("/claude/badge.svg"))
    assert words(root)[1] == "partial outage, suspected"


@pytest.mark.parametrize(
    ("states", "says", "colour"),
    [
        ("oo", "all operational", State.OPERATIONAL),
        ("uu", "unknown", State.UNKNOWN),
        ("ou", "1 without trouble, 1 unknown", State.OPERATIONAL),
        ("ouu", "1 without trouble, 2 unknown", State.UNKNOWN),
        ("om", "maintenance", State.MAINTENANCE),
        ("dmu", "1 of 3 in trouble", State.DEGRADED),
        ("", "unknown", State.UNKNOWN),
    ],
)
def test_the_badge_of_all_is_green_only_for_what_is_known(opened, states, says, colour):
    each = {"o": State.OPERATIONAL, "u": State.UNKNOWN, "m": State.MAINTENANCE, "d": State.DEGRADED}
    named = zip(("claude", "chatgpt", "gemini"), states, strict=False)
    shown = Board(at=boards.NOW, services={s: boards.calm(s, each[letter]) for s, letter in named})
    root = image(opened(shown=shown).get("/badge.svg"))
    assert words(root)[1] == says
    assert [r.get("fill") for r in root.iter(f"{SVG}rect")][1] == _COLOURS[colour]


def test_white_is_readable_on_every_colour():
    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for state, colour in _COLOURS.items():
        assert 1.05 / (light(colour) + 0.05) >= 4.5, state


def test_the_image_is_as_wide_as_its_two_texts():
    short, long = (etree.fromstring(badge(label, "up", State.OPERATIONAL)) for label in ("i", "W" * MOST_LABEL))
    assert float(long.get("width")) - float(short.get("width")) == pytest.approx(width("W" * MOST_LABEL) - width("i"))
    for root in (short, long):
        left, right = (float(r.get("width")) for r in root.iter(f"{SVG}rect"))
        assert left + right == pytest.approx(float(root.get("width")), abs=0.11)
        for box, text in zip((left, right), root.iter(f"{SVG}text"), strict=True):
            assert float(text.get("textLength")) < box


def test_wide_signs_get_more_room_and_marks_none():
    assert width("状態") > width("ab")
    assert width("e\u0301") == pytest.approx(width("e"))


@pytest.mark.parametrize(
    "label",
    [
        "<script>alert(1)</script>",
        '"onload="alert(1)',
        "]]>&amp;",
        "\u202egnp.exe",
        "a\x00b\x1b[31m",
        "\ufffe\uffff",
        "🙂" * 10,
        " ",
        "",
    ],
)
def test_any_label_is_only_text(client, label):
    answer = client.get(f"/claude/badge.svg?label={quote(label)}")
    root = image(answer)
    assert {element.tag for element in root.iter()} <= {f"{SVG}{n}" for n in ("svg", "title", "rect", "g", "text")}
    assert not any(name.startswith("on") or name == "style" for e in root.iter() for name in e.attrib)
    assert "\u202e" not in answer.text


@pytest.mark.parametrize("raw", ["%ff%fe", "%ED%A0%80", "%", "%zz"])
def test_a_label_in_an_odd_encoding_breaks_nothing(client, raw):
    assert client.get(f"/claude/badge.svg?label={raw}").status_code in (200, 400)


def test_a_label_that_is_too_long_is_refused(client):
    answer = client.get(f"/claude/badge.svg?label={'x' * (MOST_LABEL + 1)}")
    assert (answer.status_code, answer.json()["allowed"]) == (400, ["at most 40 characters"])
    assert client.get(f"/claude/badge.svg?label={'x' * 3_000}").status_code == 400


def test_an_unknown_component_is_refused_with_those_there_are(client):
    answer = client.get("/claude/badge.svg?component=nothing")
    assert (answer.status_code, answer.json()["type"]) == (404, "/api#unknown-component")
    assert "web" in answer.json()["allowed"]
    assert client.get("/nobody/badge.svg").status_code == 404


def test_a_public_badge_may_stand_in_other_peoples_pages_and_is_kept_for_a_minute(opened):
    client = opened(settings=Web(public=True))
    answer = client.get("/claude/badge.svg")
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert client.get("/claude/badge.svg", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/badge.svg", "/claude/badge.svg", "/claude/badge.svg?label=x"])
def test_the_width_of_a_badge_tells_a_strangers_page_nothing_of_what_is_watched_here(client, path):
    assert client.get(path).headers["cross-origin-resource-policy"] == "same-origin"


def test_a_badge_changes_with_the_board(opened):
    later = boards.board(claude=boards.calm("claude"))
    assert words(image(opened(shown=later).get("/claude/badge.svg"))) == ["Claude", "operational"]
