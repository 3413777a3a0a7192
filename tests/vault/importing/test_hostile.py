"""Files of strangers: named, left out, the rest read, in little memory, and nothing written."""

from __future__ import annotations

import copy
import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.vault.importing import importers, recognise, sources
from stillup.vault.values import Conversation

MIB = 1024 * 1024
LIMIT_MIB = 200


def test_a_message_of_100_mb_is_named_and_the_rest_of_its_conversation_is_read(tmp_path, talk, says, measured, told):
    long = says("human", "", 9)
    long["content"][0]["text"] = "@"
    whole = talk(1)
    whole["chat_messages"].insert(1, long)
    before, after = json.dumps([whole, talk(2)]).split('"@"')
    path = tmp_path / "conversations.json"
    with path.open("w") as file:
        file.write(before + '"')
        for _ in range(100):
            file.write("say it again, " * 75_000)
        file.write('"' + after)

    conversations, skipped, mib = measured(path)

    assert (conversations, skipped) == (2, 1)
    assert mib < LIMIT_MIB
    first, skip, _second = told(path)
    assert [turn.id for turn in first.what.turns] == ["message-1", "message-2"]
    assert skip.what.where == "conversations.json › “Talk 1” › message-9"
    assert skip.what.why == "This message is longer than 8 MiB."


def test_a_conversation_of_a_million_messages_is_named_and_the_next_one_read(tmp_path, talk, measured, told):
    path = tmp_path / "conversations.json"
    with path.open("w") as file:
        file.write('[{"uuid": "big", "name": "Endless", "chat_messages": [' + '{"sender":"human","text":"x"}')
        for _ in range(100):
            file.write(',{"sender":"human","text":"x"}' * 10_000)
        file.write("]}, " + json.dumps(talk(2)) + "]")

    assert measured(path) == (1, 1, pytest.approx(100, abs=100))
    skip, second = told(path)
    assert skip.what.where.startswith("conversations.json › “Endless” (bytes 1 to ")
    assert second.what.title == "Talk 2"


@pytest.mark.parametrize("filler", [b"[],", b"{},", b"0,", b'"",', b"[[[[[", b'{"a":'])
def test_json_that_would_become_far_larger_in_memory_is_named(tmp_path, filler, talk, measured):
    path = tmp_path / "conversations.json"
    closing = {b"[[[[[": b"]]]]]", b'{"a":': b"}"}.get(filler, b"")
    count = 12 * MIB // len(filler)
    inner = filler * (count // 2) + b"0" + closing * (count // 2) if closing else filler * count + b"0"
    body = b'[{"uuid": "x", "chat_messages": [' + inner + b"]}, " + json.dumps(talk(2)).encode() + b"]"
    path.write_bytes(body)

    conversations, skipped, mib = measured(path)

    assert conversations >= 1
    assert skipped >= 1 or conversations == 2
    assert mib < LIMIT_MIB


def test_text_with_one_emoji_in_each_message_takes_four_bytes_a_letter_and_still_fits(tmp_path, talk, says, measured):
    whole = talk(1)
    whole["chat_messages"] = [says("human", "🙂" + "x" * (5 * MIB), n) | {"text": ""} for n in range(4)]
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([whole], ensure_ascii=False))

    conversations, skipped, mib = measured(path)

    assert (conversations, skipped) == (1, 0)
    assert mib < LIMIT_MIB


@pytest.mark.parametrize("lost", [1, 30, 400, 2_000, 20_000])
def test_of_a_truncated_zip_what_is_whole_is_read(zipped, told, split, lost, talk):
    path = zipped({"users.json": [], "conversations.json": [talk(n, model=os.urandom(300).hex()) for n in range(100)]})
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])

    conversations, skipped = split(told(path))

    assert skipped[0].why == "The zip file is cut off or damaged: only what is whole was read."
    assert [one.id for one in conversations] == [f"talk-{n}" for n in range(len(conversations))]
    assert len(conversations) >= 100 * (len(whole) - lost) / len(whole) - 15


def test_of_a_zip_with_a_damaged_member_what_stands_before_is_read(zipped, told, split, talk):
    path = zipped({"users.json": [], "conversations.json": [talk(n, model=os.urandom(300).hex()) for n in range(100)]})
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 20] = b"\xff" * 20
    path.write_bytes(raw)

    conversations, skipped = split(told(path))

    assert conversations
    assert any("damaged" in skip.why or "JSON" in skip.why for skip in skipped)


