"""OpenAI's Responses."""

from __future__ import annotations

from itertools import count as counting
from typing import Any

import msgspec

from stillup.sim.provider.answer import CREATED, Answer, Shape, sse
from stillup.sim.provider.errors import Said


def whole(answer: Answer) -> bytes:
    """The response as one JSON object."""
    return msgspec.json.encode(_response(answer, _over(answer), [_item(answer, "completed")], _usage(answer)))


def shape(answer: Answer) -> Shape:
    """The response as a stream of numbered events."""
    numbers = counting()

    def event(kind: str, **rest: object) -> bytes:
        return sse({"type": kind, **rest, "sequence_number": next(numbers)}, kind)

    running = _response(answer, "in_progress", [], None)
    opening = [
        event("response.created", response=running),
        event("response.in_progress", response=running),
        event("response.output_item.added", output_index=0, item=_item(answer, "in_progress")),
    ]
    at: dict[str, Any] = {"item_id": _item_id(answer), "output_index": 0}
    if answer.tool is not None:
        kind = "response.function_call_arguments"
        tokens = [event(f"{kind}.delta", **at, delta=piece) for piece in answer.pieces]
        closing = [event(f"{kind}.done", **at, name=answer.tool.name, arguments=answer.arguments)]
    else:
        at["content_index"] = 0
        opening.append(event("response.content_part.added", **at, part=_part("")))
        tokens = [event("response.output_text.delta", **at, delta=word, logprobs=[]) for word in answer.words]
        closing = [
            event("response.output_text.done", **at, text=answer.text, logprobs=[]),
            event("response.content_part.done", **at, part=_part(answer.text)),
        ]
    item = _item(answer, "completed")
    closing.append(event("response.output_item.done", output_index=0, item=item))
    over = _over(answer)
    end = event(f"response.{over}", response=_response(answer, over, [item], _usage(answer)))
    return Shape(
        opening=tuple(opening),
        tokens=tuple(tokens),
        closing=tuple(closing),
        end=(end,),
        ping=b": keep-alive\n\n",
    )


def error_event(answer: Answer, error: Said, number: int, *, is_failed: bool) -> bytes:
    """The event that breaks off a stream: ``error``, or a response that failed; ``number`` is its own in the stream."""
    code = error.code or error.kind
    if is_failed:
        failed = _response(answer, "failed", [], None) | {"error": {"code": code, "message": error.text}}
        told: dict[str, Any] = {"type": "response.failed", "response": failed}
    else:
        told = {"type": "error", "code": code, "message": error.text, "param": error.param}
    return sse(told | {"sequence_number": number}, told["type"])


def _over(answer: Answer) -> str:
    return "incomplete" if answer.is_cut_short else "completed"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item_id(answer: Answer) -> str:
    return f"{'fc' if answer.tool else 'msg'}_{answer.key}"


def _item(answer: Answer, status: str) -> dict[str, Any]:
    is_done = status == "completed"
    item: dict[str, Any] = {
        "id": _item_id(answer),
        "status": "incomplete" if is_done and answer.is_cut_short else status,
    }
    if answer.tool is not None:
        arguments = answer.arguments if is_done else ""
        call = {"call_id": f"call_{answer.key}", "name": answer.tool.name, "arguments": arguments}
        return item | {"type": "function_call"} | call
    content = [_part(answer.text)] if is_done else []
    return item | {"type": "message", "role": "assistant", "content": content}


def _response(
    answer: Answer, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.key}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def count(answer: Answer) -> dict[str, Any]:
    """How long the request is."""
    return {"object": "response.input_tokens", "input_tokens": answer.input_tokens}


def compacted(answer: Answer) -> dict[str, Any]:
    """A conversation made short, which only who made it can read."""
    item = {"id": f"cmp_{answer.key}", "type": "compaction", "encrypted_content": "c2ltdWxhdGVk"}
    kept = {"id": f"resp_{answer.key}", "object": "response.compaction", "created_at": CREATED}
    return kept | {"output": [item], "usage": _usage(answer)}


def stored(answer: Answer, response_id: str, method: str, path: str) -> dict[str, Any]:
    """What is said of a response that was kept: itself, what was put in, that it is cancelled or gone."""
    if path.endswith("/responses/compact"):
        return compacted(answer)
    if method == "DELETE":
        return {"id": response_id, "object": "response", "deleted": True}
    if path.endswith("/input_items"):
        content = [{"type": "input_text", "text": "Hello"}]
        item = {"id": f"msg_{answer.key}", "type": "message", "role": "user", "status": "completed", "content": content}
        return {"object": "list", "data": [item], "first_id": item["id"], "last_id": item["id"], "has_more": False}
    status = "cancelled" if path.endswith("/cancel") else "completed"
    return _response(answer, status, [_item(answer, "completed")], _usage(answer)) | {"id": response_id}
