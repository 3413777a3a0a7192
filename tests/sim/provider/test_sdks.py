"""The providers' own SDKs take the scripted server for the real one."""

from __future__ import annotations

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Reason

anthropic = pytest.importorskip("anthropic", reason="the official SDK is not installed")
openai = pytest.importorskip("openai", reason="the official SDK is not installed")
genai = pytest.importorskip("google.genai", reason="the official SDK is not installed")

# Google's SDK builds its own session class on aiohttp, which aiohttp does not like.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

WORDS = "".join(f"A{i} " for i in range(10))
SAY = [{"role": "user", "content": "Hello"}]
PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}


@pytest.fixture
async def claude(provider):
    async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="dummy", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def gpt(provider):
    async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="dummy", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def gemini(provider):
    options = genai.types.HttpOptions(base_url=provider.url, retry_options=None)
    sdk = genai.Client(api_key="dummy", http_options=options)
    yield sdk.aio
    await sdk.aio.aclose()
    sdk.close()


async def test_anthropic_reads_a_whole_message(claude):
    message = await claude.messages.create(model="m", max_tokens=99, messages=SAY)
    assert message.content[0].text == WORDS
    assert (message.model, message.stop_reason, message.usage.output_tokens) == ("m", "end_turn", 10)


async def test_anthropic_reads_a_stream(claude):
    async with claude.messages.stream(model="m", max_tokens=99, messages=SAY) as stream:
        said = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(said) == WORDS
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("end_turn", 10, 10)


async def test_anthropic_reads_thinking_before_the_words(claude):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    async with claude.messages.stream(model="m", max_tokens=2048, messages=SAY, thinking=thinking) as stream:
        final = await stream.get_final_message()
    assert [b.type for b in final.content] == ["thinking", "text"]
    assert final.content[0].signature
    assert final.content[1].text == WORDS


