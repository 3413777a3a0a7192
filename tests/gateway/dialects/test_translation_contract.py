"""What every dialect's translation promises: there and back is the identity, and hostile input is survived.

Each dialect is held to the same sentences; ``LACKS`` names what one of them has no word for.
"""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.util import find_spec
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, currently_in_test_context, given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.base import ERROR
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
    Call,
    Calls,
    Choose,
    Counted,
    Counts,
    Effort,
    Ended,
    Failed,
    Kind,
    Media,
    Message,
    Prompt,
    Refused,
    Refuses,
    Reply,
    Result,
    Role,
    Sampling,
    Schema,
    Seal,
    Stop,
    Text,
    Thinking,
    Thinks,
    Thought,
    ThoughtEnds,
    Tool,
    ToolChoice,
    Words,
)
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.typed import GO_ON
from stillup.gateway.dialects.whole import watch_for

P = Protocol
FOLDERS = {
    P.ANTHROPIC: "anthropic",
    P.OPENAI: "chat",
    P.RESPONSES: "responses",
    P.GEMINI: "gemini",
    P.CONVERSE: "converse",
}
ALL = [
    protocol
    for protocol, folder in FOLDERS.items()
    if find_spec(f"stillup.gateway.dialects.{folder}.translation") is not None
]
CLIENTS = [protocol for protocol in ALL if protocol is not P.CONVERSE]
"""Nobody speaks Converse to the gateway."""
LACKS = {
    P.OPENAI: {"apart", "cache_write"},
    P.RESPONSES: {"stop", "cache_write"},
    P.GEMINI: {"apart", "cache_write", "name of a document"},
    P.CONVERSE: {"model", "no tool", "thought count", "effort", "name of a document"},
}
"""``apart``: two texts in a row are one."""
STAMP = Stamp(id="a1b2c3", created_s=1_700_000_000)
few = settings(max_examples=25)
each = pytest.mark.parametrize("protocol", ALL)
each_client = pytest.mark.parametrize("protocol", CLIENTS)


def lacks(protocol, what):
    return what in LACKS.get(protocol, ())


# --- strategies

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda s: s.strip() == s != ""
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False))
SCHEMA = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}'
TEXTS = st.builds(lambda text: Text(text=text), WORDS)
IMAGES = st.just(Media(kind=Kind.IMAGE, media_type="image/png", data=PNG))
DOCUMENT = Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=PDF)


@st.composite
def conversations(draw):
    """A user asks, the assistant answers or calls, the user brings results; the user has the last word."""
    document = st.just(DOCUMENT)
    messages = []
    made = 0
    for _ in range(draw(st.integers(0, 2))):
        messages.append(
            Message(role=Role.USER, parts=tuple(draw(st.lists(TEXTS | IMAGES | document, min_size=1, max_size=3))))
        )
        said = [Text(text=draw(WORDS))] if draw(st.booleans()) else []
        names = draw(st.lists(NAMES, min_size=0 if said else 1, max_size=3))
        calls = [Call(id=f"call_{made + n}", name=name, arguments=draw(OBJECTS)) for n, name in enumerate(names)]
        made += len(calls)
        messages.append(Message(role=Role.ASSISTANT, parts=(*said, *calls)))
        if calls:
            results = [Result(id=call.id, name=call.name, parts=(Text(text=draw(WORDS)),)) for call in calls]
            messages.append(Message(role=Role.USER, parts=tuple(results)))
            if draw(st.booleans()):
                messages.append(Message(role=Role.ASSISTANT, parts=(Text(text=draw(WORDS)),)))
    if not messages or messages[-1].role is Role.ASSISTANT:
        messages.append(Message(role=Role.USER, parts=tuple(draw(st.lists(TEXTS, min_size=1, max_size=1)))))
    return tuple(messages)


