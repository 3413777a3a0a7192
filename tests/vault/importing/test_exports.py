"""What the exports of Claude, ChatGPT and Gemini say, and going on in the middle of one."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.dialects.neutral import Call, Citation, Result, Role, Text, Thought
from stillup.vault.importing import recognise, size_bytes
from stillup.vault.values import Attachment, Conversation


def node(key, parent, children, role=None, content=None, to="all", **metadata):
    """A node of ChatGPT's tree."""
    message = None
    if role:
        message = {"id": key, "author": {"role": role}, "create_time": 1_700_000_000.5, "content": content}
        message |= {"recipient": to, "metadata": metadata}
    return {"id": key, "parent": parent, "children": children, "message": message}


def plain(text):
    return {"content_type": "text", "parts": [text]}


def tree(**nodes):
    return {"title": "T", "create_time": 1.5, "current_node": "shown", "conversation_id": "c", "mapping": nodes}


# -- Claude


def test_a_talk_with_claude_is_read_with_its_tools_and_files(zipped, told, talk, says):
    whole = talk(1, project={"uuid": "p", "name": "Proj"}, model="claude-x")
    answer = says("assistant", "", 2, parent_message_uuid="message-1")
    answer["content"] = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "One.", "citations": [{"details": {"type": "web", "url": "https://a.example/"}}]},
        {"type": "tool_use", "id": None, "name": "artifacts", "input": {"a": 1}},
        {"type": "tool_result", "tool_use_id": None, "name": "artifacts", "content": [{"type": "text", "text": "ok"}]},
        {"type": "token_budget"},
        {"type": "hologram"},
        {"type": "text", "text": "Two."},
    ]
    file = "0a1b2c3d-0000-4000-8000-000000000001"
    whole["chat_messages"] = [
        says(
            "human",
            "look",
            1,
            attachments=[{"file_name": "n.txt", "extracted_content": "note"}],
            files=[{"file_name": "p.png", "file_uuid": file}],
        ),
        answer,
        says("robot", "?", 3),
    ]

    first, *skips = told(zipped({"conversations.json": [whole], f"files/{file}/{file}.png": b"data"}))

    asked, *answered = first.what.turns
    assert (first.what.service, first.what.where, first.what.began_s) == ("claude", "Proj", 1_767_323_045.0)
    assert asked.attachments == (Attachment(name="n.txt", text="note"), Attachment(name="p.png", data=b"data"))
    assert [(turn.id, turn.role, turn.parent) for turn in answered] == [
        ("message-2/0", Role.ASSISTANT, "message-1"),
        ("message-2/1", Role.USER, "message-2/0"),
        ("message-2", Role.ASSISTANT, "message-2/1"),
    ]
    assert answered[0].parts == (
        Thought(text="Hm."),
        Text(text="One.", citations=(Citation(url="https://a.example/"),)),
        Call(id="message-2/2", name="artifacts", arguments='{"a":1}'),
    )
    assert answered[1].parts == (Result(id="message-2/2", name="artifacts", parts=(Text(text="ok"),)),)
    assert [skip.what.why for skip in skips] == [
        "A part of the kind “hologram” is not known.",
        "Who says this message is not known.",
    ]


def test_a_project_moves_over_with_its_instructions_and_files(zipped, told):
    project = {
        "uuid": "p",
        "name": "Proj",
        "prompt_template": "Be brief.",
        "docs": [{"filename": "a.md", "content": "x"}],
    }
    empty = {"uuid": "q", "name": "Nothing", "prompt_template": "", "docs": []}

    (read,) = told(zipped({"projects.json": [project, empty], "users.json": []}))

    (turn,) = read.what.turns
    assert (read.what.id, turn.role, turn.parts) == ("project/p", Role.SYSTEM, (Text(text="Be brief."),))
    assert turn.attachments == (Attachment(name="a.md", text="x"),)


def test_an_export_of_a_kind_that_is_not_known_is_named(zipped, told):
    (skip,) = told(zipped({"conversations.json": [{"uuid": "x", "name": "New", "threads": []}], "users.json": []}))

    assert skip.what.where == "conversations.json › “New” › x"
    assert skip.what.why == "It has no chat_messages: a kind of export that is not known."


# -- ChatGPT


