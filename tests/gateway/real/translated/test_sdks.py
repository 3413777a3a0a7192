"""What the dialects write is read by the makers' own SDKs: one flawless message, however it came about."""

from __future__ import annotations

import json

import openai
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Refuses,
    Reply,
    Result,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)

COUNTS = Counts(fresh=9, cache_read=2, output=7, thought=0)
BEGAN = Began("upstream-1", "true-model")
COUNTED = Counted(COUNTS)
SUNNY = Call(id="call_a", name="get_weather", arguments='{"place": "Zürich", "deep": {"a": [1, null]}}')
EMPTY = Call(id="call_b", name="now")

STREAMS = {
    "words": ([Words("Grüezi, "), Words("😀 wörld"), Ended(Stop.END)], "Grüezi, 😀 wörld", "", []),
    "a thought and words": (
        [Thinks("let me "), Thinks("see"), ThoughtEnds(), Words("So."), Ended(Stop.END)],
        "So.",
        "let me see",
        [],
    ),
    "a thought that was cut, and another": (
        [Thinks("let me s"), ThoughtEnds(), Thinks("I see"), ThoughtEnds(), Words("So."), Ended(Stop.END)],
        "So.",
        "let me sI see",
        [],
    ),
    "words and two calls": (
        [Words("I look."), Calls(SUNNY), Calls(EMPTY), Ended(Stop.TOOLS)],
        "I look.",
        "",
        [SUNNY, EMPTY],
    ),
    "nothing but a call": ([Calls(EMPTY), Ended(Stop.TOOLS)], "", "", [EMPTY]),
    "a thought and a call": (
        [Thinks("hm"), ThoughtEnds(), Calls(SUNNY), Ended(Stop.TOOLS)],
        "",
        "hm",
        [SUNNY],
    ),
    "words up to the limit": ([Words("I was about t"), Ended(Stop.LENGTH)], "I was about t", "", []),
}
each_stream = pytest.mark.parametrize("name", list(STREAMS))


def check(sdk, got, name):
    pieces, text, thoughts, calls = STREAMS[name]
    assert got.text == text
    assert got.thoughts.replace("\n\n", "") == thoughts
    assert [call[1:] for call in got.calls] == [(call.name, json.loads(call.arguments)) for call in calls]
    if sdk.protocol is not Protocol.GEMINI:  # it has no ids
        assert [call[0] for call in got.calls] == [call.id for call in calls]
    assert got.stop == sdk.stops[pieces[-1].stop]
    assert got.tokens == (11, 7)
    assert got.model == "true-model"


@each_stream
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_stream_is_one_flawless_message_however_its_bytes_come(sdk, name, size):
    *pieces, ended = STREAMS[name][0]
    data = sdk.writer().write([BEGAN, *pieces, COUNTED, ended])
    check(sdk, sdk.streamed(data, size=size), name)


@each_stream
def test_a_stream_that_broke_off_anywhere_and_was_gone_on_with_is_one_flawless_message(sdk, name):
    *pieces, ended = STREAMS[name][0]
    upstream = sdk.writer(Stamp(id="upstream", created_s=5))
    events = [upstream.write([piece]) for piece in [BEGAN, *pieces]]
    for cut in range(len(events) + 1):
        writer = sdk.writer()
        sent = b"".join(events[:cut])
        if sent:
            writer.absorb(sent)
        again = [Began("other", "true-model")] if cut else [BEGAN]
        rest = writer.write([*again, *pieces[max(cut - 1, 0) :], COUNTED, ended])
        check(sdk, sdk.streamed(sent + rest), name)


@each_stream
def test_a_whole_answer_is_read(sdk, name):
    pieces, text, thoughts, calls = STREAMS[name]
    parts = (
        *((Thought(text=thoughts),) if thoughts else ()),
        *((Text(text=text),) if text else ()),
        *calls,
    )
    reply = Reply(id="x", model="true-model", parts=parts, stop=pieces[-1].stop, counts=COUNTS)
    data = dialect_of(sdk.protocol).write_reply(reply, sdk.asked(stream=False), Stamp(id="abc123", created_s=5))
    check(sdk, sdk.of_whole(data), name)


def test_an_error_behind_words_is_raised_as_the_sdks_own(sdk):
    writer = sdk.writer()
    data = writer.write([BEGAN, Words("half a sen")]) + writer.error(Fault.CUT, "the upstream broke off")
    with pytest.raises(sdk.error, match="broke off"):
        sdk.streamed(data)


