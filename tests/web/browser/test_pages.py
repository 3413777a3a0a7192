"""The pages in a real browser: seen at a desk and on a phone, by day and by night, with and without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs
from playwright.sync_api import expect

from stillup.catalog.load import catalogue
from stillup.hub.desk import Hub
from stillup.model.service import Confidence, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.workarounds import Workaround
from tests.web import boards

PAGES = {
    "index": "/", "one-down": "/claude", "one-suspected": "/cursor", "one-major": "/azure", "one-up": "/chatgpt",
    "one-unknown": "/gemini", "one-maintenance": "/github", "report": "/claude/report", "method": "/method",
    "task": "/?task=coding",
}  # fmt: skip
CLAUDE_DOWN = "Parts of Claude are down: claude.ai and Claude Console."
TIP = Workaround(
    title="The API still answers for me; here is how to use it meanwhile", url="https://example.org/tip",
    host="example.org", source="reddit", age_s=900.0, why=("offers a way round", "names the API"),
)  # fmt: skip


class OpenDesk:
    """Takes every report, as far as the form goes."""

    def token(self, now) -> str:
        return "made-up-token"


def fault(service: str, state: State, confidence: Confidence | None, **rest):
    told = Verdict(
        at=boards.NOW, service=service, state=state, confidence=confidence, since=boards.ONSET, probability=0.8,
        scope=Scope.EVERYONE if confidence else None, reason=boards.Reason.FAMILIES_AGREE, **rest,
    )  # fmt: skip
    return structs.replace(boards.calm(service), verdict=told)


def everything(**rest):
    """All services, one in each kind of state."""
    shown = {s: boards.calm(s) for s in catalogue()} | {
        "claude": boards.claude(workarounds=(TIP,)),
        "gemini": boards.calm("gemini", State.UNKNOWN),
        "cursor": fault("cursor", State.DEGRADED, Confidence.SUSPECTED, problems=("slow",)),
        "azure": fault("azure", State.MAJOR_OUTAGE, Confidence.CONFIRMED),
        "github": fault("github", State.MAINTENANCE, None),
    }
    return boards.board(**shown | rest)


@pytest.fixture(scope="module")
def whole(shown_to_all):
    return shown_to_all(everything(), desk=OpenDesk())


@pytest.mark.parametrize(("size", "width"), [("desk", 1280), ("phone", 360)])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_nobody_out_and_asks_nothing_of_others(whole, opened, shoot, barriers, name, size, width):
    page = opened(whole.url + PAGES[name], width=width)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"{name}-{size}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "it is wider than the screen"
        assert barriers(page, colours=scheme == "dark") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_not_found_keeps_nobody_out_either(whole, opened, shoot, barriers, scheme):
    page = opened(f"{whole.url}/cluade", scheme=scheme, may_complain=True)  # of the status 404
    expect(page.get_by_role("link", name="Claude")).to_be_visible()
    shoot(page, f"not-found-desk-{scheme}")
    assert barriers(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_played_board_that_is_old_keeps_nobody_out(shown, opened, shoot, barriers, scheme):
    board = structs.replace(everything(), simulated="The outage of 2026-04-07, sixty times as fast.")
    one = shown(board, desk=OpenDesk())
    one.clock.at = boards.NOW + timedelta(minutes=9)
    page = opened(f"{one.url}/claude", scheme=scheme)
    expect(page.get_by_text("Played, not real.")).to_be_visible()
    expect(page.get_by_text("This is old")).to_be_visible()
    shoot(page, f"played-old-desk-{scheme}")
    assert barriers(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_without_scripts(whole, opened, shoot, name):
    with_scripts = opened(whole.url + PAGES[name])
    without = opened(whole.url + PAGES[name], scripts=False)
    shoot(without, f"{name}-without-scripts")
    live = with_scripts.locator("#link").text_content() if with_scripts.locator("#link").count() else ""
    said = with_scripts.locator("main").inner_text().replace(live or "", "")
    assert " ".join(without.locator("main").inner_text().split()) == " ".join(said.split())


def test_it_can_be_printed(whole, opened, shoot):
    page = opened(f"{whole.url}/claude")
    page.emulate_media(media="print")
    shoot(page, "print")
    expect(page.get_by_role("link", name="Incidents")).to_be_hidden()
    expect(page.get_by_role("heading", name=CLAUDE_DOWN)).to_be_visible()


def test_the_state_is_told_by_shape_and_words_where_colours_are_not_seen(whole, opened, shoot):
    page = opened(whole.url, forced_colors="active")
    shoot(page, "forced-colours")
    shapes = page.evaluate("[...document.querySelectorAll('main .mark use')].map(u => u.getAttribute('href'))")
    assert len(set(shapes)) == 6
    expect(page.locator(".card").first).to_contain_text("major outage, confirmed")


# --- by keyboard


def test_the_first_key_offers_to_skip_to_the_content(whole, opened):
    page = opened(f"{whole.url}/claude")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/claude", "/claude/report"])
def test_everything_can_be_reached_by_keyboard_and_shows_that_it_was(whole, opened, path):
    page = opened(whole.url + path)
    reachable = page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, summary, input:not([type=hidden])')]"
        ".filter(e => e.type !== 'radio' && e.checkVisibility()).length + !!document.querySelector('[type=radio]')"
    )
    reached = set()
    for _ in range(reachable + 30):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const e = document.activeElement, seen = e.type === 'radio' ? e.nextElementSibling : e;"
            "if (e === document.body) return null; const s = getComputedStyle(seen);"
            "e.dataset.n ??= String(document.querySelectorAll('[data-n]').length);"
            "return { n: e.dataset.n, line: s.outlineStyle, width: parseFloat(s.outlineWidth) } })()"
        )
        if told is None:
            break
        assert told["line"] != "none", told
        assert told["width"] >= 2, told
        reached.add(told["n"])
    assert len(reached) >= reachable


# --- the form


@pytest.mark.parametrize(
    ("zone", "region"), [("Asia/Calcutta", "IN"), ("Europe/Paris", "FR"), ("Pacific/Honolulu", "US-HI"), ("UTC", "")]
)
def test_the_place_is_preset_from_the_time_zone_and_can_be_changed(whole, opened, zone, region):
    page = opened(f"{whole.url}/claude/report", zone=zone)
    expect(page.get_by_label("Where you are")).to_have_value(region)
    expect(page.locator("#preset")).to_be_visible(visible=bool(region))
    page.get_by_label("Where you are").select_option("JP")
    expect(page.get_by_label("Where you are")).to_have_value("JP")


def test_without_scripts_no_place_is_preset(whole, opened):
    page = opened(f"{whole.url}/claude/report", zone="Asia/Calcutta", scripts=False)
    expect(page.get_by_label("Where you are")).to_have_value("")


@pytest.fixture
def taken(shown):
    """A page with a real desk, and what was handed in there."""
    desk = Hub(bytes, boards.NOW - timedelta(hours=1), ["claude"])
    return shown(everything(), desk=desk), desk


@pytest.mark.parametrize("scripts", [True, False])
def test_two_clicks_hand_in_a_report(taken, opened, shoot, barriers, scripts):
    whole, desk = taken
    page = opened(f"{whole.url}/claude", zone="Europe/Paris", scripts=scripts)
    page.get_by_role("link", name="I have a problem with Claude").click()
    page.get_by_label("Can’t sign in").check()
    page.get_by_role("button", name="claude.ai").click()
    expect(page.get_by_role("heading", name="Your report was taken.")).to_be_visible()
    shoot(page, f"reported-{'with' if scripts else 'without'}-scripts")
    if scripts:
        assert barriers(page) == []
    _, minutes = desk.minutes("claude", boards.NOW + timedelta(minutes=2))
    assert [(c.problem, c.component) for m in minutes for c in m.counts] == [("sign_in", "web")]


def test_the_part_may_be_left_open_but_not_the_trouble(taken, opened):
    whole, _ = taken
    page = opened(f"{whole.url}/claude/report")
    page.get_by_role("button", name="All of it").click()  # the browser asks for the trouble first
    expect(page.get_by_role("heading", name="What is wrong with Claude?")).to_be_visible()
    page.get_by_label("Very slow").check()
    page.get_by_role("button", name="All of it").click()
    expect(page.get_by_role("heading", name="Your report was taken.")).to_be_visible()


def test_a_form_that_was_sent_already_says_so_and_offers_a_new_one(taken, opened):
    whole, _ = taken
    page = opened(f"{whole.url}/claude/report", may_complain=True)  # of the status 409
    page.get_by_label("Very slow").check()
    again = page.evaluate("new URLSearchParams(new FormData(document.forms[0])).toString()")
    page.get_by_role("button", name="claude.ai").click()
    page.evaluate(
        """text => { const form = document.createElement('form'); form.method = 'post'; form.action = '/claude/report';
        for (const [name, value] of new URLSearchParams(text)) {
          const field = document.createElement('input'); field.name = name; field.value = value; form.append(field);
        } document.body.append(form); form.submit(); }""",
        again,
    )
    expect(page.get_by_role("heading", name="Your report was not taken.")).to_be_visible()
    page.get_by_role("link", name="Open the form again").click()
    expect(page.get_by_role("heading", name="What is wrong with Claude?")).to_be_visible()
