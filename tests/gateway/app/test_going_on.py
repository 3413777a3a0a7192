"""Law 4: an answer that breaks off is gone on with, by whoever comes next, in whatever dialect that one speaks."""

import json

import pytest

from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.journal.read import read_exchanges
from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Reason
from tests.gateway.app.conftest import PATHS, STREAMS, Client, Speech

EVERY = pytest.mark.parametrize("speech", STREAMS, ids=repr)
MESSAGES = Speech("messages", stream=True)
SCRIPT = "It was a bright cold day in April, and the clocks were striking thirteen; nobody looked up from their work."
OTHERS = list(PATHS)
BREAKS = [
    Failure.CUT,
    Failure.CUT_INSIDE,
    Failure.CUT_RESET,
    Failure.ERROR_EVENT,
    Failure.MALFORMED,
    Failure.ENDS_EARLY,
]


def script(**more):
    return Behaviour(text=SCRIPT, verbatim=True, **more)


def chain(speech, other, model="other-1"):
    """A speaks the client's dialect, B another."""
    return [f"a-{speech.upstream}", f"b-{other}/{model}"]


def whole(speech, reply):
    """The text of an answer that came to its proper end."""
    assert (reply.status, reply.broken) == (200, False)
    assert (speech.ended(reply), speech.error_in(reply)) == (True, None)
    return speech.text(reply)


def events(reply):
    """The data of each event."""
    return [json.loads(line[6:]) for line in reply.body.split(b"\n") if line.startswith(b"data: {")]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("failure", BREAKS)
@EVERY
async def test_a_broken_answer_is_gone_on_with_to_the_letter(speech, failure, other, a, b, start):
    a.set(script(failure=failure, after=7))
    b.set(script())

    reply = await Client(await start(a, b, chain=chain(speech, other))).ask(speech)

    assert whole(speech, reply) == SCRIPT
    assert (a.counts.requests, b.counts.requests) == (1, 1)


@pytest.mark.parametrize("other", OTHERS)
@EVERY
async def test_a_stall_is_gone_on_with(speech, other, a, b, start):
    a.set(script(failure=Failure.STALL, after=9))
    b.set(script())

    gateway = await start(a, b, chain=chain(speech, other), more="stall_after_s = 0.2")

    assert whole(speech, await Client(gateway).ask(speech)) == SCRIPT


@EVERY
async def test_what_an_instructed_upstream_says_again_is_left_out(speech, a, b, start):
    a.set(script(failure=Failure.CUT, after=16))
    b.set(script(repeats=30))

    reply = await Client(await start(a, b, chain=chain(speech, "openai"))).ask(speech)

    assert whole(speech, reply) == SCRIPT


@EVERY
async def test_alone_the_same_upstream_goes_on(speech, a, start):
    a.script([script(failure=Failure.CUT, after=5)])
    a.set(script())

    reply = await Client(await start(a)).ask(speech)

    assert whole(speech, reply) == SCRIPT
    assert a.counts.requests == 2


@EVERY
async def test_one_break_after_another_is_gone_on_with(speech, a, b, c, start):
    for server, after in ((a, 4), (b, 5)):
        server.set(script(failure=Failure.CUT, after=after))
    c.set(script())
    names = [f"a-{speech.upstream}", "b-openai/m", "c-anthropic/m"]

    reply = await Client(await start(a, b, c, chain=names)).ask(speech)

    assert whole(speech, reply) == SCRIPT
    assert [s.counts.requests for s in (a, b, c)] == [1, 1, 1]