@st.composite
def prompts(draw, protocols=tuple(ALL)):
    def may(what):
        return not any(lacks(protocol, what) for protocol in protocols)

    names = draw(st.lists(NAMES, max_size=2, unique=True))
    tools = tuple(Tool(name=name, description=draw(WORDS), schema=SCHEMA) for name in names)
    choices = [
        None,
        ToolChoice(),
        ToolChoice(choose=Choose.ANY),
        ToolChoice(choose=Choose.ONE, name=names[0] if names else ""),
    ]
    choices += [ToolChoice(choose=Choose.NONE)] * may("no tool")
    thinking = draw(st.sampled_from([Thinking()] + [Thinking(on=True, effort=Effort.HIGH)] * may("effort")))
    choice = draw(st.sampled_from(choices)) if tools else None
    if thinking.on and choice is not None and choice.choose in {Choose.ANY, Choose.ONE}:
        choice = None
    schema = Schema(schema=SCHEMA, name="answer", strict=True)
    return Prompt(
        model="a-model",
        system=draw(st.just(()) | st.tuples(TEXTS)),
        messages=draw(conversations()),
        tools=tools,
        tool_choice=choice,
        schema=draw(st.sampled_from([None, schema])) if may("schema") and not tools else None,
        thinking=thinking,
        sampling=Sampling(
            temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])), top_p=draw(st.none() | st.just(0.25))
        ),
        max_tokens=draw(st.integers(16, 4096)),
        stop=draw(st.just(()) | st.tuples(WORDS)) if may("stop") else (),
        stream=draw(st.booleans()),
    )


@st.composite
def replies(draw):
    thoughts = draw(st.lists(st.builds(lambda text: Thought(text=text), WORDS), max_size=1))
    texts = draw(st.lists(TEXTS, max_size=2))
    calls = [
        Call(id=f"call_{n}", name=draw(NAMES), arguments=draw(OBJECTS))
        for n in range(draw(st.integers(0 if texts else 1, 2)))
    ]
    output = draw(st.integers(0, 10_000))
    counts = Counts(
        fresh=draw(st.integers(0, 10_000)),
        cache_read=draw(st.integers(0, 10_000)),
        output=output,
        thought=draw(st.integers(0, output)),
    )
    stop = Stop.TOOLS if calls else draw(st.sampled_from([Stop.END, Stop.LENGTH]))
    return Reply(model="a-model", parts=(*thoughts, *texts, *calls), stop=stop, counts=counts)


@st.composite
def streams(draw):
    """A reply, and the pieces it came in."""
    reply = draw(replies())
    pieces = [Began("upstreams-id", reply.model)]
    last = None
    for part in reply.parts:
        if isinstance(part, Text) and isinstance(last, Text):
            pieces.append(Apart())
        last = part
        if isinstance(part, Call):
            pieces.append(Calls(part))
            continue
        kind = Words if isinstance(part, Text) else Thinks
        at = sorted(draw(st.sets(st.integers(1, max(1, len(part.text) - 1)), max_size=3)))
        pieces += [kind(part.text[a:b]) for a, b in pairwise([0, *at, len(part.text)]) if a < b]
        if isinstance(part, Thought):
            pieces.append(ThoughtEnds())
    note(f"{reply!r}")
    return reply, [*pieces, Counted(reply.counts), Ended(reply.stop)]


# --- how things are compared


def value_of(text):
    return json.loads(text) if text else None


def same_part(part, protocol, ids):
    match part:
        case Call():
            ids.setdefault(part.id, f"call-{len(ids)}")
            return ("call", ids[part.id], part.name, value_of(part.arguments))
        case Result():
            inside = tuple(same_part(inner, protocol, ids) for inner in part.parts)
            return ("result", ids.get(part.id, part.id), part.name, inside, part.is_error)
        case Media():
            return (
                "media",
                part.kind,
                part.media_type,
                part.data,
                part.url,
                part.text,
                "" if part.data == PDF else part.name,
            )
        case Thought():
            return ("thought", part.text, part.seal and (part.seal.origin, part.seal.data))
        case Text():
            return ("text", part.text)
    return part


def same_parts(parts, protocol, ids):
    joined = []
    for part in parts:
        if lacks(protocol, "apart") and isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return tuple(same_part(part, protocol, ids) for part in joined)


