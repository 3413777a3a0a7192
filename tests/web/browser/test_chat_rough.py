"""The chat under rough use: two tabs at once, what cannot be sent, a page left too early, more than a browser keeps."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.web.browser.asking import ask


def second(page):
    """Another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(page.url)
    return tab


def begin(page, text="slow"):
    """Ask, and do not wait for the answer's end."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn.assistant").last).to_contain_text("A2")


def kept(page):
    return [turn["text"] for turn in json.loads(page.evaluate("localStorage.getItem('stillup.chat.1')"))["turns"]]


def test_two_tabs_lose_each_other_nothing(chat, talk):
    one = chat()
    ask(one, "first of all")
    two = second(one)
    expect(two.locator(".turn")).to_have_count(2)
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=4))
    begin(one, "slow in one")
    expect(two.locator(".turn")).to_have_count(3)
    talk.do(talk.a.set, Behaviour())
    ask(two, "quick in two")
    one.keyboard.press("Escape")
    for tab in (one, two):
        expect(tab.locator(".turn.user")).to_contain_text(["first of all", "slow in one", "quick in two"])
        expect(tab.locator(".turn.assistant")).to_contain_text(["A9", "Stopped.", "A9"])
    assert [text[:5] for text in kept(one)] == ["first", "A0 A1", "slow ", "A0 A1", "quick", "A0 A1"]


def test_what_is_cleared_in_one_tab_does_not_come_back_from_another(chat, talk):
    one = chat()
    ask(one, "a secret")
    two = second(one)
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=4))
    begin(one, "slow in one")
    two.on("dialog", lambda dialog: dialog.accept())
    two.get_by_role("button", name="Clear conversation").click()
    expect(one.locator(".turn")).to_have_count(2)
    one.keyboard.press("Escape")
    expect(two.locator(".turn")).to_have_count(2)
    assert kept(one)[0] == "slow in one"


def test_another_tabs_words_take_no_file_away(chat, talk):
    one = chat()
    file = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"the notes"}
    one.get_by_label("Attach", exact=True).set_input_files([file])
    ask(one, "read them")
    two = second(one)
    ask(two, "hello")
    expect(one.locator(".turn")).to_have_count(4)
    ask(one, "and again")
    assert "the notes" in json.dumps(talk.asked())


def test_a_message_that_cannot_be_sent_comes_back_to_be_changed(chat, talk):
    page = chat(may_complain=True)
    files = [("notes.txt", b"the notes"), ("odd.bin", b"\x00\xff")]
    page.get_by_label("Attach", exact=True).set_input_files(
        [{"name": name, "mimeType": "text/plain", "buffer": data} for name, data in files]
    )
    ask(page, "read them")
    expect(page.get_by_role("alert")).to_contain_text("odd.bin cannot be sent")
    page.get_by_role("button", name="Change the message").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_label("Message")).to_have_value("read them")
    page.get_by_role("button", name="Remove odd.bin").click()
    ask(page, "read it")
    expect(page.locator(".turn.assistant")).to_contain_text("A9")
    assert "the notes" in json.dumps(talk.asked())
    assert kept(page)[0] == "read it"


def test_a_page_that_is_left_too_early_keeps_what_came_and_says_so(chat, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=4))
    page = chat()
    begin(page)
    page.reload()
    expect(page.locator(".turn.assistant")).to_contain_text("A0 A1 A2")
    expect(page.locator(".turn.assistant")).to_contain_text("The page was left before the answer came to its end.")
    talk.do(talk.a.until, lambda server: server.counts.gone == 1)


def test_a_gateway_that_ends_in_the_middle_is_said_to_and_the_model_stays_chosen(chat, talk):
    page = chat()
    page.get_by_label("Model").select_option("small-talk")
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=4))
    begin(page)
    talk.do(talk.gateway.stop, 0.0)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".turn.assistant")).to_contain_text("A0 A1 A2")
    page.reload()
    expect(page.get_by_role("alert").first).to_contain_text("No gateway answers at")
    expect(page.locator(".turn.assistant")).to_contain_text("A0 A1 A2")
    page.get_by_label("Message").fill("later")
    page.reload()
    assert json.loads(page.evaluate("localStorage.getItem('stillup.chat.1')"))["model"] == "small-talk"


@pytest.mark.parametrize("words", [500, 2100])
def test_an_answer_longer_than_a_browser_keeps_is_whole_in_the_tab(words, chat, talk):
    talk.do(talk.a.set, Behaviour(text=("w" * 999 + " ") * words))
    page = chat()
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=60_000)
    answer = page.locator(".turn.assistant .words")
    assert answer.evaluate("shown => shown.textContent.length") == words * 1000
    page.reload()
    expect(page.locator(".turn.assistant")).to_contain_text("Only its beginning is kept in this browser.")
    assert answer.evaluate("shown => shown.textContent.length") == 400_000
