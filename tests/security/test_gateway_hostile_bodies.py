"""Bodies that are no text, or more than anybody reads, through a whole gateway that has to translate them."""

from __future__ import annotations

import asyncio
import gzip
import sys
import threading
import tracemalloc
from contextlib import contextmanager

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.coding import decoded
from stillup.gateway.dialects.lenient import is_crowded
from stillup.gateway.dialects.whole import WholeWatch
from stillup.gateway.unpacking import Unpacker
from tests.gateway.app.conftest import WITHIN_S, Client

CALL = b'{"type":"tool_use","id":"t","name":"f","input":{"\xa4":1}}'
BODY = (
    b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[%s]}]}'
    % CALL
)


@pytest.mark.parametrize("stream", [b"", b',"stream":true'])
async def test_what_is_not_utf_8_is_the_clients_to_mend_and_no_mistake_of_ours(a, start, stream):
    mistakes = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: mistakes.append(told))
    gateway = await start(a, chain=["a-openai"])
    headers = [("content-type", "application/json"), ("x-api-key", "dummy-key")]
    reply = await Client(gateway).send("POST", "/v1/messages", headers, BODY[:-1] + stream + b"}")
    assert 400 <= reply.status < 500, reply
    assert mistakes == []
    assert a.counts.requests == 0
    assert gateway.in_flight == 0


# --- work, counted: while one body is looked at, nobody else is served

