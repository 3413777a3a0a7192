"""The pages of what was, in a real browser: they keep nobody out, fit the screen and need no scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web import boards

PAGES = {
    "incidents": "/incidents", "incident": f"/incidents/{boards.INCIDENT.id}", "history": "/claude/history",
    "compare": "/compare?services=claude,chatgpt,gemini",
}  # fmt: skip


@pytest.mark.parametrize(("size", "width"), [("desk", 1280), ("phone", 360)])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_what_was_keeps_nobody_out(shown, opened, shoot, barriers, name, size, width):
    page = opened(shown().url + PAGES[name], width=width)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"{name}-{size}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "it is wider than the screen"
        assert barriers(page, colours=scheme == "dark") == []
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert barriers(page, colours=True) == []
    page.emulate_media(color_scheme="light")
    assert barriers(page) == []


def test_a_drawing_is_told_to_those_who_do_not_see_it(shown, opened):
    url = shown().url
    page = opened(f"{url}/claude/history")
    strips = page.get_by_role("img", name="of 90 days were watched, at least in part")
    expect(strips).to_have_count(3)
    page.goto(f"{url}/claude")
    expect(page.get_by_role("img", name="Reports of trouble with Claude, every 15 min")).to_be_visible()
    expect(page.get_by_role("img", name="United States: more reports than usual from California (60).")).to_be_visible()
    expect(page.get_by_role("img", name="even odds that it is over within")).to_be_visible()
    row = page.get_by_role("row", name="claude.ai confirmed major outage")
    expect(row).to_be_visible()


def test_every_letter_of_the_map_stands_in_its_tile(shown, opened):
    """The codes of a row are one string: what the browser makes of it must fit the grid, on any font it has."""
    page = opened(shown().url + "/claude")
    off = page.evaluate(
        """() => [...document.querySelectorAll('.d-codes text')].map(text => {
            const from = 3.5 - 2, side = 22, worst = [...text.textContent].map((letter, n) => {
                if (letter.trim() === '') return 0
                const at = text.getExtentOfChar(n), middle = at.x + at.width / 2 - 10
                return Math.abs(middle - Math.round(middle / side) * side)
            })
            return Math.max(...worst)
        })"""
    )
    assert len(off) > 40
    assert max(off) < 8  # from the middle of its tile, which is 20 wide


def test_services_are_chosen_without_a_script(shown, opened):
    page = opened(shown().url + "/compare?services=claude", scripts=False)
    page.get_by_text("Choose others").click()
    page.get_by_role("checkbox", name="Gemini").check()
    page.get_by_role("button", name="Put side by side").click()
    expect(page.get_by_role("columnheader", name="Gemini")).to_be_visible()
    expect(page.get_by_role("heading", name="Down together")).to_be_visible()


@pytest.mark.parametrize(("width", "is_open"), [(1280, True), (360, False)])
def test_the_map_is_folded_where_it_would_be_four_screens_long(shown, opened, width, is_open):
    page = opened(f"{shown().url}/claude", width=width)
    states = page.get_by_role("img", name="United States: more reports than usual")
    expect(states).to_be_visible(visible=is_open)
    if not is_open:
        page.get_by_text("The map, by country and state").click()
        expect(states).to_be_visible()


def test_on_a_phone_services_beside_each_other_need_no_scrolling_sideways(shown, opened):
    page = opened(f"{shown().url}/compare?services=claude,chatgpt,gemini", width=360)
    right = page.evaluate("Math.max(...[...document.querySelectorAll('td')].map(e => e.getBoundingClientRect().right))")
    assert right <= 360
