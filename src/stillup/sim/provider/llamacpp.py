"""The protocol of llama.cpp's own server: completion, health and properties."""

from __future__ import annotations

from typing import Any

import msgspec

from stillup.sim.provider.answer import Answer, Shape, sse


def whole(answer: Answer) -> bytes:
    """The completion as one JSON object."""
    return msgspec.json.encode(_last(answer, answer.text))


def shape(answer: Answer) -> Shape:
    """The completion as a stream; the event that says ``stop`` is its end."""
    said = [{"index": 0, "content": word, "tokens": [1], "stop": False, "id_slot": -1} for word in answer.words]
    return Shape(
        opening=(),
        tokens=tuple(sse(row) for row in said),
        closing=(),
        end=(sse(_last(answer, "")),),
        ping=b": ping\n\n",
    )


def about(path: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Its health, or what it runs with."""
    if path.endswith("/health"):
        return {"status": "ok"}
    settings = {"id": 0, "n_ctx": 4096, "is_processing": False}
    return {
        "default_generation_settings": settings,
        "total_slots": 1,
        "model_path": names[0],
        "chat_template": "",
        "build_info": "simulated",
    }


def _last(answer: Answer, text: str) -> dict[str, Any]:
    return {
        "index": 0,
        "content": text,
        "stop": True,
        "stop_type": "limit" if answer.is_cut_short else "eos",
        "model": answer.model,
        "tokens_predicted": answer.output_tokens,
        "tokens_evaluated": answer.input_tokens,
        "truncated": False,
    }
