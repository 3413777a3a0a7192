"""Who reads an answer that another model ended is told so: by whom it was begun, who went on, and where."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.web.chat_seams import in_words, rendered, seams_of
from stillup.web.chat_words import Seam
from stillup.web.markdown import as_it_is, render_markdown
from tests.web import talking
from tests.web.talking import OPUS, only, text_of

SECOND = "claude-opus-5 via second"
SPOKEN = ("anthropic", "openai", "gemini")


def seam(at, upstream="second", model="claude-opus-5"):
    return Seam(upstream=upstream, model=model, at=at)


def without(html):
    return re.sub(r'<span class="seam">.*?</span>', "", html)


# -- through a real gateway -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("failure", [Failure.CUT, Failure.CUT_RESET, Failure.ERROR_EVENT])
def test_the_page_tells_who_went_on_and_from_where(failure, protocol, tmp_path, page_of):
    with talking.Talking(tmp_path, protocol) as world:
        world.do(world.a.set, Behaviour(failure=failure, after=4))
        told = page_of(world.url).send("hello")
    text = text_of(told)
    assert re.match(r"A0 .*B\d", text), text
    (one,) = only(told, "seams")["seams"]
    assert (one["upstream"], one["model"]) == ("second", "claude-opus-5")
    assert text[one["at"] :].startswith("B"), text
    assert only(told, "seams")["note"] == (
        f"Begun by {OPUS} via first, which broke off; then by {SECOND} from character {one['at'] + 1} on."
    )
    html = only(told, "html")["html"]
    assert f'<span class="seam">{SECOND} goes on from here</span>' in html
    assert without(html) == render_markdown(text)
    assert [kind for kind, _ in told[-3:]] == ["seams", "html", "over"]


def test_an_answer_of_one_model_has_no_seam(page):
    told = page.send("hello")
    assert "seams" not in dict(told)
    assert "seam" not in only(told, "html")["html"]


def test_one_that_was_gone_on_with_and_broke_all_the_same_says_both(page, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.CUT, after=4))
    talk.do(talk.b.set, Behaviour(failure=Failure.CUT, after=3))
    told = page.send("hello")
    assert [kind for kind, _ in told[-3:]] == ["seams", "html", "trouble"]
    assert only(told, "seams")["seams"][0]["upstream"] == "second"
    assert f"{SECOND} goes on from here" in only(told, "html")["html"]


def test_what_the_page_takes_out_of_an_answer_moves_no_seam(page, talk):
    talk.do(talk.a.set, Behaviour(text="one \x1b\u202etwo three four five six", failure=Failure.CUT, after=4))
    told = page.send("hello")
    text, (one,) = text_of(told), only(told, "seams")["seams"]
    assert text[one["at"] :].startswith("B"), (one["at"], text)


def test_a_kept_answer_is_shown_with_its_seams(page):
    told = {"texts": ["one two", "three four"], "seams": [[], [{"upstream": "s", "model": "m", "at": 6}]]}
    status, body = page.json("/chat/render", told)
    first, second = json.loads(body)["html"]
    assert (status, first) == (200, "<p>one two</p>\n")
    assert second == '<p>three <span class="seam">m via s goes on from here</span>four</p>\n'


def test_marks_are_set_in_so_much_text_only(page):
    texts, seams = ["one two " * 11_000] * 3, [[{"upstream": "s", "model": "m", "at": 4}]] * 3
    _, body = page.json("/chat/render", {"texts": texts, "seams": seams})
    assert [html.count("goes on from here") for html in json.loads(body)["html"]] == [1, 1, 0]


@pytest.mark.parametrize(
    "seams",
    ["x", [1], [[{"at": -1}]], [[{"at": 10**12}]], [[{"who": "x"}]], [[{"model": "x" * 200}]], [[{"at": 1}] * 13]],
)
def test_seams_that_are_none_are_refused(seams, page):
    assert page.json("/chat/render", {"texts": ["a"], "seams": seams})[0] == 400


def test_without_javascript_it_is_told_too_and_stays_with_the_conversation(page, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.CUT, after=4))
    _, shown = page.form(model=OPUS, text="hello")
    assert f"Begun by {OPUS} via first, which broke off; then by {SECOND}" in shown
    assert shown.count("goes on from here") == 1
    talk.do(talk.a.set, Behaviour())
    before = re.search(r'name="before" value="([^"]*)"', shown)[1].replace("&#34;", '"')
    assert json.loads(before)[1]["seams"][0]["upstream"] == "second"
    _, shown = page.form(model=OPUS, text="more", before=before)
    assert shown.count("goes on from here") == 1
    assert "seams" not in json.dumps(talk.asked())


# -- the gateway's words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("", ()),
        ("second/gpt-6@3", (seam(3, model="gpt-6"),)),
        ("second@3, third/a/b@v1@5", (seam(3, model=""), seam(5, "third", "a/b@v1"))),
        ("second/gpt-6", ()),
        ("second/gpt-6@3x", ()),
        ("second/gpt-6@-3", ()),
        ("second/gpt-6@99999999999", ()),
        ("second/gpt-6@900", (seam(10, model="gpt-6"),)),
        (", ".join(["s/m@1"] * 40), (seam(1, "s", "m"),) * 12),
        ("<b>/<script>@2", (seam(2, "<b>", "<script>"),)),
    ],
)
def test_the_trailer_is_read_for_what_it_says(told, found):
    assert seams_of(told, ["abcde", "fghij"]) == found


@given(st.text(max_size=200))
def test_whatever_stands_in_the_trailer_is_no_error(told):
    assert len(seams_of(told, ["abc"])) <= 12


def test_who_wrote_what_is_one_sentence():
    assert in_words("a", ()) == ""
    told = in_words("m via a", (seam(1200, "b", "n"), seam(3000, "c", "")))
    assert (
        told
        == "Begun by m via a, which broke off; then by n via b from character 1,201 on, then c from character 3,001 on."
    )


# -- the mark ---------------------------------------------------------------------------------------------------------

MARK = '<span class="seam">claude-opus-5 via second goes on from here</span>'


@pytest.mark.parametrize(
    ("text", "at", "shown"),
    [
        ("hello brave world", 9, f"<p>hello {MARK}brave world</p>\n"),
        ("Supercali", 4, f"<p>Supe{MARK}rcali</p>\n"),
        ("\u6f22\u5b57\u6f22\u5b57", 2, f"<p>\u6f22\u5b57{MARK}\u6f22\u5b57</p>\n"),
        ("- one\n- two", 6, f"<ul>\n<li>one{MARK}</li>\n<li>two</li>\n</ul>\n"),
        ("a **bold** b", 5, f"<p>a {MARK}<strong>bold</strong> b</p>\n"),
        ("one", 3, f"{MARK}"),
        ("```py\nx = 1\n```", 8, f'aria-label="code, py"><code>x {MARK}= 1\n'),
        ("[in](https://e.org/abc)", 12, f"{MARK}</p>\n"),
    ],
)
def test_a_mark_stands_at_the_seam_between_two_words(text, at, shown):
    html = rendered(text, [seam(at)])
    assert shown in html
    assert without(html) == render_markdown(text)


def test_where_no_mark_can_stand_there_is_none():
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert rendered(table, [seam(14)]) == render_markdown(table)


def test_a_seam_behind_what_was_kept_of_a_text_has_no_mark():
    assert rendered("one", [seam(4)]) == render_markdown("one")


def test_a_name_is_no_html():
    assert "<script>" not in rendered("a b", [seam(2, "<script>", '"<img>')])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *"ab *_`#|-[]()<>&;:!\n\t\ue000\U0001f600",
                "&#xE000;",
                '](https://e.org "&#xE001;")',
                "```py\n",
                "| a |\n|---|\n",
                "](https://e.org)",
            ]
        ),
        max_size=40,
    ).map("".join),
    st.lists(st.integers(0, 60), max_size=4),
    st.sampled_from([render_markdown, as_it_is]),
)
def test_marks_change_nothing_else_and_stand_in_no_tag(text, places, render):
    html = rendered(text, [seam(at) for at in sorted(places)], render)
    assert html.replace(MARK, "") == render(text)
    assert html.count(MARK) <= sum(at <= len(text) for at in places)


@pytest.mark.parametrize(
    "written", ['[x](https://e.org "a &#xE000; b")', "a &#xE000; b", "![a &#xE000; b](https://e.org)"]
)
def test_what_an_answer_writes_in_place_of_a_mark_is_none(written):
    text = f"one two three {written} &#57344;"
    assert rendered(text, [seam(4)]).replace(MARK, "") == render_markdown(text)
    assert rendered(text, [seam(4)]).count(MARK) == 1
