"""What every dialect's translation promises: there and back is the identity."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from msgspec.structs import replace

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import dialect_of
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Began,
    Counted,
    Counts,
    Ended,
    Message,
    Refused,
    Refuses,
    Reply,
    Role,
    Seal,
    Stop,
    Text,
    Thought,
)
from tests.gateway.dialects.conversations import (
    ALL,
    FOLDERS,
    STAMP,
    WORDS,
    P,
    asked,
    back,
    each,
    each_client,
    few,
    lacks,
    prompts,
    replies,
    reply_of,
    same_parts,
    same_prompt,
    same_reply,
    streamed_to,
    through,
    written,
)

# --- requests


def test_every_dialect_has_its_translation():
    assert set(ALL) == set(FOLDERS)


@each
def test_a_request_there_and_back_is_the_same(protocol):
    @few
    @given(prompts((protocol,)))
    def check(prompt):
        body, losses = written(protocol, prompt)
        assert same_prompt(back(protocol, body, prompt), protocol) == same_prompt(prompt, protocol)
        assert losses == ([] if prompt.schema is None else losses)

    check()


@pytest.mark.parametrize(("one", "other"), [(a, b) for a in ALL for b in ALL if a is not b])
def test_a_request_through_two_dialects_is_the_same(one, other):
    @settings(max_examples=10)  # of each pair; what each dialect does alone is tried more often above
    @given(prompts((one, other)))
    def check(prompt):
        first = back(one, written(one, prompt)[0], prompt)
        second = back(other, written(other, first)[0], prompt)
        way = next((p for p in (one, other) if lacks(p, "name of a document")), None)
        apart = next((p for p in (one, other) if lacks(p, "apart")), None)
        assert same_prompt(second, way or apart) == same_prompt(prompt, way or apart)

    check()


@each
def test_a_client_of_each_dialect_is_asked_to_go_on(protocol):
    @few
    @given(prompts((protocol,)), WORDS)
    def check(prompt, said):
        body, _ = written(protocol, replace(prompt, messages=(Message(role=Role.USER, parts=(Text(text="Tell me"),)),)))
        longer = dialect_of(protocol).go_on(body, said, Form.INSTRUCTION, 77)
        before, after = (same_prompt(back(protocol, b, prompt), protocol) for b in (body, longer))
        assert after["messages"][-2:] == [(Role.ASSISTANT, (("text", said),)), (Role.USER, (("text", GO_ON),))]
        assert after["messages"][:-2] == before["messages"]
        assert after["max_tokens"] == 77
        assert {**after, "messages": (), "max_tokens": 0} == {**before, "messages": (), "max_tokens": 0}

    check()


# --- whole answers


@each
def test_a_whole_answer_there_and_back_is_the_same(protocol):
    @few
    @given(replies())
    def check(reply):
        body = dialect_of(protocol).write_reply(reply, asked(protocol, b"{}"), STAMP)
        assert same_reply(dialect_of(protocol).read_reply(body), protocol) == same_reply(reply, protocol)

    check()


@each
def test_a_refusal_stays_one(protocol):
    dialect = dialect_of(protocol)
    reply = Reply(
        model="a-model", parts=(Refused(text="I will not."),), stop=Stop.REFUSED, counts=Counts(fresh=1, output=2)
    )
    read = dialect.read_reply(dialect.write_reply(reply, asked(protocol, b"{}"), STAMP))
    assert read.stop is Stop.REFUSED
    assert "".join(part.text for part in read.parts) == "I will not."
    pieces = [Began("", "a-model"), Refuses("I will "), Refuses("not."), Counted(reply.counts), Ended(Stop.REFUSED)]
    streamed = reply_of(through(protocol, dialect.writer(streamed_to(protocol), STAMP).write(pieces)))
    assert streamed.stop is Stop.REFUSED
    assert "".join(part.text for part in streamed.parts) == "I will not."


@each
def test_counted_tokens_there_and_back_are_the_same(protocol):
    dialect = dialect_of(protocol)
    if dialect.write_count is None:
        pytest.skip("it counts none")
    assert dialect.read_count(dialect.write_count(1234)) == 1234


# --- what a client brings back


def brought_back(protocol, reply):
    """The body of a client's next request, with the answer as it got it."""
    message = json.loads(reply)
    if protocol is P.ANTHROPIC:
        said = {"role": "user", "content": "And?"}
        return {"max_tokens": 64, "messages": [{"role": "assistant", "content": message["content"]}, said]}
    if protocol is P.OPENAI:
        return {"messages": [message["choices"][0]["message"], {"role": "user", "content": "And?"}]}
    if protocol is P.RESPONSES:
        return {"input": [*message["output"], {"role": "user", "content": "And?"}]}
    said = {"role": "user", "parts": [{"text": "And?"}]}
    return {"contents": [message["candidates"][0]["content"], said]}


@each_client
def test_an_answer_that_a_client_brings_back_is_read_as_what_it_was(protocol):
    @few
    @given(replies())
    def check(reply):
        assume(any(not isinstance(part, Thought) for part in reply.parts))
        dialect = dialect_of(protocol)
        body = brought_back(protocol, dialect.write_reply(reply, asked(protocol, b"{}"), STAMP))
        raw = json.dumps({"model": "a-model", **body}).encode()
        raw = dialect.cleaned(raw) if UNSIGNED.encode() in raw else raw
        assert UNSIGNED.encode() not in raw
        prompt = dialect.read_prompt(asked(protocol, raw))
        came = [part for message in prompt.messages[:-1] for part in message.parts if not isinstance(part, Thought)]
        left = [part for part in reply.parts if not isinstance(part, Thought)]
        assert same_parts(came, protocol, {}) == same_parts(left, protocol, {})

    check()


@each_client
def test_a_thought_sealed_by_the_same_provider_is_brought_back_to_it(protocol):
    if protocol is P.OPENAI:
        pytest.skip("it has no seals")
    dialect = dialect_of(protocol)
    seal = Seal(origin=protocol, data="c2VhbGVk", id="rs_1" if protocol is P.RESPONSES else "")
    reply = Reply(
        model="a-model", parts=(Thought(text="Hm", seal=seal), Text(text="So.")), counts=Counts(fresh=1, output=1)
    )
    raw = json.dumps(
        {"model": "a-model", **brought_back(protocol, dialect.write_reply(reply, asked(protocol, b"{}"), STAMP))}
    )
    assert UNSIGNED not in raw
    prompt = dialect.read_prompt(asked(protocol, raw.encode()))
    body, losses = written(protocol, prompt)
    assert b"c2VhbGVk" in body
    assert losses == []
    for other in ALL:
        if other is not protocol:
            assert b"c2VhbGVk" not in written(other, prompt)[0]
