"""An open page follows what happens, and disturbs nobody who reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct, structs
from playwright.sync_api import expect

from stillup.clock import SystemClock
from stillup.config.schema import Web
from stillup.model.service import State
from stillup.model.verdict import Verdict
from tests.web import boards

DOWN = "Parts of Claude are down: claude.ai and Claude Console."
UP = "Claude is up."


def shifted(value, by: timedelta):
    """The same with all its times moved."""
    if isinstance(value, datetime):
        return value + by
    if isinstance(value, Struct):
        return structs.replace(value, **{name: shifted(getattr(value, name), by) for name in value.__struct_fields__})
    if isinstance(value, tuple):
        return tuple(shifted(v, by) for v in value)
    if isinstance(value, dict):
        return {k: shifted(v, by) for k, v in value.items()}
    return value


def lately(board, ago: timedelta = timedelta()):
    """A board as of the true time now, and a while ago."""
    return shifted(board, datetime.now(UTC).replace(microsecond=0) - ago - board.at)


def over(seq: int = 8):
    """Claude works again."""
    up = Verdict(at=boards.NOW, service="claude", state=State.OPERATIONAL, reason=boards.Reason.ALL_CALM)
    return boards.board(seq, claude=boards.claude(verdict=up, steps=(), choices=(), recovery=()))


def without_chance(page):
    """A page asks within seconds, at a moment of chance, so that many do not ask in the same one: here at once."""
    page.add_init_script("Math.random = () => 0")


def with_a_clock(page):
    """One that goes as it does, and that a test can put on."""
    page.clock.install()


@pytest.fixture
def following(shown, opened):
    """A page that is open and live, as of the true time."""

    def open_(path: str, board=None):
        one = shown(lately(board or boards.board(), timedelta(seconds=20)), clock=SystemClock())
        page = opened(one.url + path, at=None, prepare=without_chance)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return one, page

    return open_


@pytest.mark.parametrize("path", ["/claude", "/"])
def test_a_change_is_on_the_open_page_without_loading_it_anew(following, path):
    one, page = following(path)
    page.evaluate("window.same = true")
    before = page.locator("h1").inner_text()
    board = lately(over())
    one.serving.show(board, [board.services["claude"].verdict])
    expect(page.locator("h1")).not_to_have_text(before)
    assert page.evaluate("window.same"), "it was loaded anew"
    expect(page.locator("#verdict.is-operational")).to_be_visible()


def test_a_change_is_told_once_to_those_who_listen(following):
    one, page = following("/claude")
    expect(page.get_by_role("status")).to_have_text("")
    board = lately(over())
    one.serving.show(board, [board.services["claude"].verdict])
    expect(page.get_by_role("status")).to_have_text(UP)
    expect(page).to_have_title(f"✓ {UP} · stillup")


def test_a_minute_without_a_change_is_told_to_nobody(following):
    one, page = following("/claude")
    before = page.evaluate("document.body.dataset.at")
    one.serving.show(lately(boards.board(8)))
    page.wait_for_function("before => document.body.dataset.at !== before", arg=before)
    expect(page.get_by_role("status")).to_have_text("")


def test_a_change_takes_neither_focus_nor_place_nor_what_was_opened(following):
    one, page = following("/claude")
    page.locator("summary", has_text="Sources").click()
    link = page.get_by_role("link", name="All of its history")
    link.focus()
    before = link.bounding_box()["y"]
    moved = boards.board(8, claude=boards.claude(latency_ms=1.0, because="now it is told otherwise"))
    board = lately(moved)
    one.serving.show(board, [board.services["claude"].verdict])
    expect(page.get_by_text("now it is told otherwise")).to_be_visible()
    expect(link).to_be_focused()
    assert link.bounding_box()["y"] == pytest.approx(before, abs=1), "what was looked at has moved"
    expect(page.get_by_role("heading", name="Google Trends")).to_be_visible()


def test_a_page_whose_server_is_gone_says_so_and_comes_back(following, shown):
    one, page = following("/claude")
    port = one.url.rpartition(":")[2]
    page.evaluate("window.same = true")
    one.serving.stop()
    expect(page.get_by_text("Offline: trying again")).to_be_visible()
    expect(page.locator("h1")).to_have_text(DOWN)
    board = lately(over(1))
    shown(board, clock=SystemClock(), settings=Web(listen=f"127.0.0.1:{port}"))
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.locator("h1")).to_have_text(UP)
    assert page.evaluate("window.same"), "it was loaded anew"


def test_a_board_that_gets_old_is_called_old(shown, opened):
    one = shown(lately(boards.board(), timedelta(seconds=20)), clock=SystemClock())
    page = opened(f"{one.url}/claude", at=None, prepare=with_a_clock)
    expect(page.locator("#old")).to_be_hidden()
    page.clock.fast_forward("03:00")
    expect(page.locator("#old")).to_be_visible()


def test_ages_go_on_without_the_server(shown, opened):
    one = shown(lately(boards.board(), timedelta(seconds=20)), clock=SystemClock())
    page = opened(f"{one.url}/claude", at=None, prepare=with_a_clock)
    one.serving.stop()
    heard = page.locator(".sides time[data-ago]").first
    before = heard.inner_text()
    page.clock.fast_forward("00:30")
    expect(heard).not_to_have_text(before)


def test_a_wrong_clock_does_not_make_a_fresh_page_old(shown, opened):
    one = shown(lately(boards.board(), timedelta(seconds=20)), clock=SystemClock())
    page = opened(f"{one.url}/claude", at=datetime.now(UTC) - timedelta(days=400))
    expect(page.locator(".sides time[data-ago]").first).to_have_text(re.compile(r"^\d\d s ago$"), timeout=30_000)
    expect(page.locator("#old")).to_be_hidden()
