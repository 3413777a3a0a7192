"""A real language model on this machine is the last link of a chain, and answers when everybody else is down."""

import asyncio
from pathlib import Path

import openai
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / ".clients" / "venv" / "bin" / "python"
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