def test_a_zip_bomb_is_named_and_not_unpacked(tmp_path, measured, told):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file,
        file.open("conversations.json", "w", force_zip64=True) as member,
    ):
        member.write(b'[{"uuid": "x", "chat_messages": [], "name": "')
        for _ in range(300):
            member.write(b"a" * MIB)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("users.json", "[]")

    assert measured(path)[:2] == (0, 1)
    assert measured(path)[2] < LIMIT_MIB
    (skip,) = told(path)
    assert skip.what.why.endswith("that is a zip bomb.")


def test_a_bomb_without_a_table_of_contents_is_stopped_while_it_unpacks(tmp_path, measured, talk):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file,
        file.open("conversations.json", "w", force_zip64=True) as member,
    ):
        member.write(b"[" + json.dumps(talk(1)).encode() + b', {"uuid": "')
        for _ in range(300):
            member.write(b"a" * MIB)
    path.write_bytes(path.read_bytes()[:-60])

    conversations, skipped, mib = measured(path)

    assert (conversations, skipped) == (1, 2)
    assert mib < LIMIT_MIB


def test_a_table_of_contents_that_fills_the_memory_is_refused(tmp_path, talk):
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("conversations.json", json.dumps([talk(1)]))
    raw = path.read_bytes()
    at = raw.rfind(b"PK\x05\x06")
    filling = b"PK\x01\x02" + b"\0" * (40 * MIB)
    end = bytearray(raw[at:])
    end[12:16] = struct.pack("<I", len(filling))
    path.write_bytes(raw[:at] + filling + end)

    assert recognise(path) is None


def test_names_that_lead_elsewhere_are_only_names(zipped, told, talk, says, tmp_path):
    tricks = ["../../evil.txt", "/etc/evil", "..\\..\\evil.bat", "C:\\evil", "a\0b.txt", "..", "\n"]
    whole = talk(1)
    whole["chat_messages"] = [
        says("human", "look", 1, attachments=[{"file_name": name, "extracted_content": "x"} for name in tricks])
    ]
    members = {name.replace("\0", "_"): b"evil" for name in tricks if name.strip()}
    path = zipped(members | {"../conversations.json": [whole]})
    before = sorted(tmp_path.rglob("*"))

    (read,) = told(path)

    names = [attachment.name for attachment in read.what.turns[0].attachments]
    assert names == ["evil.txt", "evil", "evil.bat", "evil", "ab.txt", "file", "file"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_locked_zip_is_named(zipped, told, talk):
    path = zipped({"users.json": [], "conversations.json": [talk(1)]})
    raw = bytearray(path.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(sign)
        while at >= 0:
            raw[at + flags] |= 1
            at = raw.find(sign, at + 1)
    path.write_bytes(raw)

    (skip,) = told(path)

    assert skip.what.why == "It is locked with a password."


def test_a_conversation_that_is_not_in_utf8_is_named_and_the_next_one_read(tmp_path, told, talk):
    first, second = json.dumps(talk(1)).encode(), json.dumps(talk(2)).encode()
    path = tmp_path / "conversations.json"
    path.write_bytes(b"[" + first.replace(b"question", "größe".encode("latin-1")) + b"," + second + b"]")

    skip, read = told(path)

    assert skip.what.why == "It is not written in UTF-8."
    assert "“Talk 1”" in skip.what.where
    assert read.what.title == "Talk 2"


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_byte_order_marks_are_understood(tmp_path, told, talk, coding):
    path = tmp_path / "conversations.json"
    mark = "\ufeff" if coding == "utf-16-be" else ""
    path.write_text(mark + json.dumps([talk(1)], ensure_ascii=False).replace("question", "größe 🙂"), encoding=coding)

    (read,) = told(path)

    assert read.what.turns[0].parts[0].text == "größe 🙂 1"


def test_garbage_between_conversations_is_named_and_the_rest_read(tmp_path, told, split, talk):
    path = tmp_path / "conversations.json"
    path.write_text("[" + json.dumps(talk(1)) + ", nonsense here, {broken: yes}, " + json.dumps(talk(2)) + "]")

    conversations, skipped = split(told(path))

    assert [one.title for one in conversations] == ["Talk 1", "Talk 2"]
    assert {skip.why for skip in skipped} == {"This is no JSON.", "It is no valid JSON."}


def test_halves_of_emoji_are_read_as_unknown_signs(tmp_path, told, talk):
    path = tmp_path / "conversations.json"
    path.write_text("[" + json.dumps(talk(1)).replace("question 1", r"cut \ud83d here \\ud83d and \ud83d\ude42") + "]")

    (read,) = told(path)

    assert read.what.turns[0].parts[0].text == r"cut � here \ud83d and 🙂"


def test_a_pipe_and_a_folder_of_links_are_not_followed(tmp_path, talk):
    os.mkfifo(tmp_path / "conversations.json")
    (tmp_path / "endless").symlink_to("/dev/zero")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "conversations.json").write_text(json.dumps([talk(1)]))
    (tmp_path / "linked").symlink_to(outside)

    assert recognise(tmp_path / "conversations.json") is None
    assert list(sources(tmp_path)) == []


def test_a_missing_source_is_named(tmp_path):
    for importer in importers():
        (read,) = importer.read(tmp_path / "gone.jsonl")
        assert "No such file" in read.what.why


def test_nothing_is_written_anywhere(zipped, told, talk, tmp_path, monkeypatch):
    path = zipped({"conversations.json": [talk(1)], "file-abc.png": b"x"})
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o500)
    try:
        assert told(path)
    finally:
        tmp_path.chmod(0o700)
    assert [entry.name for entry in tmp_path.iterdir()] == ["export.zip"]


