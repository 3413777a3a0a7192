"""Content codings: decoded as they come, and never beyond the bound."""

from __future__ import annotations

import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.dialects.coding import CannotDecode, Decoder, coding_of, decoded, readable_codings


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=9))
def test_any_division_decodes_to_the_same(coding, data, at):
    coded = CODINGS[coding](data)
    edges = sorted({0, len(coded), *(cut for cut in at if cut < len(coded))})
    decoder = Decoder(coding)
    assert b"".join(decoder.feed(coded[a:b]) for a, b in itertools.pairwise(edges)) == data
    assert decoder.ended


def test_deflate_without_its_wrapper_is_read():
    assert decoded(raw_deflate(b"hello"), "deflate", 100) == b"hello"


def test_several_gzip_members_are_one_body():
    assert decoded(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip", 100) == b"one two"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_stopped_at_the_bound(coding):
    bomb = CODINGS[coding](b"\0" * 10_000_000)
    with pytest.raises(CannotDecode, match="beyond the bound"):
        Decoder(coding, limit_bytes=1_000_000).feed(bomb)


def test_many_small_members_are_bounded_together():
    with pytest.raises(CannotDecode):
        Decoder("gzip", limit_bytes=1000).feed(gzip.compress(b"\0" * 600) * 2)


@pytest.mark.parametrize("coded", [b"rubbish", b"\x1f\x8b\x08rubbish"])
def test_rubbish_is_no_coded_body(coded):
    with pytest.raises(CannotDecode):
        decoded(coded, "gzip", 100)


def test_a_coding_that_cannot_be_read_is_refused():
    with pytest.raises(CannotDecode, match="zstd"):
        Decoder("zstd")


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        (b"gzip, deflate", b"gzip, deflate"),
        (b"gzip;q=1.0,  identity;q=0.5", b"gzip;q=1.0,  identity;q=0.5"),
        (b"gzip, deflate, br, zstd", b"gzip, deflate"),
        (b"br;q=1, gzip;q=0.8", b"gzip;q=0.8"),
        (b"br", b"identity"),
        (b"*", b"identity"),
        (b"", b""),
    ],
)
def test_a_client_is_promised_no_coding_that_cannot_be_read_here(accept, sent):
    assert readable_codings(accept) == sent


def test_a_body_of_many_empty_members_is_refused_before_it_costs_hours():
    with pytest.raises(CannotDecode, match="too many parts"):
        decoded(gzip.compress(b"") * 1_600_000, "gzip", 1000)


def test_a_stream_may_have_as_many_members_as_it_has_chunks():
    decoder = Decoder("gzip")
    assert b"".join(decoder.feed(gzip.compress(b"x")) for _ in range(2_000)) == b"x" * 2_000


def test_rubbish_behind_the_end_is_not_kept():
    decoder = Decoder("deflate")
    assert decoder.feed(zlib.compress(b"all") + b"x" * 100_000) == b"all"
    assert decoder.feed(b"x" * 100_000) == b""
    assert decoder.ended


@pytest.mark.parametrize("size", [10, 16_384, 50_000])
def test_the_bound_holds_over_a_chunk_of_any_size(size):
    bomb = gzip.compress(bytes(range(256)) * size)
    with pytest.raises(CannotDecode, match="beyond the bound"):
        Decoder("gzip", limit_bytes=256 * size - 1).feed(bomb)
    assert len(Decoder("gzip", limit_bytes=256 * size + 1).feed(bomb)) == 256 * size


@pytest.mark.parametrize(
    ("lines", "coding"),
    [
        ([], ""),
        ([b""], ""),
        ([b" gzip "], "gzip"),
        ([b"", b"gzip", b""], "gzip"),
        ([b"gzip", b"gzip"], "gzip, gzip"),
        ([b"identity", b"gzip"], "identity, gzip"),
        ([b"gzip", b"identity"], "gzip, identity"),
    ],
)
def test_a_coding_that_comes_in_several_lines_is_one_list(lines, coding):
    headers = [(b"accept", b"*/*"), (b"content-type", b"gzip"), (b"CONTENT-TYPEncode", b"x")]
    headers += [(b"Content-Encoding", line) for line in lines]
    assert coding_of(tuple(headers)) == coding


def test_codings_over_each_other_are_refused_never_taken_off_by_half():
    twice = gzip.compress(gzip.compress(b"{}"))
    with pytest.raises(CannotDecode):
        decoded(twice, coding_of(((b"content-encoding", b"gzip"), (b"content-encoding", b"gzip"))), 100)
