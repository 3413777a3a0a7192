"""The gateway's journal as a source of conversations."""

from __future__ import annotations

import json

import pytest

from stillup.clock import SystemClock
from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.dialects.neutral import Call, Result, Role
from stillup.gateway.journal import Journal, Settings
from stillup.vault.exchanges import GatewayJournal
from stillup.vault.intake import take
from stillup.vault.sources import sources_of
from stillup.vault.values import Skipped
from tests.vault.talks import NOW_S, texts_of

SSE = "text/event-stream"
JSON = "application/json"


class Kept:
    """A journal that exchanges are written into, as the gateway does."""

    def __init__(self, folder):
        self.folder = folder
        self._at_s = NOW_S
        self.journal = Journal.open(folder, NOW_S, Settings(sync="none"), lambda _: None)

    def exchange(
        self,
        name,
        body,
        answer=b"",
        *,
        protocol=Protocol.ANTHROPIC,
        kind=JSON,
        status=200,
        ends=True,
        went_on=(),
        **more,
    ):
        self._at_s += 60
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        ask = Ask(
            protocol=protocol, operation=more.pop("operation", Operation.GENERATE), method="POST", path="/v1/x",
            headers=((b"user-agent", b"client/1.0 (x)"),), body=raw, model="claude-x", **more,
        )  # fmt: skip
        entry = self.journal.begin(ask, name, self._at_s)
        if answer:
            target = Target("a", "claude-x", protocol)
            self.journal.answering(entry, 0, target, self._at_s, status=status, content_type=kind)
            self.journal.forwarded(entry, answer)
            for n, model in enumerate(went_on, start=1):
                self.journal.seam(
                    entry, n, Target("b", model, protocol), self._at_s,
                    model=model, broken=n - 1, fault="cut", characters=2, form="instruct",
                )  # fmt: skip
        if ends:
            self.journal.ended(entry, "ok", self._at_s + 2, status=status)
        self.journal.commit(self._at_s + 2)


def asked(*texts):
    roles = ("user", "assistant")
    return {"model": "claude-x", "messages": [{"role": roles[n % 2], "content": t} for n, t in enumerate(texts)]}


def said(text):
    return json.dumps(
        {"id": "m", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
         "content": [{"type": "text", "text": text}]}
    ).encode()  # fmt: skip


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "journal")


@pytest.fixture
def taken(kept, vault):
    def all_of_it():
        return take(vault, kept.folder, GatewayJournal(), SystemClock())

    return all_of_it


def test_its_folder_is_recognised(kept, tmp_path):
    kept.exchange("req_1", asked("hi"), said("hello"))
    (source,) = sources_of(kept.folder)
    assert source.importer.name == "gateway"
    assert list(sources_of(tmp_path)) == []


def test_exchanges_that_repeat_their_history_are_one_conversation(kept, taken, vault):
    kept.exchange("req_1", asked("one"), said("two"))
    kept.exchange("req_2", asked("one", "two", "three"), said("four"))
    taken()
    kept.exchange("req_3", asked("one", "two", "three", "four", "five"), said("six"))
    assert taken().resumed
    (about,) = vault.newest(9)
    assert texts_of(vault.load(about)) == ["one", "two", "three", "four", "five", "six"]
    assert (about.title, about.where) == ("one", "client/1.0")
    assert vault.load(about).turns[1].model == "claude-x"


def test_an_answer_that_others_ended_names_all_who_wrote_it(kept, taken, vault):
    kept.exchange("req_1", asked("one"), said("two"), went_on=("gpt-6", "gpt-6", "m"))
    taken()
    (about,) = vault.newest(9)
    assert vault.load(about).turns[-1].model == "claude-x, then gpt-6, then m"


def test_one_that_still_runs_is_left_for_later_with_all_behind_it(kept, taken, vault):
    kept.exchange("req_1", asked("done"), said("answer"))
    kept.exchange("req_2", asked("still running"), ends=False)
    kept.exchange("req_3", asked("behind it"), said("answer"))
    taken()
    assert [about.id for about in vault.newest(9)] == ["req_1"]


@pytest.mark.parametrize(
    ("protocol", "body", "events"),
    [
        (
            Protocol.OPENAI,
            {"model": "x", "messages": [{"role": "user", "content": "hi"}]},
            [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("hel", "lo")],
        ),
        (
            Protocol.GEMINI,
            {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
            [{"candidates": [{"content": {"role": "model", "parts": [{"text": part}]}}]} for part in ("hel", "lo")],
        ),
        (
            Protocol.RESPONSES,
            {"model": "x", "input": "hi"},
            [{"type": "response.output_text.delta", "item_id": "1", "output_index": 0, "delta": part}
             for part in ("hel", "lo")],
        ),
    ],
)  # fmt: skip
def test_every_protocol_is_read_as_far_as_its_answer_came(kept, taken, vault, protocol, body, events):
    stream = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    kept.exchange("req_1", body, stream, protocol=protocol, kind=SSE)
    taken()
    assert texts_of(vault.load(vault.newest(1)[0])) == ["hi", "hello"]


def test_tools_are_kept_and_a_client_that_writes_arguments_anew_is_understood(kept, taken, vault):
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {"b": 1, "a": 2}}
    answer = json.loads(said("x")) | {"content": [use], "stop_reason": "tool_use"}
    kept.exchange("req_1", asked("one"), json.dumps(answer).encode())
    again = asked("one")
    again["messages"] += [
        {"role": "assistant", "content": [use | {"input": {"a": 2, "b": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "found"}]},
    ]
    kept.exchange("req_2", again, said("done"))
    taken()
    (about,) = vault.newest(9)
    turns = vault.load(about).turns
    assert [t.role for t in turns] == [Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT]
    assert isinstance(turns[1].parts[0], Call)
    assert isinstance(turns[2].parts[0], Result)


def test_a_question_without_an_answer_is_kept_and_an_errors_words_are_no_answer(kept, taken, vault):
    kept.exchange("req_1", asked("nobody answers"), b'{"type":"error","error":{"message":"no"}}', status=529)
    kept.exchange("req_2", asked("cut off"))
    taken()
    assert {tuple(texts_of(vault.load(a))) for a in vault.newest(9)} == {("nobody answers",), ("cut off",)}


def test_what_is_no_conversation_or_cannot_be_read_stops_nothing(kept, taken, vault):
    kept.exchange("req_1", {"input": "x"}, operation=Operation.EMBED)
    kept.exchange("req_2", b"\xff not json")
    kept.exchange("req_3", {"messages": [{"role": "user", "content": "half read", "odd": []}], "n": 5}, b"<html>")
    kept.exchange("req_4", asked("fine"), said("yes"))
    found = taken()
    assert found.skips == 0
    assert "fine" in {about.title for about in vault.newest(9)}


def test_a_damaged_request_is_named(kept):
    kept.exchange("req_1", asked("x" * 5000, "y" * 5000, "z"), said("yes"))
    (path,) = kept.folder.glob("*.journal")
    raw = bytearray(path.read_bytes())
    at = raw.find(b"xxxx")
    raw[at : at + 4] = b"????"
    path.write_bytes(raw)
    (read,) = GatewayJournal().read(kept.folder)
    assert isinstance(read.what, Skipped)
    assert "req_1" in read.what.where