def same_prompt(prompt, protocol=None):
    ids = {}
    turns = []
    for message in prompt.messages:
        if turns and turns[-1][0] is message.role:
            turns[-1][1].extend(message.parts)
        else:
            turns.append((message.role, list(message.parts)))
    return {
        "model": prompt.model,
        "system": "\n\n".join(text.text for text in prompt.system),
        "messages": [
            (role, same_parts(parts, None, ids) if role is Role.USER else same_parts(parts, protocol, ids))
            for role, parts in turns
        ],
        "tools": [(tool.name, tool.description, value_of(tool.schema), bool(tool.strict)) for tool in prompt.tools],
        "tool_choice": prompt.tool_choice or ToolChoice(),
        "schema": prompt.schema and (value_of(prompt.schema.schema), bool(prompt.schema.strict)),
        "thinking": replace(prompt.thinking, shown=None),
        "sampling": prompt.sampling,
        "max_tokens": prompt.max_tokens,
        "stop": prompt.stop,
        "stream": prompt.stream,
        "rest": (prompt.count, prompt.logprobs, prompt.previous, prompt.server_tools, prompt.unknown),
    }


def same_reply(reply, protocol):
    counts = reply.counts
    return {
        "model": "" if lacks(protocol, "model") else reply.model,
        "parts": same_parts(reply.parts, protocol, {}),
        "stop": reply.stop,
        "counts": (
            counts.fresh,
            counts.cache_read or 0,
            counts.output,
            None if lacks(protocol, "thought count") else counts.thought or 0,
        ),
    }


def reply_of(pieces):
    """The pieces put together."""
    said = Said()
    for piece in pieces:
        said.add(piece)
    return Reply(
        model=said.began.model if said.began else "",
        parts=said.parts,
        stop=said.ended.stop,
        sequence=said.ended.sequence,
        counts=said.counts,
    )


def asked(protocol, body, prompt=None, operation=Operation.GENERATE):
    stream = prompt is not None and prompt.stream
    path, query = dialect_of(protocol).address("a-model", stream)
    return Ask(
        protocol=protocol,
        operation=operation,
        method="POST",
        path=path,
        query=query,
        body=body,
        model="a-model",
        stream=stream,
    )


def streamed_to(protocol):
    return asked(protocol, b'{"stream":true,"stream_options":{"include_usage":true}}', Prompt(stream=True))


def written(protocol, prompt):
    if currently_in_test_context():
        note(f"{prompt!r}")
    losses = Losses()
    return dialect_of(protocol).write_prompt(prompt, losses), list(losses)


def back(protocol, body, prompt):
    return dialect_of(protocol).read_prompt(asked(protocol, body, prompt))


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
    @few
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


# --- streams


def through(protocol, data):
    reader = dialect_of(protocol).reader()
    return [*reader.feed(data), *reader.finish()]


@each
def test_a_stream_there_and_back_is_the_same(protocol):
    @few
    @given(streams(), st.integers(1, 4))
    def check(stream, at_once):
        reply, pieces = stream
        writer = dialect_of(protocol).writer(streamed_to(protocol), STAMP)
        data = b"".join(writer.write(pieces[n : n + at_once]) for n in range(0, len(pieces), at_once))
        read = through(protocol, data)
        assert same_reply(reply_of(read), protocol) == same_reply(reply, protocol)
        assert same_reply(reply_of([writer.said.began, *pieces]), protocol) == same_reply(reply, protocol)
        assert not any(isinstance(piece, Failed) for piece in read)
        assert sum(isinstance(piece, Ended) for piece in read) == 1

    check()


@each_client
def test_the_watch_takes_what_is_written_however_it_is_divided(protocol):
    @few
    @given(streams(), st.data())
    def check(stream, data):
        reply, pieces = stream
        dialect = dialect_of(protocol)
        ask = streamed_to(protocol)
        raw = dialect.writer(ask, STAMP).write(pieces)
        at = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=12)))
        watch = watch_for(ask, protocol, 200, "text/event-stream")
        reader = dialect.reader()
        read = []
        handed = b""
        for a, b in pairwise([0, *at, len(raw)]):
            flags, ready = watch.feed(raw[a:b])
            assert not flags & ERROR, watch.error_message
            handed += ready
            read += reader.feed(ready)
        fault, rest = watch.finish()
        assert fault is None
        assert handed + rest == raw
        read += [*reader.feed(rest), *reader.finish()]
        assert same_reply(reply_of(read), protocol) == same_reply(reply, protocol)
        assert reader.finish() == []

    check()


