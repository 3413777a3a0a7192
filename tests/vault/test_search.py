"""Search finds what was said, in any script, and says nothing of what is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Call, Result, Role, Text
from stillup.vault.search import MOST_LOOKED_AT, Wanted, search, snippet_of
from stillup.vault.store import open_vault
from stillup.vault.values import Attachment, Turn
from stillup.vault.words import query_of
from tests.vault.talks import NOW_S, talk


def found(vault, words, **more):
    return [f.about.id for f in search(vault, Wanted(words=words, **more)).found]


@pytest.fixture
def filled(vault):
    vault.put(
        [
            talk("How do I parse TOML?", "Use tomllib, in the standard library.", id="toml", title="Reading settings"),
            talk("Über die Straße nach Orléans", "Ein schöner Weg.", id="weg", service="claude"),
            talk("東京の天気はどうですか", "明日は晴れです。", id="wetter"),
            talk("settings of the printer", "It has none; see foo.bar_baz in C++.", id="printer", origin="page"),
        ],
        NOW_S,
    )
    return vault


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("tomllib", ["toml"]),
        ("TOMLLIB", ["toml"]),
        ("tomllib library", ["toml"]),
        ("tomllib printer", []),
        ('"standard library"', ["toml"]),
        ('"library standard"', []),
        ("toml*", ["toml"]),
        ("tomllib OR printer", ["printer", "toml"]),
        ("uber orleans", ["weg"]),
        ("schoner", ["weg"]),
        ("天気", ["wetter"]),
        ("晴れ", ["wetter"]),
        ("foo.bar_baz", ["printer"]),
        ("settings", ["toml", "printer"]),
        ("settings -printer", ["toml"]),
        ("c++", ["printer"]),
        ('NEAR AND ("', []),
        ("text:settings", []),
    ],
)
def test_it_finds_the_conversations_that_have_all_the_words(filled, words, ids):
    assert sorted(found(filled, words)) == sorted(ids)


def test_a_title_counts_for_more_than_a_message(filled):
    assert found(filled, "settings")[0] == "toml"


def test_it_can_be_narrowed(filled):
    assert found(filled, "settings", origin="page") == ["printer"]
    assert found(filled, "weg", service="claude") == ["weg"]
    assert found(filled, "tomllib", role="user") == []
    assert found(filled, "tomllib", since_s=NOW_S + 2) == []
    assert found(filled, "tomllib", until_s=NOW_S + 2) == ["toml"]


@pytest.mark.parametrize("words", ["", "   ", "-only", "?!", '""', "OR"])
def test_nothing_that_could_be_found_is_said_so(vault, words):
    with pytest.raises(UsageError, match="no word"):
        search(vault, Wanted(words=words))


@given(st.text(max_size=60))
def test_no_question_breaks_the_index(text):
    try:
        query = query_of(text)
    except UsageError:
        return
    import sqlite3

    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
        db.execute("SELECT * FROM words WHERE words MATCH ?", (query.whole,)).fetchall()
    db.close()


def test_what_tools_gave_and_what_files_say_is_found_too(vault):
    parts = (Call(id="1", name="grep", arguments='{"for":"needle"}'), Result(id="1", parts=(Text(text="haystack"),)))
    file = Attachment(name="report.pdf", text="quarterly figures")
    vault.put([replace(talk("x"), turns=(Turn(id="1", role=Role.USER, parts=parts, attachments=(file,)),))], NOW_S)
    for word in ("needle", "haystack", "quarterly", "report"):
        assert found(vault, word) == ["1"], word


def test_a_message_that_became_another_is_found_by_its_new_words_only(vault):
    vault.put([talk("first words", title="old name")], NOW_S)
    vault.put([talk("second words", title="new name")], NOW_S)
    assert [found(vault, word) for word in ("first", "second", "old", "new")] == [[], ["1"], [], ["1"]]


def test_the_words_around_what_was_found_are_shown_with_marks(filled):
    (hit,) = search(filled, Wanted(words="tomllib")).found[0].hits
    assert hit.role == "assistant"
    assert [hit.snippet[a:b] for a, b in hit.marks] == ["tomllib"]
    text = "a " * 500 + "needle" + " b" * 500
    snippet, marks = snippet_of(text, "needle")
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert [snippet[a:b] for a, b in marks] == ["needle"]


def test_of_very_many_the_newest_are_looked_at_and_it_says_so(tmp_path):
    with open_vault(tmp_path / "vault.db") as vault:
        many = [talk("word", id=str(n), began_s=NOW_S + n, ids=f"{n}-{{}}") for n in range(MOST_LOOKED_AT + 50)]
        many = [replace(one, turns=(replace(one.turns[0], at_s=NOW_S + n),)) for n, one in enumerate(many)]
        vault.put(many, NOW_S)
        results = search(vault, Wanted(words="word"), limit=3)
    assert results.more
    assert [f.about.id for f in results.found] == [str(MOST_LOOKED_AT + 49 - n) for n in range(3)]
