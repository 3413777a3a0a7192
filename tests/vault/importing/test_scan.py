"""Objects are found in JSON wherever it is cut into pieces."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stillup.vault.importing.scan import items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), max_size=5)


def fed(raw: bytes, sizes: list[int]):
    """The items when it comes in pieces of these sizes, the last of them again and again."""
    at = 0

    def read(_most: int) -> bytes:
        nonlocal at
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        data = raw[at : at + size]
        at += len(data)
        return data

    return list(items(read))


@given(
    objects=OBJECTS, as_lines=st.booleans(), ascii_only=st.booleans(), sizes=st.lists(st.integers(1, 30), min_size=1)
)
def test_any_pieces_give_the_same_objects(objects, as_lines, ascii_only, sizes):
    lines = [json.dumps(one, ensure_ascii=ascii_only) for one in objects]
    raw = ("\n".join(lines) if as_lines else "[" + ",\n".join(lines) + "]").encode()

    found = fed(raw, sizes)

    assert [json.loads(item.raw) for item in found] == objects
    assert all(raw[item.start : item.end] == item.raw for item in found)


@given(objects=OBJECTS, sizes=st.lists(st.integers(1, 30), min_size=1))
def test_what_no_decoder_would_take_is_found_in_the_same_places(objects, sizes):
    raw = json.dumps([{"none": None} | one for one in objects]).encode()

    refused = fed(raw.replace(b"null", b"nul?"), list(sizes))

    assert [(item.start, item.end) for item in refused] == [(item.start, item.end) for item in fed(raw, sizes)]


@given(objects=OBJECTS.filter(bool), sizes=st.lists(st.integers(1, 30), min_size=1))
def test_going_on_behind_any_object_gives_the_others(objects, sizes):
    raw = json.dumps(objects).encode()
    for n, item in enumerate(fed(raw, list(sizes))):
        rest = fed(raw[item.end :], list(sizes))
        assert [json.loads(one.raw) for one in rest] == objects[n + 1 :]


@given(raw=st.text(alphabet='{}[]",\\x:', max_size=60), sizes=st.lists(st.integers(1, 9), min_size=1))
def test_nonsense_gives_items_that_do_not_overlap(raw, sizes):
    end = 0
    for item in fed(raw.encode(), sizes):
        assert end <= item.start <= item.end
        assert item.raw or item.why
        end = item.end