@each_client
def test_a_stream_that_breaks_off_anywhere_is_gone_on_with_as_one_message(protocol):
    @few
    @given(streams(), st.data())
    def check(stream, data):
        reply, pieces = stream
        dialect = dialect_of(protocol)
        upstream = dialect.writer(streamed_to(protocol), Stamp(id="upstream", created_s=5))
        events = [upstream.write([piece]) for piece in pieces[:-2]]
        cut = data.draw(st.integers(0, len(events)))
        before = b"".join(events[:cut])
        writer = dialect.writer(streamed_to(protocol), STAMP)
        writer.absorb(before)
        has = writer.said
        had = [piece for piece in pieces[:cut] if isinstance(piece, Words | Thinks)]
        assert "".join(p.text for p in has.parts if not isinstance(p, Call)) == "".join(p.text for p in had)
        after = writer.write(pieces[cut:])
        whole = before + after
        assert same_reply(reply_of(through(protocol, whole)), protocol) == same_reply(reply, protocol)
        assert same_reply(
            reply_of([has.began, *_pieces_of(has), Counted(has.counts), has.ended]), protocol
        ) == same_reply(reply, protocol)
        is_one_message(protocol, whole)

    check()


def _pieces_of(said):
    for part in said.parts:
        if isinstance(part, Call):
            yield Calls(part)
        elif isinstance(part, Thought):
            yield from (Thinks(part.text), ThoughtEnds(part.seal))
        else:
            yield from (Apart(), Words(part.text))


@each
def test_a_thought_that_is_cut_ends_and_the_next_one_begins_anew(protocol):
    dialect = dialect_of(protocol)
    before = dialect.writer(streamed_to(protocol), STAMP).write([Began("", "a-model"), Thinks("half a tho")])
    writer = dialect.writer(streamed_to(protocol), STAMP)
    writer.absorb(before)
    assert writer.said.is_thinking
    rest = [
        ThoughtEnds(),
        Thinks("a whole thought"),
        ThoughtEnds(Seal(origin=P.BEDROCK, data="x")),
        Words("So."),
        Ended(Stop.END),
    ]
    whole = before + writer.write(rest)
    read = reply_of(through(protocol, whole))
    assert "".join(part.text for part in read.parts if isinstance(part, Text)) == "So."
    assert [line for part in read.parts if isinstance(part, Thought) for line in part.text.split("\n") if line] in (
        ["half a tho", "a whole thought"],
        ["half a thoa whole thought"],
    )
    assert all(part.seal is None for part in read.parts if isinstance(part, Thought))
    is_one_message(protocol, whole)


@each_client
def test_an_error_behind_content_is_one_to_the_watch(protocol):
    dialect = dialect_of(protocol)
    writer = dialect.writer(streamed_to(protocol), STAMP)
    data = writer.write([Began("", "a-model"), Words("So far")])
    data += writer.error(Fault.OVERLOADED, "busy")
    watch = watch_for(streamed_to(protocol), protocol, 200, "text/event-stream")
    flags, _ = watch.feed(data)
    assert flags & ERROR
    assert any(isinstance(piece, Failed) for piece in dialect.reader().feed(data))


@each
def test_nothing_is_written_behind_the_end(protocol):
    writer = dialect_of(protocol).writer(streamed_to(protocol), STAMP)
    assert writer.write([Words("All"), Ended(Stop.END)])
    assert writer.write([Words(" more"), Ended(Stop.END)]) == b""
    assert writer.write([]) == b""


@each
def test_failing_writes_nothing(protocol):
    assert dialect_of(protocol).writer(streamed_to(protocol), STAMP).write([Failed("boom")]) == b""


def is_one_message(protocol, data):
    """What an SDK that adds the events up holds against them."""
    if protocol is P.CONVERSE:
        return
    events = [
        json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ") and line != b"data: [DONE]"
    ]
    if protocol is P.ANTHROPIC:
        kinds = [event["type"] for event in events]
        assert kinds.count("message_start") == kinds.count("message_stop") == kinds.count("message_delta") == 1
        opened = [event["index"] for event in events if event["type"] == "content_block_start"]
        assert opened == list(range(len(opened)))
        assert [event["index"] for event in events if event["type"] == "content_block_stop"] == opened
    elif protocol is P.OPENAI:
        assert len({event["id"] for event in events}) == 1
        assert sum(choice.get("finish_reason") is not None for event in events for choice in event["choices"]) == 1
        assert data.endswith(b"data: [DONE]\n\n")
    elif protocol is P.RESPONSES:
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert len({event["response"]["id"] for event in events if "response" in event}) == 1
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert events[-1]["response"]["output"] == done
        added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
        assert added == list(range(len(done)))
    elif protocol is P.GEMINI:
        assert len({event["responseId"] for event in events if "responseId" in event}) <= 1


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


