"""A real language model on this machine is the last link of a chain: it answers when everybody else is down.

It also goes on with what another began to say, and speaks to clients of another dialect.
"""

import asyncio
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / ".clients" / "venv" / "bin" / "python"
BEGINS = "Hello there, my friend. I am very glad that you came to see me."
ASKED = [{"role": "user", "content": "Say hello in one short sentence."}]

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no local model: script/real-clients installs it")


@pytest.fixture
async def model():
    """Its address. The program ends with us in any case: with its standard input."""
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(
        PYTHON, HERE / "serve_model.py", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    yield (await program.stdout.readline()).decode().strip()
    program.kill()
    await program.communicate()


@pytest.fixture
async def gpt(a, b, start, model):
    """The SDK before a gateway whose other upstreams are dead, each in its way."""
    a.set(Behaviour(failure=Failure.REFUSED))
    b.set(Behaviour(failure=Failure.STATUS, status=529))
    gateway = await start(a, b, last=model)
    async with openai.AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key="dummy", max_retries=0) as client:
        yield client


async def test_its_answer_is_streamed_when_all_others_are_down(gpt):
    said, stop, names = "", None, set()
    stream = await gpt.chat.completions.create(
        model="gpt-simulated-1", messages=ASKED, stream=True, max_tokens=12, temperature=0
    )
    async for chunk in stream:
        names.add(chunk.model)
        for choice in chunk.choices:
            said += choice.delta.content or ""
            stop = choice.finish_reason or stop

    assert any(c.isalpha() for c in said)
    assert stop in ("stop", "length")
    assert names == {"smollm2"}, "the answer says who really gave it"
    assert stream.response.headers["x-stillup-upstream"] == "last-openai"
    assert stream.response.headers["x-stillup-attempts"] == "3"


async def test_its_whole_answer_comes_too(gpt):
    made = await gpt.chat.completions.create(model="gpt-simulated-1", messages=ASKED, max_tokens=12, temperature=0)

    assert any(c.isalpha() for c in made.choices[0].message.content)
    assert made.usage.completion_tokens > 0


async def test_a_client_of_another_dialect_is_answered_by_it_too(a, b, start, model):
    a.set(Behaviour(failure=Failure.REFUSED))
    b.set(Behaviour(failure=Failure.STATUS, status=529))
    gateway = await start(a, b, last=model)
    asked = {"model": "claude-simulated-1", "max_tokens": 12, "messages": ASKED}

    async with anthropic.AsyncAnthropic(base_url=gateway.address, api_key="dummy", max_retries=0) as claude:
        async with claude.messages.stream(**asked) as events:
            streamed = await events.get_final_message()
        whole = await claude.messages.create(**asked)

    for message in (streamed, whole):
        assert any(c.isalpha() for c in message.content[0].text)
        assert (message.model, message.stop_reason in ("end_turn", "max_tokens")) == ("smollm2", True)
        assert 0 < message.usage.output_tokens <= 12


async def seams(gateway):
    """Who went on with whose answer, as the gateway counts it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        told = (await client.get(f"{gateway.address}/metrics")).text
    return [line for line in told.splitlines() if line.startswith("stillup_gateway_continuations_total{")]


@pytest.mark.parametrize("words", [1, 4, 9])
async def test_it_goes_on_with_what_another_began_to_say(words, a, start, model):
    a.set(Behaviour(text=BEGINS, failure=Failure.CUT, after=words))
    gateway = await start(a, last=model)
    said, stop = "", None

    async with openai.AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key="dummy", max_retries=0) as client:
        async for chunk in await client.chat.completions.create(
            model="gpt-simulated-1", messages=ASKED, stream=True, max_tokens=40, temperature=0
        ):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                stop = choice.finish_reason or stop

    begun = "".join(f"{word} " for word in BEGINS.split()[:words])
    assert said.startswith(begun)
    assert any(c.isalpha() for c in said.removeprefix(begun))
    assert stop in ("stop", "length")
    (seam,) = await seams(gateway)
    assert 'broken="a-openai",upstream="last-openai"' in seam


async def test_it_goes_on_in_another_dialect_within_the_clients_limit(a, start, model):
    a.set(Behaviour(text=BEGINS, failure=Failure.CUT_RESET, after=5))
    gateway = await start(a, last=model)

    async with (
        anthropic.AsyncAnthropic(base_url=gateway.address, api_key="dummy", max_retries=0) as claude,
        claude.messages.stream(model="claude-simulated-1", max_tokens=30, messages=ASKED) as events,
    ):
        message = await events.get_final_message()

    (block,) = message.content
    begun = "".join(f"{word} " for word in BEGINS.split()[:5])
    assert block.text.startswith(begun)
    assert any(c.isalpha() for c in block.text.removeprefix(begun))
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert 5 < message.usage.output_tokens <= 31
    (seam,) = await seams(gateway)
    assert 'broken="a-anthropic",upstream="last-openai"' in seam
