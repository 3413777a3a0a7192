"""Anthropic's Messages: whole answers and event streams, also in Bedrock's envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from stillup.sim.provider.answer import Answer, Shape, pieces_of, sse
from stillup.sim.provider.call import Tool
from stillup.sim.provider.eventstream import bedrock_chunk

_SIGNATURE = "c2ltdWxhdGVk"
_BORN = "2026-01-01T00:00:00Z"
Event = Callable[..., bytes]


def whole(answer: Answer) -> bytes:
    """The message as one JSON object."""
    content: list[dict[str, Any]] = []
    if answer.thoughts:
        content.append({"type": "thinking", "thinking": answer.thought, "signature": _SIGNATURE})
    if _speaks(answer):
        content.append({"type": "text", "text": "".join(answer.refusal) or answer.text})
    content += [_tool_use(answer, i, call) | {"input": call.arguments} for i, call in enumerate(answer.calls)]
    ends = {**_stop(answer), "usage": _usage(answer, answer.output_tokens)}
    return msgspec.json.encode(_head(answer) | {"content": content} | ends)


class _Block(Struct, frozen=True):
    """A block of content: how it begins, its deltas, and what is told at its end."""

    start: dict[str, Any]
    deltas: list[dict[str, Any]]
    last: tuple[dict[str, Any], ...] = ()


def shape(answer: Answer, *, is_bedrock: bool = False) -> Shape:
    """The message as a stream of events."""
    event = _aws if is_bedrock else _event
    empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
    started = _head(answer) | empty | {"usage": _usage(answer, 1)}
    blocks = list(_blocks(answer))
    usage = {"output_tokens": answer.output_tokens} | _read(answer)
    metrics = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": answer.input_tokens}} if is_bedrock else {}
    first = event("content_block_start", index=0, content_block=blocks[0].start)
    return Shape(
        opening=(event("message_start", message=started), first, event("ping")),
        tokens=tuple(_tokens(blocks, event)),
        closing=(
            event("content_block_stop", index=len(blocks) - 1),
            event("message_delta", delta=_stop(answer), usage=usage),
        ),
        end=(event("message_stop", **metrics),),
        ping=event("ping"),
    )


def _blocks(answer: Answer) -> Iterator[_Block]:
    if answer.thoughts:
        thoughts = [{"type": "thinking_delta", "thinking": thought} for thought in answer.thoughts]
        signed = {"type": "signature_delta", "signature": _SIGNATURE}
        yield _Block({"type": "thinking", "thinking": "", "signature": ""}, thoughts, (signed,))
    if _speaks(answer):
        words = answer.refusal or answer.words
        yield _Block({"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in words])
    for i, call in enumerate(answer.calls):
        pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(call)]
        yield _Block(_tool_use(answer, i, call) | {"input": {}}, pieces)


def _tokens(blocks: list[_Block], event: Event) -> Iterator[bytes]:
    """The pieces of all blocks; the first of one also ends the block before it."""
    turn = b""
    for index, block in enumerate(blocks):
        if index:
            turn += event("content_block_start", index=index, content_block=block.start)
        pieces = [event("content_block_delta", index=index, delta=delta) for delta in block.deltas]
        if pieces or turn:
            yield turn + b"".join(pieces[:1])
        yield from pieces[1:]
        turn = b"".join(event("content_block_delta", index=index, delta=delta) for delta in block.last)
        turn += event("content_block_stop", index=index)


def _speaks(answer: Answer) -> bool:
    """There is a block of words, if need be an empty one."""
    return bool(answer.words or answer.refusal or not answer.calls)


def _tool_use(answer: Answer, index: int, call: Tool) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{answer.call_key(index)}", "name": call.name}


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": f"msg_{answer.key}", "type": "message", "role": "assistant", "model": answer.model}


def _stop(answer: Answer) -> dict[str, Any]:
    if answer.calls:
        reason = "tool_use"
    elif answer.refusal:
        reason = "refusal"
    elif answer.stopped_by:
        reason = "stop_sequence"
    else:
        reason = "max_tokens" if answer.is_cut_short else "end_turn"
    return {"stop_reason": reason, "stop_sequence": answer.stopped_by or None}


def _read(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.cached_tokens,
    }


def _usage(answer: Answer, output_tokens: int) -> dict[str, Any]:
    return _read(answer) | {"output_tokens": output_tokens, "service_tier": "standard"}


def _event(kind: str, **rest: object) -> bytes:
    return sse({"type": kind, **rest}, kind)


def _aws(kind: str, **rest: object) -> bytes:
    return bedrock_chunk(msgspec.json.encode({"type": kind, **rest}))


def count(answer: Answer) -> dict[str, Any]:
    """How long the request is."""
    return {"input_tokens": answer.input_tokens}


def model(name: str) -> dict[str, Any]:
    """One row of the list of models."""
    return {"type": "model", "id": name, "display_name": name, "created_at": _BORN}


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """The list of models."""
    rows = [model(name) for name in names]
    return {"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]}
