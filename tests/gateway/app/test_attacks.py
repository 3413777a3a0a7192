"""Clients and upstreams that mean harm, or are broken in ways nobody would think of."""

import asyncio
import gzip
import json
from collections import Counter

import pytest

from stillup.catalog.models import cost_usd
from tests.gateway.app.conftest import KEYS, SPEECHES, Client, asking

CHAT_STREAM, CHAT = (next(s for s in SPEECHES if repr(s) == name) for name in ("chat-stream", "chat-whole"))
OUR_TOKEN = "dummy-token-of-ann-0123456789"
USERS = """
listen = "0.0.0.0:0"
[[gateway.users]]
id = "ann"
token_env = "ANN"
usd_per_day = 0.0001
"""
ENVIRON = KEYS | {"ANN": OUR_TOKEN}


@pytest.fixture
async def mistakes():
    """What callbacks raised."""
    found = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: found.append(told))
    return found


def answer_of(body, status=b"200 OK", kind=b"application/json", more=b""):
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, kind, len(body), more, body)


async def test_a_queue_of_requests_that_nobody_may_be_asked_for_is_answered_to_the_last(raw, start, mistakes):
    full = asyncio.Event()

    async def limited(writer, head, body):
        await full.wait()
        writer.write(answer_of(b"{}", b"429 Too Many Requests", more=b"retry-after: 60\r\n"))

    upstream = await raw(limited)
    gateway = await start(upstream, more="max_concurrent = 1\nqueue = 256")
    asked = [asyncio.create_task(Client(gateway).ask(CHAT)) for _ in range(250)]
    while gateway.waiting < 249:  # noqa: ASYNC110 - it is the gateway that is waited for
        await asyncio.sleep(0)
    full.set()
    assert Counter(reply.status for reply in await asyncio.gather(*asked)) == {429: 250}
    assert len(upstream.heads) == 1
    assert mistakes == []


async def test_without_a_token_not_even_a_healthy_path_takes_a_body(a, start):
    gateway = await start(a, more=USERS, environ=ENVIRON)
    async with Client(gateway).line() as line:
        line.writer.write(b"POST /healthz HTTP/1.1\r\nHost: g\r\nContent-Length: 30000000\r\n\r\n")
        assert (await line.reader.readline()).startswith(b"HTTP/1.1 401")
    assert (await Client(gateway).send("GET", "/healthz", [("content-length", "0")])).status == 200


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 30, "-5"])
async def test_counts_that_nobody_can_have_break_nothing(number, raw, start, mistakes):
    said = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 7}}
    body = json.dumps(said).replace("7", number).encode()

    async def answer(writer, head, _):
        writer.write(answer_of(body))

    gateway = await start(await raw(answer), journal=True)
    gateway.seen._price = lambda _, usage: cost_usd("gpt-4o", usage)
    reply = await Client(gateway).ask(CHAT)
    assert reply.body == body
    assert gateway.in_flight == 0
    assert (await Client(gateway).send("GET", "/metrics")).status == 200
    assert mistakes == []


async def test_a_stream_that_was_asked_not_to_count_is_paid_for(raw, start):
    async def uncounted(writer, head, body):
        words = b'data: {"choices":[{"delta":{"content":"a word"}}]}\n\n' * 100
        end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        writer.write(answer_of(words + end, kind=b"text/event-stream"))

    gateway = await start(await raw(uncounted), more=USERS, environ=ENVIRON)
    gateway.seen._price = lambda _, usage: cost_usd("gpt-4o", usage)
    client, headers = Client(gateway), [("authorization", f"Bearer {OUR_TOKEN}")]
    replies = [await client.send("POST", CHAT_STREAM.path, headers, CHAT_STREAM.body()) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 429]


async def test_a_redirect_is_neither_followed_nor_shown(raw, start):
    async def elsewhere(writer, head, body):
        writer.write(answer_of(b"", b"307 Temporary Redirect", more=b"location: https://elsewhere.example/\r\n"))

    reply = await Client(await start(await raw(elsewhere))).ask(CHAT)
    assert reply.status == 502
    assert reply.header("location") == ""


