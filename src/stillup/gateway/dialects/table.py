"""The table of what each translation keeps, made by translating a sample of every feature (docs/dialects.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable, dialect_of
from stillup.gateway.dialects.features import answers, requests
from stillup.gateway.dialects.neutral import (
    Call,
    Counts,
    Media,
    Message,
    Part,
    Prompt,
    Reply,
    Result,
    Text,
    Tool,
    ToolChoice,
)
from stillup.marked import put_between

BEGIN = "<!-- table: made by script/dialect-table, do not edit by hand -->"
END = "<!-- table: end -->"
_NAMES = {
    Protocol.ANTHROPIC: "Anthropic Messages",
    Protocol.OPENAI: "OpenAI Chat",
    Protocol.RESPONSES: "OpenAI Responses",
    Protocol.GEMINI: "Gemini",
    Protocol.CONVERSE: "Bedrock Converse",
}
_CLIENTS = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)
_KEPT, _OTHERWISE, _LEFT, _REFUSED, _NOT_ASKED = "✓", "≈", "○", "✗", ""
_STAMP = Stamp(id="sample", created_s=0)
_READ_ONLY = {
    "metadata": _CLIENTS,
    "several answers": (Protocol.OPENAI, Protocol.GEMINI),
    "logprobs": (Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI),
    "an answer stored there goes on": (Protocol.RESPONSES,),
}
"""What clients of these dialects may ask for, and what is never written: it goes to its own provider as it came."""


def with_table(page: str) -> str:
    """The page with fresh tables between its two marks.

    :raises ValueError: the page lacks a mark.
    """
    return put_between(page, BEGIN, END, table())


def table() -> str:
    """For each dialect of clients what becomes of its requests, and of the answers to them."""
    return "\n".join(line for client in _CLIENTS for line in _of_client(client))


def _of_client(client: Protocol) -> Iterator[str]:
    others = [protocol for protocol in _NAMES if protocol is not client]
    yield f"## A client speaks {_NAMES[client]}"
    yield ""
    asked = {name: [_request(client, to, name) for to in others] for name in requests(client)}
    yield from _rows("its request to", others, asked)
    yield "What is left out (○), in the words of `x-stillup-reason` and the journal:"
    yield ""
    for to in others:
        notes = sorted({note for name in asked for note in _notes(client, to, name)})
        yield f"- {_NAMES[to]}: {', '.join(notes)}."
    yield ""
    names = list(answers(client))
    given = {name: [_answer(client, upstream, name) for upstream in others] for name in names}
    yield from _rows("an answer from", others, given)


def _rows(what: str, others: list[Protocol], cells: dict[str, list[str]]) -> Iterator[str]:
    yield f"| {what} | " + " | ".join(_NAMES[other] for other in others) + " |"
    yield "|---|" + ":-:|" * len(others)
    for name, row in cells.items():
        if any(row):
            yield f"| {name} | " + " | ".join(row) + " |"
    yield ""


def _request(client: Protocol, to: Protocol, name: str) -> str:
    prompt = _asked(client, name)
    if prompt is None:
        return _NOT_ASKED
    losses = Losses()
    try:
        body = dialect_of(to).write_prompt(prompt, losses)
        read = dialect_of(to).read_prompt(_ask(to, body))
    except Untranslatable:
        return _REFUSED
    if len(losses):
        return _LEFT
    return _KEPT if _facts(read) == _facts(prompt) else _OTHERWISE


def _notes(client: Protocol, to: Protocol, name: str) -> list[str]:
    prompt = _asked(client, name)
    losses = Losses()
    if prompt is not None:
        try:
            dialect_of(to).write_prompt(prompt, losses)
        except Untranslatable:
            return []
    return list(losses)


def _asked(client: Protocol, name: str) -> Prompt | None:
    """The sample as a client of this dialect asks it; None where it has no words for it."""
    sample = requests(client)[name]
    if name in _READ_ONLY:
        return sample if client in _READ_ONLY[name] else None
    losses = Losses()
    try:
        prompt = dialect_of(client).read_prompt(_ask(client, dialect_of(client).write_prompt(sample, losses)))
    except Untranslatable:
        return None
    return prompt if not len(losses) and _facts(prompt) == _facts(sample) else None


def _answer(client: Protocol, upstream: Protocol, name: str) -> str:
    sample = answers(upstream)[name]
    given = _through(upstream, sample)
    if _told(given) != _told(sample):
        return _NOT_ASKED
    got = _through(client, given)
    if _told(got) == _told(given):
        return _KEPT
    return _OTHERWISE if _words(got) == _words(given) and _counts(got.counts) == _counts(given.counts) else _LEFT


def _through(protocol: Protocol, reply: Reply) -> Reply:
    dialect = dialect_of(protocol)
    return dialect.read_reply(dialect.write_reply(reply, _ask(protocol, b"{}"), _STAMP))


def _ask(protocol: Protocol, body: bytes) -> Ask:
    path, query = dialect_of(protocol).address("m", False)  # noqa: FBT003 - whole
    return Ask(
        protocol=protocol,
        operation=Operation.GENERATE,
        method="POST",
        path=path,
        query=query,
        body=body,
        model="m",
    )


def _facts(prompt: Prompt) -> dict[str, Any]:
    """What a request means, whichever way it is divided into messages and whatever its calls are numbered."""
    turns: list[tuple[str, list[Any]]] = []
    for message in prompt.messages:
        if not turns or turns[-1][0] != message.role:
            turns.append((message.role, []))
        turns[-1][1].extend(_named(message) + [_part(part) for part in message.parts])
    facts = {
        name: getattr(prompt, name) for name in ("thinking", "sampling", "max_tokens", "stop", "count", "logprobs")
    }
    schema = prompt.schema
    return {
        **facts,
        "turns": turns,
        "system": "\n\n".join(text.text for text in prompt.system),
        "tools": [_tool(tool) for tool in prompt.tools],
        "choice": prompt.tool_choice or ToolChoice(),
        "schema": None if schema is None else (_json(schema.schema), bool(schema.schema and schema.strict)),
        "previous": prompt.previous,
        "server_tools": [(tool.origin, _json(tool.raw)) for tool in prompt.server_tools],
    }


def _named(message: Message) -> list[Any]:
    return [message.name] if message.name else []


def _tool(tool: Tool) -> tuple[Any, ...]:
    return tool.name, tool.description, _json(tool.schema), bool(tool.strict), tool.cache


def _part(part: Part) -> object:
    if isinstance(part, Call):
        return replace(part, id="", arguments=str(_json(part.arguments.encode())))
    if isinstance(part, Result):
        return replace(part, id="")
    if isinstance(part, Media) and not part.name.startswith("a."):
        return replace(part, name="")
    return part


def _told(reply: Reply) -> tuple[Any, ...]:
    counts = reply.counts
    return tuple(_part(part) for part in reply.parts), reply.stop, reply.sequence, _counts(counts)


def _counts(counts: Counts) -> Counts:
    return replace(
        counts,
        fresh=counts.fresh or 0,
        output=counts.output or 0,
        cache_read=counts.cache_read or 0,
        cache_write=counts.cache_write or 0,
        thought=counts.thought or 0,
    )


def _words(reply: Reply) -> str:
    return "".join(part.text for part in reply.parts if isinstance(part, Text) or hasattr(part, "text"))


def _json(raw: bytes) -> object:
    return msgspec.json.decode(raw) if raw else None