SHAPES = {
    "claude": [
        {
            "uuid": "u",
            "name": "n",
            "chat_messages": [
                {
                    "uuid": "m",
                    "sender": "assistant",
                    "content": [
                        {"type": "text", "text": "t", "citations": [{"url": "x", "details": {"url": "y"}}]},
                        {"type": "tool_use", "id": "i", "name": "n", "input": {"a": 1}},
                        {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "r"}]},
                    ],
                    "attachments": [{"file_name": "f", "extracted_content": "e"}],
                    "files": [{"file_uuid": "q"}],
                }
            ],
        },
        {"uuid": "p", "name": "n", "prompt_template": "p", "docs": [{"filename": "f", "content": "c"}]},
    ],
    "chatgpt": [
        {
            "id": "g",
            "title": "t",
            "current_node": "b",
            "mapping": {
                "a": {"id": "a", "parent": None, "children": ["b"], "message": None},
                "b": {
                    "id": "b",
                    "parent": "a",
                    "children": ["c"],
                    "message": {
                        "author": {"role": "assistant"},
                        "content": {"content_type": "code", "text": "x", "parts": ["p", {"asset_pointer": "file-a"}]},
                        "recipient": "python",
                        "metadata": {"attachments": [{"id": "file-a", "name": "n"}], "citations": [{"metadata": {}}]},
                        "create_time": 1.5,
                    },
                },
                "c": {
                    "parent": "b",
                    "children": [],
                    "message": {"author": {"role": "tool"}, "content": {"content_type": "thoughts", "thoughts": [{}]}},
                },
            },
        }
    ],
    "gemini": [
        {
            "header": "Gemini Apps",
            "title": "Prompted x",
            "time": "2026-01-01T00:00:00Z",
            "products": ["Gemini Apps"],
            "safeHtmlItem": [{"html": "<p>x</p>"}],
            "attachedFiles": ["a"],
        },
        {
            "title": "t",
            "conversation_turns": [
                {"user_turn": {"prompt": "p"}},
                {"system_turn": {"text": [{"data": "d", "cards": [{"content": "c"}]}], "model_thoughts": [{}]}},
            ],
        },
    ],
    "plain": [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}], "tool_calls": [{"id": "a"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
        {"input": [{"type": "message", "role": "user", "content": "x"}]},
        {
            "format": "stillup conversation 1",
            "origin": "x",
            "id": "y",
            "messages": [
                {
                    "id": "1",
                    "role": "user",
                    "at": "2026-01-01T00:00:00+00:00",
                    "parts": [{"type": "result", "id": "a", "parts": [{"type": "text", "text": "t"}]}],
                    "attachments": [{"name": "a", "data": "aGk="}],
                }
            ],
        },
    ],
}
LINES = {
    "claude_code": {
        "type": "user",
        "uuid": "u",
        "parentUuid": None,
        "sessionId": "s",
        "timestamp": "2026-01-01T00:00:00Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}]},
    },
    "codex": {
        "type": "response_item",
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": {"type": "message", "id": "m", "role": "user", "content": [{"type": "input_text", "text": "t"}]},
    },
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([None, 1, "x", []]),
    st.just({"type": "text", "text": None}),
)


