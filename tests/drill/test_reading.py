"""The workload's right answers, and answers read as clients read them: in any protocol, however they come."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.drill.reading import MOST_BYTES, Reading, error_of
from stillup.drill.values import Shape
from stillup.drill.workload import CLIENTS, SHAPES, TEXT, WELL, Question, questions
from stillup.gateway.core.values import Protocol
from stillup.sim.provider.call import read_call
from stillup.sim.provider.steps import Send, steps

QUESTIONS = questions([(protocol, "claude-sonnet-5-5") for protocol in CLIENTS])


def answer(question):
    """What a scripted provider answers, without its head and without chunks."""
    call = read_call("POST", question.path, question.headers, question.body)
    said = steps(call, WELL, "A", "req_1", datetime(2026, 1, 1, tzinfo=UTC), "")
    raw = b"".join(step.data for step in said if isinstance(step, Send))
    head, _, body = raw.partition(b"\r\n\r\n")
    return unchunked(body) if b"chunked" in head.lower() else body


def unchunked(body):
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return whole


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.protocol}-{q.shape}")
def test_the_right_answer_is_right_and_whole_however_it_is_cut_into_pieces(question):
    body = answer(question)
    for size in (1, 7, 10**6):
        reading = Reading(question.protocol, streams=question.streams)
        for at in range(0, len(body), size):
            reading.feed(body[at : at + size])
        reading.end()
        assert (reading.error, reading.has_ended) == ("", True)
        assert question.is_right(reading.text, reading.calls)
        assert reading.chars == question.wanted_chars


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.protocol}-{q.shape}")
def test_what_is_cut_short_has_not_ended_and_is_not_right(question):
    body = answer(question)
    reading = Reading(question.protocol, streams=question.streams)
    reading.feed(body[: len(body) // 2])
    reading.end()
    assert not reading.has_ended
    assert not question.is_right(reading.text, reading.calls)


@pytest.mark.parametrize(
    ("shape", "text", "calls", "right"),
    [
        (Shape.STREAM, TEXT, [], True),
        (Shape.STREAM, TEXT + " ", [], False),
        (Shape.STREAM, TEXT[:-1], [], False),
        (Shape.STREAM, TEXT + TEXT, [], False),
        (Shape.STREAM, TEXT, [("get_weather", "{}")], False),
        (Shape.TOOLS, "", [("get_weather", ' {"location" : "Paris"}')], True),
        (Shape.TOOLS, "", [("get_weather", '{"location":"Paris"}')] * 2, False),
        (Shape.TOOLS, "", [("get_weather", '{"location":"Par')], False),
        (Shape.SCHEMA, '{"city": "Said of a city."}', [], True),
        (Shape.SCHEMA, "{}", [], False),
        (Shape.SCHEMA, "[" * 100_000, [], False),
    ],
)
def test_only_the_right_answer_is_right(shape, text, calls, right):
    question = Question(protocol=Protocol.OPENAI, shape=shape, model="m")
    assert question.is_right(text, calls) is right


@pytest.mark.parametrize("protocol", CLIENTS)
@pytest.mark.parametrize("streams", [True, False])
@given(body=st.binary(max_size=400))
def test_rubbish_is_never_an_answer(protocol, streams, body):
    reading = Reading(protocol, streams=streams)
    reading.feed(body)
    reading.end()
    question = Question(protocol=protocol, shape=Shape.STREAM if streams else Shape.WHOLE, model="m")
    assert not question.is_right(reading.text, reading.calls)
    error_of(body)


ODD = [
    b'{"choices":[null,{"delta":7},{"delta":{"tool_calls":[{"index":{},"function":{"arguments":1}}]}}]}',
    b'{"type":"content_block_start","index":[1],"content_block":{"type":"tool_use","name":3}}',
    b'{"type":"response.output_item.added","output_index":{"a":1},"item":{"type":"function_call"}}',
    b'{"candidates":{"content":1},"error":[]}',
    b'{"error":{"message":{"a":"b"}}}',
    b'{"content":[{"input":{},"name":{}}],"stop_reason":1}',
    b"[" * 10_000,
    b"7",
]


@pytest.mark.parametrize("protocol", CLIENTS)
@pytest.mark.parametrize("event", ODD, ids=lambda e: str(e[:20]))
def test_events_of_odd_shapes_break_nothing(protocol, event):
    stream, whole = Reading(protocol, streams=True), Reading(protocol, streams=False)
    stream.feed(b"data: " + event + b"\n\n")
    stream.end()
    whole.feed(event)
    whole.end()
    assert not stream.has_ended or protocol is Protocol.GEMINI


def test_an_answer_without_end_is_not_read_into_memory():
    reading = Reading(Protocol.OPENAI, streams=True)
    for _ in range(6):
        reading.feed(b"x" * (MOST_BYTES // 4))
    assert reading.error


def test_each_shape_is_asked_in_each_protocol():
    assert len(QUESTIONS) == len(CLIENTS) * len(SHAPES)
    assert "drill-client" in str(QUESTIONS[0].headers)
