"""Clients that leave, wait, read slowly, ask oddly; limits; and the gateway's own end."""

import asyncio
import json

import pytest

from stillup.gateway.core.views import Prior
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.gateway.app.conftest import MESSAGES, SPEECHES, STREAMS, WHOLES, Client, asking, words

HANG = Behaviour(failure=Failure.HANG)
SLOW = Behaviour(failure=Failure.STALL, after=3)
speeches = pytest.mark.parametrize("speech", SPEECHES, ids=repr)


async def until(is_so):
    """Wait for something to become so."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is looked at tells nobody when it changes
            await asyncio.sleep(0.002)


# --- leaving


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("mode", [HANG, SLOW, Behaviour(failure=Failure.PINGS)], ids=["hang", "stall", "pings"])
@speeches
async def test_a_client_that_leaves_frees_its_upstream_and_counts_against_nobody(mode, speech, journal, a, start):
    gateway = await start(a, journal=journal)
    a.set(mode)
    async with asking(Client(gateway), speech) as line:
        await a.until_asked()
        if mode is SLOW and speech.stream:
            await line.reply(until=b"A2 ")
        line.reset()
        await until(lambda: gateway.in_flight == 0)
    await a.until_idle()
    assert a.counts.gone == 1
    (target,) = [t for t in gateway.desk.status(gateway.now()) if t.upstream == f"a-{speech.upstream}"]
    assert (target.failed, target.evidence) == (0, 0.0)


async def test_a_client_that_leaves_while_the_next_is_asked_too_frees_both(a, b, start):
    gateway = await start(a, b, hedge_after_s=0.0)
    for server in (a, b):
        server.set(HANG)
    async with asking(Client(gateway), MESSAGES) as line:
        await a.until_asked()
        await b.until_asked()
        line.reset()
        await until(lambda: gateway.in_flight == 0)
    await a.until_idle()
    await b.until_idle()
    assert (a.counts.gone, b.counts.gone) == (1, 1)


# --- waiting for room


async def test_one_that_waits_for_room_is_asked_when_there_is_some(a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 1")
    a.script([HANG])
    client = Client(gateway)
    async with asking(client, MESSAGES) as first:
        await a.until_asked()
        async with asking(client, MESSAGES) as second:
            await until(lambda: gateway.waiting == 1)
            assert a.counts.requests == 1
            first.reset()
            assert MESSAGES.text(await second.reply()) == words("A")


@speeches
async def test_where_there_is_no_room_to_wait_the_client_is_told_when_to_come_back(speech, a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 0")
    a.set(HANG)
    client = Client(gateway)
    async with asking(client, speech):
        await a.until_asked()
        reply = await client.ask(speech)
    assert reply.status == (529 if speech.protocol == "messages" else 503)
    assert int(reply.header("retry-after")) >= 1
    assert (reply.header("x-stillup-attempts"), reply.header("x-stillup-reason")) == ("0", "overloaded")


async def test_one_that_leaves_the_queue_makes_room_in_it(a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 1")
    a.set(HANG)
    client = Client(gateway)
    async with asking(client, MESSAGES):
        await a.until_asked()
        async with asking(client, MESSAGES) as second:
            await until(lambda: gateway.waiting == 1)
            second.reset()
            await until(lambda: gateway.waiting == 0)
        async with asking(client, MESSAGES):
            await until(lambda: gateway.waiting == 1)
    assert a.counts.requests == 1


async def test_waiting_for_room_ends_with_the_deadline(a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 1\ndeadline_s = 0.2\nstall_after_s = 60")
    a.set(SLOW)
    client = Client(gateway)
    async with asking(client, MESSAGES) as first:
        await first.reply(until=b"A2 ")
        reply = await client.ask(MESSAGES)
    assert reply.status == 529
    assert "no room" in reply.error["message"]


async def test_one_that_waited_for_room_is_not_told_behind_its_answer_that_there_was_none(a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 1\ndeadline_s = 0.4\nstall_after_s = 60")
    a.script([HANG, Behaviour(gap_s=0.1)])
    client = Client(gateway)
    async with asking(client, MESSAGES) as first:
        await a.until_asked()
        async with asking(client, MESSAGES) as second:
            await until(lambda: gateway.waiting == 1)
            first.reset()
            reply = await second.reply()
    assert (reply.status, MESSAGES.text(reply), MESSAGES.ended(reply)) == (200, words("A"), True)


# --- reading slowly


async def test_a_client_that_reads_slowly_holds_its_upstream_back_and_loses_nothing(a, start):
    gateway = await start(a, more="stall_after_s = 0.05")
    a.set(Behaviour(text=" ".join(["x" * 500_000] * 60)))  # 30 MB: more than the kernels' buffers take
    async with asking(Client(gateway), MESSAGES) as line:
        await line.reply(until=b"xxx")
        await asyncio.sleep(0.3)  # several times what would be a stall, were it the upstream that is silent
        assert not a.is_idle
        reply = await line.reply()
    assert not reply.broken
    assert MESSAGES.ended(reply)
    assert MESSAGES.error_in(reply) is None
    assert len(reply.body) > 29_000_000


# --- asking oddly


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_anybody_may_ask_whether_it_is_alive(method, path, a, start):
    reply = await Client(await start(a)).send(method, path, host="anything.example")
    assert (reply.status, bool(reply.body)) == (200, method == "GET")


async def test_head_on_a_path_of_posts_is_refused_without_a_body(a, start):
    reply = await Client(await start(a)).send("HEAD", "/v1/messages")
    assert (reply.status, reply.body, reply.header("allow")) == (405, b"", "POST")


async def test_a_client_that_waits_for_a_word_before_its_body_gets_it(a, start):
    async with Client(await start(a)).line() as line:
        body = MESSAGES.body()
        head = f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {len(body)}"
        line.writer.write(f"{head}\r\n\r\n".encode())
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.writer.write(body)
        assert (await line.reader.readline()).startswith(b"HTTP/1.1 200")
    assert not a.requests[0].header("expect")


async def test_one_that_wants_a_websocket_is_told_at_once_that_there_is_none(a, start):
    """The Codex command line tries that first and falls back."""
    lines = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "eA=="), ("x", "y")]
    reply = await Client(await start(a)).send("GET", "/v1/responses", lines)
    assert reply.status == 426


async def test_requests_on_one_connection_are_answered_one_after_another(a, start):
    async with Client(await start(a)).line() as line:
        for _ in range(3):
            line.send("POST", MESSAGES.path, [], MESSAGES.body())
            assert MESSAGES.ended(await line.reply())
            line.again()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_one_upstream_stores_is_asked_of_the_first_alone(method, a, b, start):
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.STATUS, status=500))
    reply = await Client(gateway).send(method, "/v1/responses/resp_1")
    assert reply.status == 500
    assert b.counts.requests == 0


async def test_a_model_that_no_route_matches_is_said_so(a, start):
    gateway = await start(a, match="gpt-*")
    reply = await Client(gateway).ask(MESSAGES)
    assert reply.status == 404
    assert "no route matches" in reply.error["message"]


# --- limits of the chain


@pytest.mark.parametrize("speech", WHOLES, ids=repr)
async def test_limits_everywhere_that_end_soon_are_waited_for(speech, a, b, start):
    gateway = await start(a, b)
    for server in (a, b):
        server.script([Behaviour(failure=Failure.STATUS, status=429, headers={"retry-after-ms": "100"})])
    reply = await Client(gateway).ask(speech)
    assert reply.status == 200
    assert int(reply.header("x-stillup-attempts")) == 3


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_limits_everywhere_that_last_are_told_and_then_nobody_is_asked(speech, a, b, start):
    gateway = await start(a, b)
    for server in (a, b):
        server.set(Behaviour(failure=Failure.STATUS, status=429, retry_after="60"))
    client = Client(gateway)
    first, second = await client.ask(speech), await client.ask(speech)
    assert (first.status, first.header("retry-after")) == (429, "60")
    assert second.status == 429
    assert 1 <= int(second.header("retry-after")) <= 60
    assert (a.counts.requests, b.counts.requests) == (1, 1)


async def test_a_stand_in_that_fails_beside_a_silent_first_is_replaced_at_once(a, b, c, start):
    gateway = await start(a, b, c, hedge_after_s=0.11)
    a.set(HANG)
    b.set(Behaviour(failure=Failure.STATUS, status=500))
    reply = await Client(gateway).ask(MESSAGES)
    assert MESSAGES.text(reply) == words("C")
    assert reply.header("x-stillup-reason") == "slow_first_token"


# --- the end


@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_what_is_under_way_at_the_end_may_finish(speech, a, start):
    gateway = await start(a)
    a.set(SLOW)
    async with asking(Client(gateway), speech) as line:
        first = await line.reply(until=b"A2 ")
        stopping = asyncio.create_task(gateway.stop(10.0))
        await asyncio.sleep(0)
        a.release()
        rest = await line.reply()
    await stopping
    assert not rest.broken
    assert speech.said(first.body + rest.body) == words("A")


@speeches
async def test_what_takes_longer_gets_an_error_that_a_client_tries_again_after(speech, a, start):
    gateway = await start(a, more="max_concurrent = 1\nqueue = 1")
    a.set(SLOW)
    client = Client(gateway)
    async with asking(client, speech) as line, asking(client, speech) as waiting:
        await until(lambda: gateway.waiting == 1)
        first = await line.reply(until=b"A2 ") if speech.stream else None
        stopping = asyncio.create_task(gateway.stop(0.1))
        reply, other = await line.reply(), await waiting.reply()
    await stopping
    assert not reply.broken
    if speech.stream:
        assert first.status == 200
        assert "stopped" in speech.error_in(reply)["message"]
    else:
        assert (reply.status, reply.header("retry-after")) == (529 if speech.protocol == "messages" else 503, "5")
    assert other.status in (503, 529)
    assert gateway.in_flight == 0
    assert gateway.waiting == 0


# --- mistakes of ours


class Broken:
    """A view that breaks its word not to raise, once."""

    def __init__(self):
        self.times = 0

    def prior(self, service, component, model):
        self.times += 1
        if self.times == 1:
            raise RuntimeError
        return Prior()


async def test_a_mistake_of_ours_costs_one_request_an_error_and_leaks_nothing(a, start):
    gateway = await start(a, view=Broken(), upstream='key_env = "A_KEY"\nservice = "claude"')
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    first, second = await Client(gateway).ask(MESSAGES), None
    await asyncio.sleep(0)
    gateway.desk._book.hosts.clear()
    second = await Client(gateway).ask(MESSAGES)
    assert (first.status, second.status) == (500, 200)
    assert json.loads(first.body)["error"]["type"] == "api_error"
    assert [type(each) for each in told] == [RuntimeError]
    assert gateway.in_flight == 0


@pytest.mark.parametrize("more", [{"previous_response_id": "resp_1"}, {"input": [{"type": "compaction_trigger"}]}])
async def test_what_one_provider_alone_can_go_on_with_goes_to_no_other(more, a, raw, start):
    """They differ by host here, as providers do."""
    asked = []

    async def answer(writer, head, body):
        asked.append(head)
        writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}")

    first, body = await raw(answer), {"model": "m", "input": "hello"} | more
    gateway = await start(first, Elsewhere(a))
    client = Client(gateway)
    bound = await client.send("POST", "/v1/responses", [], json.dumps(body).encode())
    free = await client.send("POST", "/v1/responses", [], b'{"model":"m","input":"hello","previous_response_id":null}')
    assert (bound.status, free.status) == (500, 200)


class Elsewhere:
    """The same server under another name of this machine."""

    name = "B"

    def __init__(self, server):
        self.url = server.url.replace("127.0.0.1", "localhost")