def test_a_refusal_is_read_as_the_sdk_knows_it(sdk):
    data = sdk.writer().write([BEGAN, Refuses("I will not."), COUNTED, Ended(Stop.REFUSED)])
    if sdk.protocol is Protocol.GEMINI:
        (*_, stop) = [sdk.streamed(data).stop]
        assert stop in {"SAFETY", "PROHIBITED_CONTENT", "OTHER"}
        return
    got = sdk.streamed(data)
    assert got.stop == sdk.stops[Stop.REFUSED]


def test_citations_of_addresses_do_not_trouble_the_sdk(sdk):
    cited = [Cites(Citation(url=f"https://example.org/{n}", title="T", start=0, end=3)) for n in (1, 2)]
    data = sdk.writer().write([BEGAN, Words("abc"), *cited, Words("def"), COUNTED, Ended(Stop.END)])
    assert sdk.streamed(data).text == "abcdef"


def test_a_thought_without_proof_is_marked_for_anthropics_client_and_a_foreign_proof_is_none(sdks):
    seal = Seal(origin=Protocol.RESPONSES, data="secret")
    pieces = [BEGAN, Thinks("hm"), ThoughtEnds(seal), Words("So."), COUNTED, Ended(Stop.END)]
    data = sdks["messages"].writer().write(pieces)
    assert UNSIGNED.encode() in data
    assert b"secret" not in data


@pytest.mark.parametrize("other", ["anthropic", "openai", "openai-responses", "gemini", "bedrock-converse"])
def test_what_an_sdk_brings_back_with_a_result_goes_to_every_other_dialect(sdk, other):
    pieces = [Thinks("hm"), ThoughtEnds(), Words("I look."), Calls(SUNNY), COUNTED, Ended(Stop.TOOLS)]
    dialect = dialect_of(sdk.protocol)
    body = sdk.brought_back(sdk.writer().write([BEGAN, *pieces]), "sunny")
    cleaned = dialect.cleaned(body) if UNSIGNED.encode() in body else body
    assert UNSIGNED.encode() not in cleaned

    prompt = dialect.read_prompt(sdk.asked(stream=True, body=cleaned))

    said = [part for message in prompt.messages for part in message.parts if not isinstance(part, Thought)]
    hello, look, call, result = said
    assert (hello.text, look.text) == ("hello", "I look.")
    assert (call.name, json.loads(call.arguments)) == (SUNNY.name, json.loads(SUNNY.arguments))
    assert isinstance(result, Result)
    assert (result.id, result.name) == (call.id, call.name)
    assert "sunny" in result.parts[0].text
    assert b"sunny" in dialect_of(Protocol(other)).write_prompt(prompt, Losses())


class Weather(pydantic.BaseModel):
    """What a model is to answer with."""

    place: str
    degrees: int


WEATHER = [Words('{"place": "Zü'), Words('rich", "degr'), Words('ees": 21}')]


@pytest.mark.parametrize(("name", "more"), [("chat", "response_format"), ("responses", "text_format")])
def test_a_structured_answer_is_parsed_by_openais_helpers(name, more, sdks):
    sdk = sdks[name]
    data = sdk.writer().write([BEGAN, *WEATHER, COUNTED, Ended(Stop.END)])
    got = sdk.streamed(data, **{more: Weather})
    assert Weather.model_validate_json(got.text) == Weather(place="Zürich", degrees=21)


def test_the_arguments_of_a_strict_tool_are_parsed_by_openais_helper(sdks, maker):
    sdk = sdks["chat"]
    call = Call(id="call_1", name="Weather", arguments='{"place": "Zürich", "degrees": 21}')
    maker.answers(sdk.writer().write([BEGAN, Calls(call), COUNTED, Ended(Stop.TOOLS)]))
    with sdk.client.chat.completions.stream(**sdk.body, tools=[openai.pydantic_function_tool(Weather)]) as events:
        (parsed,) = events.get_final_completion().choices[0].message.tool_calls
    assert parsed.function.parsed_arguments == Weather(place="Zürich", degrees=21)


ON_LOOPBACK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
ARGUMENTS = st.dictionaries(TEXT, st.none() | st.integers(-(2**40), 2**40) | TEXT, max_size=3)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(texts=st.lists(TEXT, min_size=1, max_size=5), arguments=st.lists(ARGUMENTS, max_size=2), size=st.integers(1, 99))
def test_any_text_and_any_arguments_arrive_as_they_are(sdk, texts, arguments, size):
    calls = [Call(id=f"call_{n}", name="f", arguments=json.dumps(one)) for n, one in enumerate(arguments)]
    ended = Ended(Stop.TOOLS if calls else Stop.END)
    data = sdk.writer().write([BEGAN, *map(Words, texts), *map(Calls, calls), COUNTED, ended])
    got = sdk.streamed(data, size=size)
    assert got.text == "".join(texts)
    assert [call[2] for call in got.calls] == arguments
