"""The chat in a real browser: talked to, stopped, kept; by keyboard, on a phone, in the dark, without scripts."""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.request import build_opener

import pytest
from playwright.sync_api import expect

from stillup.secret import Secret
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.web.browser.asking import TOKEN, ask

PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
KEPT = """## What to check first

1. Whether **sign-in** fails for everyone
2. Whether the *API* still answers

```python
def is_up(service: str) -> bool:
    return probe(service).ok and a_line_that_is_long_enough_to_be_scrolled_sideways_on_every_screen(service)
```

| part | state |
|:-----|------:|
| web  | down  |

> Unknown is unknown. See [the page](https://status.example.org).
"""
BEGUN = """**First** check whether sign-in fails for everyone:

- the *web page*
- the API, by `curl`
- your own network, and whether a friend sees it too
"""
SECOND = "claude-opus-5 via second"


def remember(page, text=KEPT):
    """A conversation that this browser has from before."""
    turns = [{"role": "user", "text": "What do I check?"}, {"role": "assistant", "text": text, "about": {"model": "m"}}]
    page.evaluate("told => localStorage.setItem('stillup.chat.1', JSON.stringify({ turns: told }))", turns)


def test_a_question_is_sent_by_keyboard_and_its_answer_streams_in(chat):
    page = chat()
    page.get_by_label("Message").fill("hello")
    page.keyboard.press("Control+Enter")
    answer = page.locator(".turn.assistant")
    expect(answer).to_contain_text("A0 A1 A2")
    expect(answer.get_by_role("heading")).to_have_text("claude-opus-5-5 via first")
    expect(answer.get_by_role("button", name="Copy")).to_be_visible()
    expect(page.get_by_label("Message")).to_have_value("")
    expect(page.get_by_label("Message")).to_be_focused()
    expect(page.locator("#doing")).to_have_text("The answer is there.")


def test_an_answer_is_seen_before_it_is_whole_and_can_be_stopped(chat, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=4))
    page = chat()
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    answer = page.locator(".turn.assistant")
    expect(answer).to_contain_text("A0 A1 A2")
    expect(answer).to_have_attribute("aria-busy", "true")
    page.keyboard.press("Escape")
    expect(answer).to_contain_text("Stopped.")
    expect(answer).to_contain_text("A0 A1 A2")
    talk.do(talk.a.until, lambda server: server.counts.gone == 1)
    talk.do(talk.a.set, Behaviour())
    answer.get_by_role("button", name="Try again").click()
    expect(answer).to_contain_text("A9")
    assert [m["role"] for m in talk.asked()["messages"]] == ["user"]


def test_an_error_before_the_first_word_says_what_to_do_and_loses_nothing(chat, talk, shoot):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.STATUS, status=500))
    page = chat()
    ask(page, "precious words")
    expect(page.get_by_role("alert")).to_contain_text("Your message is still here.")
    expect(page.locator(".turn.user")).to_contain_text("precious words")
    shoot(page, "chat-error")
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour())
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".turn.assistant")).to_contain_text(re.compile("[AB]9"))
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_answer_that_breaks_keeps_what_came(chat, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.CUT, after=4))
    page = chat()
    ask(page)
    expect(page.locator(".turn.assistant")).to_contain_text("A0 A1")
    expect(page.get_by_role("alert")).to_contain_text("broke off")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("desk", 1280), ("phone", 360)])
def test_an_answer_that_another_ended_says_so_at_the_seam_and_where_it_is_kept(
    size, width, scheme, chat, talk, shoot, barriers
):
    talk.do(talk.a.set, Behaviour(text=BEGUN, failure=Failure.CUT, after=20))
    page = chat(width=width, scheme=scheme)
    ask(page, "what do I check?")
    answer = page.locator(".turn.assistant")
    for _ in range(2):
        expect(answer.get_by_role("heading", level=2)).to_have_text(f"claude-opus-5-5 via first, then {SECOND}")
        expect(answer.locator(".words .seam")).to_have_text(f"{SECOND} goes on from here")
        expect(answer).to_contain_text(f"Begun by claude-opus-5-5 via first, which broke off; then by {SECOND}")
        shoot(page, f"chat-seam-{size}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "it is wider than the screen"
        assert barriers(page) == []
        page.reload()
    talk.do(talk.a.set, Behaviour())
    ask(page, "and then?")
    assert "goes on" not in str(talk.asked()["messages"]), "models are told what was said, not by whom"


def test_a_conversation_is_kept_in_this_browser_until_it_is_cleared(chat, talk):
    page = chat()
    ask(page, "my name is Ann")
    page.get_by_label("Message").fill("a draft")
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.get_by_label("Message")).to_have_value("a draft")
    ask(page, "what is my name?")
    assert [m["role"] for m in talk.asked()["messages"]] == ["user", "assistant", "user"]
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Clear conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.locator(".turn")).to_have_count(0)


