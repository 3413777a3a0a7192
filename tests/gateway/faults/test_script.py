"""What a drill says in an upstream's place means to the gateway what the real thing would."""

from __future__ import annotations

import json
from random import Random

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.eventstream import Messages
from stillup.gateway.dialects.trouble import classify
from stillup.gateway.faults.drill import MODES, Drill, Mode
from stillup.gateway.faults.events import Events, broken, is_content
from stillup.gateway.faults.script import Data, End, Fail, Head, Silence, broken_event, script

SSE = ((b"Content-Type", b"text/event-stream; charset=utf-8"),)
AMAZON = ((b"content-type", b"application/vnd.amazon.eventstream"),)
MEANS = {
    400: Fault.BAD_REQUEST, 401: Fault.UNAUTHORIZED, 403: Fault.UNAUTHORIZED, 408: Fault.REQUEST_TIMEOUT,
    429: Fault.RATE_LIMITED, 500: Fault.SERVER_ERROR, 504: Fault.SERVER_ERROR,
}  # fmt: skip


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("status", MEANS)
def test_a_status_means_to_the_gateway_what_a_real_one_does(protocol, status):
    drill = Drill(upstream="a", mode=Mode.STATUS, status=status, until_s=1.0, retry_after_s=3.0)
    head, data, end = script(drill, protocol, stream=True)
    assert isinstance(head, Head)
    assert isinstance(data, Data)
    assert isinstance(end, End)
    assert (b"retry-after", b"3") in head.headers
    assert classify(protocol, head.status, head.headers, data.data) is MEANS[status]


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", [Mode(mode) for mode in MODES if not Mode(mode).is_real])
def test_every_mode_that_asks_nobody_has_an_end_or_is_silent(mode, protocol, stream):
    steps = script(Drill(upstream="a", mode=mode, until_s=1.0), protocol, stream=stream)
    assert isinstance(steps[-1], (End, Fail, Silence))


@pytest.mark.parametrize("protocol", [Protocol.BEDROCK, Protocol.CONVERSE])
def test_amazons_error_event_has_its_checksums(protocol):
    (message,) = Messages().feed(broken_event(protocol))
    assert message.headers[":message-type"] == "exception"
    assert "drill" in json.loads(message.payload)["message"]


STREAM = b"".join(b'event: x\ndata: {"delta": %d}\n\n' % n for n in range(20))


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_falls_into_the_same_events_however_it_comes(seed):
    random, events, at, got = Random(seed), Events(SSE), 0, []
    while at < len(STREAM):
        size = random.randint(1, 40)
        got += events.feed(STREAM[at : at + size])
        at += size
    assert got == list(Events(SSE).feed(STREAM))
    assert b"".join(got) == STREAM
    assert len(got) == 20


def test_lines_may_end_in_any_way():
    assert len(list(Events(SSE).feed(b"data: 1\r\n\r\ndata: 2\n\ndata: 3\r\r"))) == 3


def test_amazons_messages_are_told_apart_by_their_length():
    one = broken_event(Protocol.BEDROCK)
    events = Events(AMAZON)
    got = [event for n in range(0, len(one) * 3, 7) for event in events.feed((one * 3)[n : n + 7])]
    assert got == [one] * 3
    assert broken(one) != one


@pytest.mark.parametrize("junk", [b"\0\0\0\0" * 9, b"\xff" * 64, b"x" * 2_000_000])
def test_what_is_no_event_is_held_up_to_a_bound(junk):
    for headers in (SSE, AMAZON):
        events = Events(headers)
        got = list(events.feed(junk))
        assert got == [] or b"".join(got) + events.rest() == junk
    assert Events(SSE).is_full is False


def test_a_whole_answer_is_one():
    events = Events(((b"content-type", b"application/json"),))
    assert list(events.feed(b'{"a":\n\n1}')) == []
    assert events.rest() == b'{"a":\n\n1}'


def test_a_broken_event_is_no_json_any_more():
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken(b'data: {"delta": {"text": "hello"}}\n\n')[6:])
    assert broken(b"data: {}\n\n").endswith(b"\n\n")


def test_opening_events_are_no_pieces():
    assert not is_content(b"event: message_start\ndata: {}\n\n", Protocol.ANTHROPIC)
    assert is_content(b"event: content_block_delta\ndata: {}\n\n", Protocol.ANTHROPIC)
    assert is_content(b"anything", Protocol.GEMINI)
