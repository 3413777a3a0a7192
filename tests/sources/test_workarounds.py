"""Which posts offer a way round: what must be found, what must not be taken for it, what must never be passed on."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.model.service import Problem
from stillup.sources.tally import Post
from stillup.sources.text import classify
from stillup.sources.workarounds import offer_of, refusal_of, rules, tip_of, way_of

TEXTS = Path(__file__).parents[1] / "fixtures" / "text"
CLAUDE = catalogue()["claude"]
NOW = datetime(2026, 5, 12, 15, 0, 30, tzinfo=UTC)
HOST = "www.reddit.com"
URL = f"https://{HOST}/r/ClaudeAI/comments/1abc/title/"


def rows(name):
    with (TEXTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def text_of(row):
    return row["text"].replace("\\n", "\n")


LABELLED = rows("workarounds.tsv")


def tip(title, body="", url=URL, host=HOST, **rest):
    post = Post(id="a", at=NOW, title=title, body=body, url=url, **rest)
    return tip_of("reddit", post, classify(f"{title}\n{body}", CLAUDE), CLAUDE, host)


def found(split):
    """Of one split: right, wrong, and missed."""
    judged = [(offer_of(text_of(r), CLAUDE).is_one, r["offers"] == "1") for r in LABELLED if split(r["split"])]
    right = sum(said and true for said, true in judged)
    return right, sum(said and not true for said, true in judged), sum(true and not said for said, true in judged)


# -- the labelled rows ------------------------------------------------------------------------------------------------


def test_of_the_rows_the_rules_were_fitted_to_hardly_one_is_taken_wrongly():
    right, wrong, missed = found(lambda split: split != "fresh")
    assert right / (right + wrong) >= 0.95
    assert right / (right + missed) >= 0.70


def test_of_rows_nothing_was_fitted_to_most_that_are_taken_are_right():
    right, wrong, _ = found(lambda split: split == "fresh")
    assert right >= 5
    assert right / (right + wrong) >= 0.8


def test_not_one_labelled_trap_is_passed_on():
    traps = [row for row in LABELLED if row["refused"] == "1"]
    assert len(traps) >= 40
    assert [text_of(row) for row in traps if offer_of(text_of(row), CLAUDE).is_one] == []


def test_of_posts_about_everything_else_next_to_none_is_taken():
    others = [text_of(row) for name in ("posts.tsv", "fresh.tsv") for row in rows(name)]
    taken = [text for text in others if offer_of(text, CLAUDE).is_one]
    assert len(taken) <= len(others) / 200, taken


# -- what is never passed on ------------------------------------------------------------------------------------------

WORKS = "Login loop? Clearing the cookies fixed it for me. "


@pytest.mark.parametrize(
    ("trap", "named"),
    [
        ("https://bit.ly/3abc", "shortener"),
        ("see https://claude.ai/?ref=me", "referral"),
        ("airdrop for everybody who was hit", "coins"),
        ("contact support on WhatsApp", "support_elsewhere"),
        ("call +1 (555) 010-0199 now", "support_elsewhere"),
        ("send me your session key", "secrets"),
        ("my key is sk-ant-abc123", "secrets"),
        ("get fix.exe", "software"),
        ("curl -s https://github.com/x/y | sudo bash", "software"),
        ("for only 5 dollars", "sale"),
        ("more at https://fix.example.net/a", "leads_elsewhere"),
        ("more at claude-fix.xyz", "leads_elsewhere"),
        ("more at https://claude.ai.evil.com/", "leads_elsewhere"),
        ("more at https://user@evil.com/claude.ai", "leads_elsewhere"),
    ],
)
def test_a_trap_is_refused_by_its_name_however_well_it_offers(trap, named):
    assert offer_of(WORKS, CLAUDE).is_one
    assert refusal_of(WORKS + trap) == named
    assert tip(WORKS + trap) is None


@pytest.mark.parametrize(
    "host",
    [
        "\u0441laude.ai",  # a Cyrillic letter
        "cl\u00e2ude.ai",
        "claude\u3002com\u3002evil",
        "claude-mirror.dev",
        "claude.ai-login.ru",
        "claude.ai.evil.dev",
        "a.b.c.d.claude.ai.evil.dev",
        "claude.support",
        "evil.cn",
        "evil.sh/x",
        "\uff45\uff56\uff49\uff4c.com",
        "evil\u2024com",
        "evil\u200b.com",
        "evil[.]com",
        "evil(dot)com",
        "evil . com",
        "evil .com",
        "xn--laude-1ya.ai",
        "claude.ai@evil.com",
        "me@evil.com",
        "_evil.com",
        "203.0.113.9",
    ],
)
def test_an_address_is_seen_however_it_is_written(host):
    for text in (f"{WORKS}Or use {host} instead", f"{host}: {WORKS}"):
        assert refusal_of(text), text
        assert tip(text) is None


@pytest.mark.parametrize(
    "words",
    [
        "settings.json",
        "CLAUDE.md",
        "~/.claude.json",
        "2.0.9",
        "Sonnet 4.5",
        "v2.1.3",
        "1.1.1.1",
        "anthropic.RateLimitError",
        "@anthropic-ai/claude-code@2.0.1",
        "node.js",
        "e.g. the cache",
        "ログインできない。クッキーを消す",
    ],
)
def test_a_file_a_version_or_a_resolver_is_no_address(words):
    assert refusal_of(f"{WORKS}I mean {words}, that is all.") == ""


@pytest.mark.parametrize("word", ["t\u0435legram", "\u0441laude support", "wh\u0430tsapp"])
def test_a_word_that_is_meant_to_be_misread_is_refused(word):
    assert refusal_of(f"{WORKS}Ask {word}") == "meant_to_be_misread"
    assert refusal_of(f"{WORKS}\u0411\u0435\u0437 VPN\u043e\u043c, API-\u0448\u043a\u0430") == ""


def test_where_remedies_live_may_be_named():
    for place in (
        "https://status.claude.com",
        "https://github.com/anthropics/claude-code/issues/1",
        "claude.ai",
        "CLAUDE.md",
    ):
        assert refusal_of(f"{WORKS} See {place}.") == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://www.reddit.com/r/a/comments/1/",
        "https://www.reddit.com.evil.com/r/a/",
        "https://evil.com/www.reddit.com/r/a/",
        "https://www.reddit.com@evil.com/r/a/",
        "https://user:pw@www.reddit.com/r/a/",
        "https://www.reddit.com:8443/r/a/",
        "https://www.reddit.com/r/a\n/b",
        "https://www.reddit.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_the_posts_own_address_on_its_own_site_is_passed_on(url):
    assert tip(WORKS) is not None
    assert tip(WORKS, url=url) is None


# -- what a tip says --------------------------------------------------------------------------------------------------


def test_a_tip_says_why_it_was_taken_and_keeps_no_body():
    made = tip(
        "Login loop on claude.ai? Clearing the cookies got me back in",
        "1. sign out\n2. clear the site data secret-word",
    )
    assert "says what to do" in made.why
    assert "says that it worked" in made.why
    assert made.has_steps
    assert made.problem is Problem.SIGN_IN
    assert "secret-word" not in repr(made)


def test_a_title_is_shortened_and_cleaned():
    made = tip("Login loop fixed by clearing cookies\x1b[31m\u202e for me " + "x" * 500)
    assert len(made.title) <= 90
    assert made.title.isprintable()
    assert "\u202e" not in made.title


def test_the_part_people_are_sent_to_is_not_the_part_that_is_broken():
    made = tip("claude.ai is down but the API still works, use that in the meantime")
    assert (made.component, made.way) == ("web", "api")


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("switch to Claude Code in the meantime", "code"),
        ("the mobile app works fine here", "mobile"),
        ("use the API, or use the console", None),
        ("the API is down", None),
    ],
)
def test_where_a_text_sends_people(text, way):
    assert way_of(text, CLAUDE) == way


def test_what_repeats_the_official_page_is_nobodys_tip():
    title = "Login error, clearing the cookies fixed it for me"
    post, mention = Post(id="a", at=NOW, title=title, url=URL), classify(title, CLAUDE)
    assert tip_of("reddit", post, mention, CLAUDE, HOST) is not None
    assert tip_of("reddit", post, replace(mention, mirrors_page=True), CLAUDE, HOST) is None


# -- the table --------------------------------------------------------------------------------------------------------


def test_every_rule_is_named_once_and_each_that_tells_something_says_so():
    names = [rule.name for rule in (*rules().rules, *rules().refuse)]
    assert len(names) == len(set(names))
    assert all(rule.says for rule in rules().rules if "what" in rule.tells)


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "use ",
        "a.",
        "a-",
        "a .",
        "[.]",
        "\ufdfa",
        "1. a\n",
        "use the ",
        "login ",
        "https://",
        "- ",
        "/a",
        "é",
        "my ",
    ],
)
def test_a_long_text_is_read_in_time_that_grows_with_its_length(piece):
    offer_of("warm", CLAUDE)
    began = time.process_time()
    offer_of(piece * 4000, CLAUDE)
    assert time.process_time() - began < 2


@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    offer_of(text, CLAUDE)
    way_of(text, CLAUDE)
