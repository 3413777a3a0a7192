"""Events are found and read as the standard for server-sent events says, the quick way and the careful way alike."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.dialects import sse
from stillup.gateway.dialects.sse import Splitter, fields_of_lines

values = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
lines = st.tuples(st.sampled_from(["data", "data:", "data: ", "event: ", "event:", "id: ", ":", "x"]), values).map(
    "".join
)
events = st.lists(lines, min_size=1, max_size=4).map(lambda given_lines: "\n".join(given_lines).encode() + b"\n\n")
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(events, max_size=4))
def test_whole_events_are_read_alike_one_by_one_and_all_at_once(each):
    data = b"".join(each)
    read = [fields_of_lines(event) for event in Splitter().feed(data)]
    assert list(sse.events(data)) == [(name, inside) for name, inside in read if inside is not None]


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (b"data: a\n\n", b"", b"a"),
        (b"data:a\n\n", b"", b"a"),
        (b"data:  a\n\n", b"", b" a"),
        (b"data: a\ndata: b\n\n", b"", b"a\nb"),
        (b"event: e\ndata: a\n\n", b"e", b"a"),
        (b"data: a\nevent: e\n\n", b"e", b"a"),
        (b"event: e\nid: 1\nretry: 5\ndata: a\n\n", b"e", b"a"),
        (b"event: e\n\n", b"e", None),
        (b": comment\n\n", b"", None),
        (b"\n\n", b"", None),
        (b"data\n\n", b"", b""),
        (b"data: a: b\n\n", b"", b"a: b"),
        (b"data: a\r\n\r\n", b"", b"a"),
        (b"\ndata: a\r\r", b"", b"a"),
        (b"data: a\x0bb\xe2\x80\xa8c\n\n", b"", b"a\x0bb\xe2\x80\xa8c"),
    ],
)
def test_an_events_name_and_data_are_read_from_its_lines(event, name, data):
    assert fields_of_lines(event) == (name, data)


@given(st.lists(events, max_size=5), line_ends, st.lists(st.integers(0, 300), max_size=12))
def test_events_are_whole_and_none_is_lost_wherever_the_stream_is_divided(given_events, end, at):
    body = b"".join(event.replace(b"\n", end) for event in given_events)
    edges = sorted({0, len(body), *(cut for cut in at if cut < len(body))})
    splitter = Splitter()
    got = [event for a, b in itertools.pairwise(edges) for event in splitter.feed(body[a:b])]
    got += splitter.feed(b"") + ([bytes(splitter.held)] if splitter.held else [])
    assert b"".join(got) == body
    read = [fields_of_lines(event) for event in got]
    wanted = [fields_of_lines(event) for event in given_events]
    assert [one for one in read if one != (b"", None)] == [one for one in wanted if one != (b"", None)]


@pytest.mark.parametrize(
    ("chunks", "ready"),
    [
        ([b"data: a\r\r"], [1]),
        ([b"data: a\r", b"\r"], [0, 1]),
        ([b"data: a\r\n\r", b"\n"], [0, 1]),
        ([b"data: a\r\n\r", b"data: b\r\n\r\n"], [0, 2]),
        ([b"data: a\n", b"\n"], [0, 1]),
        ([b"data: a\n\ndata: b", b"\n\n"], [1, 1]),
        ([b"data: a\r\r", b"\ndata: b\r\r"], [1, 1]),
    ],
)
def test_an_event_is_ready_as_soon_as_no_byte_of_it_can_follow(chunks, ready):
    splitter = Splitter()
    assert [len(splitter.feed(chunk)) for chunk in chunks] == ready