@st.composite
def spoiled(draw, shape):
    """The shape with one or two values that are something else, or are gone."""
    whole = copy.deepcopy(shape)
    for _ in range(draw(st.integers(1, 2))):
        places = []
        waiting = [whole]
        while waiting:
            here = waiting.pop()
            for key, value in here.items() if isinstance(here, dict) else enumerate(here):
                places.append((here, key))
                if isinstance(value, dict | list):
                    waiting.append(value)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()) or isinstance(holder, list):
            holder[key] = copy.deepcopy(draw(ODD))
        else:
            del holder[key]
    return whole


@pytest.mark.parametrize("kind", SHAPES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_of_any_other_kind_break_nothing(tmp_path, kind, data):
    path = tmp_path / f"{kind}.json"
    path.write_text(json.dumps(data.draw(spoiled(SHAPES[kind]))))
    for importer in importers():
        if importer.name in {"claude_export", "chatgpt_export", "gemini_takeout", "plain_json"}:
            for read in importer.read(path):
                assert isinstance(read.what, Conversation) or read.what.why


@pytest.mark.parametrize("kind", LINES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_transcript_lines_of_any_other_kind_break_nothing(tmp_path, kind, data):
    path = tmp_path / f"{kind}.jsonl"
    spoilt = data.draw(spoiled(LINES[kind]))
    path.write_text(json.dumps(spoilt) + "\n" + json.dumps(LINES[kind]) + "\n")
    for importer in importers():
        if importer.name == kind:
            *_, last = importer.read(path)
            assert last.mark.split("-")[2] == str(path.stat().st_size)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=400))
def test_bytes_of_any_kind_break_nothing(tmp_path, raw):
    for name in ("x.zip", "x.json", "x.jsonl", "x.html", "x.md"):
        path = tmp_path / name
        path.write_bytes((b"PK\x03\x04" if name == "x.zip" else b"") + raw)
        recognise(path)
        for importer in importers():
            for read in importer.read(path):
                assert isinstance(read.what, Conversation) or read.what.why


def test_a_page_of_tags_only_takes_little_memory(tmp_path, measured):
    path = tmp_path / "page.html"
    head = b'<html><body><div data-message-author-role="user">hello'
    path.write_bytes(head + b"<b>" * (10 * MIB))

    _conversations, _skipped, mib = measured(path)

    assert mib < LIMIT_MIB


def test_a_transcript_line_of_100_mb_is_named_and_the_next_one_read(tmp_path, measured, told):
    path = tmp_path / "s.jsonl"
    line = json.dumps(LINES["claude_code"] | {"message": {"role": "user", "content": "hello"}})
    with path.open("w") as file:
        file.write(line + '\n{"type": "user", "message": "')
        for _ in range(100):
            file.write("x" * MIB)
        file.write('"}\n' + line.replace('"u"', '"v"') + "\n")

    conversations, skipped, mib = measured(path)

    assert (conversations, skipped) == (1, 1)
    assert mib < LIMIT_MIB
    whole, _skip = told(path)
    assert [turn.id for turn in whole.what.turns] == ["u", "v"]


def test_a_folder_export_reads_like_its_zip(tmp_path, zipped, told, talk):
    members = {"conversations.json": [talk(1), talk(2)], "users.json": []}
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, body in members.items():
        (folder / name).write_text(json.dumps(body))

    assert list(sources(folder)) == [folder]
    assert [read.what for read in told(folder)] == [read.what for read in told(zipped(members))]


def test_overlong_zip_extra_fields_and_stored_members_are_read_when_cut(tmp_path, told, split, talk):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as file:
        file.writestr("conversations.json", json.dumps([talk(1), talk(2)]))
        file.writestr("users.json", "[]")
    path = tmp_path / "stored.zip"
    path.write_bytes(raw.getvalue()[:-40])

    conversations, _ = split(told(path))

    assert [one.title for one in conversations] == ["Talk 1", "Talk 2"]
    assert isinstance(path, Path)
