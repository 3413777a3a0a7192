"""Conversations for the contract of all translations, and how two of them are compared."""

from __future__ import annotations

import json
from importlib.util import find_spec
from itertools import pairwise

import pytest
from hypothesis import currently_in_test_context, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    Apart,
    Began,
    Call,
    Calls,
    Choose,
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
from stillup.gateway.dialects.said import Said

P = Protocol
FOLDERS = {
    P.ANTHROPIC: "anthropic",
    P.OPENAI: "chat",
    P.RESPONSES: "responses",
    P.GEMINI: "gemini",
    P.CONVERSE: "converse",
}
ALL = [
    protocol
    for protocol, folder in FOLDERS.items()
    if find_spec(f"stillup.gateway.dialects.{folder}.translation") is not None
]
CLIENTS = [protocol for protocol in ALL if protocol is not P.CONVERSE]
"""Nobody speaks Converse to the gateway."""
LACKS = {
    P.OPENAI: {"apart", "cache_write"},
    P.RESPONSES: {"stop", "cache_write"},
    P.GEMINI: {"apart", "cache_write", "name of a document"},
    P.CONVERSE: {"model", "no tool", "thought count", "effort", "name of a document"},
}
"""``apart``: two texts in a row are one."""
STAMP = Stamp(id="a1b2c3", created_s=1_700_000_000)
few = settings(max_examples=25)
each = pytest.mark.parametrize("protocol", ALL)
each_client = pytest.mark.parametrize("protocol", CLIENTS)


def lacks(protocol, what):
    return what in LACKS.get(protocol, ())


# --- strategies

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda s: s.strip() == s != ""
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False))
SCHEMA = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}'
TEXTS = st.builds(lambda text: Text(text=text), WORDS)
IMAGES = st.just(Media(kind=Kind.IMAGE, media_type="image/png", data=PNG))
DOCUMENT = Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=PDF)


@st.composite
def conversations(draw):
    """A user asks, the assistant answers or calls, the user brings results; the user has the last word."""
    document = st.just(DOCUMENT)
    messages = []
    made = 0
    for _ in range(draw(st.integers(0, 2))):
        messages.append(
            Message(role=Role.USER, parts=tuple(draw(st.lists(TEXTS | IMAGES | document, min_size=1, max_size=3))))
        )
        said = [Text(text=draw(WORDS))] if draw(st.booleans()) else []
        names = draw(st.lists(NAMES, min_size=0 if said else 1, max_size=3))
        calls = [Call(id=f"call_{made + n}", name=name, arguments=draw(OBJECTS)) for n, name in enumerate(names)]
        made += len(calls)
        messages.append(Message(role=Role.ASSISTANT, parts=(*said, *calls)))
        if calls:
            results = [Result(id=call.id, name=call.name, parts=(Text(text=draw(WORDS)),)) for call in calls]
            messages.append(Message(role=Role.USER, parts=tuple(results)))
            if draw(st.booleans()):
                messages.append(Message(role=Role.ASSISTANT, parts=(Text(text=draw(WORDS)),)))
    if not messages or messages[-1].role is Role.ASSISTANT:
        messages.append(Message(role=Role.USER, parts=tuple(draw(st.lists(TEXTS, min_size=1, max_size=1)))))
    return tuple(messages)


@st.composite
def prompts(draw, protocols=tuple(ALL)):
    def may(what):
        return not any(lacks(protocol, what) for protocol in protocols)

    names = draw(st.lists(NAMES, max_size=2, unique=True))
    tools = tuple(Tool(name=name, description=draw(WORDS), schema=SCHEMA) for name in names)
    choices = [
        None,
        ToolChoice(),
        ToolChoice(choose=Choose.ANY),
        ToolChoice(choose=Choose.ONE, name=names[0] if names else ""),
    ]
    choices += [ToolChoice(choose=Choose.NONE)] * may("no tool")
    thinking = draw(st.sampled_from([Thinking()] + [Thinking(on=True, effort=Effort.HIGH)] * may("effort")))
    choice = draw(st.sampled_from(choices)) if tools else None
    if thinking.on and choice is not None and choice.choose in {Choose.ANY, Choose.ONE}:
        choice = None
    schema = Schema(schema=SCHEMA, name="answer", strict=True)
    return Prompt(
        model="a-model",
        system=draw(st.just(()) | st.tuples(TEXTS)),
        messages=draw(conversations()),
        tools=tools,
        tool_choice=choice,
        schema=draw(st.sampled_from([None, schema])) if may("schema") and not tools else None,
        thinking=thinking,
        sampling=Sampling(
            temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])), top_p=draw(st.none() | st.just(0.25))
        ),
        max_tokens=draw(st.integers(16, 4096)),
        stop=draw(st.just(()) | st.tuples(WORDS)) if may("stop") else (),
        stream=draw(st.booleans()),
    )