# --- hostile input

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b'{"messages":' + b"[" * 5000,
    b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"model":"\\ud83d","messages":[{"role":"user","content":"\\ud83d"}]}',
    b'{"model":"m","contents":[{"parts":[{"text":"\\ud83d"}]}],"input":"\\ud83d"}',
    b'{"model":"m","max_tokens":1e999}',
    b'{"model":"m","messages":[],"messages":{}}',
]
REFUSED = (NoJson, Untranslatable)


def changed(draw, value):
    """The value with one place of it replaced by other JSON."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(draw, value[at]), *value[at + 1 :]]
    return draw(JSON)


def is_short(refused):
    assert 0 < len(str(refused)) < 1000


def survives(protocol, body):
    dialect = dialect_of(protocol)
    for ask in (asked(protocol, body), asked(protocol, body, operation=Operation.COUNT_TOKENS)):
        try:
            prompt = dialect.read_prompt(ask)
        except REFUSED as refused:
            is_short(refused)
            continue
        for other in ALL:
            try:
                msgspec.json.decode(dialect_of(other).write_prompt(prompt, Losses()))
            except Untranslatable as refused:
                is_short(refused)
    for change in (dialect.cleaned, *(lambda b, form=form: dialect.go_on(b, "So far", form, 5) for form in Form)):
        with suppress(*REFUSED):
            change(body)


@each
@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_request_is_refused_in_words(protocol, body):
    survives(protocol, body)
    dialect = dialect_of(protocol)
    with suppress(NoJson):
        dialect.read_reply(body)


@each
def test_a_request_that_is_wrong_somewhere_is_refused_or_read(protocol):
    @few
    @given(prompts((protocol,)), st.data())
    def check(prompt, data):
        body, _ = written(protocol, prompt)
        survives(protocol, json.dumps(changed(data.draw, json.loads(body))).encode())

    check()


@each
def test_a_whole_answer_that_is_wrong_somewhere_is_no_json_or_read(protocol):
    @few
    @given(replies(), st.data())
    def check(reply, data):
        dialect = dialect_of(protocol)
        body = dialect.write_reply(reply, asked(protocol, b"{}"), STAMP)
        broken = json.dumps(changed(data.draw, json.loads(body))).encode()
        try:
            read = dialect.read_reply(broken)
        except NoJson:
            return
        for other in ALL:
            json.loads(dialect_of(other).write_reply(read, asked(other, b"{}"), STAMP))

    check()


@each_client
def test_a_stream_that_is_wrong_somewhere_costs_what_it_broke(protocol):
    @few
    @given(streams(), st.data())
    def check(stream, data):
        _, pieces = stream
        dialect = dialect_of(protocol)
        raw = dialect.writer(streamed_to(protocol), STAMP).write(pieces)
        events = raw.split(b"\n\n")[:-1]
        at = data.draw(st.integers(0, len(events) - 1))
        head, _, line = events[at].rpartition(b"data: ")
        is_json = line.startswith(b"{")
        events[at] = head + b"data: " + (json.dumps(changed(data.draw, json.loads(line))).encode() if is_json else b"x")
        kind = data.draw(st.sampled_from(["changed", "twice", "left out", "garbage"]))
        if kind == "twice":
            events.insert(at, events[at])
        elif kind == "left out":
            del events[at]
        elif kind == "garbage":
            events[at] = data.draw(st.binary(max_size=20)).replace(b"\n\n", b"")
        broken = b"".join(event + b"\n\n" for event in events)
        reader = dialect.reader()
        read = [*reader.feed(broken), *reader.finish()]
        assert sum(isinstance(piece, Ended | Failed) for piece in read) == 1
        for other in ALL:
            dialect_of(other).writer(streamed_to(other), STAMP).write(read)
        writer = dialect.writer(streamed_to(protocol), STAMP)
        writer.absorb(broken)
        writer.write([Words("more"), Ended(Stop.END)])

    check()
