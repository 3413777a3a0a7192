"""Amazon's own SDK takes the scripted server for Bedrock's Converse."""

from __future__ import annotations

import asyncio

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Failure

session = pytest.importorskip("botocore.session", reason="Amazon's SDK is not installed")

WORDS = "".join(f"A{i} " for i in range(10))
MODEL = "amazon.nova-pro-v1:0"
SAY = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture
def ask(provider, monkeypatch):
    """Calls an operation in a thread: the SDK is not asynchronous."""
    from botocore.config import Config

    monkeypatch.setenv("NO_PROXY", "*")
    client = session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id="dummy",
        aws_secret_access_key="dummy",
        config=Config(retries={"total_max_attempts": 1}),
    )

    def run(operation, more):
        answer = getattr(client, operation)(modelId=MODEL, **more)
        return answer | {"stream": list(answer["stream"])} if "stream" in answer else answer

    async def call(operation, **more):
        return await asyncio.to_thread(run, operation, more or {"messages": SAY})

    yield call
    client.close()


async def test_it_reads_a_whole_answer(ask):
    answer = await ask("converse")
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": WORDS}]}
    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("end_turn", 10)


async def test_it_reads_a_stream(ask):
    events = (await ask("converse_stream"))["stream"]
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(deltas) == WORDS
    assert events[-2]["messageStop"] == {"stopReason": "end_turn"}
    assert events[-1]["metadata"]["usage"]["inputTokens"] == 10


async def test_it_reads_thoughts_and_calls(ask, provider):
    provider.set(Behaviour(thoughts="Hm, well", text="So", calls=(Called("f", {"a": 1}), Called("g", {}))))
    content = (await ask("converse"))["output"]["message"]["content"]
    assert [next(iter(block)) for block in content] == ["reasoningContent", "text", "toolUse", "toolUse"]
    assert content[2]["toolUse"]["input"] == {"a": 1}
    events = (await ask("converse_stream"))["stream"]
    starts = [
        event["contentBlockStart"]["start"]["toolUse"]["name"] for event in events if "contentBlockStart" in event
    ]
    assert starts == ["f", "g"]


async def test_it_raises_what_fails(ask, provider):
    from botocore.exceptions import ClientError, EventStreamError

    provider.set(Behaviour(failure=Failure.STATUS, status=429))
    with pytest.raises(ClientError, match="ThrottlingException"):
        await ask("converse")
    provider.set(Behaviour(failure=Failure.ERROR_EVENT, after=2, status=503))
    with pytest.raises(EventStreamError, match="serviceUnavailableException"):
        await ask("converse_stream")


async def test_it_counts_tokens(ask):
    assert (await ask("count_tokens", input={"converse": {"messages": SAY}}))["inputTokens"] == 10
