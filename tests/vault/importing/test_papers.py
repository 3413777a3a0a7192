"""Saved pages, Markdown and plain JSON."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.dialects.neutral import Call, Citation, Result, Role, Text, Thought
from stillup.vault.export import FORMATS, written
from stillup.vault.importing import recognise, sources
from stillup.vault.values import Attachment, Conversation, Turn

CHATGPT = """<!DOCTYPE html>
<!-- saved from url=(0060)https://chatgpt.com/c/0a1b2c3d-0000-4000-8000-000000000001 -->
<html><head><title>My talk | ChatGPT</title><style>p {}</style></head><body><nav>menu</nav>
<div data-message-author-role="user" data-message-id="m1"><div class="whitespace-pre-wrap">Hello
  there</div></div>
<div data-message-author-role="assistant" data-message-id="m2" data-message-model-slug="gpt-5"><div class="markdown">
<p>See <a href="https://a.example/">here</a>,
not <a href="javascript:alert(1)">there</a>, and <code>x</code></p>
<ul><li>one</li><li>two<ol><li>deep</li></ol></li></ul>
<pre><div>python<button>Copy</button></div><code class="language-python">if x &lt; 2:


    print(1)</code></pre><img src="data:image/png;base64,iVBORw0KGgo=" alt="../pic.png">
