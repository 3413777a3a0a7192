"""Sizes that nobody honest sends: each of these took minutes, or for ever, while its cost grew with the square."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.given import Given
from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.anthropic.answer_in import AnthropicReader
from stillup.gateway.dialects.base import CONTENT, ERROR
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.gemini.answer_in import GeminiReader
from stillup.gateway.dialects.holding import HoldingWatch, Holds, Room
from stillup.gateway.dialects.lenient import is_crowded
from stillup.gateway.dialects.needs import needs
from stillup.gateway.dialects.neutral import Words
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.seam import LONGEST_OVERLAP, Seam
from stillup.gateway.dialects.stops import LONGEST_STOP, MOST_STOPS, can_be_kept
from stillup.gateway.dialects.translated import TranslatedWatch
from stillup.gateway.dialects.unsealing import UnsealingWatch
from stillup.gateway.reading import reader

EVENTS = ((b"content-type", b"text/event-stream"),)


def asked(protocol, body=b"{}"):
    return Ask(protocol=protocol, operation=Operation.GENERATE, method="POST", path="/", body=body, stream=True)


def watching(protocol):
    return reader(asked(protocol), protocol, 200, EVENTS)


def writing(protocol=Protocol.ANTHROPIC):
    return dialect_of(protocol).writer(asked(protocol), Stamp(id="abc", created_s=1))


def event(name, **more):
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


@pytest.mark.parametrize("said", ["a" * 200_000, "one two three four " * 10_000], ids=["one letter", "words"])
def test_a_long_answer_that_is_said_again_a_letter_at_a_time_is_left_out(said):
    seam = Seam(said, Form.INSTRUCTION)
    new = "".join(map(seam.take, said + "and on")) + seam.finish()
    assert new == "and on"


def test_all_but_one_letter_of_the_end_said_again_is_told_from_the_whole():
    said = "".join(f"{n} " for n in range(2 * LONGEST_OVERLAP))
    seam = Seam(said, Form.INSTRUCTION)
    assert "".join(map(seam.take, said[1 - LONGEST_OVERLAP :] + "and on")) + seam.finish() == "and on"


@pytest.mark.parametrize(
    ("protocol", "begins", "ends"),
    [
        (
            Protocol.ANTHROPIC,
            event("content_block_start", index=0, content_block={"type": "tool_use", "id": "a", "name": "f"})
            + event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"a'}),
            event("content_block_stop", index=7),
        ),
        (
            Protocol.RESPONSES,
            event("response.output_item.added", output_index=0, item={"type": "function_call", "name": "f"}),
            event("response.output_item.done", output_index=3, item={"type": "reasoning"}),
        ),
    ],
)
def test_a_call_that_ends_thousands_of_times_and_is_never_whole_is_not_read_anew_each_time(protocol, begins, ends):
    watch = HoldingWatch(watching(protocol), protocol, Holds.CALLS, Room())
    watch.feed(begins)
    assert [watch.feed(ends * 1_000)[1] for _ in range(40)] == [b""] * 40


def test_a_call_behind_many_ends_is_still_let_go_when_the_answer_is_over():
    start = event("content_block_start", index=0, content_block={"type": "tool_use", "id": "a", "name": "f"})
    half = event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "{}"})
    watch = HoldingWatch(watching(Protocol.ANTHROPIC), Protocol.ANTHROPIC, Holds.CALLS, Room())
    sent = b"".join(
        (
            event("message_start", message={"id": "m", "model": "m", "content": []}),
            start + half + event("content_block_stop", index=7) * 40 + event("content_block_stop", index=0),
            event("message_delta", delta={"stop_reason": "tool_use"}) + event("message_stop"),
        )
    )
    flags, ready = watch.feed(sent)
    assert (flags & ERROR, ready) == (0, sent)


def test_a_line_of_nothing_but_beginnings_of_lines_is_looked_at_once():
    watch = UnsealingWatch(watching(Protocol.ANTHROPIC))
    line = b": " + b"data:" * 400_000 + b"\n: signature_delta\n\n"
    assert watch.feed(line)[1] == line


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_signature_is_found_whatever_ends_the_lines(end):
    watch = UnsealingWatch(watching(Protocol.ANTHROPIC))
    signed = event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "secret"})
    lines = signed.replace(b"\n", end) + b": \n\n"
    assert b"secret" not in watch.feed(lines)[1]


def test_a_body_of_more_parts_than_any_model_takes_is_not_looked_into():
    many = b'{"model":"m","source":1,"messages":[' + b"{}," * 400_000 + b'{"type":"image"}]}'
    assert is_crowded(many)
    assert not needs(asked(Protocol.ANTHROPIC, many)).has_images
    assert not is_crowded(b"x" * 1_000_000)


def test_forty_thousand_tools_and_items_are_read():
    items = ",".join('{"role":"user","content":"a"}' for _ in range(40_000))
    tools = ",".join(f'{{"type":"function","name":"t{n}"}}' for n in range(40_000))
    prompt = dialect_of(Protocol.RESPONSES).read_prompt(
        asked(Protocol.RESPONSES, f'{{"model":"m","input":[{items}],"tools":[{tools}]}}'.encode())
    )
    assert (len(prompt.messages), len(prompt.messages[0].parts), len(prompt.tools)) == (1, 40_000, 40_000)


def word(text):
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def test_an_answer_without_end_is_not_kept_for_going_on_with():
    """It passes as it comes all the same: only nobody can go on with it when it breaks off."""
    made = []
    given = Given(lambda: made.append(writing()) or made[-1])
    given.passed(word("so far"))
    assert given.writer().said.text == "so far"
    for _ in range(70):
        given.passed(word("x" * 1_000_000))
    assert given.is_lost
    assert len(made) == 1


def test_a_translated_answer_without_end_is_broken_off():
    watch = TranslatedWatch(watching(Protocol.ANTHROPIC), AnthropicReader(), writing(Protocol.OPENAI), b"")
    begun = event("message_start", message={"id": "m", "model": "m", "content": []}) + event(
        "content_block_start", index=0, content_block={"type": "text", "text": ""}
    )
    assert watch.feed(begun + word("a"))[0] & CONTENT
    assert next(n for n in range(100) if watch.feed(word("x" * 1_000_000))[0] & ERROR) == 64 * 1_048_576 // 1_000_000
    assert watch.fault is Fault.MALFORMED


def test_letters_are_put_together():
    said = Said()
    for letter in "abcde" * 2_000:
        said.add(Words(letter))
    assert said.text == "abcde" * 2_000
    assert said.tokens == 2_500


@pytest.mark.parametrize(
    ("stops", "kept"),
    [
        (["a"] * MOST_STOPS, True),
        (["a"] * (MOST_STOPS + 1), False),
        (["a" * LONGEST_STOP], True),
        (["a" * (LONGEST_STOP + 1)], False),
    ],
)
def test_so_many_stop_sequences_are_kept_here_and_no_more(stops, kept):
    assert can_be_kept(stops) is kept


def test_a_number_beyond_all_numbers_costs_its_chunk_and_nothing_else():
    """JSON can write 1e400, Python reads infinity, and no JSON has that."""
    chunk = b'data: {"candidates":[{"content":{"parts":[{"text":"%s"}]}}]%s}\n\n'
    reader_ = GeminiReader()
    assert reader_.feed(chunk % (b"lost", b',"usageMetadata":{"promptTokenCount":1e400}')) == []
    assert Words("kept") in reader_.feed(chunk % (b"kept", b""))


def test_what_all_requests_hold_back_together_has_a_bound_and_is_free_again():
    room = Room(2_000)
    begun = b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}'
    call = b"event: content_block_start\ndata: " + begun + b"\n\n"
    part = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"partial_json":"'
        + b"x" * 900
        + b'"}}\n\n'
    )

    first = HoldingWatch(watching(Protocol.ANTHROPIC), Protocol.ANTHROPIC, Holds.CALLS, room)
    second = HoldingWatch(watching(Protocol.ANTHROPIC), Protocol.ANTHROPIC, Holds.CALLS, room)
    assert first.feed(call + part)[1] == b""
    assert second.feed(call + part)[1] == call + part
    assert second.is_capped

    del first, second
    assert room.left == 2_000
