"""Every failure of the scripted provider, as it is seen on the wire."""

from __future__ import annotations

import asyncio
from itertools import product

import msgspec
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.eventstream import message
from stillup.sim.provider_server import ProviderServer

ANTHROPIC = ("/v1/messages", {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]})
CHAT = ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Hello"}]})
RESPONSES = ("/v1/responses", {"model": "m", "input": "Hello"})
GEMINI = ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "Hello"}]}]})
PROTOCOLS = {"anthropic": ANTHROPIC, "chat": CHAT, "responses": RESPONSES, "gemini": GEMINI}
END = {
    "anthropic": b"event: message_stop",
    "chat": b"data: [DONE]",
    "responses": b"event: response.completed",
    "gemini": b'"finishReason":"STOP"',
}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
both_ways = pytest.mark.parametrize(("protocol", "streams"), list(product(PROTOCOLS, (False, True))))


def request(protocol: str, *, streams: bool) -> bytes:
    """A whole request, to the byte; the connection is to end after its answer."""
    path, body = PROTOCOLS[protocol]
    if streams and protocol == "gemini":
        path = path.replace("generateContent", "streamGenerateContent?alt=sse")
    elif streams:
        body = body | {"stream": True}
    raw = msgspec.json.encode(body)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx-api-key: dummy\r\nContent-Length: {len(raw)}"
    return f"{head}\r\n\r\n".encode() + raw


