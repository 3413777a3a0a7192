"""Everything else that the SDKs ask for, and what they do with signs of life."""

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from stillup.gateway.core.exchange import Patience
from stillup.sim.provider.behaviour import Behaviour, Failure

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def claude(a, b, start):
    gateway = await start(a, b)
    async with anthropic.AsyncAnthropic(base_url=gateway.address, api_key="dummy", max_retries=0) as client:
        yield client


@pytest.fixture
async def gpt(a, b, start):
    gateway = await start(a, b)
    async with openai.AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key="dummy", max_retries=0) as client:
        yield client


@pytest.fixture
async def gemini(a, b, start, ask):
    gateway = await start(a, b)
    async with ask("gemini").sdk.aclient(gateway.address) as client:
        yield client


@pytest.fixture(params=["healthy", "the first is down"])
def outage(request, a):
    if request.param != "healthy":
        a.set(Behaviour(failure=Failure.STATUS, status=529))


async def test_tokens_are_counted_for_anthropic(outage, claude):
    counted = await claude.messages.count_tokens(model="claude-simulated-1", messages=MESSAGES)

    assert counted.input_tokens == 10


async def test_models_are_listed_for_anthropic(outage, claude):
    assert [model.id async for model in claude.models.list()] == ["claude-simulated-1"]
    assert (await claude.models.retrieve("claude-simulated-1")).id == "claude-simulated-1"


async def test_models_are_listed_for_openai(outage, gpt):
    assert [model.id async for model in gpt.models.list()] == ["gpt-simulated-1"]
    assert (await gpt.models.retrieve("gpt-simulated-1")).id == "gpt-simulated-1"


async def test_texts_are_embedded_for_openai(outage, gpt):
    """The SDK asks for base64 by itself, and reads floats from it."""
    made = await gpt.embeddings.create(model="text-embedding-3-small", input=["one", "two"])

    assert len(made.data) == 2
    assert all(isinstance(x, float) for row in made.data for x in row.embedding)


async def test_tokens_are_counted_for_openai(outage, gpt):
    counted = await gpt.responses.input_tokens.count(model="gpt-simulated-1", input="hello")

    assert counted.input_tokens == 10


async def test_a_conversation_is_compacted_by_the_first_choice(gpt, a, b):
    made = await gpt.responses.compact(model="gpt-simulated-1", input="hello")

    assert made.output[0].type == "compaction"
    assert (a.counts.requests, b.counts.requests) == (1, 0)


async def test_what_only_one_provider_could_read_again_is_not_compacted_by_another(gpt, a, b):
    a.set(Behaviour(failure=Failure.STATUS, status=400))

    with pytest.raises(openai.BadRequestError):
        await gpt.responses.compact(model="gpt-simulated-1", input="hello")

    assert b.counts.requests == 0


async def test_tokens_are_counted_for_gemini(outage, gemini):
    counted = await gemini.models.count_tokens(model="gemini-simulated-1", contents="hello")

    assert counted.total_tokens == 10


async def test_models_are_listed_for_gemini(outage, gemini):
    assert [model.name async for model in await gemini.models.list()] == ["models/gemini-simulated-1"]
    assert (await gemini.models.get(model="gemini-simulated-1")).name == "models/gemini-simulated-1"


async def test_texts_are_embedded_for_gemini(outage, gemini):
    made = await gemini.models.embed_content(model="gemini-embedding-001", contents=["one", "two"])

    assert len(made.embeddings) == 2


async def test_a_stored_response_is_fetched_from_the_first_choice(gpt):
    made = await gpt.responses.create(model="gpt-simulated-1", input="hello")

    assert (await gpt.responses.retrieve(made.id)).id == made.id
    await gpt.responses.delete(made.id)


async def test_claude_codes_greeting_is_answered(claude, a, b):
    """It asks where it would ask Anthropic whether anybody is there."""
    greeted = await claude.get("/api/hello", cast_to=dict[str, str])

    assert greeted["status"] == "ok"
    assert a.counts.requests == b.counts.requests == 0


async def test_an_answers_head_says_who_gave_it(outage, claude, a):
    raw = await claude.messages.with_raw_response.create(model="claude-simulated-1", max_tokens=64, messages=MESSAGES)

    down = a.counts.failed
    assert raw.headers["x-stillup-upstream"] == ("b-anthropic" if down else "a-anthropic")
    assert raw.headers["x-stillup-attempts"] == ("2" if down else "1")
    assert raw.headers["x-stillup-reason"] == ("overloaded" if down else "first_choice")


async def test_signs_of_life_while_waiting_do_not_disturb_the_sdk(stream_client, a, b, start, words):
    gateway = await start(a, b, patience=Patience(deadline_s=30, ping_s=0.01))
    a.set(Behaviour(first_token_after_s=0.3))

    said = await stream_client.ask(gateway.address)

    assert (said.text, said.stop) == (words("A"), stream_client.sdk.ends)


async def test_signs_of_life_do_not_keep_from_moving_on(stream_client, a, b, start, words):
    gateway = await start(a, b, hedge_after_s=0.1, patience=Patience(deadline_s=30, ping_s=0.01))
    a.set(Behaviour(failure=Failure.HANG))

    said = await stream_client.ask(gateway.address)

    assert (said.text, said.stop) == (words("B"), stream_client.sdk.ends)


async def test_after_signs_of_life_that_all_are_down_is_still_an_error(stream_client, a, start):
    gateway = await start(a, patience=Patience(deadline_s=0.3, ping_s=0.01))
    a.set(Behaviour(failure=Failure.HANG))

    with pytest.raises((anthropic.APIError, openai.APIError, genai_errors.APIError)):
        await stream_client.ask(gateway.address)