<img src="./page_files/beside.png"><img src="../../etc/passwd"></div></div></body></html>"""


def test_a_saved_page_of_chatgpt_is_read(tmp_path, told):
    path = tmp_path / "page.html"
    path.write_text(CHATGPT)
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files" / "beside.png").write_bytes(b"picture")

    (read,) = told(path)

    asked, answered = read.what.turns
    assert (read.what.id, read.what.title, read.what.service) == (
        "0a1b2c3d-0000-4000-8000-000000000001",
        "My talk",
        "chatgpt",
    )
    assert asked.parts == (Text(text="Hello\n  there"),)
    assert answered.parts[0].text == (
        "See [here](https://a.example/), not there, and `x`\n\n- one\n- two\n  1. deep\n\n"
        "```python\nif x < 2:\n\n\n    print(1)\n```"
    )
    assert (answered.id, answered.model) == ("m2", "gpt-5")
    assert answered.attachments == (
        Attachment(name="pic.png", media_type="image/png", data=b"\x89PNG\r\n\x1a\n"),
        Attachment(name="beside.png", data=b"picture"),
    )
    assert told(path, read.mark) == []


@pytest.mark.parametrize(
    ("body", "service"),
    [
        (
            '<div data-testid="user-message"><p>Why?</p></div><div class="font-claude-response x"><p>So.</p></div>',
            "claude",
        ),
        ("<user-query><p>Why?</p></user-query><model-response><p>So.</p></model-response>", "gemini"),
    ],
)
def test_saved_pages_of_claude_and_gemini_are_read(tmp_path, told, body, service):
    path = tmp_path / "page.html"
    path.write_text(f"<html><body>{body}</body></html>")

    (read,) = told(path)

    assert read.what.service == service
    assert [(turn.role, turn.parts[0].text) for turn in read.what.turns] == [
        (Role.USER, "Why?"),
        (Role.ASSISTANT, "So."),
    ]


def test_a_page_that_was_saved_before_it_had_loaded_is_named(tmp_path, told):
    path = tmp_path / "page.html"
    path.write_text("<html><script>x = 'data-message-author-role'</script></html>")

    (skip,) = told(path)

    assert skip.what.why.startswith("There is no conversation in this page")


TALK = Conversation(
    origin="claude_export",
    id="c1",
    title="A talk",
    service="claude",
    where="Proj",
    began_s=1_735_689_600.0,
    changed_s=1_735_689_700.5,
    turns=(
        Turn(
            id="a",
            role=Role.USER,
            parts=(Text(text="Hi\n```\n## You\n```"),),
            at_s=1_735_689_600.0,
            attachments=(Attachment(name="x.png", media_type="image/png", data=b"\x89PNG"),),
        ),
        Turn(
            id="b",
            role=Role.ASSISTANT,
            parts=(
                Thought(text="hm"),
                Text(text="Let me look.", citations=(Citation(url="https://a.example"),)),
                Call(id="t1", name="ls", arguments='{"a":1}'),
            ),
            model="claude-x",
            parent="a",
        ),
        Turn(id="c", role=Role.USER, parts=(Result(id="t1", name="ls", parts=(Text(text="files"),)),), parent="b"),
        Turn(id="d", role=Role.ASSISTANT, parts=(Text(text="Done."),), model="claude-x", parent="c"),
    ),
)


def test_what_the_vault_has_written_as_json_comes_back_as_it_was(tmp_path, told):
    path = tmp_path / "x.json"
    path.write_bytes(written(TALK, "json", "abc123"))

    assert [read.what for read in told(path)] == [TALK]


@pytest.mark.parametrize("how", [how for how in FORMATS if how != "json"])
def test_what_the_vault_has_written_in_any_other_form_comes_back_in_its_words(tmp_path, told, how):
    path = tmp_path / f"x.{FORMATS[how]}"
    path.write_bytes(written(TALK, how, "abc123"))

    (read,) = told(path)

    assert [turn.role for turn in read.what.turns] == [Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT]
    assert read.what.turns[0].parts[0].text.startswith("Hi\n```\n## You\n```")
    assert read.what.turns[-1].parts == (Text(text="Done."),)


def test_a_chat_that_was_pasted_is_split_by_who_speaks(tmp_path, told):
    path = tmp_path / "chat.md"
    path.write_text(
        '---\ntitle: "From a chat"\ndate: 2025-03-04\n---\nYou said:\nwhat is it\nChatGPT said:\nit is this\n'
        "You are right.\n**User:** and now?\n### Claude\nthat\n"
    )

    (read,) = told(path)

    assert (read.what.title, read.what.began_s) == ("From a chat", 1_741_046_400.0)
    assert [(turn.role, turn.parts[0].text) for turn in read.what.turns] == [
        (Role.USER, "what is it"),
        (Role.ASSISTANT, "it is this\nYou are right."),
        (Role.USER, "and now?"),
        (Role.ASSISTANT, "that"),
    ]


def test_a_note_is_one_message_and_is_taken_from_a_folder_only_by_name(tmp_path, told):
    path = tmp_path / "note.md"
    path.write_bytes(b"# Note\r\n\r\njust words\r\n")

    assert list(sources(tmp_path)) == []
    (read,) = told(path)

    assert (read.what.title, read.what.turns[0].parts) == ("Note", (Text(text="# Note\n\njust words"),))


def test_a_folder_of_everything_gives_each_export_and_file_once(tmp_path, told):
    claude = [{"uuid": "a", "name": "A", "chat_messages": []}]
    chatgpt = [{"id": "b", "mapping": {}}]
    for name, body in (
        ("claude/conversations.json", claude),
        ("claude/projects.json", []),
        ("chatgpt/data/conversations.json", chatgpt),
        ("chatgpt/data/user-x/file-1.json", {"messages": [{"role": "user", "content": "x"}]}),
        ("chatgpt/data/file-notes.json", {"messages": [{"role": "user", "content": "x"}]}),
        ("chatgpt/data/chat.json", {"messages": [{"role": "user", "content": "x"}]}),
        ("Takeout/My Activity/Gemini Apps/MyActivity.json", [{"header": "Gemini Apps", "title": "Prompted x"}]),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(body))
    (tmp_path / "page.html").write_text(CHATGPT)

    found = [path.relative_to(tmp_path).as_posix() for path in sources(tmp_path)]

    assert found == ["page.html", "Takeout/My Activity/Gemini Apps/MyActivity.json", "chatgpt/data", "claude"]


def test_markdown_that_is_not_in_utf8_is_named(tmp_path, told):
    path = tmp_path / "note.md"
    path.write_bytes("größe".encode("latin-1"))

    (skip,) = told(path)

    assert skip.what.why == "It is not written in UTF-8."


@pytest.mark.parametrize(
    "body",
    [
        '[{"role": "user", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]',
        '{"messages": [{"sender": "Human", "text": "a", "id": "1"}, {"author": {"role": "ai"}, "content": "b"}]}',
        '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}',
        '{"role": "user", "content": "a"}\n{"role": "assistant", "content": "b"}\n',
    ],
)
def test_lists_of_messages_are_read_as_people_write_them(tmp_path, told, body):
    path = tmp_path / "chat.json"
    path.write_text(body)

    reads = told(path)

    assert len({read.what.id for read in reads}) == 1
    said = [(turn.role, turn.parts[0].text) for read in reads for turn in read.what.turns]
    assert said == [(Role.USER, "a"), (Role.ASSISTANT, "b")]


def test_each_line_may_be_a_conversation(tmp_path, told):
    path = tmp_path / "tune.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "r"}]} for n in range(3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert recognise(path).name == "plain_json"
    assert [read.what.title for read in told(path)] == ["q0", "q1", "q2"]
