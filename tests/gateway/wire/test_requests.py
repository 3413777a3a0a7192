"""How bytes become requests: what is refused, what is bounded, and that packets do not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.wire.requests import (
    MAX_BARREN_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    MOST_WAITING,
    Incoming,
    Reader,
    Stop,
)

MAX_BODY_BYTES = 1000
HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST /v1 HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> Reader:
    reader = Reader(MAX_BODY_BYTES)
    for piece in pieces:
        reader.feed(piece)
    return reader


def refusal(*pieces: bytes) -> int | None:
    """The status of what is refused; nothing of it may be ready."""
    reader = read(*pieces)
    assert not reader.ready
    assert not reader.is_reading
    return reader.stop.status if reader.stop else None


SMUGGLED = {
    "a length and a transfer coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a transfer coding and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a length with a plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "a length in hexadecimal": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nabcdefghij",
    "a length in other digits": POST + b"Content-Length: \xb3\r\n\r\nabc",
    "a length of two words": POST + b"Content-Length: 3 4\r\n\r\nabc",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a length past 64 bits": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked, then another coding": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked, then another line": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a coding after a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "no coding's name": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed after a header": GET + b"X: y\nZ: z\r\n\r\n",
    "a bare line feed at the head's end": GET + b"X: y\r\n\n",
    "a bare carriage return in a value": GET + b"X: y\rz\r\n\r\n",
    "a folded line": GET + b"X: y\r\n z\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "a NUL in a value": GET + b"X: y\0z\r\n\r\n",
    "a control character in a value": GET + b"X: y\x01z\r\n\r\n",
    "a NUL in a name": GET + b"X\0: y\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "a tab before the colon": POST + b"Content-Length\t: 3\r\n\r\nabc",
    "a space in a name": GET + b"X Y: z\r\n\r\n",
    "no name": GET + b": z\r\n\r\n",
    "no colon": GET + b"xyz\r\n\r\n",
    "a control character in the address": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in the address": b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n",
    "a raw byte in the address": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab after the method": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"NONSENSE / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "another version of HTTP/1": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "another protocol's name": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "a bare line feed after a chunk's size": CHUNKED + b"3\nabc\n0\n\n",
    "a bare line feed in a chunk's extension": CHUNKED + b"3;a=b\nabc\r\n0\r\n\r\n",
    "a carriage return in a chunk's extension": CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "a space after a chunk's size": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "a space before a chunk's size": CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size with a prefix": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size that is negative": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size past 64 bits": CHUNKED + b"fffffffffffffffff\r\nabc",
    "a chunk that is longer than it says": CHUNKED + b"3\r\nabcX\r\n0\r\n\r\n",
    "a length in a trailer": CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n",
    "a transfer coding in a trailer": CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an address of authority form": b"GET localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute address": b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk for an address": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "an address with a fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/1.0 with a transfer coding": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("raw", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_two_parties_could_read_in_two_ways_is_refused_whole_or_byte_by_byte(raw):
    assert refusal(raw) == 400
    assert refusal(*(raw[n : n + 1] for n in range(len(raw)))) == 400


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n", 426),
        (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 426),
        (GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 426),
        (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc", 426),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
        (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
        (b"GET /\r\n\r\n", 505),
    ],
)
def test_another_protocol_a_tunnel_and_other_codings_are_refused(raw, status):
    assert refusal(raw) == status
    assert refusal(*(raw[n : n + 1] for n in range(len(raw)))) == status


def test_nothing_is_read_after_a_refusal():
    reader = read(GET + b"X : y\r\n\r\n", GET + b"\r\n", GET + b"\r\n")

    assert not reader.ready
    assert reader.stop == Stop(400, "the request is not valid HTTP/1.1")


def test_the_first_reason_to_stop_stays():
    reader = read(GET + b"X : y\r\n\r\n")

    reader.refuse(408, "too slow")

    assert reader.stop is not None
    assert reader.stop.status == 400


def test_what_came_whole_before_what_is_refused_is_still_served():
    reader = read(GET + b"\r\n" + GET + b"X : y\r\n\r\n")

    assert [request.target for request in reader.ready] == [b"/"]
    assert reader.stop is not None


@pytest.mark.parametrize("end", [b"HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", b"HTTP/1.0\r\n\r\n"])
@pytest.mark.parametrize("more", [GET + b"\r\n", b"\r\n\r\n", b"garbage\0"])
def test_what_follows_the_last_request_is_neither_read_nor_held_against_it(end, more):
    for pieces in ([b"GET /last " + end + more], [b"GET /last " + end, more]):
        reader = read(*pieces)

        assert [request.target for request in reader.ready] == [b"/last"]
        assert reader.stop is None
        assert reader.is_over


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
def test_http_1_0_is_never_kept_alive(connection):
    reader = read(b"GET / HTTP/1.0\r\n" + connection + b"\r\n" + GET + b"\r\n")

    assert [(request.keep_alive, request.is_http_1_0) for request in reader.ready] == [(False, True)]
    assert reader.stop is None


def test_trailers_are_not_headers_and_extensions_are_not_body():
    raw = CHUNKED + b"3;name=value\r\nabc\r\n0;last\r\nOrigin: http://evil.example\r\nx-api-key: k\r\n\r\n"

    for pieces in ([raw], [raw[n : n + 1] for n in range(len(raw))]):
        (request,) = read(*pieces).ready
        assert request == Incoming(
            "POST", b"/v1", ((b"Host", b"localhost"), (b"Transfer-Encoding", b"chunked")), b"abc"
        )


def test_empty_lines_before_a_request_are_skipped():
    assert [request.target for request in read(b"\r\n\r\n" + GET + b"\r\n").ready] == [b"/"]


# --- bounds


def test_a_head_of_the_largest_size_is_read_and_a_larger_one_refused_in_one_piece_or_many():
    def head(size: int) -> bytes:
        return b"GET / HTTP/1.1\r\nX: " + b"x" * (size - len("/") - len("X: \r\n")) + b"\r\n\r\n"

    for raw, status in ((head(MAX_HEAD_BYTES), None), (head(MAX_HEAD_BYTES + 1), 431)):
        for step in (len(raw), 1000):
            reader = read(*(raw[n : n + step] for n in range(0, len(raw), step)))
            assert (reader.stop.status if reader.stop else None) == status
            assert len(reader.ready) == (status is None)


def test_a_head_without_an_end_is_refused_before_it_has_ended():
    pieces = [GET + b"X: ", *[b"x" * 8192] * 10]

    assert refusal(*pieces) == 431


def test_too_many_headers_and_too_long_an_address_are_refused():
    assert refusal(GET + b"X: y\r\n" * MAX_HEADERS + b"\r\n") == 431
    assert len(read(GET + b"X: y\r\n" * (MAX_HEADERS - 1) + b"\r\n").ready) == 1
    assert refusal(b"GET /" + b"x" * MAX_TARGET_BYTES + b" HTTP/1.1\r\n\r\n") == 414
    assert refusal(b"GET /", *[b"x" * 1000] * 9) == 414


def test_too_large_a_body_is_refused_at_its_length_and_when_chunks_pass_it():
    assert refusal(POST + b"Content-Length: 1001\r\n\r\n") == 413
    assert refusal(POST + b"Content-Length: 18446744073709551615\r\n\r\n") == 413
    assert refusal(POST + b"Content-Length: " + b"0" * 5000 + b"1\r\n\r\n") == 413
    assert refusal(CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n", b"1\r\ny") == 413
    assert refusal(CHUNKED, b"ffffffffffffffff\r\n", b"x" * 600, b"x" * 600) == 413
    assert len(read(POST + b"Content-Length: 1000\r\n\r\n", b"x" * 1000).ready) == 1
    assert len(read(CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n").ready) == 1


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (CHUNKED + b"1;", b"x" * 4096),
        (CHUNKED, b"0" * 4096),
        (CHUNKED + b"0\r\nX: ", b"x" * 4096),
        (b"", b"\r\n" * 2048),
        (GET + b"\r\n", b"\r\n" * 2048),
    ],
    ids=["an endless extension", "endless zeros", "an endless trailer", "endless lines", "endless lines after one"],
)
def test_bytes_without_end_that_are_neither_head_nor_body_are_refused(start, more):
    reader = Reader(MAX_BODY_BYTES)
    reader.feed(start)
    reader.ready.clear()
    read_bytes = 0
    while not reader.is_over:
        reader.feed(more)
        read_bytes += len(more)

    assert read_bytes <= MAX_BARREN_BYTES + len(more)
    assert reader.stop is not None
    assert reader.stop.status == 400
    assert not reader.ready


def test_too_many_trailers_are_refused():
    assert refusal(CHUNKED + b"0\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n") == 431


def test_a_slow_large_body_is_never_taken_for_a_flood():
    """What counts is what came since the last byte of a body."""
    reader = Reader(10 * MAX_BARREN_BYTES)
    reader.feed(CHUNKED)
    for _ in range(5 * MAX_BARREN_BYTES // 6):
        reader.feed(b"1\r\nx\r\n")
    reader.feed(b"0\r\n\r\n")

    assert len(reader.ready[0].body) == 5 * MAX_BARREN_BYTES // 6


def test_only_so_many_requests_wait_and_then_no_more_are_read():
    reader = read((GET + b"\r\n") * (MOST_WAITING + 5))

    assert len(reader.ready) == MOST_WAITING
    assert reader.stop is not None
    assert reader.stop.status == 429


# --- what the head decides before the body comes


def test_a_door_may_refuse_at_the_head_before_any_of_the_body_is_taken():
    seen = []

    def admit(target, headers):
        seen.append((target, headers))
        return Stop(401, "no token")

    reader = Reader(MAX_BODY_BYTES, admit)
    reader.feed(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")

    assert seen == [
        (b"/v1", ((b"Host", b"localhost"), (b"Content-Length", b"3"), (b"Expect", b"100-continue"))),
    ]
    assert reader.stop == Stop(401, "no token")
    assert not reader.wants_continue


def test_a_door_that_breaks_is_not_the_clients_mistake():
    def admit(target, headers):
        raise LookupError("a mistake of ours")

    with pytest.raises(Exception) as caught:
        Reader(MAX_BODY_BYTES, admit).feed(GET + b"\r\n")

    assert isinstance(caught.value.__context__, LookupError)


@pytest.mark.parametrize(
    ("raw", "wants"),
    [
        (POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", True),
        (POST + b"Transfer-Encoding: chunked\r\nExpect: 100-Continue \r\n\r\n", True),
        (POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\na", False),
        (POST + b"Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", False),
        (GET + b"Expect: 100-continue\r\n\r\n", False),
        (POST + b"Content-Length: 3\r\nExpect: a-pony\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", False),
    ],
)
def test_a_client_waits_for_a_word_only_if_it_says_so_and_has_a_body_to_send(raw, wants):
    assert read(raw).wants_continue is wants


# --- packets do not matter

TOKEN = st.text("ABCXYZabcxyz019-_.!~", min_size=1, max_size=12).map(lambda s: b"X-" + s.encode())
VALUE = st.binary(max_size=30).map(lambda raw: bytes(b for b in raw if b >= 0x20 and b != 0x7F).strip())
LINES = st.lists(st.tuples(TOKEN, VALUE), max_size=6)
TARGET = st.text("/abcXYZ019-._~%?&=:@", max_size=30).map(lambda s: b"/" + s.encode())
METHOD = st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT"])
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@st.composite
def requests(draw) -> tuple[bytes, Incoming]:
    """A request on the wire, and what it means."""
    method, target, lines, chunks = draw(METHOD), draw(TARGET), draw(LINES), draw(CHUNKS)
    body = b"".join(chunks)
    if draw(st.booleans()):
        lines.append((b"Transfer-Encoding", b"chunked"))
        wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        wire = body
        if body:
            lines.insert(draw(st.integers(0, len(lines))), (b"content-length", b"%d" % len(body)))
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    raw = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, head, wire)
    return raw, Incoming(method, target, tuple(lines), body)


def pieces_of(raw: bytes, cuts: list[int]) -> list[bytes]:
    ends = [*sorted({cut % (len(raw) + 1) for cut in cuts}), len(raw)]
    return [raw[start:end] for start, end in zip([0, *ends], ends, strict=False)]


CUTS = st.lists(st.integers(0, 5000), max_size=12)


@given(st.lists(requests(), min_size=1, max_size=4), CUTS)
def test_any_split_of_valid_requests_gives_what_was_meant(sent, cuts):
    raw = b"".join(wire for wire, _ in sent)

    reader = read(*pieces_of(raw, cuts))

    assert list(reader.ready) == [meant for _, meant in sent]
    assert reader.stop is None
    assert not reader.is_reading


@given(requests(), st.data(), CUTS)
def test_any_split_of_damaged_requests_gives_the_same_answer(sent, data, cuts):
    raw = bytearray(sent[0])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from([b"", b"\n", b"\r", b"\0", b" :"]))
    whole, split = read(bytes(raw)), read(*pieces_of(bytes(raw), cuts))

    assert (list(split.ready), split.stop) == (list(whole.ready), whole.stop)