async def test_the_seam_is_told_behind_the_answer_and_kept_in_the_journal(a, b, start, tmp_path):
    a.set(script(failure=Failure.CUT, after=7))
    b.set(script())
    gateway = await start(a, b, chain=chain(MESSAGES, "openai", "big"), journal=True)

    reply = await Client(gateway).ask(MESSAGES)
    metrics = (await Client(gateway).send("GET", "/metrics")).body.decode()
    await gateway.stop(0.0)

    (kept,) = read_exchanges(tmp_path / "journal")
    (seam,) = kept.seams
    assert (seam.upstream, seam.model, seam.fault, seam.form) == ("b-openai", "big", "cut", "instruction")
    assert SCRIPT.startswith(SCRIPT[: seam.characters])
    assert kept.answer() == bytes(reply.body)
    assert 'stillup_gateway_continuations_total{broken="a-anthropic",upstream="b-openai"} 1.0' in metrics
    tokens = {line.split(" ")[0]: float(line.split(" ")[1]) for line in metrics.splitlines() if "tokens_total{" in line}
    of_a = next(n for name, n in tokens.items() if 'kind="output"' in name and 'upstream="a-anthropic"' in name)
    assert of_a == pytest.approx(seam.characters / 4, abs=1)  # what the first has said is paid for too
    assert reply.trailer("x-stillup-continued") == f"b-openai/big@{seam.characters}"