@pytest.mark.parametrize("speech", [CHAT, CHAT_STREAM], ids=repr)
async def test_a_mistake_of_ours_in_a_callback_leaves_no_client_waiting(speech, a, start, mistakes, monkeypatch):
    gateway = await start(a)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(gateway.desk, "answered_headers", broken)
    reply = await Client(gateway).ask(speech)
    assert reply.status == 500
    assert gateway.in_flight == 0
    assert [type(told["exception"]) for told in mistakes] == [ZeroDivisionError]


async def test_a_mistake_of_ours_behind_the_first_word_breaks_the_answer_off(a, start, mistakes, monkeypatch):
    gateway = await start(a)
    async with asking(Client(gateway), CHAT_STREAM) as line:
        monkeypatch.setattr(gateway.desk, "settled", lambda *_, **__: 1 / 0)
        reply = await line.reply()
    assert reply.broken
    assert gateway.in_flight == 0


async def test_a_coded_stream_that_grows_to_millions_of_events_fails_at_once(raw, start, b):
    bomb = gzip.compress(b"\n\n" * 4_000_000)

    async def exploding(writer, head, body):
        writer.write(answer_of(bomb, kind=b"text/event-stream", more=b"content-encoding: gzip\r\n"))

    reply = await Client(await start(await raw(exploding), b)).ask(CHAT_STREAM)
    assert reply.header("x-stillup-upstream") == "b-openai"
    assert reply.header("x-stillup-reason") == "malformed"


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (HEAD, b"x: " + b"y" * 60_000 + b"\r\n"),
        (HEAD, b"x: y\r\n"),
        (HEAD + b"x: ", b"y" * 60_000),
        (CHUNKED, b"8\r\n: ping\n\n\r\n"),
        (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        (CHUNKED + b"8;", b"x" * 60_000),
        (CHUNKED + b"8\r\n: ping\n\n\r\n0\r\n", b"x: y\r\n"),
    ],
    ids=["1xx", "large-lines", "lines", "one-line", "pings", "one-event", "chunk-extension", "trailers"],
)
async def test_what_never_ends_is_given_up_and_somebody_else_asked(begin, more, raw, start, b):
    async def endless(writer, head, body):
        writer.write(begin)
        while True:
            writer.write(more * max(1, 60_000 // len(more)))
            await writer.drain()

    reply = await Client(await start(await raw(endless), b)).ask(CHAT_STREAM)
    assert reply.header("x-stillup-upstream") == "b-openai"
    assert CHAT_STREAM.ended(reply)


async def test_one_user_cannot_take_all_the_room_that_others_share(raw, start):
    enough = asyncio.Event()

    async def waiting(writer, head, body):
        await enough.wait()
        writer.write(answer_of(b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}'))

    users = 'listen = "0.0.0.0:0"\nmax_concurrent = 4\nqueue = 4' + "".join(
        f'\n[[gateway.users]]\nid = "{name}"\ntoken_env = "{name.upper()}"' for name in ("ann", "bob")
    )
    environ = KEYS | {"ANN": OUR_TOKEN, "BOB": "dummy-token-of-bob-0123456789"}
    gateway = await start(await raw(waiting), more=users, environ=environ)

    def ask(name):
        lines = [("authorization", f"Bearer {environ[name]}")]
        return asyncio.create_task(Client(gateway).send("POST", CHAT.path, lines, CHAT.body()))

    greedy = [ask("ANN") for _ in range(10)]
    while sum(each.done() for each in greedy) < 8:  # noqa: ASYNC110 - two are left, and wait
        await asyncio.sleep(0)
    assert {each.result().status for each in greedy if each.done()} == {429}
    other = ask("BOB")
    while gateway.in_flight < 3:  # noqa: ASYNC110 - it is the gateway that is waited for
        await asyncio.sleep(0)
    enough.set()
    assert (await other).status == 200
    assert [reply.status for reply in await asyncio.gather(*greedy)].count(200) == 2
