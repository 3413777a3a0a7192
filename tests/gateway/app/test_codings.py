"""Answers in content codings, and answers that are no streams where one was asked for."""

import gzip
import json
import zlib

import pytest

from tests.gateway.app.conftest import MESSAGES, SPEECHES, STREAMS, WHOLES, Client, words

WHOLE_MESSAGES = WHOLES[0]


def coded(how, body):
    if how == "gzip":
        return gzip.compress(body)
    return zlib.compress(body)


def whole(body, kind, how):
    """An answer in one piece, in a content coding."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-encoding: {how}\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


@pytest.mark.parametrize("how", ["gzip", "deflate"])
@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_coded_answers_are_read_and_arrive_as_their_head_says(how, speech, a, raw, start):
    plain = (await Client(a).ask(speech)).body
    kind = "text/event-stream" if speech.stream else "application/json"

    async def answer(writer, head, body):
        writer.write(whole(coded(how, plain), kind, how))

    reply = await Client(await start(await raw(answer))).ask(speech)
    body = bytes(reply.body)
    if reply.header("content-encoding") == how:
        body = gzip.decompress(body) if how == "gzip" else zlib.decompress(body)
    assert body == plain


async def test_a_coded_array_stream_of_gemini_arrives_as_its_head_says(a, raw, start):
    path = "/v1beta/models/gemini-simulated-1:streamGenerateContent"
    plain = (await Client(a).send("POST", path, [], STREAMS[3].body())).body

    async def answer(writer, head, body):
        writer.write(whole(gzip.compress(plain), "application/json", "gzip"))

    reply = await Client(await start(await raw(answer))).send("POST", path, [], STREAMS[3].body())
    assert reply.body == plain
    assert reply.header("content-encoding") == ""


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_a_coding_that_cannot_be_read_is_not_asked_for_and_not_passed_on(speech, b, raw, start):
    async def answer(writer, head, body):
        kind = "text/event-stream" if speech.stream else "application/json"
        writer.write(whole(b"xx", kind, "br"))

    made = await raw(answer)
    reply = await Client(await start(made, b)).ask(speech, headers=[("accept-encoding", "gzip, br;q=0.9, zstd")])
    assert speech.text(reply) == words("B")
    assert b"\r\naccept-encoding: gzip\r\n" in made.heads[0].lower()


async def test_an_upstream_that_ignores_stream_is_passed_on_as_it_is(a, raw, start):
    plain = (await Client(a).ask(SPEECHES[4])).body

    async def answer(writer, head, body):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(plain))
        writer.write(plain)

    reply = await Client(await start(await raw(answer))).ask(MESSAGES)
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert json.loads(reply.body) == json.loads(plain)


@pytest.mark.parametrize("lines", [("", "gzip"), ("gzip", ""), ("gzip",)], ids=repr)
@pytest.mark.parametrize("chain", [["a-anthropic/claude-other-1"], ["a-openai/other-1"]], ids=repr)
async def test_a_packed_request_is_read_alike_by_whoever_reads_it(chain, lines, a, start):
    headers = [("content-encoding", line) for line in lines]
    packed = gzip.compress(WHOLE_MESSAGES.body())
    reply = await Client(await start(a, chain=chain)).send("POST", "/v1/messages", headers, packed)
    assert (reply.status, WHOLE_MESSAGES.text(reply)) == (200, words("A"))


@pytest.mark.parametrize("lines", [("gzip", "gzip"), ("identity", "gzip"), ("gzip", "identity"), ("br", "")], ids=repr)
async def test_a_request_in_several_codings_is_refused_before_anybody_is_asked(lines, a, start):
    headers = [("content-encoding", line) for line in lines]
    reply = await Client(await start(a)).send("POST", "/v1/messages", headers, gzip.compress(WHOLE_MESSAGES.body()))
    assert reply.status == 415
    assert a.counts.requests == 0


async def test_an_answer_in_two_codings_is_another_upstreams_to_give(b, raw, start):
    async def answer(writer, head, body):
        twice = gzip.compress(gzip.compress(b"{}"))
        writer.write(whole(twice, "application/json", "gzip\r\ncontent-encoding: gzip"))

    reply = await Client(await start(await raw(answer), b)).ask(WHOLE_MESSAGES)
    assert WHOLE_MESSAGES.text(reply) == words("B")
