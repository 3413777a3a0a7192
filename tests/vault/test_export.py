"""A conversation written out: readable, complete, and good for another provider."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.brief import brief
from stillup.vault.export import fenced, file_name, written
from stillup.vault.onward import messages_of, shortened
from stillup.vault.values import Attachment, Conversation, Turn
from tests.vault.talks import NOW_S, talk, turn
from tests.vault.test_store import PARTS

WHOLE = Conversation(
    origin="test",
    id="1",
    title="Every ../kind\nof part",
    began_s=NOW_S,
    turns=(turn("u", "look", at_s=NOW_S), Turn(id="a", role=Role.ASSISTANT, parts=PARTS, at_s=NOW_S, model="m-1")),
)


def test_markdown_has_who_when_and_what():
    files = {}
    text = written(WHOLE, "markdown", "abc", files).decode()
    assert text.startswith("# Every ../kind of part\n")
    for words in ("## You · 2025-10-09", "## Answer · m-1", "words", "> hm", "**Calls `look`**", "**Error**", "no"):
        assert words in text, words
    (path,) = files
    assert path.startswith("abc-files/")
    assert f"]({path})" in text


def test_a_code_block_is_not_ended_by_what_is_in_it():
    assert fenced("a\n````\nb").startswith("`````\n")


def test_the_name_of_a_file_leads_nowhere():
    assert file_name(WHOLE, "abc", "markdown") == "2025-10-09_Every-..-kind-of-part_abc.md"
    assert "/" not in file_name(replace(WHOLE, title="../../etc/passwd\0"), "abc", "json")
    assert file_name(replace(WHOLE, title="", began_s=9e99), "abc", "json") == "1970-01-01_conversation_abc.json"


def test_an_attachment_whose_name_is_a_path_is_written_beside_the_others():
    files = {}
    given = Attachment(name="../../.ssh/authorized_keys", data=b"x")
    written(replace(WHOLE, turns=(turn("u", "x", attachments=(given,)),)), "markdown", "abc", files)
    assert list(files) == ["abc-files/0-authorized_keys"]


def test_json_has_all_of_it():
    told = json.loads(written(WHOLE, "json", "abc"))
    assert [part["type"] for part in told["messages"][1]["parts"]] == [
        "text", "media", "media", "thought", "call", "result", "refused", "foreign",
    ]  # fmt: skip
    assert told["began"] == "2025-10-09T08:53:20+00:00"


@pytest.mark.parametrize(
    ("how", "member"),
    [("anthropic", "messages"), ("openai", "messages"), ("openai-responses", "input"), ("gemini", "contents")],
)
def test_each_provider_gets_its_own_messages(how, member):
    told = json.loads(written(talk("one", "two", "three"), how, "abc"))
    assert len(told[member]) == 3
    assert "model" not in told


@pytest.mark.parametrize("how", ["anthropic", "openai", "openai-responses", "gemini"])
def test_all_kinds_of_parts_can_be_put_to_any_provider(how):
    assert b"words" in written(WHOLE, how, "abc")


def test_messages_take_turns_and_begin_with_the_user():
    turns = (turn("0", "hello", Role.ASSISTANT), turn("1", "a"), turn("2", "b"), turn("3", "c", Role.ASSISTANT))
    assert [m.role for m in messages_of(turns)] == [Role.USER, Role.ASSISTANT]
    assert messages_of(turns)[0].parts == (Text(text="a"), Text(text="b"))


def test_what_does_not_fit_is_left_out_from_the_front_on_a_users_message():
    messages = messages_of(talk(*("x" * 100 for _ in range(10))).turns)
    kept, left = shortened(messages, 450)
    assert (len(kept), left, kept[0].role) == (4, 6, Role.USER)
    assert len(shortened(messages, 10)[0]) == 1


def test_a_brief_has_goal_decisions_open_points_and_the_last_messages():
    text = brief(
        "Parser",
        talk(
            "<context>noise</context>",
            "Fine.",
            "Please write a TOML parser.",
            "We decided to use tomllib. It is quick.",
            "And now?",
            "Next steps: write the tests. ```we decided code```",
        ).turns,
    )
    assert "## Goal\n\nPlease write a TOML parser." in text
    assert "- We decided to use tomllib." in text
    assert "- Next steps: write the tests." in text
    assert "**Me:** And now?" in text


def test_a_brief_of_a_long_conversation_stays_short():
    assert len(brief("Long", talk(*("words " * 2000 for _ in range(50))).turns)) < 8_000
    assert "a conversation" in brief("", ())