async def ask(server: ProviderServer, protocol: str, *, streams: bool) -> tuple[bytes, bool]:
    """All bytes of an answer, and whether the connection was reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    got = bytearray()
    try:
        writer.write(request(protocol, streams=streams))
        while data := await reader.read(65536):
            got += data
    except ConnectionError:
        return bytes(got), True
    else:
        return bytes(got), False
    finally:
        writer.close()


def said(answer: bytes) -> int:
    """How many of the ten words came, in order and once each."""
    found = [answer.count(f"A{i} ".encode()) for i in range(10)]
    count = next((i for i, times in enumerate(found) if not times), 10)
    assert not any(found[count:])
    return count


def is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


@both_ways
async def test_in_health_everything_is_said_and_ended(provider, protocol, streams):
    answer, is_reset = await ask(provider, protocol, streams=streams)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said(answer) == 10
    assert not is_reset
    assert not streams or END[protocol] in answer


@both_ways
async def test_the_same_question_gets_the_same_bytes(provider, protocol, streams):
    answers = [(await ask(provider, protocol, streams=streams))[0].partition(b"\r\n\r\n")[2] for _ in range(2)]
    assert answers[0] == answers[1]


async def test_refused_means_nobody_listens_and_open_connections_are_reset(provider):
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    await provider.until(lambda s: s.counts.connections == 1)
    provider.set(Behaviour(failure=Failure.REFUSED))
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(provider, "anthropic", streams=False)
    provider.set()
    assert said((await ask(provider, "anthropic", streams=False))[0]) == 10


async def test_a_connection_may_be_reset_before_anything_is_read(provider):
    provider.set(Behaviour(failure=Failure.RESET_AT_ONCE))
    assert await ask(provider, "anthropic", streams=True) == (b"", True)
    assert provider.counts.requests == 0


@pytest.mark.parametrize("failure", [Failure.RESET, Failure.CLOSED])
async def test_a_request_may_be_read_and_never_answered(provider, failure):
    provider.set(Behaviour(failure=failure))
    assert await ask(provider, "chat", streams=True) == (b"", failure is Failure.RESET)
    assert provider.counts.requests == 1


@both_ways
async def test_a_hang_is_silent_until_released(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.HANG))
    asking = asyncio.create_task(ask(provider, protocol, streams=streams))
    await provider.until_asked()
    assert not provider.is_idle
    provider.release()
    assert said((await asking)[0]) == 10


async def test_a_head_may_drip(provider):
    provider.set(Behaviour(failure=Failure.SLOW_HEADERS, gap_s=0.000_1))
    assert said((await ask(provider, "anthropic", streams=True))[0]) == 10


@both_ways
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504, 529])
async def test_a_status_comes_in_the_protocols_own_error_shape(provider, client, protocol, streams, status):
    provider.set(Behaviour(failure=Failure.STATUS, status=status, retry_after="7", headers={"x-more": "1"}))
    path, body = PROTOCOLS[protocol]
    async with client.post(provider.url + path, json=body | {"stream": streams}) as answer:
        told = (await answer.json())["error"]
        assert (answer.status, answer.headers["Retry-After"], answer.headers["x-more"]) == (status, "7", "1")
    assert set(told) >= {"message", "status" if protocol == "gemini" else "type"}


@every_protocol
@pytest.mark.parametrize("reason", [Reason.QUOTA, Reason.CONTEXT, Reason.FILTER, Reason.PREFILL])
async def test_a_reason_has_words_of_its_own(provider, client, protocol, reason):
    path, body = PROTOCOLS[protocol]
    messages = set()
    for why in (Reason.PLAIN, reason):
        provider.set(Behaviour(failure=Failure.STATUS, status=400, reason=why))
        async with client.post(provider.url + path, json=body) as answer:
            messages.add((await answer.json())["error"]["message"])
    assert len(messages) == 2


@both_ways
async def test_html_and_wrong_types_come_with_200(provider, protocol, streams):
    provider.script([Behaviour(failure=Failure.HTML), Behaviour(failure=Failure.WRONG_TYPE)])
    page, _ = await ask(provider, protocol, streams=streams)
    assert b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n" in page
    assert b"<html>" in page
    odd, _ = await ask(provider, protocol, streams=streams)
    assert b"\r\nContent-Type: application/octet-stream\r\n" in odd
    assert said(odd) == 10


@both_ways
@pytest.mark.parametrize(("failure", "words"), [(Failure.ERROR_FIRST, 0), (Failure.ERROR_EVENT, 5)])
async def test_an_error_comes_inside_a_200(provider, protocol, streams, failure, words):
    provider.set(Behaviour(failure=failure))
    answer, is_reset = await ask(provider, protocol, streams=streams)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"error"' in answer
    assert said(answer) == (words if streams else 0)
    assert END[protocol] not in answer
    assert not is_reset


@both_ways
@pytest.mark.parametrize("failure", [Failure.EMPTY, Failure.OPENING_ONLY])
async def test_an_answer_may_say_nothing(provider, protocol, streams, failure):
    provider.set(Behaviour(failure=failure))
    answer, is_reset = await ask(provider, protocol, streams=streams)
    assert said(answer) == 0
    assert END[protocol] not in answer
    assert not is_reset
    assert answer.endswith(b"\r\n0\r\n\r\n" if streams else b"\r\n\r\n")


@both_ways
async def test_pings_keep_an_answer_alive_that_never_comes(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.PINGS, gap_s=0.000_1))
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(request(protocol, streams=streams))
    got = await reader.readexactly(4_000)
    assert said(got) == 0
    writer.close()
    await provider.until_idle()
    assert provider.requests[0].is_gone


@both_ways
async def test_a_drip_is_whole(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.DRIP))
    answer, _ = await ask(provider, protocol, streams=streams)
    joined = answer.replace(b"\r\n1\r\n", b"") if streams else answer
    assert said(joined) == 10


@both_ways
@pytest.mark.parametrize("failure", [Failure.CUT, Failure.CUT_RESET, Failure.CUT_INSIDE])
async def test_a_cut_leaves_what_came_before_it(provider, protocol, streams, failure):
    provider.set(Behaviour(failure=failure, after=3))
    answer, is_reset = await ask(provider, protocol, streams=streams)
    assert is_reset == (failure is Failure.CUT_RESET)
    assert not answer.endswith(b"0\r\n\r\n")
    assert END[protocol] not in answer
    if streams and not is_reset:  # a reset may overtake what was sent before it
        assert said(answer) == 3


@both_ways
async def test_a_stall_goes_on_when_released(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.STALL, after=4))
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(request(protocol, streams=streams))
    before = await reader.readuntil(b"A3 ") if streams else await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0)
    assert not provider.is_idle
    provider.release()
    assert said(before + await reader.read()) == 10
    writer.close()


@both_ways
async def test_a_malformed_event_stands_among_good_ones(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.MALFORMED, after=4))
    answer, _ = await ask(provider, protocol, streams=streams)
    body = answer.partition(b"\r\n\r\n")[2]
    rows = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")] if streams else [body]
    assert [is_json(row) for row in rows].count(False) == 1
    assert not streams or END[protocol] in answer


@every_protocol
async def test_a_stream_may_end_in_order_without_its_end(provider, protocol):
    provider.script([Behaviour(failure=Failure.ENDS_EARLY, after=6), Behaviour(failure=Failure.NO_END)])
    early, _ = await ask(provider, protocol, streams=True)
    assert (said(early), early.endswith(b"0\r\n\r\n"), END[protocol] in early) == (6, True, False)
    late, _ = await ask(provider, protocol, streams=True)
    assert (said(late), late.endswith(b"0\r\n\r\n"), END[protocol] in late) == (10, True, False)


@both_ways
async def test_more_may_be_promised_than_comes(provider, protocol, streams):
    provider.set(Behaviour(failure=Failure.WRONG_LENGTH))
    answer, is_reset = await ask(provider, protocol, streams=streams)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert (length - len(body), said(answer), is_reset) == (64, 10, False)


@every_protocol
async def test_after_all_tokens_a_cut_still_comes_before_the_end(provider, protocol):
    provider.set(Behaviour(failure=Failure.CUT, after=1000))
    answer, _ = await ask(provider, protocol, streams=True)
    assert (said(answer), END[protocol] in answer) == (10, False)


def test_a_message_of_the_binary_stream_is_framed_as_aws_documents_it():
    framed = message({":a": "b"}, b"xyz")
    assert framed[:8] == bytes([0, 0, 0, len(framed), 0, 0, 0, 7])
    assert framed[12:22] == b"\x02:a\x07\x00\x01bxyz"
