"""What the mock upstream says in each protocol: words that carry the upstream's name and their number.

``A0 A1 A2 …`` shows every cut, splice and repetition.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, RESPONSES

MODEL = "mock-model"

Json = dict[str, Any]


@dataclass(frozen=True)
class Script:
    """One answer, as a stream (opening, one piece a token, closing) and as a whole."""

    opening: bytes
    tokens: tuple[bytes, ...]
    closing: bytes
    whole: bytes


def script(protocol: str, name: str, tokens: int) -> Script:
    """What the upstream ``name`` answers in a protocol, in so many tokens."""
    words = [f"{name}{n} " for n in range(tokens)]
    return {ANTHROPIC: _anthropic, OPENAI: _openai, RESPONSES: _responses, GEMINI: _gemini}[protocol](name, words)


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _data(value: Json) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _event(value: Json) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)


def _anthropic(name: str, words: list[str]) -> Script:
    message: Json = {"id": f"msg_{name}", "type": "message", "role": "assistant", "model": MODEL}
    unstopped: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"input_tokens": 10, "output_tokens": len(words)}
    block = {"type": "text", "text": ""}
    opening: tuple[Json, ...] = (
        {"type": "message_start", "message": message | unstopped | {"usage": usage | {"output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
    )
    closing: tuple[Json, ...] = (
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": len(words)}},
        {"type": "message_stop"},
    )
    return Script(
        b"".join(map(_event, opening)),
        tuple(
            _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
            for word in words
        ),
        b"".join(map(_event, closing)),
        _json(message | {"content": [block | {"text": "".join(words)}]} | stopped | {"usage": usage}),
    )


def _openai(name: str, words: list[str]) -> Script:
    said = {"id": f"chatcmpl-{name}", "created": 1_700_000_000, "model": MODEL, "system_fingerprint": f"fp_{name}"}
    usage = {"prompt_tokens": 10, "completion_tokens": len(words), "total_tokens": 10 + len(words)}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data(said | {"object": "chat.completion.chunk", "choices": [choice]})

    message = {"role": "assistant", "content": "".join(words), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    last = _data(said | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
    return Script(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        tuple(chunk({"content": word}) for word in words),
        chunk({}, "stop") + last + b"data: [DONE]\n\n",
        _json(said | {"object": "chat.completion", "choices": [choice], "usage": usage}),
    )


def _responses(name: str, words: list[str]) -> Script:
    text = "".join(words)
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": f"msg_{name}", "status": "completed", "role": "assistant", "content": [part]}
    usage = {"input_tokens": 10, "output_tokens": len(words), "total_tokens": 10 + len(words)}
    details = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    response: Json = {
        "id": f"resp_{name}", "object": "response", "created_at": 1_700_000_000, "status": "in_progress",
        "model": MODEL, "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "usage": None,
    }  # fmt: skip
    done = response | {"status": "completed", "output": [item], "usage": usage | details}
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    events: tuple[Json, ...] = (
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": item | {"status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **at, "part": part | {"text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in words),
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    )
    wire = [_event({"type": e["type"], "sequence_number": n} | e) for n, e in enumerate(events)]
    return Script(b"".join(wire[:4]), tuple(wire[4:-4]), b"".join(wire[-4:]), _json(done))


def _gemini(name: str, words: list[str]) -> Script:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": len(words), "totalTokenCount": 10 + len(words)}

    def answer(text: str, **more: str) -> Json:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": f"r{name}"}

    # Gemini has no opening: the first event carries the first words; its end is a finishReason.
    return Script(
        b"",
        tuple(_data(answer(word)) for word in words),
        _data(answer("", finishReason="STOP")),
        _json(answer("".join(words), finishReason="STOP")),
    )