def test_a_talk_with_chatgpt_is_read_branch_by_branch_the_shown_one_last(zipped, told):
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbC1"}
    talk = tree(
        root=node("root", None, ["sys"]),
        sys=node("sys", "root", ["ask"], "system", plain("")),
        ask=node(
            "ask",
            "sys",
            ["call", "old"],
            "user",
            {"content_type": "multimodal_text", "parts": ["look", picture]},
            attachments=[{"id": "file-AbC1", "name": "..\\x.png", "mime_type": "image/png"}],
        ),
        old=node("old", "ask", [], "assistant", plain("Old.")),
        call=node("call", "ask", ["ran"], "assistant", {"content_type": "code", "text": "print(1)"}, to="python"),
        ran=node("ran", "call", ["shown"], "tool", {"content_type": "execution_output", "text": "1"}),
        shown=node(
            "shown",
            "ran",
            [],
            "assistant",
            plain("It is 1 \ue200cite\ue202turn0\ue201."),
            model_slug="gpt-5",
            citations=[{"metadata": {"url": "https://a.example/", "title": "A"}}],
        ),
        ring=node("ring", "ring2", ["ring2"], "user", plain("lost")),
        ring2=node("ring2", "ring", ["ring"], "user", plain("lost too")),
        odd=node("odd", "root", [], "user", {"content_type": "hologram"}),
    )

    read, skip = told(zipped({"chat.html": b"", "conversations.json": [talk], "file-AbC1-x.png": b"\x89PNG"}))

    turns = {turn.id: turn for turn in read.what.turns}
    assert list(turns) == ["ring", "ring2", "ask", "old", "call", "ran", "shown"]
    assert turns["ask"].attachments == (Attachment(name="x.png", media_type="image/png", data=b"\x89PNG"),)
    assert turns["call"].parts == (Call(id="call", name="python", arguments='{"input":"print(1)"}'),)
    assert turns["ran"].parts == (Result(id="call", name="python", parts=(Text(text="1"),)),)
    assert turns["shown"].parts == (Text(text="It is 1 .", citations=(Citation(url="https://a.example/", title="A"),)),)
    assert (turns["shown"].model, turns["shown"].parent, turns["ask"].parent) == ("gpt-5", "ran", "root")
    assert skip.what.why == "A message of the kind “hologram” is not known."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"content_type": "code", "language": "python", "text": "x"}, "```python\nx\n```"),
        ({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]}, "s\n\nc"),
        ({"content_type": "tether_quote", "url": "https://a.example/", "title": "A", "text": "t"}, "t"),
        ({"content_type": "user_editable_context", "user_instructions": "Be brief."}, "Be brief."),
        ({"content_type": "system_error", "text": "broken"}, "broken"),
        ({"content_type": "new_kind", "text": "words"}, "words"),
        ({"content_type": "multimodal_text", "parts": [{"content_type": "audio_transcription", "text": "t"}]}, "t"),
    ],
)
def test_kinds_of_messages_of_chatgpt_are_read(zipped, told, content, said):
    (read,) = told(zipped({"conversations.json": [tree(shown=node("shown", None, [], "assistant", content))]}))

    assert read.what.turns[0].parts[0].text == said


def test_conversations_in_several_files_are_read_in_order(zipped, told):
    one = tree(shown=node("shown", None, [], "user", plain("x")))
    members = {f"conversations-{n:03}.json": [one | {"conversation_id": str(n)}] for n in (2, 0, 1)}

    assert [read.what.id for read in told(zipped(members))] == ["0", "1", "2"]


# -- Gemini


def test_activities_of_gemini_are_read_and_what_was_no_question_is_not(zipped, told):
    asked = {"header": "Gemini Apps", "title": "Prompted what is x", "time": "2026-02-03T10:04:05.123Z"}
    answer = {"safeHtmlItem": [{"html": "<p>It is <b>y</b>:</p><ul><li>a</li><li>b</li></ul>"}]}
    used = {"header": "Gemini Apps", "title": "Used Gemini Apps", "time": "2026-02-03T10:04:05.123Z"}
    search = {"header": "Search", "title": "Searched for x", "time": "2026-02-03T10:04:05.123Z"}

    (read,) = told(zipped({"Takeout/My Activity/Gemini Apps/My Activity.json": [asked | answer, used, search]}))

    assert [turn.parts[0].text for turn in read.what.turns] == ["what is x", "It is **y**:\n\n- a\n- b"]
    assert (read.what.title, read.what.began_s) == ("what is x", 1_770_113_045.123)


