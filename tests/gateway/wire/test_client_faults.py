"""What goes wrong with an upstream's answer, and that packets do not matter."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.wire import client as wire
from stillup.gateway.wire.client import MAX_HEAD_BYTES, MAX_HEADERS, Call, Place, Pool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "another protocol's status line": b"ICY 200 OK\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "a switch of protocols that says not to what": b"HTTP/1.1 101 Switching\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "another transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare carriage return in a value": b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    "a NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    "a head that is too large": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * (3 * MAX_HEAD_BYTES),
    "provisional heads without an end": b"HTTP/1.1 102 Processing\r\n\r\n" * 20_000,
    "empty lines without an end": b"\r\n" * 400_000,
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_answer_is_malformed_and_nothing_of_it_is_heard(asked, upstream, answer):
    async def script(talk):
        await talk.request()
        await talk.send(answer)
        await talk.until_closed()

    upstream.script = script

    assert (await asked.ask()).events == [("failed", Fault.MALFORMED)]
    assert not asked.pool._idle


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\nnonsense\r\n", b"abc"),
        (CHUNKED + b"3\r\nabcX", b"abc"),
        (CHUNKED + b"3\r\nabc\r\n1;" + b"x" * 2_000_000, b"abc"),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX: " + b"x" * 2_000_000, b"abc"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n", b"abc"),
    ],
    ids=["a wrong size", "a chunk too long", "an endless extension", "an endless trailer", "too many trailers"],
)
async def test_an_answer_that_goes_bad_is_heard_up_to_there_and_then_cut(asked, upstream, answer, body):
    async def script(talk):
        await talk.request()
        await talk.send(answer)
        await talk.until_closed()

    upstream.script = script
    heard = await asked.ask()

    assert heard.kinds[0] == "head"
    assert heard.body == body
    assert heard.fault is Fault.CUT


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", Fault.RESET),
        (b"HTTP/1.1 2", Fault.RESET),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Fault.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Fault.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Fault.CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Fault.CUT),
        (CHUNKED + b"3\r\nabc\r\n", Fault.CUT),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", Fault.CUT),
    ],
)
async def test_an_answer_that_breaks_off_is_a_reset_before_its_head_and_cut_after_it(
    asked, upstream, answer, fault, how
):
    async def script(talk):
        await talk.request()
        await talk.send(answer)
        if fault is Fault.CUT:
            await heard.begun.wait()
        if how == "reset":
            talk.reset()

    upstream.script = script
    heard = asked.start()
    await heard.ended()

    assert heard.fault is fault
    assert b"abc".startswith(heard.body)


async def test_a_reset_of_an_answer_that_ends_with_the_connection_is_no_end(asked, upstream):
    async def script(talk):
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await heard.begun.wait()
        talk.reset()

    upstream.script = script
    heard = asked.start()
    await heard.ended()

    assert heard.fault is Fault.CUT


async def test_a_server_that_closes_or_speaks_before_it_is_asked_is_a_reset(asked, upstream):
    """Some load balancers do, when they are full; whichever comes first, the call ends."""

    async def script(talk):
        await talk.send(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    upstream.script = script
    for _ in range(20):
        heard = await asked.ask()
        assert heard.kinds in (["failed"], ["head", "end"])

    async def closes(talk):
        talk.reset()

    upstream.script = closes
    for _ in range(20):
        assert (await asked.ask()).events == [("failed", Fault.RESET)]


async def test_a_mistake_in_a_sink_is_not_taken_for_the_servers(asked, upstream):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    upstream.plays(OK)
    heard = asked.start()

    def breaks(chunk):
        raise LookupError("a mistake of ours")

    heard.data = breaks
    await heard.ended()

    assert [type(exc) for exc in reported] == [LookupError]
    assert heard.fault is Fault.CUT


# --- packets do not matter


class Memory(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = True

    def write(self, data) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.is_open = False

    abort = close

    def resume_reading(self) -> None:
        pass


class Joined:
    """A sink that joins what it hears, for what matters is what was said and in which order."""

    def __init__(self) -> None:
        self.heads: list[tuple] = []
        self.body = b""
        self.last: object = None

    def head(self, status, headers) -> None:
        assert not self.body
        self.heads.append((status, headers))

    def data(self, chunk) -> None:
        assert self.heads
        self.body += chunk

    def end(self) -> None:
        assert self.last is None
        self.last = "end"

    def failed(self, fault) -> None:
        assert self.last is None
        self.last = fault


def heard(pieces, *, closed: bool) -> tuple:
    sink = Joined()
    connection = wire._Connection(Pool(Place.of("http://upstream"), now=lambda: 0.0))
    transport = Memory()
    connection.connection_made(transport)
    connection.send(Call(b"GET / HTTP/1.1\r\n\r\n", b"", sink), 0.0, reused=False)
    for piece in pieces:
        if transport.is_open:
            connection.data_received(piece)
    is_usable = connection.is_usable
    if closed:
        connection.connection_lost(None)
    return sink.heads, sink.body, sink.last, is_usable


TOKEN = st.text("ABCxyz019-_.!~", min_size=1, max_size=10).map(lambda s: b"X-" + s.encode())
VALUE = st.binary(max_size=20).map(lambda raw: bytes(b for b in raw if b >= 0x20 and b != 0x7F).strip())
LINES = st.lists(st.tuples(TOKEN, VALUE), max_size=5)
CUTS = st.lists(st.integers(0, 3000), max_size=12)


@st.composite
def answers(draw) -> tuple[bytes, tuple, bytes, bool]:
    """An answer on the wire, its head, its body, and whether the connection's end is its end."""
    status, lines = draw(st.integers(200, 599)), draw(LINES)
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    early = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n"]))
    form = "none" if status in (204, 304) else draw(st.sampled_from(["length", "chunked", "close"]))
    body = wire_body = b"" if form == "none" else b"".join(chunks)
    if form == "length":
        lines.append((b"content-length", b"%d" % len(body)))
    elif form == "chunked":
        lines.append((b"Transfer-Encoding", b"chunked"))
        trailer = draw(st.sampled_from([b"", b"X-Trailer: t\r\n"]))
        wire_body = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    raw = early + b"HTTP/1.1 %d Reason\r\n%b\r\n%b" % (status, head, wire_body)
    return raw, (status, tuple(lines)), body, form == "close"