def test_a_conversation_can_be_saved_as_markdown(chat):
    page = chat()
    ask(page, "hello")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as Markdown").click()
    assert saved.value.path().read_text().startswith("## You\n\nhello\n\n## claude-opus-5-5 via first\n\nA0 A1")


def test_files_are_shown_sent_and_refused_where_they_are_too_large(chat, talk, shoot):
    page = chat()
    page.get_by_label("Attach", exact=True).set_input_files(
        [
            {"name": "dot.png", "mimeType": "image/png", "buffer": PNG},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes"},
            {"name": "huge.txt", "mimeType": "text/plain", "buffer": b"x" * 600_000},
        ]
    )
    expect(page.get_by_label("Attached files").get_by_role("listitem")).to_have_count(2)
    expect(page.locator("#doing")).to_contain_text("huge.txt has 0.6 MB, and a text may have 512 KB.")
    shoot(page, "chat-files")
    page.get_by_role("button", name="Remove notes.txt").click()
    ask(page, "look")
    (image, words) = talk.asked()["messages"][0]["content"]
    assert (image["type"], words["text"]) == ("image", "look")
    expect(page.locator(".turn.user")).to_contain_text("Attached: dot.png")


def test_the_model_is_chosen_and_its_chain_shown(chat, talk):
    page = chat()
    expect(page.locator("#chain")).to_have_text("Asked: first, then second.")
    page.get_by_label("Model").select_option("small-talk")
    expect(page.locator("#chain")).to_have_text("Asked: first.")
    ask(page)
    assert talk.asked()["model"] == "small-talk"


@pytest.mark.parametrize("text", [KEPT, "<img src=x onerror='document.title=1'><script>document.title=2</script>"])
def test_what_a_model_wrote_runs_nothing(text, chat):
    page = chat()
    page.goto(page.url.replace("/chat", "/method"))  # the chat itself would keep what it has when it is left
    remember(page, text)
    page.goto(page.url.replace("/method", "/chat"))
    answer = page.locator(".turn.assistant .words")
    expect(answer.locator(":scope > *").first).to_be_visible()
    assert page.title() == "Chat · stillup"
    assert answer.locator("img, script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("desk", 1280), ("phone", 360)])
def test_a_conversation_keeps_nobody_out(size, width, scheme, chat, talk, shoot, barriers):
    page = chat(width=width, scheme=scheme)
    assert barriers(page) == []
    page.goto(page.url.replace("/chat", "/method"))
    remember(page)
    page.goto(page.url.replace("/method", "/chat"))
    expect(page.locator(".turn.assistant .words h3")).to_be_visible()
    talk.do(talk.a.set, Behaviour(failure=Failure.STATUS, status=529))
    ask(page, "And then?")
    shoot(page, f"chat-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it is wider than the screen"
    assert barriers(page) == []


def test_without_scripts_a_form_is_sent_and_the_whole_page_comes_back(chat, talk, shoot, barriers):
    page = chat(scripts=False)
    page.get_by_label("Message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn")).to_have_count(2)
    page.get_by_label("Message").fill("and now?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn")).to_have_count(4)
    assert [m["role"] for m in talk.asked()["messages"]] == ["user", "assistant", "user"]
    shoot(page, "chat-plain")


def test_without_a_gateway_the_page_says_what_to_start(shown, opened, shoot, barriers):
    page = opened(f"{shown(token=Secret(TOKEN)).url}/chat?token={TOKEN}")
    expect(page.get_by_role("alert")).to_contain_text("Start stillup up")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    shoot(page, "chat-closed")
    assert barriers(page) == []


def test_the_first_view_is_light(talk, shown):
    """It comes through on a bad network: page, style and script together."""
    url = shown(gateway=talk.url, token=Secret(TOKEN)).url
    opener = build_opener()
    opener.addheaders = [("authorization", f"Bearer {TOKEN}"), ("accept-encoding", "gzip")]
    html = opener.open(f"{url}/chat").read()
    links = re.findall(rb'(?:href|src)="(/static/[^"]+)"', html)
    assert len(links) >= 3
    assert len(html) + sum(len(opener.open(url + link.decode()).read()) for link in links) <= 50 * 1024
