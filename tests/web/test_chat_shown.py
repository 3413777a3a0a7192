"""What the chat page shows: answers harmless, kept ones anew, and all of it without JavaScript."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.web.talking import OPUS, PNG, only, text_of

HOSTILE = """\
# hello
<script>alert(1)</script> <img src=x onerror=alert(1)>
[click](javascript:alert(1)) [good](https://example.org/a) ![see](https://example.org/x.png) [ours](/chat)

```html
</code></pre><script>alert(2)</script>
```
| a |
|:-:|
| <b onclick=alert(3)>x</b> |
"""


def harmless(html):
    """Nothing in it runs, loads or leads anywhere but to the open web."""
    assert not re.search(r"<(?:script|img|iframe|svg|style|object|link|base|form|b)\b", html)
    assert not re.search(r"<[^>]*\son\w+\s*=", html)
    assert not re.search(r"<[^>]*\sstyle\s*=", html)
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in re.findall(r'href="([^"]*)"', html))
    return html


def test_a_hostile_answer_is_shown_harmless(page, talk):
    talk.do(talk.a.set, Behaviour(text=HOSTILE))
    html = harmless(only(page.send("hello"), "html")["html"])
    assert "<h3>hello" in html
    assert 'rel="nofollow noopener noreferrer"' in html
    assert "see (image)" in html
    assert "&lt;script&gt;alert(2)" in html


def test_control_and_bidirectional_characters_are_taken_out_of_an_answer(page, talk):
    talk.do(talk.a.set, Behaviour(text="a\u202eb \x1b[31mc\x07 d"))
    told = page.send("hello")
    shown = text_of(told) + only(told, "html")["html"]
    assert not re.search("[\u202e\x1b\x07]", shown)
    assert "ab [31mc d" in shown


def test_kept_answers_are_rendered_again(page):
    status, body = page.json("/chat/render", {"texts": ["**a**", HOSTILE]})
    first, second = json.loads(body)["html"]
    assert (status, first) == (200, "<p><strong>a</strong></p>\n")
    harmless(second)


def test_a_text_beyond_all_measure_is_shown_as_it_is(page):
    _, body = page.json("/chat/render", {"texts": ["<b>" * 110_000]})
    assert json.loads(body)["html"][0].startswith('<pre tabindex="0">&lt;b&gt;')


def test_what_is_beyond_a_million_characters_is_shown_as_it_is(page):
    _, body = page.json("/chat/render", {"texts": ["x" * 99_999] * 10 + ["**a**", "**b**\n" * 10]})
    told = json.loads(body)["html"]
    assert (len(told), told[-2]) == (12, "<p><strong>a</strong></p>\n")
    assert told[-1].startswith('<pre tabindex="0">**b**')


# -- without JavaScript -----------------------------------------------------------------------------------------------


def test_without_javascript_a_form_answers_with_the_whole_conversation(page, talk):
    answer, first = page.form(model=OPUS, text="hello <b>there", before="[]")
    assert answer.status == 200
    assert "hello &lt;b&gt;there" in first
    assert "A0 A1 A2" in first
    assert "Answered by claude-opus-5-5 via first" in first
    before = unescape(re.search(r'name="before" value="([^"]*)"', first)[1])
    _, second = page.form(model=OPUS, text="and now?", before=before)
    assert len(talk.asked()["messages"]) == 3
    assert second.count('class="turn ') == 4


def test_without_javascript_a_failure_gives_the_message_back(page, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.STATUS, status=529))
    _, shown = page.form(model=OPUS, text="precious words", before="[]")
    assert re.search(r"<textarea[^>]*>precious words</textarea>", shown)
    assert 'role="alert"' in shown


def test_without_javascript_files_go_along_once(page, talk):
    _, shown = page.form(model=OPUS, text="look", before="[]", files=[("a.png", "image/png", PNG)])
    assert talk.asked()["messages"][0]["content"][0]["type"] == "image"
    assert "[a.png was attached]" in shown


@pytest.mark.parametrize("before", ["nonsense", '[{"role":"user","text":5}]', '{"a":1}'])
def test_a_conversation_that_was_tampered_with_is_a_clear_error(before, page, talk):
    answer, shown = page.form(model=OPUS, text="hello", before=before)
    assert answer.status == 200
    assert "did not arrive whole" in shown
    assert talk.a.counts.requests == 0


def test_a_hostile_answer_in_the_whole_page_is_harmless(page, talk):
    talk.do(talk.a.set, Behaviour(text=HOSTILE))
    _, shown = page.form(model=OPUS, text="hello", before="[]")
    harmless(re.search(r'<div class="words">(.*?)</div>', shown, re.DOTALL)[1])