async def test_one_message_has_one_id_one_beginning_and_the_usage_of_both(a, b, start):
    a.set(script(failure=Failure.CUT, after=7, input_tokens=31))
    b.set(script(input_tokens=77))

    told = events(await Client(await start(a, b, chain=chain(MESSAGES, "gemini"))).ask(MESSAGES))

    assert [e["type"] for e in told if e["type"] != "content_block_delta"] == [
        "message_start", "content_block_start", "ping", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert {e["index"] for e in told if "index" in e} == {0}
    end = next(e for e in told if e["type"] == "message_delta")
    assert end["delta"]["stop_reason"] == "end_turn"
    assert end["usage"]["output_tokens"] >= len(SCRIPT) // 8
    assert end["usage"].get("input_tokens", 31) == 31


async def test_sequence_numbers_and_the_whole_answer_of_responses_go_on(a, b, start):
    speech = Speech("responses", stream=True)
    a.set(script(failure=Failure.CUT, after=7))
    b.set(script())

    told = events(await Client(await start(a, b, chain=chain(speech, "anthropic"))).ask(speech))

    assert [e["sequence_number"] for e in told] == list(range(len(told)))
    (item,) = told[-1]["response"]["output"]
    assert "".join(part["text"] for part in item["content"]) == SCRIPT
    assert {e["item_id"] for e in told if "item_id" in e} == {item["id"]}
    assert told[0]["response"]["id"] == told[-1]["response"]["id"]


async def test_s14_a_model_that_takes_no_beginning_teaches_it_and_is_asked_in_another_form(a, b, start):
    a.set(script(failure=Failure.CUT, after=7))
    b.set(script(rejects_prefix=True))
    gateway = await start(a, b, chain=["a-anthropic", "b-anthropic/claude-sonnet-4-5"])

    for _ in range(2):
        assert whole(MESSAGES, await Client(gateway).ask(MESSAGES)) == SCRIPT
    assert b.counts.requests == 3  # the refusal taught it once for all


async def test_what_nobody_goes_on_with_ends_in_the_error_of_the_one_that_broke_off(a, b, start):
    a.set(script(failure=Failure.CUT, after=7))
    b.set(Behaviour(failure=Failure.STATUS, status=400, reason=Reason.FILTER))

    reply = await Client(await start(a, b, chain=chain(MESSAGES, "openai"))).ask(MESSAGES)

    assert not MESSAGES.ended(reply)
    assert SCRIPT.startswith(MESSAGES.text(reply))
    assert "a-anthropic/claude-simulated-1: its answer broke off" in MESSAGES.error_in(reply)["message"]


TOOLS = {
    "messages": {"tools": [{"name": "look", "input_schema": {"type": "object"}}]},
    "chat": {"tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]},
    "responses": {"tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "look"}]}]},
}
ARGUMENTS = {"where": "under the rug", "deep": [1, {"two": "3"}]}


async def ask_with(client, speech, **more):
    body = json.loads(speech.body()) | more
    lines = [speech.key, ("content-type", "application/json")]
    return await client.send("POST", speech.path, lines, json.dumps(body).encode())


def called(speech, reply):
    """The calls of a streamed answer, with arguments put together as a client does."""
    calls = {}
    for n, e in enumerate(events(reply)):
        match speech.protocol:
            case "messages" if e["type"] == "content_block_start" and e["content_block"]["type"] == "tool_use":
                calls[e["index"]] = [e["content_block"]["name"], ""]
            case "messages" if e.get("delta", {}).get("type") == "input_json_delta":
                calls[e["index"]][1] += e["delta"]["partial_json"]
            case "chat":
                for choice in e.get("choices", ()):
                    for call in choice["delta"].get("tool_calls") or ():
                        kept = calls.setdefault(call["index"], ["", ""])
                        kept[0] += call["function"].get("name") or ""
                        kept[1] += call["function"].get("arguments") or ""
            case "responses" if e["type"] == "response.completed":
                made = [i for i in e["response"]["output"] if i["type"] == "function_call"]
                calls = {i: [item["name"], item["arguments"]] for i, item in enumerate(made)}
            case "gemini":
                parts = e["candidates"][0].get("content", {}).get("parts", ())
                made = [p["functionCall"] for p in parts if "functionCall" in p]
                calls |= {(n, i): [c["name"], json.dumps(c["args"])] for i, c in enumerate(made)}
    return [(name, json.loads(arguments)) for name, arguments in calls.values()]


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("after", [1, 2])
@EVERY
async def test_half_a_call_is_dropped_and_made_anew(speech, after, other, a, b, start):
    calls = (Called(name="look", arguments=ARGUMENTS),)
    a.set(Behaviour(calls=calls, failure=Failure.CUT, after=after))
    b.set(Behaviour(calls=calls))
    client = Client(await start(a, b, chain=chain(speech, other)))

    reply = await ask_with(client, speech, **TOOLS[speech.protocol])

    assert (speech.ended(reply), speech.error_in(reply)) == (True, None)
    assert called(speech, reply) == [("look", ARGUMENTS)]


@pytest.mark.parametrize("other", OTHERS)
@EVERY
async def test_words_before_a_call_are_said_once_and_the_call_is_made_once(speech, other, a, b, start):
    both = {"text": SCRIPT, "verbatim": True, "calls": (Called(name="look", arguments=ARGUMENTS),)}
    for after in (3, 8, 30):
        a.set(Behaviour(failure=Failure.CUT, after=after, **both))
        b.set(Behaviour(**both))
        client = Client(await start(a, b, chain=chain(speech, other)))

        reply = await ask_with(client, speech, **TOOLS[speech.protocol])

        assert whole(speech, reply) == SCRIPT
        assert called(speech, reply) == [("look", ARGUMENTS)]


async def test_behind_a_whole_call_the_message_ends_properly_and_nobody_else_is_asked(a, b, start):
    calls = (Called(name="look", arguments=ARGUMENTS), Called(name="look", arguments={"n": 2}))
    a.set(Behaviour(calls=calls, failure=Failure.CUT, after=4))
    client = Client(await start(a, b))

    reply = await ask_with(client, MESSAGES, **TOOLS["messages"])

    assert called(MESSAGES, reply) == [("look", ARGUMENTS)]
    assert [e["delta"]["stop_reason"] for e in events(reply) if e["type"] == "message_delta"] == ["tool_use"]
    assert b.counts.requests == 0


THOUGHTS = "Let me see what the clocks say. They strike thirteen, so it must be April."


def thoughts(reply):
    """Each thinking block of a Messages stream, with what proves it."""
    blocks = {}
    for e in events(reply):
        if e["type"] == "content_block_start" and e["content_block"]["type"] == "thinking":
            blocks[e["index"]] = ["", ""]
        delta = e.get("delta", {})
        if delta.get("type") == "thinking_delta":
            blocks[e["index"]][0] += delta["thinking"]
        if delta.get("type") == "signature_delta":
            blocks[e["index"]][1] += delta["signature"]
    return [tuple(block) for block in blocks.values()]


def thinking(**more):
    return script(thoughts=THOUGHTS, **more)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("after", [1, 4, 20])
@EVERY
async def test_a_cut_inside_a_thought_begins_anew_and_the_answer_is_whole(speech, after, other, a, b, start):
    a.set(thinking(failure=Failure.CUT, after=after))
    b.set(thinking())

    reply = await Client(await start(a, b, chain=chain(speech, other))).ask(speech)

    if speech.protocol == "gemini":
        parts = [p for e in events(reply) for p in e["candidates"][0].get("content", {}).get("parts", ())]
        assert "".join(p.get("text", "") for p in parts if not p.get("thought")) == SCRIPT
    else:
        assert whole(speech, reply) == SCRIPT


async def test_a_cut_thought_is_closed_unsigned_and_the_next_begins_in_a_block_of_its_own(a, b, start):
    a.set(thinking(failure=Failure.CUT, after=3))
    b.set(thinking())

    (cut, mark), (second, signature) = thoughts(await Client(await start(a, b)).ask(MESSAGES))

    assert THOUGHTS.startswith(cut.strip())
    assert (second.strip(), mark) == (THOUGHTS, UNSIGNED)
    assert signature not in ("", mark)


async def test_an_unsigned_thought_that_comes_back_is_never_sent_on(raw, start):
    seen = []

    async def answer(writer, head, body):
        seen.append(json.loads(body))
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    blocks = [
        {"type": "thinking", "thinking": "cut", "signature": UNSIGNED},
        {"type": "thinking", "thinking": "whole", "signature": "signed"},
        {"type": "text", "text": "so"},
    ]
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "?"},
    ]

    await ask_with(Client(await start(await raw(answer))), MESSAGES, messages=said)

    assert seen[0]["messages"][1]["content"] == blocks[1:]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_stand_ins_signature_is_told_as_none_and_its_own_models_passes(stream, a, b, start, clock):
    a.script([Behaviour(failure=Failure.STATUS, status=529)])
    a.set(thinking())
    b.set(thinking())
    client = Client(await start(a, b, chain=["a-anthropic", "b-anthropic/claude-simulated-2"]))
    speech = Speech("messages", stream=stream)

    of_b = await client.ask(speech)
    clock.skip(75.0)  # A is well again
    of_a = await client.ask(speech)

    for reply, is_marked in ((of_b, True), (of_a, False)):
        assert speech.text(reply) == SCRIPT if stream else SCRIPT in reply.body.decode()
        assert (UNSIGNED.encode() in reply.body) is is_marked


async def test_a_first_choice_under_another_name_than_the_clients_is_no_stand_in(a, b, start):
    a.set(thinking())
    b.set(thinking())
    client = Client(await start(a, b, chain=["a-anthropic/claude-simulated-2", "b-anthropic"]))

    reply = await client.ask(MESSAGES)

    assert b"signature_delta" in reply.body
    assert UNSIGNED.encode() not in reply.body


async def test_with_hold_no_thought_is_seen_that_was_cut(a, b, start):
    a.set(thinking(failure=Failure.CUT, after=3))
    b.set(thinking())

    reply = await Client(await start(a, b, more='thinking_cut = "hold"')).ask(MESSAGES)

    assert whole(MESSAGES, reply) == SCRIPT
    assert [text.strip() for text, _ in thoughts(reply)] == [THOUGHTS]


async def test_with_error_a_cut_thought_ends_in_the_protocols_retryable_error(a, b, start):
    a.set(thinking(failure=Failure.CUT, after=3))
    b.set(thinking())

    reply = await Client(await start(a, b, more='thinking_cut = "error"')).ask(MESSAGES)

    assert MESSAGES.error_in(reply)["type"] in ("api_error", "overloaded_error")
    assert b.counts.requests == 0


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WANTS = {
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "chat": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": SCHEMA, "strict": True}}
    },
    "responses": {"text": {"format": {"type": "json_schema", "name": "c", "schema": SCHEMA, "strict": True}}},
    "gemini": {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
}


@pytest.mark.parametrize("after", [1, 3])
@EVERY
async def test_json_by_a_schema_is_given_whole_and_from_one_upstream(speech, after, a, b, start):
    told = '{"city": "Vienna, or perhaps Graz"}'
    a.set(Behaviour(text=told, verbatim=True, failure=Failure.CUT, after=after))
    b.set(Behaviour(text=told.replace("Graz", "Linz"), verbatim=True))
    client = Client(await start(a, b))

    reply = await ask_with(client, speech, **WANTS[speech.protocol])

    assert json.loads(whole(speech, reply)) == {"city": "Vienna, or perhaps Linz"}
    assert reply.header("x-stillup-attempts") == "2"