def pieces_of(raw: bytes, cuts: list[int]) -> list[bytes]:
    ends = [*sorted({cut % (len(raw) + 1) for cut in cuts}), len(raw)]
    return [piece for start, end in zip([0, *ends], ends, strict=False) if (piece := raw[start:end])]


@given(answers(), CUTS)
def test_any_split_of_a_valid_answer_says_the_same(answer, cuts):
    raw, head, body, ends_with_connection = answer

    said = heard(pieces_of(raw, cuts), closed=ends_with_connection)

    assert said == ([head], body, "end", not ends_with_connection)


@given(answers(), answers(), CUTS)
def test_of_two_answers_to_one_request_the_first_alone_is_heard(answer, other, cuts):
    raw, head, body, ends_with_connection = answer
    if ends_with_connection:
        return
    cuts = [cut % len(raw) for cut in cuts]  # the last piece has the end of one and the whole of the other

    assert heard(pieces_of(raw + other[0], cuts), closed=False) == ([head], body, "end", False)


@given(answers(), st.data(), CUTS)
def test_any_split_of_a_damaged_answer_says_the_same(answer, data, cuts):
    raw = bytearray(answer[0])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from([b"", b"\n", b"\r", b"\0", b" :"]))

    whole, split = heard([bytes(raw)], closed=True), heard(pieces_of(bytes(raw), cuts), closed=True)

    assert split[:3] == whole[:3]