@pytest.mark.parametrize("streams", [False, True])
async def test_anthropic_reads_a_tool_call_and_none_once_it_was_answered(claude, streams):
    tools = [{"name": "get_weather", "description": "", "input_schema": PLACE}]
    ask = {"model": "m", "max_tokens": 99, "messages": SAY, "tools": tools}
    if streams:
        async with claude.messages.stream(**ask) as stream:
            message = await stream.get_final_message()
    else:
        message = await claude.messages.create(**ask)
    call = message.content[0]
    assert (call.name, call.input, message.stop_reason) == ("get_weather", {"location": "Paris"}, "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    said = [*SAY, {"role": "assistant", "content": [call.model_dump()]}, {"role": "user", "content": [result]}]
    after = await claude.messages.create(**ask | {"messages": said})
    assert after.content[0].text == WORDS


async def test_anthropic_counts_tokens_and_lists_models(claude):
    assert (await claude.messages.count_tokens(model="m", messages=SAY)).input_tokens == 10
    assert [m.id async for m in await claude.models.list()] == ["claude-simulated-1"]
    assert (await claude.models.retrieve("other")).id == "other"


async def test_openai_reads_a_whole_completion(gpt):
    answer = await gpt.chat.completions.create(model="m", messages=SAY)
    assert answer.choices[0].message.content == WORDS
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("stop", 10)


async def test_openai_reads_a_stream_with_usage(gpt):
    stream = await gpt.chat.completions.create(
        model="m", messages=SAY, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == WORDS
    assert chunks[-1].usage.total_tokens == 20


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_reads_a_tool_call(gpt, streams):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": PLACE}}]
    if streams:
        async with gpt.chat.completions.stream(model="m", messages=SAY, tools=tools) as stream:
            answer = await stream.get_final_completion()
    else:
        answer = await gpt.chat.completions.create(model="m", messages=SAY, tools=tools)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"location":"Paris"}')
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_openai_reads_a_whole_response_and_one_that_was_stored(gpt):
    answer = await gpt.responses.create(model="m", input="Hello")
    assert (answer.output_text, answer.status, answer.usage.output_tokens) == (WORDS, "completed", 10)
    assert (await gpt.responses.retrieve(answer.id)).id == answer.id
    assert [i.type async for i in await gpt.responses.input_items.list(answer.id)] == ["message"]
    assert (await gpt.responses.cancel(answer.id)).status == "cancelled"
    await gpt.responses.delete(answer.id)


async def test_openai_reads_a_response_as_it_streams(gpt):
    async with gpt.responses.stream(model="m", input="Hello") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == WORDS
    assert final.output_text == WORDS
    assert [e.sequence_number for e in events] == list(range(len(events)))


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_reads_a_tool_call_in_a_response(gpt, streams):
    ask = {"model": "m", "input": "Hello", "tools": [{"type": "function", "name": "get_weather", "parameters": PLACE}]}
    if streams:
        async with gpt.responses.stream(**ask) as stream:
            answer = await stream.get_final_response()
    else:
        answer = await gpt.responses.create(**ask)
    assert (answer.output[0].name, answer.output[0].arguments) == ("get_weather", '{"location":"Paris"}')


async def test_openai_reads_embeddings_and_models(gpt):
    made = await gpt.embeddings.create(model="m", input=["a", "b"])
    assert [row.embedding for row in made.data] == [[i / 8 for i in range(1, 9)]] * 2
    assert [m.id async for m in gpt.models.list()] == ["gpt-simulated-1"]


async def test_gemini_reads_a_whole_answer(gemini):
    answer = await gemini.models.generate_content(model="m", contents="Hello")
    assert answer.text == WORDS
    assert answer.usage_metadata.candidates_token_count == 10


async def test_gemini_reads_a_stream(gemini):
    stream = await gemini.models.generate_content_stream(model="m", contents="Hello")
    chunks = [chunk async for chunk in stream]
    assert "".join(c.text or "" for c in chunks) == WORDS
    assert chunks[-1].candidates[0].finish_reason == "STOP"


@pytest.mark.parametrize("streams", [False, True])
async def test_gemini_reads_a_tool_call(gemini, streams):
    declared = {"name": "get_weather", "description": "", "parameters": PLACE}
    config = {"tools": [{"function_declarations": [declared]}], "automatic_function_calling": {"disable": True}}
    if streams:
        stream = await gemini.models.generate_content_stream(model="m", contents="Hello", config=config)
        calls = [call async for chunk in stream for call in chunk.function_calls or ()]
    else:
        calls = (await gemini.models.generate_content(model="m", contents="Hello", config=config)).function_calls
    assert [(c.name, c.args) for c in calls] == [("get_weather", {"location": "Paris"})]


async def test_gemini_counts_tokens_embeds_and_lists_models(gemini):
    assert (await gemini.models.count_tokens(model="m", contents="Hello")).total_tokens == 10
    made = await gemini.models.embed_content(model="m", contents="Hello")
    assert made.embeddings[0].values[-1] == 1.0
    assert [m.name async for m in await gemini.models.list()] == ["models/gemini-simulated-1"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (409, anthropic.ConflictError),
        (413, anthropic.APIStatusError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_an_error_status_is_the_sdks_own_error(provider, claude, status, error):
    provider.set(Behaviour(failure=Failure.STATUS, status=status, retry_after="2"))
    with pytest.raises(error) as raised:
        await claude.messages.create(model="m", max_tokens=9, messages=SAY)
    assert raised.value.response.headers["retry-after"] == "2"
    assert raised.value.body["type"] == "error"


async def test_openai_tells_a_used_up_quota_from_a_rate_limit(provider, gpt):
    provider.script(
        [
            Behaviour(failure=Failure.STATUS, status=429),
            Behaviour(failure=Failure.STATUS, status=429, reason=Reason.QUOTA),
            Behaviour(failure=Failure.STATUS, status=400, reason=Reason.CONTEXT),
        ]
    )
    codes = []
    for _ in range(3):
        with pytest.raises(openai.APIStatusError) as raised:
            await gpt.chat.completions.create(model="m", messages=SAY)
        codes.append(raised.value.code)
    assert codes == ["rate_limit_exceeded", "insufficient_quota", "context_length_exceeded"]


async def read(events, said: list[str | None], text_of) -> None:
    async for event in events:
        said.append(text_of(event))  # noqa: PERF401 - what came before the error counts


async def test_an_error_inside_a_stream_is_the_sdks_own_error(provider, claude, gpt, gemini):
    provider.set(Behaviour(failure=Failure.ERROR_EVENT, after=2))
    said = []
    events = await claude.messages.create(model="m", max_tokens=99, messages=SAY, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await read(events, said, lambda e: e.delta.text if e.type == "content_block_delta" else "")
    chunks = await gpt.chat.completions.create(model="m", messages=SAY, stream=True)
    with pytest.raises(openai.APIError):
        await read(chunks, said, lambda c: c.choices[0].delta.content)
    answers = await gemini.models.generate_content_stream(model="m", contents="Hello")
    with pytest.raises(genai.errors.APIError):
        await read(answers, said, lambda a: a.text)
    assert [word for word in said if word] == ["A0 ", "A1 "] * 3


async def test_openai_hands_an_error_inside_a_response_over_as_an_event(provider, gpt):
    provider.set(Behaviour(failure=Failure.ERROR_EVENT, after=2))
    events = [event async for event in await gpt.responses.create(model="m", input="Hello", stream=True)]
    assert (events[-1].type, events[-1].code) == ("error", "server_error")


async def test_openai_reads_usage_that_was_not_asked_for(provider, gpt):
    provider.set(Behaviour(tells_usage=True))
    chunks = [c async for c in await gpt.chat.completions.create(model="m", messages=SAY, stream=True)]
    assert chunks[-1].usage.total_tokens == 20


RICH = Behaviour(thoughts="Let me see.", text="I ask.", verbatim=True, calls=(Called("a", {"x": [1]}), Called("b", {})))


@pytest.mark.parametrize("streams", [False, True])
async def test_anthropic_reads_thoughts_words_and_two_calls_in_one_message(provider, claude, streams):
    provider.set(RICH)
    ask = {"model": "m", "max_tokens": 99, "messages": SAY}
    if streams:
        async with claude.messages.stream(**ask) as stream:
            message = await stream.get_final_message()
    else:
        message = await claude.messages.create(**ask)
    thought, words, *calls = message.content
    assert (thought.thinking, bool(thought.signature), words.text) == ("Let me see. ", True, "I ask.")
    assert [(c.name, c.input) for c in calls] == [("a", {"x": [1]}), ("b", {})]
    assert (len({c.id for c in calls}), message.stop_reason) == (2, "tool_use")


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_reads_words_and_two_calls_in_one_completion(provider, gpt, streams):
    provider.set(RICH)
    if streams:
        async with gpt.chat.completions.stream(model="m", messages=SAY) as stream:
            answer = await stream.get_final_completion()
    else:
        answer = await gpt.chat.completions.create(model="m", messages=SAY)
    message = answer.choices[0].message
    assert (message.content, message.reasoning_content) == ("I ask.", "Let me see. ")
    assert [(c.function.name, c.function.arguments) for c in message.tool_calls] == [("a", '{"x":[1]}'), ("b", "{}")]
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_reads_reasoning_words_and_two_calls_in_one_response(provider, gpt, streams):
    provider.set(RICH)
    if streams:
        async with gpt.responses.stream(model="m", input="Hello") as stream:
            numbers = [event.sequence_number async for event in stream]
            answer = await stream.get_final_response()
        assert numbers == list(range(len(numbers)))
    else:
        answer = await gpt.responses.create(model="m", input="Hello")
    thought, words, *calls = answer.output
    assert (thought.summary[0].text, words.content[0].text) == ("Let me see. ", "I ask.")
    assert [(c.name, c.arguments) for c in calls] == [("a", '{"x":[1]}'), ("b", "{}")]


@pytest.mark.parametrize("streams", [False, True])
async def test_gemini_reads_thoughts_words_and_two_calls(provider, gemini, streams):
    provider.set(RICH)
    if streams:
        chunks = [c async for c in await gemini.models.generate_content_stream(model="m", contents="Hello")]
    else:
        chunks = [await gemini.models.generate_content(model="m", contents="Hello")]
    parts = [part for c in chunks for part in c.candidates[0].content.parts]
    assert "".join(p.text for p in parts if p.thought) == "Let me see. "
    assert "".join(p.text or "" for p in parts if not p.thought) == "I ask."
    assert [(p.function_call.name, p.function_call.args) for p in parts if p.function_call] == [
        ("a", {"x": [1]}),
        ("b", {}),
    ]
    assert chunks[-1].usage_metadata.thoughts_token_count == 3


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_reads_the_call_of_a_custom_tool(provider, gpt, streams):
    provider.set(Behaviour(calls=(Called("patch", {"input": "*** Begin\n+x"}), Called("look", {"a": 1}))))
    ask = {"model": "m", "input": "Hello", "tools": [{"type": "custom", "name": "patch"}]}
    if streams:
        async with gpt.responses.stream(**ask) as stream:
            said = "".join([e.delta async for e in stream if e.type == "response.custom_tool_call_input.delta"])
            answer = await stream.get_final_response()
        assert said == "*** Begin\n+x"
    else:
        answer = await gpt.responses.create(**ask)
    patch, look = answer.output
    assert (patch.type, patch.input, look.type, look.arguments) == (
        "custom_tool_call",
        "*** Begin\n+x",
        "function_call",
        '{"a":1}',
    )


async def test_every_sdk_reads_a_refusal(provider, claude, gpt, gemini):
    provider.set(Behaviour(refusal="I will not."))
    async with claude.messages.stream(model="m", max_tokens=99, messages=SAY) as stream:
        message = await stream.get_final_message()
    assert (message.content[0].text, message.stop_reason) == ("I will not. ", "refusal")
    async with gpt.chat.completions.stream(model="m", messages=SAY) as stream:
        choice = (await stream.get_final_completion()).choices[0]
    assert (choice.message.refusal, choice.message.content) == ("I will not. ", None)
    async with gpt.responses.stream(model="m", input="Hello") as stream:
        response = await stream.get_final_response()
    assert response.output[0].content[0].refusal == "I will not. "
    answer = await gemini.models.generate_content(model="m", contents="Hello")
    assert answer.candidates[0].finish_reason == genai.types.FinishReason.SAFETY


async def test_every_sdk_goes_on_from_what_it_brings(provider, claude, gpt, gemini):
    begun = [*SAY, {"role": "assistant", "content": "A0 A1 A"}]
    rest = "2 " + "".join(f"A{i} " for i in range(3, 10))
    message = await claude.messages.create(model="m", max_tokens=99, messages=begun)
    assert (message.content[0].text, message.usage.input_tokens, message.usage.output_tokens) == (rest, 12, 8)
    completion = await gpt.chat.completions.create(model="m", messages=begun)
    assert completion.choices[0].message.content == rest
    assert (await gpt.responses.create(model="m", input=begun)).output_text == rest
    contents = [
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "model", "parts": [{"text": "A0 A1 A"}]},
        {"role": "user", "parts": [{"text": "Go on."}]},
    ]
    assert (await gemini.models.generate_content(model="m", contents=contents)).text == rest
