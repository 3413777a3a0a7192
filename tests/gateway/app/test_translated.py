"""A client of one dialect, an upstream of another: whole, streamed and in errors; refused where it cannot be said."""

import json

import pytest

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import Prompt, Tool
from stillup.gateway.dialects.tool_names import fitted
from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Reason
from tests.gateway.app.conftest import PATHS, SPEECHES, STREAMS, Client, Speech, words
from tests.gateway.app.test_going_on import ARGUMENTS, SCRIPT, TOOLS, ask_with, called, events, whole

EVERY = pytest.mark.parametrize("speech", SPEECHES, ids=repr)
OTHERS = pytest.mark.parametrize("other", list(PATHS))
MESSAGES, WHOLE_MESSAGES = Speech("messages", stream=True), Speech("messages", stream=False)
RESPONSES = Speech("responses", stream=True)


def only(other, model="other-1"):
    """B alone, in that protocol."""
    return [f"b-{other}/{model}"]


@OTHERS
@EVERY
async def test_an_answer_reads_as_one_of_the_clients_own_dialect(speech, other, b, start):
    b.set(Behaviour(text=SCRIPT, verbatim=True))

    reply = await Client(await start(b, chain=only(other))).ask(speech)

    assert (reply.status, speech.text(reply), speech.ended(reply)) == (200, SCRIPT, True)
    assert reply.header("content-type").startswith("text/event-stream" if speech.stream else "application/json")
    assert b'"other-1"' in reply.body  # the true model


@OTHERS
@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_several_calls_come_out_whole(speech, other, b, start):
    calls = (Called(name="look", arguments=ARGUMENTS), Called(name="look", arguments={"n": 2}))
    b.set(Behaviour(calls=calls))

    reply = await ask_with(Client(await start(b, chain=only(other))), speech, **TOOLS[speech.protocol])

    assert called(speech, reply) == [("look", ARGUMENTS), ("look", {"n": 2})]


@pytest.mark.parametrize("other", ["openai", "gemini"])
@pytest.mark.parametrize("speech", [MESSAGES, WHOLE_MESSAGES], ids=repr)
async def test_a_tool_whose_name_is_too_long_there_is_called_by_its_own_name_here(speech, other, b, start):
    name = "mcp__a_server_with_a_long_name__" + "look_" * 15
    there, _ = fitted(Prompt(tools=(Tool(name=name),)), Protocol(other))
    b.set(Behaviour(calls=(Called(name=there.tools[0].name, arguments=ARGUMENTS),)))

    reply = await ask_with(
        Client(await start(b, chain=only(other))), speech, tools=[{"name": name, "input_schema": {"type": "object"}}]
    )

    content = json.loads(reply.body)["content"] if not speech.stream else []
    made = called(speech, reply) if speech.stream else [(c["name"], c["input"]) for c in content]
    assert made == [(name, ARGUMENTS)]
    assert name.encode() not in b.requests[-1].body


@OTHERS
@EVERY
async def test_an_upstreams_error_is_told_in_the_clients_own_words(speech, other, b, start):
    b.set(Behaviour(failure=Failure.STATUS, status=400, reason=Reason.FILTER))

    reply = await Client(await start(b, chain=only(other))).ask(speech)

    assert reply.status == 400
    assert reply.error["message"]
    assert (json.loads(reply.body).get("type") == "error") is (speech.protocol == "messages")


@OTHERS
async def test_a_hedge_in_another_dialect_overtakes_a_silent_first(other, a, b, start):
    a.set(Behaviour(failure=Failure.HANG))
    gateway = await start(a, b, chain=["a-anthropic", *only(other)], hedge_after_s=0.1)

    assert whole(MESSAGES, await Client(gateway).ask(MESSAGES)) == words("B")


@pytest.mark.parametrize("speech", [s for s in STREAMS if s.protocol != "gemini"], ids=repr)
async def test_what_is_left_out_is_named_in_the_reason(speech, b, start):
    hints = {
        "messages": {"metadata": {"user_id": "u"}, "top_k": 5},
        "chat": {"user": "u", "presence_penalty": 0.5},
        "responses": {"metadata": {"k": "v"}, "safety_identifier": "u"},
    }[speech.protocol]
    other = "openai" if speech.protocol == "messages" else "anthropic"

    reply = await ask_with(Client(await start(b, chain=only(other))), speech, **hints)

    assert whole(speech, reply) == words("B")
    assert "left out" in reply.header("x-stillup-reason")


