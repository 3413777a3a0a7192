"""Gemini's generateContent: whole, as server-sent events, and as one JSON array that grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from stillup.sim.provider.answer import Answer, Shape, sse

_SIGNATURE = "c2ltdWxhdGVk"


def whole(answer: Answer) -> bytes:
    """The answer as one JSON object."""
    thought = [_thought(answer.thought)] if answer.thoughts else []
    words = [{"text": answer.text}] if answer.words or not answer.calls else []
    return msgspec.json.encode(_around(answer, [*thought, *words, *_calls(answer)], is_last=True))


def shape(answer: Answer, *, is_array: bool) -> Shape:
    """The answer as a stream: every chunk carries content, and the last also the reason it ends.

    Nothing but a chunk that says so ends an answer, so the end is a chunk of its own here. A call is never split.
    """
    parts = [*map(_thought, answer.thoughts), *({"text": word} for word in answer.words), *_calls(answer)]
    said = [_around(answer, [part], is_last=False) for part in parts]
    last = _around(answer, [{"text": ""}], is_last=True)
    if is_array:
        return Shape(
            opening=(),
            tokens=tuple((b",\r\n" if i else b"[") + msgspec.json.encode(c) + b"\n" for i, c in enumerate(said)),
            closing=(),
            end=((b",\r\n" if said else b"[") + msgspec.json.encode(last) + b"\n]\n",),
            ping=b" ",
        )
    return Shape(
        opening=(),
        tokens=tuple(_sse(c) for c in said),
        closing=(),
        end=(_sse(last),),
        ping=b": keep-alive\r\n\r\n",
    )


def _sse(value: dict[str, Any]) -> bytes:
    return sse(value)[:-2] + b"\r\n\r\n"


def _thought(text: str) -> dict[str, Any]:
    return {"text": text, "thought": True}


def _calls(answer: Answer) -> Iterator[dict[str, Any]]:
    for i, call in enumerate(answer.calls):
        called = {"name": call.name, "args": call.arguments, "id": f"call_{answer.call_key(i)}"}
        # Its newest models sign the first call of a turn that they thought about.
        signed = {"thoughtSignature": _SIGNATURE} if answer.thoughts and not i else {}
        yield {"functionCall": called} | signed


def _around(answer: Answer, parts: list[dict[str, Any]], *, is_last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if is_last:
        candidate["finishReason"] = "SAFETY" if answer.refusal else "MAX_TOKENS" if answer.is_cut_short else "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(answer, is_last=is_last),
        "modelVersion": answer.model,
        "responseId": answer.key,
    }


def _usage(answer: Answer, *, is_last: bool) -> dict[str, Any]:
    usage: dict[str, Any] = {"promptTokenCount": answer.input_tokens, "totalTokenCount": answer.input_tokens}
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": answer.input_tokens}]
    if answer.cached_tokens:
        usage["cachedContentTokenCount"] = answer.cached_tokens
    if is_last:
        usage["candidatesTokenCount"] = answer.output_tokens - len(answer.thoughts)
        if answer.thoughts:
            usage["thoughtsTokenCount"] = len(answer.thoughts)
        usage["totalTokenCount"] += answer.output_tokens
    return usage


def count(answer: Answer) -> dict[str, Any]:
    """How long the request is."""
    details = [{"modality": "TEXT", "tokenCount": answer.input_tokens}]
    return {"totalTokens": answer.input_tokens, "promptTokensDetails": details}


def embeddings(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One vector, or one for each of a batch."""
    vector = {"values": [i / 8 for i in range(1, 9)]}
    if not path.endswith("batchEmbedContents"):
        return {"embedding": vector}
    asked = body.get("requests")
    return {"embeddings": [vector] * (len(asked) if isinstance(asked, list) else 1)}


def model(name: str) -> dict[str, Any]:
    """One row of the list of models."""
    return {
        "name": f"models/{name.removeprefix('models/')}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """The list of models."""
    return {"models": [model(name) for name in names]}
