"""What every dialect's translation does with broken and hostile input: it survives it, in words."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from stillup.gateway.core.values import Form, Operation
from stillup.gateway.dialects.dialect import Losses, Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import Counted, Counts, Ended, Failed, Reply, Stop, Words
from tests.gateway.dialects.conversations import (
    ALL,
    STAMP,
    asked,
    each,
    each_client,
    few,
    prompts,
    replies,
    streamed_to,
    streams,
    written,
)

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


@each
def test_counts_that_nobody_can_have_are_unknown(protocol):
    dialect = dialect_of(protocol)
    told = Counts(fresh=10**12, cache_read=10**13, output=-5)
    body = dialect.write_reply(Reply(counts=told), asked(protocol, b"{}"), STAMP)
    streamed = dialect.writer(streamed_to(protocol), STAMP).write([Words("So"), Counted(told), Ended(Stop.END)])
    counted = [piece.counts for piece in dialect.reader().feed(streamed) if isinstance(piece, Counted)]
    for counts in (dialect.read_reply(body).counts, *counted):
        assert [n for n in astuple(counts) if n is not None and not 0 <= n < 10**10] == []
        assert counts.fresh in {None, 0}


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