async def test_what_only_one_provider_does_itself_is_refused_with_a_reason_and_never_dropped(b, start):
    search = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    client = Client(await start(b, chain=only("openai")))

    reply = await ask_with(client, WHOLE_MESSAGES, **search)

    assert reply.status in (400, 404)
    assert "web" in reply.error["message"]
    assert b.counts.requests == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_body_that_is_none_of_its_dialect_is_refused_with_the_place(stream, b, start):
    speech = Speech("messages", stream=stream)
    client = Client(await start(b, chain=only("openai")))

    reply = await ask_with(client, speech, messages=[{"role": "user", "content": [{"type": "text", "text": 7}]}])

    assert reply.status == 400
    assert "messages[0]" in reply.error["message"]


async def test_a_server_without_responses_is_asked_for_chat_completions_from_then_on(raw, start):
    paths = []

    async def answer(writer, head, body):
        path = head.split(b" ", 2)[1]
        paths.append(path)
        if path.endswith(b"/responses"):
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nnot found")
            return
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {}}]}
        said = json.loads(json.dumps(chunk))
        said["choices"][0]["delta"] = {"role": "assistant", "content": "hello"}
        chunk["choices"][0]["finish_reason"] = "stop"
        data = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (said, chunk)) + b"data: [DONE]\n\n"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(data)
        writer.write(head + data)

    client = Client(await start(await raw(answer)))

    for _ in range(2):
        assert whole(RESPONSES, await client.ask(RESPONSES)) == "hello"
    assert [p.rpartition(b"/")[2] for p in paths] == [b"responses", b"completions", b"completions"]


async def test_an_image_goes_to_no_model_without_sight(a, b, start):
    a.set(Behaviour(failure=Failure.STATUS, status=529))
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    said = [{"role": "user", "content": [image, {"type": "text", "text": "what is it?"}]}]
    client = Client(await start(a, b, chain=["a-anthropic", "b-openai/gpt-oss-120b"]))

    reply = await ask_with(client, WHOLE_MESSAGES, messages=said)

    assert reply.status == 529
    assert b.counts.requests == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_stop_sequences_are_kept_for_an_upstream_that_has_none(stream, raw, start):
    async def answer(writer, head, body):
        item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one STOP two"}]}
        response = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [item]}
        data = json.dumps(response).encode()
        kind = b"application/json"
        if stream:
            told = [
                {"type": "response.created", "response": {"id": "r", "status": "in_progress", "model": "m"}},
                {"type": "response.output_text.delta", "delta": "one ST"},
                {"type": "response.output_text.delta", "delta": "OP two"},
                {"type": "response.completed", "response": response},
            ]
            data = b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in told)
            kind = b"text/event-stream"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(data)) + data)

    server = await raw(answer)
    upstream = f"""
[[gateway.upstreams]]
id = "r"
protocol = "openai-responses"
base_url = "{server.url}/v1"
"""
    client = Client(await start(server, more=f'listen = "127.0.0.1:0"\n{upstream}', chain=["r/m"]))
    speech = Speech("messages", stream=stream)

    reply = await ask_with(client, speech, stop_sequences=["STOP"])

    assert speech.text(reply) == "one "
    assert b'"stop_sequence"' in reply.body
    assert b'"STOP"' in reply.body


async def test_tokens_are_counted_by_a_provider_of_another_dialect(b, start):
    client = Client(await start(b, chain=only("gemini")))

    reply = await client.send("POST", "/v1/messages/count_tokens", [MESSAGES.key], WHOLE_MESSAGES.body())

    assert json.loads(reply.body) == {"input_tokens": 10}


async def test_where_nobody_counts_tokens_they_are_estimated(b, start):
    client = Client(await start(b, chain=only("openai")))

    reply = await client.send("POST", "/v1/messages/count_tokens", [MESSAGES.key], WHOLE_MESSAGES.body("word " * 400))

    assert 300 < json.loads(reply.body)["input_tokens"] < 800
    assert reply.header("x-stillup-reason") == "estimated"


async def test_an_event_of_an_unknown_kind_costs_nothing(raw, start):
    async def answer(writer, head, body):
        odd = [
            {"type": "message_start", "message": {"id": "m", "model": "claude-odd"}},
            {"type": "of_tomorrow", "index": 99},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
            {"type": "content_block_delta", "index": 7, "delta": {"type": "of_tomorrow", "what": [1]}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ]
        data = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in odd)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(data)
        writer.write(head + data)

    server = await raw(answer)
    reply = await Client(await start(server, chain=["a-anthropic/claude-odd"])).ask(RESPONSES)

    assert whole(RESPONSES, reply) == "hi"
    assert [e["sequence_number"] for e in events(reply)] == list(range(len(events(reply))))
