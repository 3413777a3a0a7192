"""One sample of every feature of a conversation, for the table of what each translation keeps (docs/dialects.md)."""

from __future__ import annotations

from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Choose,
    Citation,
    Counts,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Part,
    Prompt,
    Refused,
    Reply,
    Result,
    Role,
    Sampling,
    Schema,
    Seal,
    Stop,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)

_PNG = "iVBORw0KGgo="
_PDF = "JVBERi0xLjQK"
_SCHEMA = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}'
_HI = Message(role=Role.USER, parts=(Text(text="hi"),))
_TOOL = Tool(name="look", description="Looks", schema=_SCHEMA)
_CALL = Call(id="call_1", name="look", arguments='{"city":"Bern"}')
_IMAGE = Media(kind=Kind.IMAGE, media_type="image/png", data=_PNG)
_DOCUMENT = Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=_PDF)


def _asks(*parts: Part) -> Prompt:
    return _with(messages=(Message(role=Role.USER, parts=parts),))


def _with(**members: Any) -> Prompt:  # noqa: ANN401 - members of Prompt
    return replace(Prompt(model="m", max_tokens=100, messages=(_HI,)), **members)


def _after_call(result: Result, *calls: Call) -> Prompt:
    said = Message(role=Role.ASSISTANT, parts=calls or (_CALL,))
    return _with(messages=(_HI, said, Message(role=Role.USER, parts=(result,))), tools=(_TOOL,))


def requests(client: Protocol) -> dict[str, Prompt]:
    """What a client of this dialect may ask for, a feature each."""
    return {**_said(client), **_tools(client), **_how(client)}


def _said(client: Protocol) -> dict[str, Prompt]:
    """Messages, and media in them."""
    address_type = "image/png" if client is Protocol.GEMINI else ""
    return {
        "text, several turns": _with(
            messages=(_HI, Message(role=Role.ASSISTANT, parts=(Text(text="hello"),)), _HI),
        ),
        "system prompt": _with(system=(Text(text="Be brief"),)),
        "a system message inside the conversation": _with(
            messages=(_HI, Message(role=Role.ASSISTANT, parts=(Text(text="a"),)), _system("Be brief"), _HI),
        ),
        "a message's name": _with(messages=(Message(role=Role.USER, parts=(Text(text="hi"),), name="anna"),)),
        "image": _asks(_IMAGE, Text(text="What is it?")),
        "image by address": _asks(Media(kind=Kind.IMAGE, media_type=address_type, url="https://example.org/a.png")),
        "how closely to look": _asks(Media(kind=Kind.IMAGE, media_type="image/png", data=_PNG, detail="low")),
        "document (PDF)": _asks(_DOCUMENT, Text(text="Read it")),
        "a document's name": _asks(_named("a.pdf")),
        "document (plain text)": _asks(Media(kind=Kind.DOCUMENT, media_type="text/plain", text="words")),
        "document by address": _asks(
            Media(kind=Kind.DOCUMENT, media_type="application/pdf", url="https://example.org/a.pdf")
        ),
        "citations asked for": _asks(
            Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=_PDF, cited=True),
        ),
        "a file kept by the provider": _asks(
            Media(kind=Kind.DOCUMENT, media_type="application/pdf", file_id="file_1", origin=client)
        ),
        "audio": _asks(Media(kind=Kind.AUDIO, media_type="audio/wav", data="UklGRg==")),
        "video": _asks(Media(kind=Kind.VIDEO, media_type="video/mp4", data="AAAA")),
    }


def _tools(client: Protocol) -> dict[str, Prompt]:
    """Tools, their calls and results."""
    result = Result(id="call_1", name="look", parts=(Text(text="fine"),))
    more = Call(id="call_2", name="look", arguments='{"city":"Basel"}')
    return {
        "tools": _with(tools=(_TOOL,)),
        "strict tools": _with(tools=(Tool(name="look", description="Looks", schema=_SCHEMA, strict=True),)),
        "a tool must be called": _with(tools=(_TOOL,), tool_choice=ToolChoice(choose=Choose.ANY)),
        "one tool must be called": _with(tools=(_TOOL,), tool_choice=ToolChoice(choose=Choose.ONE, name="look")),
        "no tool may be called": _with(tools=(_TOOL,), tool_choice=ToolChoice(choose=Choose.NONE)),
        "one call at a time": _with(tools=(_TOOL,), tool_choice=ToolChoice(parallel=False)),
        "calls and results": _after_call(result),
        "parallel calls": _with(
            messages=(
                _HI,
                Message(role=Role.ASSISTANT, parts=(_CALL, more)),
                Message(role=Role.USER, parts=(result, Result(id="call_2", name="look", parts=(Text(text="wet"),)))),
            ),
            tools=(_TOOL,),
        ),
        "image in a result": _after_call(Result(id="call_1", name="look", parts=(_IMAGE,))),
        "a result that is an error": _after_call(
            Result(id="call_1", name="look", parts=(Text(text="no"),), is_error=True)
        ),
        "tools the provider runs": _with(server_tools=_server_tool(client)),
    }


