"""OpenAI's Chat Completions, embeddings and models."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec

from stillup.sim.provider.answer import CREATED, Answer, Shape, arguments_of, pieces_of, sse
from stillup.sim.provider.call import Tool

_DIMENSIONS = 8
_DONE = b"data: [DONE]\n\n"


def whole(answer: Answer) -> bytes:
    """The completion as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.thoughts:
        message["reasoning_content"] = answer.thought
    if answer.refusal:
        message |= {"content": None, "refusal": "".join(answer.refusal)}
    if answer.calls:
        calls = [_tool_call(answer, i) | {"function": _function(call)} for i, call in enumerate(answer.calls)]
        message |= {"content": answer.text or None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    return msgspec.json.encode(_head(answer, "chat.completion") | {"choices": [choice], "usage": _usage(answer)})


def shape(answer: Answer) -> Shape:
    """The completion as a stream of chunks."""
    closing = [_chunk(answer, {}, _finish(answer))]
    if answer.wants_usage:
        closing.append(sse(_head(answer, "chat.completion.chunk") | {"choices": [], "usage": _usage(answer)}))
    is_silent = (answer.calls or answer.refusal) and not answer.words
    first = {"role": "assistant", "content": None if is_silent else "", "refusal": None}
    return Shape(
        opening=(_chunk(answer, first),),
        tokens=tuple(_chunk(answer, delta) for delta in _deltas(answer)),
        closing=tuple(closing),
        end=(_DONE,),
        ping=b": keep-alive\n\n",
    )


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    for thought in answer.thoughts:
        yield {"reasoning_content": thought}
    for word in answer.refusal:
        yield {"refusal": word}
    for word in answer.words:
        yield {"content": word}
    for i, call in enumerate(answer.calls):
        begins = _function(call) | {"arguments": ""}
        yield {"tool_calls": [{"index": i, **_tool_call(answer, i), "function": begins}]}
        for piece in pieces_of(call):
            yield {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}


def _chunk(answer: Answer, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = {"usage": None} if answer.wants_usage else {}
    return sse(_head(answer, "chat.completion.chunk") | {"choices": [choice]} | usage)


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.key}",
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{answer.name}",
    }


def _tool_call(answer: Answer, index: int) -> dict[str, Any]:
    return {"id": f"call_{answer.call_key(index)}", "type": "function"}


def _function(call: Tool) -> dict[str, Any]:
    return {"name": call.name, "arguments": arguments_of(call)}


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "length" if answer.is_cut_short else "stop"


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(answer.thoughts), "audio_tokens": 0},
    }


def embeddings(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """A vector for every input, as floats or, as OpenAI's own SDK asks, in base64."""
    given = body.get("input")
    inputs = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    vector: object = [(i + 1) / _DIMENSIONS for i in range(_DIMENSIONS)]
    if body.get("encoding_format") == "base64":
        floats = struct.pack(f"<{_DIMENSIONS}f", *((i + 1) / _DIMENSIONS for i in range(_DIMENSIONS)))
        vector = b64encode(floats).decode()
    rows = [{"object": "embedding", "index": i, "embedding": vector} for i in range(len(inputs))]
    usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens}
    return {"object": "list", "data": rows, "model": answer.model, "usage": usage}


def model(name: str) -> dict[str, Any]:
    """One row of the list of models."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"}


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": [model(name) for name in names]}
