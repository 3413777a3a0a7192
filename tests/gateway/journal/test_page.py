"""docs/journal.md says what is kept and how, as the code has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stillup.gateway.journal import kept, pieces
from stillup.gateway.journal.records import HASH_BYTES, MAGIC, Answering, Begin, End, Kind, Seam, TryRecord
from stillup.gateway.journal.segment import ROLL_BLOBS, ROLL_BYTES

PAGE = (Path(__file__).parents[3] / "docs" / "journal.md").read_text("utf-8")
SHORT = {
    "first_token_s": "first token s",
    "total_s": "total s",
    "input_tokens": "tokens in",
    "output_tokens": "out",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "content_type": "content type",
    "content_encoding": "content encoding",
}


def test_every_header_that_is_kept_is_named():
    (said,) = re.findall(r"^\| the headers (.*?) \|", PAGE, re.MULTILINE)

    assert set(re.findall(r"`([\w-]+)`", said)) == {name.decode() for name in kept.HEADERS}


def test_every_kind_of_record_has_its_number():
    rows = re.findall(r"^\| (\d) (\w+) \|", PAGE, re.MULTILINE)

    assert {(int(number), name.upper()) for number, name in rows} == {(kind.value, kind.name) for kind in Kind}


@pytest.mark.parametrize(
    ("kind", "record"), [("begin", Begin), ("try", TryRecord), ("answering", Answering), ("end", End), ("seam", Seam)]
)
def test_a_record_s_fields_stand_in_their_order(kind, record):
    (said,) = re.findall(rf"^\| \d {kind} \| msgpack array: ([\w, ]+)", PAGE, re.MULTILINE)

    assert said.strip().split(", ") == [SHORT.get(field, field) for field in record.__struct_fields__]


def test_the_places_where_a_body_is_cut_are_named():
    said = PAGE.partition("It is cut at")[2].partition("where they are")[0]

    assert set(re.findall(r"`(\w+)`", said)) | {"system_instruction"} == set(pieces._Shape.__struct_fields__)


def test_the_numbers_are_the_code_s():
    for said in (MAGIC.decode(), f"blake2b-{HASH_BYTES}", f"{ROLL_BLOBS:,}", f"at {ROLL_BYTES >> 20} MB"):
        assert said in PAGE
    assert f"{pieces.SMALLEST} bytes or longer" in PAGE
