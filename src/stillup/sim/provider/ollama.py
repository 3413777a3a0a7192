"""Ollama's own protocol: answers whole, and as lines of JSON of which the last is ``done``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from stillup.sim.provider.answer import CREATED, Answer, Shape

_AT = datetime.fromtimestamp(CREATED, UTC).isoformat().replace("+00:00", "Z")
_DIGEST = "a" * 64
_VERSION = "0.12.0"


def whole(answer: Answer, *, is_chat: bool) -> bytes:
    """The answer as one JSON object."""
    return msgspec.json.encode(_row(answer, answer.text, is_chat=is_chat, calls=True) | _done(answer))


def shape(answer: Answer, *, is_chat: bool) -> Shape:
    """The answer as lines. There is nothing to keep one alive with: silence, or the next token."""
    rows = [_row(answer, word, is_chat=is_chat, calls=False) for word in answer.words]
    rows += [_row(answer, "", is_chat=is_chat, calls=True)] if answer.calls else []
    said = [_line(row | {"done": False}) for row in rows]
    last = _row(answer, "", is_chat=is_chat, calls=False) | _done(answer)
    return Shape(opening=(), tokens=tuple(said), closing=(), end=(_line(last),))


def loaded(answer: Answer, *, is_chat: bool) -> bytes:
    """What is answered to a request without a question, which only loads the model."""
    return msgspec.json.encode(_row(answer, "", is_chat=is_chat, calls=False) | {"done": True, "done_reason": "load"})


def is_question(body: dict[str, Any]) -> bool:
    """Whether anything is asked."""
    return bool(body.get("messages") or body.get("prompt"))


def about(path: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Its version, the models that it has, or those that are in memory."""
    if path.endswith("/version"):
        return {"version": _VERSION}
    running = {"expires_at": _AT, "size_vram": 2_000_000_000} if path.endswith("/ps") else {"modified_at": _AT}
    return {"models": [_model(name) | running for name in names]}


def show(name: str) -> dict[str, Any]:
    """What is known of a model."""
    details = {"details": _DETAILS, "model_info": {"general.architecture": "llama", "llama.context_length": 8192}}
    return {"modelfile": f"FROM {name}", "parameters": "", "template": "", "modified_at": _AT} | details


def embeddings(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """A vector for every input."""
    given = body.get("input")
    rows = len(given) if isinstance(given, list) else 1
    return {"model": answer.model, "embeddings": [[i / 8 for i in range(1, 9)]] * rows, "total_duration": 1}


_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}


def _model(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "size": 2_000_000_000, "digest": _DIGEST, "details": _DETAILS}


def _row(answer: Answer, text: str, *, is_chat: bool, calls: bool) -> dict[str, Any]:
    head: dict[str, Any] = {"model": answer.model, "created_at": _AT}
    if not is_chat:
        return head | {"response": text}
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if answer.calls and calls:
        functions = [{"name": call.name, "arguments": call.arguments} for call in answer.calls]
        message["tool_calls"] = [{"function": function} for function in functions]
    return head | {"message": message}


def _done(answer: Answer) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if answer.is_cut_short else "stop",
        "total_duration": 2_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": answer.input_tokens,
        "prompt_eval_duration": 500_000,
        "eval_count": answer.output_tokens,
        "eval_duration": 500_000,
    }


def _line(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row) + b"\n"
