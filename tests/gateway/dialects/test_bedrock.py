"""Amazon's event stream becomes Anthropic's, message by message, each checked."""

from __future__ import annotations

import base64
import itertools
import json
import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.dialects.base import CONTENT, ERROR
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.eventstream import BadMessage, Message, Messages

botocore = pytest.importorskip("botocore.eventstream", reason="the format's own implementation is not installed")


def header(name, kind, value):
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def text(name, value):
    raw = value.encode()
    return header(name, 7, struct.pack(">H", len(raw)) + raw)


def message(headers, payload):
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", crc32(head)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def chunk(event):
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abc"}).encode()
    return message(text(":message-type", "event") + text(":event-type", "chunk"), payload)


def trouble(name, says="m", kind="exception"):
    which = {"exception": ":exception-type", "error": ":error-code"}[kind]
    headers = text(":message-type", kind) + text(which, name)
    if kind == "error":
        return message(headers + text(":error-message", says), b"")
    return message(headers, json.dumps({"message": says}).encode())


DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ü"}}
ALL_KINDS = b"".join(
    [
        header("true", 0, b""),
        header("false", 1, b""),
        header("byte", 2, b"\x01"),
        header("short", 3, b"\0\x01"),
        header("int", 4, b"\0\0\0\x01"),
        header("long", 5, b"\0" * 8),
        header("bytes", 6, b"\0\x03abc"),
        text("text", "grüße"),
        header("time", 8, b"\0" * 8),
        header("uuid", 9, b"\0" * 16),
    ]
)

payloads = st.lists(st.binary(max_size=60), min_size=1, max_size=5)


@given(payloads, st.lists(st.integers(0, 900), max_size=20))
def test_any_division_gives_what_amazons_own_reader_gives(given_payloads, at):
    body = b"".join(message(ALL_KINDS, payload) for payload in given_payloads)
    edges = sorted({0, len(body), *(cut for cut in at if cut < len(body))})
    ours = Messages()
    got = [one for a, b in itertools.pairwise(edges) for one in ours.feed(body[a:b])]
    theirs = botocore.EventStreamBuffer()
    theirs.add_data(body)
    assert [one.payload for one in got] == [one.payload for one in theirs] == given_payloads
    assert all(one.headers == {"text": "grüße"} for one in got)
    assert not ours.held


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_bit_anywhere_is_found(where, flip):
    raw = bytearray(message(ALL_KINDS, b"payload"))
    raw[where % len(raw)] ^= flip
    with pytest.raises(BadMessage):
        list(Messages().feed(bytes(raw)))


@pytest.mark.parametrize(
    "headers",
    [b"\x05name\x63", b"\xffname", b"\x04name", b"\x04\xff\xff\xff\xff\x00", b"\x01a\x07\x00\x01\xff"],
)
def test_headers_that_cannot_be_read_are_a_broken_message(headers):
    with pytest.raises(BadMessage, match="headers"):
        list(Messages().feed(message(headers, b"")))


@pytest.mark.parametrize(("total", "headers"), [(2**31, 0), (15, 0), (16, 1)])
def test_a_length_beyond_reason_is_refused_before_it_is_waited_for(total, headers):
    head = struct.pack(">II", total, headers)
    with pytest.raises(BadMessage, match="length"):
        list(Messages().feed(head + struct.pack(">I", crc32(head))))


def test_a_chunk_becomes_an_event_of_anthropics_stream():
    flags, ready = BedrockWatch().feed(chunk(DELTA))
    assert flags == CONTENT
    assert ready == b"event: content_block_delta\ndata: " + json.dumps(DELTA).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("throttlingException", Fault.RATE_LIMITED),
        ("serviceUnavailableException", Fault.OVERLOADED),
        ("internalServerException", Fault.SERVER_ERROR),
        ("modelStreamErrorException", Fault.SERVER_ERROR),
        ("modelTimeoutException", Fault.SERVER_ERROR),
        ("validationException", Fault.BAD_REQUEST),
        ("anExceptionOfTomorrow", Fault.ERROR_EVENT),
    ],
)
@pytest.mark.parametrize("kind", ["exception", "error"])
def test_an_exception_in_the_stream_is_the_fault_it_names(name, fault, kind):
    watch = BedrockWatch()
    _, ready = watch.feed(chunk(DELTA) + trouble(name, "what happened", kind))
    assert (watch.fault, watch.error_message) == (fault, "what happened")
    assert b"content_block_delta" in ready
    assert watch.error_event.startswith(b"event: error\n")


def test_what_came_before_a_broken_message_still_counts():
    watch = BedrockWatch()
    flags, ready = watch.feed(chunk(DELTA) + chunk(DELTA)[:-1] + b"\0")
    assert (flags, watch.fault) == (CONTENT | ERROR, Fault.MALFORMED)
    assert ready.count(b"content_block_delta\n") == 1
    assert watch.finish() == (Fault.MALFORMED, b"")


@pytest.mark.parametrize("payload", [b'{"bytes": "*"}', b"{", b'{"bytes": "ew=="}', b'{"bytes": "/////w=="}'])
def test_a_chunk_that_holds_no_event_is_malformed(payload):
    watch = BedrockWatch()
    watch.feed(message(text(":message-type", "event") + text(":event-type", "chunk"), payload))
    assert watch.fault is Fault.MALFORMED


def test_events_of_other_types_are_left_out():
    other = message(text(":message-type", "event") + text(":event-type", "metadata"), b"{}")
    assert BedrockWatch().feed(other) == (0, b"")


def test_a_type_that_would_break_the_lines_of_the_stream_names_no_event():
    _, ready = BedrockWatch().feed(chunk({"type": "x\n\ndata: evil"}))
    assert ready.startswith(b"event: \ndata: ")
    assert ready.count(b"\n\n") == 1


def test_a_body_cut_inside_a_message_is_told():
    begun = BedrockWatch()
    begun.feed(chunk(DELTA) + chunk(DELTA)[:50])
    assert begun.finish() == (Fault.CUT, b"")
    empty = BedrockWatch()
    empty.feed(chunk(DELTA)[:50])
    assert empty.finish() == (Fault.EMPTY, b"")


def test_a_message_shows_its_headers_by_name():
    assert list(Messages().feed(message(text("a", "b"), b"c"))) == [Message({"a": "b"}, b"c")]
