"""Anthropic's Messages: whole answers and event streams, also in Bedrock's envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from stillup.sim.provider.answer import Answer, Shape, sse
from stillup.sim.provider.eventstream import bedrock_chunk

_SIGNATURE = "c2ltdWxhdGVk"
_BORN = "2026-01-01T00:00:00Z"
Event = Callable[..., bytes]


def whole(answer: Answer) -> bytes:
    """The message as one JSON object."""
    content: list[dict[str, Any]] = []
    if answer.thoughts:
        content.append({"type": "thinking", "thinking": "".join(answer.thoughts), "signature": _SIGNATURE})
    if answer.tool is not None:
        content.append(_tool_use(answer) | {"input": answer.tool.arguments})
    else:
        content.append({"type": "text", "text": answer.text})
    ends = {"stop_reason": _stop(answer), "stop_sequence": None, "usage": _usage(answer, answer.output_tokens)}
    return msgspec.json.encode(_head(answer) | {"content": content} | ends)


def shape(answer: Answer, *, is_bedrock: bool = False) -> Shape:
    """The message as a stream of events."""
    event = _aws if is_bedrock else _event
    started = _head(answer) | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(answer, 1)}
    tokens = [*_thoughts(answer, event), *_said(answer, event)]
    last = 1 if answer.thoughts else 0
    usage = {"output_tokens": answer.output_tokens} | _read(answer)
    metrics = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": answer.input_tokens}} if is_bedrock else {}
    return Shape(
        opening=(event("message_start", message=started), _begins(answer, event), event("ping")),
        tokens=tuple(tokens),
        closing=(
            event("content_block_stop", index=last),
            event("message_delta", delta={"stop_reason": _stop(answer), "stop_sequence": None}, usage=usage),
        ),
        end=(event("message_stop", **metrics),),
        ping=event("ping"),
    )


def _begins(answer: Answer, event: Event) -> bytes:
    if answer.thoughts:
        return event(
            "content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}
        )
    return event("content_block_start", index=0, content_block=_block(answer))


def _thoughts(answer: Answer, event: Event) -> list[bytes]:
    return [
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thought})
        for thought in answer.thoughts
    ]


def _said(answer: Answer, event: Event) -> list[bytes]:
    """The pieces of the second part; the first of them also ends the thinking before it."""
    index = 1 if answer.thoughts else 0
    if answer.tool is not None:
        deltas: list[dict[str, str]] = [{"type": "input_json_delta", "partial_json": p} for p in answer.pieces]
    else:
        deltas = [{"type": "text_delta", "text": w} for w in answer.words]
    pieces = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    if not answer.thoughts:
        return pieces
    signed = {"type": "signature_delta", "signature": _SIGNATURE}
    turn = (
        event("content_block_delta", index=0, delta=signed)
        + event("content_block_stop", index=0)
        + event("content_block_start", index=1, content_block=_block(answer))
    )
    return [turn + b"".join(pieces[:1]), *pieces[1:]]


def _block(answer: Answer) -> dict[str, Any]:
    return _tool_use(answer) | {"input": {}} if answer.tool else {"type": "text", "text": ""}


def _tool_use(answer: Answer) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{answer.key}", "name": answer.tool.name if answer.tool else ""}


def _head(answer: Answer) -> dict[str, Any]:
    return {"id": f"msg_{answer.key}", "type": "message", "role": "assistant", "model": answer.model}


def _stop(answer: Answer) -> str:
    return "tool_use" if answer.tool else "max_tokens" if answer.is_cut_short else "end_turn"


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
