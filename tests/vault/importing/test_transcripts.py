"""Claude Code's and Codex' transcripts, while they are written. Shapes of Claude Code 2.1 and Codex 0.171."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import Call, Result, Role, Seal, Text, Thought
from stillup.vault.branch import newest_branch
from stillup.vault.importing import recognise, sources
from stillup.vault.importing.rows import Rows
from stillup.vault.values import Attachment


def code(kind: str, uuid: str, parent: str | None = None, **more) -> dict:
    line = {"parentUuid": parent, "isSidechain": False, "type": kind, "uuid": uuid, "cwd": "/home/me/work"}
    return line | {"timestamp": "2026-11-26T23:02:29.372Z", "sessionId": "session", "version": "2.1.332"} | more


def message(role: str, content, **more) -> dict:
    return {"message": {"role": role, "content": content, **more}}


TALK = [
    {"type": "queue-operation", "operation": "enqueue", "sessionId": "session", "content": "What does it say?"},
    code("user", "u1", **message("user", "What does it say?")),
    code("attachment", "x1", "u1", attachment={"type": "date", "date": "2026-11-26"}),
    code(
        "assistant", "a1", "x1", **message("assistant", [{"type": "thinking", "thinking": "Hm.", "signature": "c2k="}])
    ),
    code(
        "assistant",
        "a2",
        "a1",
        **message(
            "assistant",
            [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "note.txt"}}],
            model="claude-sonnet-5",
        ),
    ),
    code("user", "u2", "a2", **message("user", [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "hi"}])),
    {"type": "cost-state", "sessionId": "session", "totalCostUSD": 0.1},
    code("assistant", "a3", "u2", **message("assistant", [{"type": "text", "text": "It says hi."}])),
]


def rollout(kind: str, payload: dict) -> dict:
    return {"timestamp": "2026-11-27T03:29:47.234Z", "type": kind, "payload": payload}


def called(number: int) -> list[dict]:
    return [{"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {}}]


def gave(number: int) -> dict:
    block = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"r{number}"}
    return message("user", [block])


BOTH = [
    code("user", "u1", **message("user", "Read both.")),
    code("assistant", "a1", "u1", **message("assistant", [{"type": "text", "text": "So be it."}], id="m1")),
    code("assistant", "a2", "a1", **message("assistant", called(1), id="m1")),
    code("assistant", "a3", "a2", **message("assistant", called(2), id="m1")),
    code("user", "r2", "a3", **gave(2)),
    code("attachment", "x1", "r2", attachment={"type": "date"}),
    code("user", "r1", "a2", **gave(1)),
    code("attachment", "x2", "r1", attachment={"type": "date"}),
    code("attachment", "q1", "x2", attachment={"type": "queued_command", "prompt": "And hurry."}),
    code("assistant", "e1", "q1", isApiErrorMessage=True, **message("assistant", "API Error: Overloaded")),
    code("assistant", "b1", "e1", **message("assistant", [{"type": "text", "text": "They say r."}], id="m2")),
    code("user", "u2", "b1", **message("user", "And @note.txt?")),
    code(
        "attachment",
        "f1",
        "u2",
        attachment={
            "type": "file",
            "filename": "/home/me/work/note.txt",
            "displayPath": "note.txt",
            "content": {"type": "text", "file": {"content": "The day was cold."}},
        },
    ),
    code("assistant", "b2", "f1", **message("assistant", [{"type": "text", "text": "Cold."}], id="m3")),
]
"""As Claude Code 2.1.332 writes down an answer with two calls: what comes of each follows its own call."""
CODEX = [
    rollout("session_meta", {"id": "thread", "timestamp": "2026-11-27T03:29:47.195Z", "cwd": "/home/me/work"}),
    rollout("response_item", {"type": "message", "id": "m0", "role": "developer", "content": []}),
    rollout(
        "response_item",
        {
            "type": "message",
            "id": "m1",
            "role": "user",
            "content": [{"type": "input_text", "text": "<environment_context>\n  <cwd>/home/me</cwd>"}],
        },
    ),
    rollout("turn_context", {"model": "gpt-5.5", "cwd": "/home/me/work"}),
    rollout(
        "response_item",
        {"type": "message", "id": "m2", "role": "user", "content": [{"type": "input_text", "text": "Do it"}]},
    ),
    rollout("event_msg", {"type": "token_count", "info": {}}),
    rollout(
        "response_item",
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "e",
        },
    ),
    rollout(
        "response_item", {"type": "function_call", "id": "fc", "name": "ls", "arguments": '{"a":1}', "call_id": "c1"}
    ),
    rollout("response_item", {"type": "function_call_output", "id": "fo", "call_id": "c1", "output": "note.txt"}),
    rollout(
        "response_item",
        {"type": "message", "id": "m3", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
    ),
]


def write(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_session_of_claude_code_is_read_with_its_thoughts_calls_and_results(tmp_path, told):
    (read,) = told(write(tmp_path / "session.jsonl", TALK))

    talk = read.what
    assert (talk.origin, talk.id, talk.service) == ("claude_code", "session", "claude")
    assert (talk.title, talk.where) == ("What does it say?", "/home/me/work")
    assert [(turn.id, turn.role, turn.parent) for turn in talk.turns] == [
        ("u1", Role.USER, ""),
        ("a1", Role.ASSISTANT, "u1"),
        ("a2", Role.ASSISTANT, "a1"),
        ("u2", Role.USER, "a2"),
        ("a3", Role.ASSISTANT, "u2"),
    ]
    assert [turn.parts[0] for turn in talk.turns] == [
        Text(text="What does it say?"),
        Thought(text="Hm.", seal=Seal(origin=Protocol.ANTHROPIC, data="c2k=")),
        Call(id="toolu_1", name="Read", arguments='{"file_path": "note.txt"}'),
        Result(id="toolu_1", name="Read", parts=(Text(text="hi"),)),
        Text(text="It says hi."),
    ]
    assert talk.turns[2].model == "claude-sonnet-5"


def test_a_session_of_codex_is_read_without_what_the_program_says_unasked(tmp_path, told):
    (read,) = told(write(tmp_path / "rollout-x.jsonl", CODEX))

    talk = read.what
    assert (talk.origin, talk.id, talk.title, talk.where) == ("codex", "thread", "Do it", "/home/me/work")
    assert [turn.parts[0] for turn in talk.turns] == [
        Text(text="Do it"),
        Thought(text="Hm.", seal=Seal(origin=Protocol.RESPONSES, data="e", id="rs_1")),
        Call(id="c1", name="ls", arguments='{"a":1}'),
        Result(id="c1", name="ls", parts=(Text(text="note.txt"),)),
        Text(text="Done."),
    ]
    assert talk.turns[-1].model == "gpt-5.5"


def test_the_calls_of_one_answer_and_their_results_stand_behind_each_other(tmp_path, told):
    (read,) = told(write(tmp_path / "session.jsonl", BOTH))

    assert [turn.id for turn in newest_branch(read.what.turns)] == [
        *("u1", "a1", "a2", "a3", "r2", "r1", "q1", "b1", "u2", "f1", "b2")
    ]


def test_what_was_said_while_the_model_worked_and_files_given_along_are_kept_and_errors_are_not(tmp_path, told):
    (read,) = told(write(tmp_path / "session.jsonl", BOTH))

    turns = {turn.id: turn for turn in read.what.turns}
    assert turns["q1"].parts == (Text(text="And hurry."),)
    assert turns["f1"].attachments == (Attachment(name="note.txt", text="The day was cold."),)
    assert "e1" not in turns


def test_another_question_in_the_place_of_one_is_a_branch(tmp_path, told):
    other = code("user", "u3", "b1", **message("user", "Something else."))
    (read,) = told(write(tmp_path / "session.jsonl", [*BOTH, other]))

    assert [turn.id for turn in newest_branch(read.what.turns)][-2:] == ["b1", "u3"]


def forked(thread: str, base: str, end: int, said: str) -> list[dict]:
    copied = {"thread_id": base, "end_ordinal_exclusive": 9, "end_byte_offset": end}
    content = [{"type": "input_text", "text": said}]
    return [
        rollout("session_meta", {"id": thread, "forked_from_id": base, "history_base": copied}),
        rollout("response_item", {"type": "message", "role": "user", "content": content}),
    ]


def test_a_session_of_codex_that_goes_on_with_a_copy_of_another_begins_with_what_was_said_there(tmp_path, told):
    first, second, third = (
        tmp_path / "sessions" / day / f"rollout-1-{name}.jsonl"
        for day, name in (("26", "aaaaaaaa"), ("27", "bbbbbbbb"), ("27", "cccccccc"))
    )
    for day in {first.parent, second.parent}:
        day.mkdir(parents=True)
    meta, *rest = CODEX
    write(first, [meta | {"payload": meta["payload"] | {"id": "aaaaaaaa"}}, *rest])
    before = first.stat().st_size
    with first.open("a") as file:
        file.write(json.dumps(rest[-1]) + "\n")
    write(second, forked("bbbbbbbb", "aaaaaaaa", before, "On a fork"))
    write(third, forked("cccccccc", "bbbbbbbb", second.stat().st_size, "And a fork of it"))

    (read,) = told(third)

    assert (read.what.id, read.what.title) == ("cccccccc", "Do it")
    assert [part.text for turn in read.what.turns for part in turn.parts if isinstance(part, Text)] == [
        *("Do it", "Done.", "On a fork", "And a fork of it")
    ]
    assert len({turn.id for turn in read.what.turns}) == len(read.what.turns)
    assert told(third, read.mark) == []


@pytest.mark.parametrize(
    ("base", "why"),
    [("dddddddd", "is not there"), ("../../etc", "is not there"), ("bbbbbbbb", "is too long to be read once more")],
)
def test_a_copy_of_what_is_not_there_or_of_itself_is_named_and_the_rest_read(tmp_path, told, split, base, why):
    path = write(tmp_path / "rollout-1-bbbbbbbb.jsonl", forked("bbbbbbbb", base, 300, "On a fork"))

    (talk,), (skip,) = split(told(path))

    assert [part.text for turn in talk.turns for part in turn.parts][-1] == "On a fork"
    assert skip.why == f"It goes on with a copy of another session, which {why}."


@pytest.mark.parametrize(
    ("lines", "name"), [(TALK, "session.jsonl"), (BOTH, "session.jsonl"), (CODEX, "rollout-x.jsonl")]
)
def test_a_transcript_that_is_being_written_is_read_once_and_half_a_line_waits(tmp_path, lines, name):
    path = tmp_path / name
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(raw[:700])
    importer = recognise(path)
    mark, read_so_far = "", []
    for end in [*range(700, len(raw), 97), len(raw), len(raw)]:
        path.write_bytes(raw[:end])
        for read in importer.read(path, mark):
            mark = read.mark
            read_so_far += [(read.what.id, turn) for turn in read.what.turns]

    (whole,) = importer.read(path)
    assert [turn.id for _, turn in read_so_far] == [turn.id for turn in whole.what.turns]
    assert {key for key, _ in read_so_far} == {whole.what.id}
    assert [turn.parent for _, turn in read_so_far] == [turn.parent for turn in whole.what.turns]
    assert [turn.model for _, turn in read_so_far] == [turn.model for turn in whole.what.turns]


def test_a_transcript_that_was_written_anew_is_read_from_its_beginning(tmp_path, told):
    path = write(tmp_path / "session.jsonl", TALK)
    mark = told(path)[-1].mark
    write(path, [line | {"sessionId": "other"} for line in TALK])

    (read,) = told(path, mark)

    assert read.what.id == "other"


def test_a_broken_line_is_named_and_the_others_read(tmp_path, told, split):
    path = tmp_path / "session.jsonl"
    good = [json.dumps(line) for line in TALK]
    path.write_text("\n".join([*good[:2], "{broken", "[1]", *good[2:]]) + "\n")

    (talk,), skipped = split(told(path))

    assert len(talk.turns) == 5
    assert len(skipped) == 2
    assert all(skip.where.startswith("session.jsonl › before byte ") for skip in skipped)


def test_a_subagent_is_a_conversation_of_its_own(tmp_path, told, split):
    side = code("user", "s1", isSidechain=True, agentId="a77", **message("user", "Look around"))
    (main, other), _ = split(told(write(tmp_path / "session.jsonl", [*TALK, side])))

    assert (main.id, other.id) == ("session", "session/a77")
    assert other.title == "Look around"


def test_a_title_that_comes_later_is_told(tmp_path, told):
    path = write(tmp_path / "session.jsonl", TALK)
    mark = told(path)[-1].mark
    with path.open("a") as file:
        file.write(json.dumps({"type": "ai-title", "aiTitle": "A note", "sessionId": "session"}) + "\n")

    (read,) = told(path, mark)

    assert (read.what.id, read.what.title, read.what.turns) == ("session", "A note", ())


def test_what_follows_a_summing_up_follows_what_was_before_it(tmp_path, told):
    after = code("user", "u9", None, logicalParentUuid="a3", isCompactSummary=True, **message("user", "So far: …"))
    (read,) = told(write(tmp_path / "session.jsonl", [*TALK, after]))

    assert read.what.turns[-1].parent == "a3"


def test_a_folder_gives_its_transcripts_one_by_one(tmp_path):
    for name, lines in (
        ("projects/a/one.jsonl", TALK),
        ("projects/b/two.jsonl", TALK),
        ("sessions/rollout-1.jsonl", CODEX),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, lines)
    (tmp_path / "projects/notes.txt").write_text("nothing")

    assert [path.name for path in sources(tmp_path)] == ["one.jsonl", "two.jsonl", "rollout-1.jsonl"]


def test_a_long_transcript_comes_in_bounded_pieces(tmp_path, told):
    lines = [TALK[1] | {"uuid": f"u{n}"} for n in range(4_500)]
    reads = told(write(tmp_path / "session.jsonl", lines))

    assert [len(read.what.turns) for read in reads] == [2_000, 2_000, 500]
    again = told(tmp_path / "session.jsonl", reads[0].mark)
    assert [turn.id for read in again for turn in read.what.turns] == [f"u{n}" for n in range(2_000, 4_500)]


def test_of_a_file_of_countless_lines_only_the_newest_are_remembered():
    rows, most = Rows(), 210_000
    for n in range(most):
        rows.passed(f"p{n}", f"a{n - 1}")
        rows.add(f"a{n}", f"p{n}", n, answer="one")
        if n % 10_000 == 0:
            rows.forget()
    rows.forget()

    assert 100_000 <= sum(f"p{n}" in rows for n in range(most)) < most
    assert sum(f"a{n}" in rows for n in range(most)) == 4_000
    assert rows.add("z", f"p{most - 1}", most) == f"a{most - 1}"


@pytest.mark.parametrize("field", ["uuid", "parentUuid", "sessionId", "agentId"])
def test_a_name_without_end_is_not_kept(tmp_path, told, split, field):
    (read,), (skipped,) = split(told(write(tmp_path / "session.jsonl", [TALK[1], TALK[1] | {field: "x" * 300_000}])))

    assert len(read.turns) == 1
    assert skipped.why == "Its id is far too long."