MOST_CALLS = 300_000
"""Of functions on the loop's thread, for one request: some twenty milliseconds. It was millions."""
PARTS = 90_000
"""Just fewer than what is refused unseen."""
IMAGE = b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}'
SHAPES = {
    "empty parts": b'{"role":"user","content":[%s,%s]}' % (b",".join([b"{}"] * PARTS), IMAGE),
    "images": b'{"role":"user","content":[%s]}' % b",".join([IMAGE] * (PARTS // 2)),
    "messages": b",".join([b'{"role":"user","content":"a"}', b'{"role":"assistant","content":"a"}'] * (PARTS // 2)),
    "halves of letters": b'{"role":"user","content":"%s"}' % (b"\\ud83d" * 190_000),
    "texts": b'{"role":"user","content":[%s,%s]}' % (IMAGE, b",".join([b'{"type":"text","text":"a"}'] * (PARTS // 3))),
}
CROWDED = {
    "brackets": b"[" + b"{}," * 200_001 + b"{}]",
    "texts": b"[" + b'"a",' * 200_000 + b'"a"]',
    "members": b"{" + b",".join(b'"m%d":1' % n for n in range(200_000)) + b"}",
    "numbers": b"[" + b"1," * 1_000_001 + b"1]",
}


@contextmanager
def counting():
    """How many functions are called on this thread."""
    calls = [0]

    def profile(_frame, event, _arg):
        calls[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chain", ["a-anthropic/claude-opus-4-1", "a-openai/gpt-4.1"], ids=["moved", "translated"])
async def test_a_body_of_a_hundred_thousand_parts_keeps_nobody_waiting(raw, start, shape, chain):
    async def answer(writer, _head, _body):
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    gateway = await start(await raw(answer), chain=[chain])
    body = b'{"model":"claude-opus-4-5","max_tokens":9,"messages":[%s]}' % SHAPES[shape]
    headers = [("content-type", "application/json"), ("x-api-key", "dummy-key")]
    with counting() as calls:
        reply = await Client(gateway).send("POST", "/v1/messages", headers, body)
    assert reply.status >= 400
    assert calls[0] < MOST_CALLS


@pytest.mark.parametrize("stream", [b"", b',"stream":true'], ids=["whole", "as a stream"])
async def test_an_answer_of_a_hundred_thousand_parts_is_not_put_into_other_words(raw, start, stream):
    parts = b",".join([b'{"type":"text","text":"a"}'] * PARTS)
    answer = b'{"type":"message","role":"assistant","model":"m","content":[%s],"stop_reason":"end_turn"}' % parts

    async def answers(writer, _head, _body):
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(answer) + answer)

    gateway = await start(await raw(answers), chain=["a-anthropic/claude-opus-4-1"])
    body = b'{"model":"gpt-5.4","messages":[{"role":"user","content":"hi"}]%s}' % stream
    with counting() as calls:
        reply = await Client(gateway).send("POST", "/v1/chat/completions", [("content-type", "application/json")], body)
    assert reply.status == 502
    assert "too many parts" in reply.error["message"]
    assert calls[0] < MOST_CALLS


@pytest.mark.parametrize("kind", CROWDED)
def test_more_values_than_any_model_is_asked_with_are_not_built(kind):
    assert is_crowded(CROWDED[kind])
    assert not is_crowded(b'{"text":"%s"}' % CROWDED[kind].replace(b'"', b'\\"')[:300_000])


# --- a body that came packed: thirty kilobytes of it are thirty megabytes


async def test_who_sends_packed_bodies_without_end_and_goes_away_keeps_no_other_waiting():
    unpacker, read, go = Unpacker(), [], threading.Event()

    def reading(name):
        def work():
            assert go.wait(WITHIN_S)
            read.append(name)
            return name

        return work

    many = [
        asyncio.create_task(unpacker.read("many", reading(n), lambda n=n: n == 0 or not go.is_set())) for n in range(50)
    ]
    one = asyncio.create_task(unpacker.read("one", reading("one"), lambda: True))
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(WITHIN_S):
        assert await one == "one"
        assert await asyncio.gather(*many) == [0, *[None] * 49]
    unpacker.close()
    assert read == [0, "one"]


async def test_a_body_is_unpacked_beside_the_loop_and_everybody_else_is_served_meanwhile(a, start, monkeypatch):
    begun, done = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slowly(*told):
        loop.call_soon_threadsafe(begun.set)
        assert done.wait(WITHIN_S)
        return decoded(*told)

    monkeypatch.setattr("stillup.gateway.dialects.requests.decoded", slowly)
    gateway = await start(a, chain=["a-openai/gpt-4.1"])
    client, headers = Client(gateway), [("content-type", "application/json"), ("x-api-key", "dummy-key")]
    body = b'{"model":"claude-opus-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    packed = asyncio.create_task(
        client.send("POST", "/v1/messages", [*headers, ("Content-Encoding", "gzip")], gzip.compress(body))
    )
    async with asyncio.timeout(WITHIN_S):
        await begun.wait()
        assert (await client.send("POST", "/v1/messages", headers, body)).status == 200
        assert not packed.done()
        done.set()
        assert (await packed).status == 200
    assert a.counts.requests == 2


async def test_who_goes_away_while_a_body_is_unpacked_costs_no_request(a, start, monkeypatch):
    begun, done = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slowly(*told):
        loop.call_soon_threadsafe(begun.set)
        assert done.wait(WITHIN_S)
        return decoded(*told)

    monkeypatch.setattr("stillup.gateway.dialects.requests.decoded", slowly)
    gateway = await start(a, chain=["a-anthropic"])
    body = gzip.compress(b'{"model":"claude-opus-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}')
    head = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    async with asyncio.timeout(WITHIN_S):
        writer.write(head % len(body) + body)
        await begun.wait()
        writer.transport.abort()
        while any(not connection.is_idle for connection in gateway._connections):  # noqa: ASYNC110 - no one tells
            await asyncio.sleep(0)
        done.set()
        assert (await Client(gateway).send("GET", "/healthz")).status == 200
        packed = await Client(gateway).send("POST", "/v1/messages", [("content-encoding", "gzip")], b"\x1f\x8b broken")
    assert packed.status == 400
    assert a.counts.requests == 0


@pytest.mark.parametrize(("letters", "fault"), [(60_000_000, Fault.MALFORMED), (3_000_000, None)])
def test_an_upstreams_answer_that_unpacks_to_a_thousand_times_its_size_is_given_up_early(letters, fault):
    answer = b'{"type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"%s"}]}'
    watch = WholeWatch(Protocol.ANTHROPIC, coding="gzip")
    watch.feed(gzip.compress(answer % (b"a" * letters)))
    tracemalloc.start()
    try:
        assert watch.finish()[0] == fault
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