def test_the_page_of_activities_says_the_same(zipped, told):
    page = (
        '<html><body><div class="outer-cell mdl-cell mdl-cell--12-col"><div class="mdl-grid"><div class="header-cell">'
        '<p>Gemini Apps<br></p></div><div class="content-cell mdl-cell mdl-typography--body-1">'
        "Prompted\xa0what is x<br>"
        "Feb 3, 2026, 10:04:05\u202fAM UTC<br><p>It is <b>y</b>.</p></div></div></div></body></html>"
    )
    asked = {"header": "Gemini Apps", "title": "Prompted\xa0what is x", "time": "2026-02-03T10:04:05.123Z"}
    (read,) = told(zipped({"Takeout/My Activity/Gemini Apps/MyActivity.html": page.encode()}))
    (same,) = told(zipped({"Takeout/My Activity/Gemini Apps/MyActivity.json": [asked]}, "json.zip"))

    assert [turn.parts[0].text for turn in read.what.turns] == ["what is x", "It is **y**."]
    assert read.what.began_s == 1_770_113_045.0
    assert read.what.origin == same.what.origin


def test_a_conversation_of_a_workspace_account_is_read(tmp_path, told):
    turns = [
        {"user_turn": {"prompt": "a"}},
        {"system_turn": {"text": [{"data": "b"}], "model_thoughts": [{"headline": "h"}]}},
    ]
    path = tmp_path / "conversation_1.txt"
    path.write_text(json.dumps({"title": "W", "creation_time": "2026-01-01T00:00:00Z", "conversation_turns": turns}))

    (read,) = told(path)

    assert [turn.parts for turn in read.what.turns] == [(Text(text="a"),), (Thought(text="h"), Text(text="b"))]


# -- all of them


def test_going_on_behind_any_mark_gives_what_is_left(zipped, told, talk):
    path = zipped({"conversations.json": [talk(n) for n in range(7)], "projects.json": [{"uuid": "p", "docs": [{}]}]})
    whole = told(path)
    assert [read.done_bytes for read in whole] == sorted(read.done_bytes for read in whole)
    assert whole[-1].done_bytes <= size_bytes(path)
    for n, read in enumerate(whole):
        assert [one.what for one in told(path, read.mark)] == [one.what for one in whole[n + 1 :]]


def test_a_mark_of_another_export_under_the_same_name_begins_anew(zipped, told, talk):
    mark = told(zipped({"conversations.json": [talk(1), talk(2)]}))[0].mark

    assert [read.what.id for read in told(zipped({"conversations.json": [talk(3), talk(4)]}), mark)] == [
        "talk-3",
        "talk-4",
    ]


def test_many_files_of_a_conversation_come_in_pieces_of_which_the_last_moves_the_mark(zipped, told):
    names = [f"file-{n:03}" for n in range(6)]
    nodes = {
        name: node(
            name, names[n - 1] if n else None, names[n + 1 : n + 2], "user", plain(name), attachments=[{"id": name}]
        )
        for n, name in enumerate(names)
    }
    reads = told(
        zipped({"conversations.json": [tree(**nodes)]} | {f"{name}-a.bin": bytes(6_000_000) for name in names})
    )

    assert [len(read.what.turns) for read in reads] == [2, 2, 2]
    assert [told_mark.split("-")[1:] for told_mark in (read.mark for read in reads)] == [
        ["0", "0"],
        ["0", "0"],
        ["1", "0"],
    ]
    assert len({(read.what.origin, read.what.id) for read in reads}) == 1


def test_a_file_that_is_too_large_is_named_and_its_message_kept(zipped, told):
    one = tree(shown=node("shown", None, [], "user", plain("x"), attachments=[{"id": "file-big", "name": "big.mov"}]))

    read, skip = told(zipped({"conversations.json": [one], "file-big-big.mov": bytes(30_000_000)}))

    assert read.what.turns[0].attachments == (Attachment(name="big.mov", media_type="video/quicktime"),)
    assert skip.what.why == "Its file “big.mov” is left out: it has 30 MB, too large"
    assert isinstance(read.what, Conversation)


def test_other_zips_and_files_are_not_taken_for_exports(zipped, tmp_path):
    assert recognise(zipped({"readme.txt": b"hello", "data.json": {"a": 1}})) is None
    for name, body in (("package.json", '{"name": "x", "version": "1"}'), ("log.jsonl", '{"level": "info"}\n')):
        (tmp_path / name).write_text(body)
        assert recognise(tmp_path / name) is None
