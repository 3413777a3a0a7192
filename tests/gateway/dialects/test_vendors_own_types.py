"""What is written for Google and Amazon fits the types of their own SDKs, which know every member by name."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    Began,
    Cache,
    Call,
    Calls,
    Choose,
    Citation,
    Cites,
    Counted,
    Counts,
    Effort,
    Ended,
    Kind,
    Media,
    Message,
    Prompt,
    Reply,
    Result,
    Role,
    Sampling,
    Schema,
    Seal,
    Stop,
    Text,
    Thinking,
    Thinks,
    Thought,
    ThoughtEnds,
    Tool,
    ToolChoice,
    Words,
)

STAMP = Stamp(id="abc", created_s=1)
IMAGE = Media(kind=Kind.IMAGE, media_type="image/png", data="aGk=")
PDF = Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="aGk=", name="a.pdf", cited=True, context="c")
CALLS = (Call(id="c1", name="f", arguments='{"a":1}'), Call(id="ü 2", name="g"))


def prompt(protocol, model):
    thought = Thought(text="Hm", seal=Seal(origin=protocol, data="c2VhbA=="))
    return Prompt(
        model=model,
        system=(Text(text="Be brief", cache=Cache(ttl="5m")),),
        messages=(
            Message(role=Role.USER, parts=(Text(text="Hi", cache=Cache()), IMAGE, PDF)),
            Message(role=Role.ASSISTANT, parts=(thought, Text(text="Let me see"), *CALLS)),
            Message(
                role=Role.USER,
                parts=(
                    Result(id="c1", name="f", parts=(Text(text="1"), IMAGE)),
                    Result(id="ü 2", name="g", is_error=True),
                    Text(text="Well?"),
                ),
            ),
        ),
        tools=(Tool(name="f", description="d", schema=b'{"type":"object"}'), Tool(name="g", cache=Cache())),
        tool_choice=ToolChoice(choose=Choose.ONE, name="f"),
        schema=Schema(schema=b'{"type":"object"}', name="n"),
        thinking=Thinking(on=True, effort=Effort.LOW, shown=True),
        sampling=Sampling(temperature=0.5, top_p=0.5, top_k=4, seed=1),
        max_tokens=9,
        stop=("X",),
    )


def test_a_request_for_converse_is_one_to_amazon():
    loaders = pytest.importorskip("botocore.loaders", reason="Amazon's SDK is not installed")
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    service = ServiceModel(loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
    dialect = dialect_of(Protocol.CONVERSE)
    for model in ("amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b", "meta.llama4"):
        asked = prompt(Protocol.CONVERSE, model)
        body = json.loads(dialect.write_prompt(asked, Losses()))
        report = ParamValidator().validate({"modelId": model, **body}, service.operation_model("Converse").input_shape)
        assert not report.has_errors(), report.generate_report()
        counted = json.loads(dialect.count_prompt(asked, Losses()))
        shape = service.operation_model("CountTokens").input_shape
        report = ParamValidator().validate({"modelId": model, **counted}, shape)
        assert not report.has_errors(), report.generate_report()


def test_a_request_for_gemini_is_one_to_google():
    types = pytest.importorskip("google.genai.types", reason="Google's SDK is not installed")
    dialect = dialect_of(Protocol.GEMINI)
    for model in ("gemini-3-pro", "gemini-2.5-flash"):
        body = json.loads(dialect.write_prompt(prompt(Protocol.GEMINI, model), Losses()))
        for content in body.pop("contents"):
            types.Content.model_validate(content)
        types.GenerateContentConfig.model_validate({**body.pop("generationConfig"), **body})


ASK = Ask(
    protocol=Protocol.GEMINI,
    operation=Operation.GENERATE,
    method="POST",
    path="/v1beta/models/gemini-3-pro:streamGenerateContent",
    query="alt=sse",
    model="gemini-3-pro",
    stream=True,
)


def test_an_answer_of_gemini_is_one_to_google():
    types = pytest.importorskip("google.genai.types", reason="Google's SDK is not installed")
    dialect = dialect_of(Protocol.GEMINI)
    counts = Counts(fresh=1, cache_read=2, output=5, thought=3)
    parts = (Thought(text="Hm"), Text(text="So", citations=(Citation(url="u", start=0, end=2),)), *CALLS, IMAGE)
    whole = types.GenerateContentResponse.model_validate_json(
        dialect.write_reply(Reply(model="m", parts=parts, stop=Stop.TOOLS, counts=counts), ASK, STAMP)
    )
    assert (whole.text, [call.name for call in whole.function_calls]) == ("So", ["f", "g"])
    pieces = [
        Began("", "m"),
        Thinks("Hm"),
        ThoughtEnds(),
        Words("So"),
        Cites(Citation(url="u")),
        *map(Calls, CALLS),
        Counted(counts),
        Ended(Stop.TOOLS),
    ]
    writer = dialect.writer(ASK, STAMP)
    events = b"".join(writer.write([piece]) for piece in pieces).split(b"\n\n")[:-1]
    chunks = [types.GenerateContentResponse.model_validate_json(event.removeprefix(b"data: ")) for event in events]
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert chunks[-1].usage_metadata.total_token_count == 8