@st.composite
def replies(draw):
    thoughts = draw(st.lists(st.builds(lambda text: Thought(text=text), WORDS), max_size=1))
    texts = draw(st.lists(TEXTS, max_size=2))
    calls = [
        Call(id=f"call_{n}", name=draw(NAMES), arguments=draw(OBJECTS))
        for n in range(draw(st.integers(0 if texts else 1, 2)))
    ]
    output = draw(st.integers(0, 10_000))
    counts = Counts(
        fresh=draw(st.integers(0, 10_000)),
        cache_read=draw(st.integers(0, 10_000)),
        output=output,
        thought=draw(st.integers(0, output)),
    )
    stop = Stop.TOOLS if calls else draw(st.sampled_from([Stop.END, Stop.LENGTH]))
    return Reply(model="a-model", parts=(*thoughts, *texts, *calls), stop=stop, counts=counts)


@st.composite
def streams(draw):
    """A reply, and the pieces it came in."""
    reply = draw(replies())
    pieces = [Began("upstreams-id", reply.model)]
    last = None
    for part in reply.parts:
        if isinstance(part, Text) and isinstance(last, Text):
            pieces.append(Apart())
        last = part
        if isinstance(part, Call):
            pieces.append(Calls(part))
            continue
        kind = Words if isinstance(part, Text) else Thinks
        at = sorted(draw(st.sets(st.integers(1, max(1, len(part.text) - 1)), max_size=3)))
        pieces += [kind(part.text[a:b]) for a, b in pairwise([0, *at, len(part.text)]) if a < b]
        if isinstance(part, Thought):
            pieces.append(ThoughtEnds())
    note(f"{reply!r}")
    return reply, [*pieces, Counted(reply.counts), Ended(reply.stop)]


# --- how things are compared


def value_of(text):
    return json.loads(text) if text else None


def same_part(part, protocol, ids):
    match part:
        case Call():
            ids.setdefault(part.id, f"call-{len(ids)}")
            return ("call", ids[part.id], part.name, value_of(part.arguments))
        case Result():
            inside = tuple(same_part(inner, protocol, ids) for inner in part.parts)
            return ("result", ids.get(part.id, part.id), part.name, inside, part.is_error)
        case Media():
            return (
                "media",
                part.kind,
                part.media_type,
                part.data,
                part.url,
                part.text,
                "" if part.data == PDF else part.name,
            )
        case Thought():
            return ("thought", part.text, part.seal and (part.seal.origin, part.seal.data))
        case Text():
            return ("text", part.text)
    return part


def same_parts(parts, protocol, ids):
    joined = []
    for part in parts:
        if lacks(protocol, "apart") and isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return tuple(same_part(part, protocol, ids) for part in joined)


def same_prompt(prompt, protocol=None):
    ids = {}
    turns = []
    for message in prompt.messages:
        if turns and turns[-1][0] is message.role:
            turns[-1][1].extend(message.parts)
        else:
            turns.append((message.role, list(message.parts)))
    return {
        "model": prompt.model,
        "system": "\n\n".join(text.text for text in prompt.system),
        "messages": [
            (role, same_parts(parts, None, ids) if role is Role.USER else same_parts(parts, protocol, ids))
            for role, parts in turns
        ],
        "tools": [(tool.name, tool.description, value_of(tool.schema), bool(tool.strict)) for tool in prompt.tools],
        "tool_choice": prompt.tool_choice or ToolChoice(),
        "schema": prompt.schema and (value_of(prompt.schema.schema), bool(prompt.schema.strict)),
        "thinking": replace(prompt.thinking, shown=None),
        "sampling": prompt.sampling,
        "max_tokens": prompt.max_tokens,
        "stop": prompt.stop,
        "stream": prompt.stream,
        "rest": (prompt.count, prompt.logprobs, prompt.previous, prompt.server_tools, prompt.unknown),
    }


def same_reply(reply, protocol):
    counts = reply.counts
    return {
        "model": "" if lacks(protocol, "model") else reply.model,
        "parts": same_parts(reply.parts, protocol, {}),
        "stop": reply.stop,
        "counts": (
            counts.fresh,
            counts.cache_read or 0,
            counts.output,
            None if lacks(protocol, "thought count") else counts.thought or 0,
        ),
    }


def reply_of(pieces):
    """The pieces put together."""
    said = Said()
    for piece in pieces:
        said.add(piece)
    return Reply(
        model=said.began.model if said.began else "",
        parts=said.parts,
        stop=said.ended.stop,
        sequence=said.ended.sequence,
        counts=said.counts,
    )


def asked(protocol, body, prompt=None, operation=Operation.GENERATE):
    stream = prompt is not None and prompt.stream
    path, query = dialect_of(protocol).address("a-model", stream)
    return Ask(
        protocol=protocol,
        operation=operation,
        method="POST",
        path=path,
        query=query,
        body=body,
        model="a-model",
        stream=stream,
    )


def streamed_to(protocol):
    return asked(protocol, b'{"stream":true,"stream_options":{"include_usage":true}}', Prompt(stream=True))


def written(protocol, prompt):
    if currently_in_test_context():
        note(f"{prompt!r}")
    losses = Losses()
    return dialect_of(protocol).write_prompt(prompt, losses), list(losses)


def back(protocol, body, prompt):
    return dialect_of(protocol).read_prompt(asked(protocol, body, prompt))


def through(protocol, data):
    reader = dialect_of(protocol).reader()
    return [*reader.feed(data), *reader.finish()]