def _how(client: Protocol) -> dict[str, Prompt]:
    """How to answer."""
    sealed = Thought(text="Hm", seal=_seal(client))
    return {
        "JSON schema": _with(
            schema=Schema(schema=_SCHEMA, name="" if client is Protocol.ANTHROPIC else "answer", strict=True)
        ),
        "JSON of any shape": _with(schema=Schema()),
        "thinking, with a budget": _with(thinking=Thinking(on=True, budget_tokens=2000), max_tokens=4000),
        "thinking, with an effort": _with(thinking=Thinking(on=True, effort=Effort.HIGH)),
        "thinking off": _with(thinking=Thinking(on=False)),
        "earlier thoughts, sealed": _with(
            messages=(_HI, Message(role=Role.ASSISTANT, parts=(sealed, Text(text="hello"))), _HI)
        ),
        "stop sequences": _with(stop=("END",)),
        "temperature, top_p": _with(sampling=Sampling(temperature=0.5, top_p=0.9)),
        "temperature above 1": _with(sampling=Sampling(temperature=1.5)),
        "top_k": _with(sampling=Sampling(top_k=10)),
        "penalties": _with(sampling=Sampling(frequency_penalty=0.5, presence_penalty=0.5)),
        "seed": _with(sampling=Sampling(seed=1)),
        "several answers": _with(count=2),
        "logprobs": _with(logprobs=2),
        "an answer stored there goes on": _with(previous="resp_1"),
        "cache marker": _asks(Text(text="hi", cache=Cache(ttl="1h")), Text(text="so")),
        "metadata": _with(others={"metadata": Raw(b'{"user_id":"u"}')}),
    }


def answers(upstream: Protocol) -> dict[str, Reply]:
    """What an upstream of this dialect may answer, a feature each."""
    seal = _seal(upstream)
    text = Text(text="So.")
    cited = Text(
        text="So it is.",
        citations=(Citation(url="https://example.org/", title="A page", quote="it is", start=3, end=8),),
    )
    return {
        "text": _gives(text),
        "several texts": _gives(text, Text(text="And so.")),
        "thoughts": _gives(Thought(text="Hm"), text),
        "the seal of a thought": _gives(Thought(text="Hm", seal=seal), text),
        "calls": Reply(model="m", parts=(_CALL,), stop=Stop.TOOLS),
        "citations": _gives(cited),
        "a refusal": Reply(model="m", parts=(Refused(text="No."),), stop=Stop.REFUSED),
        "a tool of the provider's": _gives(*_server_tool(upstream), text),
        "stopped: length": Reply(model="m", parts=(text,), stop=Stop.LENGTH),
        "stopped: a stop sequence, and which": Reply(model="m", parts=(text,), stop=Stop.SEQUENCE, sequence="END"),
        "stopped: the context is full": Reply(model="m", parts=(text,), stop=Stop.CONTEXT),
        "stopped: a turn is paused": Reply(model="m", parts=(text,), stop=Stop.PAUSED),
        "tokens in and out": _counted(Counts(fresh=10, output=5)),
        "tokens read from a cache": _counted(Counts(fresh=10, cache_read=7, output=5)),
        "tokens written to a cache": _counted(Counts(fresh=10, cache_write=7, output=5)),
        "tokens thought": _counted(Counts(fresh=10, output=5, thought=3)),
    }


def _seal(origin: Protocol) -> Seal:
    return Seal(origin=origin, data="c2VhbA==", id="rs_1" if origin is Protocol.RESPONSES else "")


def _system(text: str) -> Message:
    return Message(role=Role.SYSTEM, parts=(Text(text=text),))


def _named(name: str) -> Media:
    return Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=_PDF, name=name)


def _gives(*parts: Part) -> Reply:
    return Reply(model="m", parts=parts)


def _counted(counts: Counts) -> Reply:
    return Reply(model="m", parts=(Text(text="So."),), counts=counts)


def _server_tool(origin: Protocol) -> tuple[Foreign, ...]:
    raw = {
        Protocol.ANTHROPIC: b'{"type":"web_search_20250305","name":"web_search"}',
        Protocol.OPENAI: b'{"type":"web_search"}',
        Protocol.RESPONSES: b'{"type":"web_search"}',
        Protocol.GEMINI: b'{"googleSearch":{}}',
        Protocol.CONVERSE: b'{"systemTool":{"name":"nova_grounding"}}',
    }[origin]
    return (Foreign(origin=origin, what="web_search", raw=raw),)
