"""The drills' pages: behind the token, harmless, and plain about what is under way and what is missing."""

from __future__ import annotations

import pytest

from stillup.drill.book import Book
from stillup.drill.plan import Weak, propose
from stillup.drill.values import Kind, Lane, Play, Step, Where
from stillup.errors import StoreError
from stillup.secret import Secret
from tests.drill import drills

TOKEN = Secret("a-token-of-the-page")
KNOWN = {"authorization": f"Bearer {TOKEN.reveal()}"}
WHERES = ("/drills", "/drills/20261102T093000-0a1b", "/drills/20261102T093000-0a1b/report.html")
FEW = (drills.drill(drills.scene(), drills.full_scene()), drills.drill(days_ago=40, where=Where.GATEWAY))


class Practised:
    """Drills that are there, and perhaps one under way."""

    def __init__(self, *kept, now="", trouble="", **rest):
        self.kept, self.is_now, self.trouble, self.rest = kept, now, trouble, rest

    def book(self):
        if self.trouble:
            raise StoreError(self.trouble)
        return Book(drills=self.kept, **self.rest)

    def find(self, id):  # noqa: A002
        if self.trouble:
            raise StoreError(self.trouble)
        return next((drill for drill in self.kept if drill.id == id), None)

    def now(self):
        return self.is_now


@pytest.fixture
def page(opened):
    def get(where, *kept, code=200, **rest):
        answer = opened(practice=Practised(*kept, **rest), token=TOKEN).get(where, headers=KNOWN)
        assert answer.status_code == code
        assert answer.headers["cache-control"] == "no-store"
        return answer

    return get


def test_nobody_comes_in_without_the_token(opened):
    client = opened(practice=Practised(*FEW), token=TOKEN)
    for where in WHERES:
        answer = client.get(where, headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert "continuity" not in answer.text


def test_the_list_has_each_drill_with_its_finding_and_the_picture_of_all(page):
    text = page("/drills", *FEW).text
    assert text.count("100 % continuity with your backups, 25 % without.") >= 2
    assert 'href="/drills/20261102T093000-0a1b"' in text
    assert text.count("real requests") == 1
    assert "2 drills, the newest of 2 Nov 2026" in text


def test_before_the_first_drill_it_says_how_to_begin(page):
    text = page("/drills", is_due=True, stands="no outage has been practised yet").text
    assert "stillup drill run" in text
    assert "It is time to practise:" in text
    assert "no outage has been practised yet." in text


def test_what_is_next_stands_there_with_why_and_the_steps_by_hand(page):
    play = Play(kind=Kind.PROVIDER, name="claude", title="Claude is <down>")
    steps = {"provider:claude": [Step(says="Tell <b>the</b> team", by_hand=True, done=None, note="plan: coding")]}
    weak = [Weak(says="the backups were never tested", todo="`stillup alternatives --test`")]
    plan = propose((play,), [], drills.AT, 30, weak=weak, by_hand=steps)
    text = page("/drills", plan=plan).text
    for words in (
        "Claude is &lt;down&gt;", "never practised", "stillup drill run provider:claude",
        "Tell &lt;b&gt;the&lt;/b&gt; team", "First mend: the backups were never tested: <code>stillup alternatives",
    ):  # fmt: skip
        assert words in text, words


def test_a_drill_is_shown_whole_with_its_pictures(page):
    text = page("/drills/20261102T093000-0a1b", *FEW).text
    assert "A drill, not an outage." in text
    assert text.count('<svg class="plot"') == 2
    assert "Exactly what is lost, without them" in text


def test_a_report_can_be_kept_as_one_file(page):
    answer = page("/drills/20261102T093000-0a1b/report.html", *FEW)
    assert answer.headers["content-disposition"] == 'attachment; filename="drill-20261102T093000-0a1b.html"'
    assert answer.text.startswith("<!doctype html>")
    assert page("/drills/20261102T093000-0a1b/report.md", *FEW).text.startswith("# Drill of 2026-11-02")


def test_texts_from_elsewhere_are_no_markup(page):
    lane = Lane(name=drills.EVIL, backed=True, asked=(drills.lost(1.0, says=drills.EVIL),))
    evil = drills.drill(drills.scene(title=drills.EVIL, lanes=(lane,)), version=drills.EVIL)
    for where in WHERES[:2]:
        text = page(where, evil, now=f"{drills.EVIL} fails", unread=(drills.EVIL,)).text
        assert "<script>alert" not in text
        assert "\x1b" not in text


@pytest.mark.parametrize("where", ["/drills", "/drills/20261102T093000-0a1b", "/chat"])
def test_while_a_drill_is_under_way_a_banner_says_so(page, where, opened):
    said = "anthropic fails with 529; `stillup drill abort` ends it"
    client = opened(practice=Practised(*FEW, now=said), token=TOKEN, gateway="http://127.0.0.1:9")
    text = client.get(where, headers=KNOWN).text
    assert "<strong>DRILL under way.</strong> anthropic fails with 529; <code>stillup drill abort</code>" in text
    assert "DRILL under way" not in page(where if where != "/chat" else "/drills", *FEW).text


def test_what_is_not_there_is_not_found_and_what_cannot_be_read_is_said(page, opened):
    for where in ("/drills/nothing", "/drills/%22'--", "/drills/nothing/report.md"):
        assert opened(practice=Practised(*FEW), token=TOKEN).get(where, headers=KNOWN).status_code == 404
    assert opened(token=TOKEN).get("/drills", headers=KNOWN).status_code == 404
    assert "the disk is gone" in page("/drills", trouble="the disk is gone").text


def test_only_a_page_that_has_drills_leads_to_them(opened):
    assert 'href="/drills"' in opened(practice=Practised(), token=TOKEN).get("/").text
    assert 'href="/drills"' not in opened().get("/").text
