"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as counting
from typing import Any

import msgspec
from msgspec import Struct

from stillup.sim.provider.answer import CREATED, Answer, Shape, arguments_of, pieces_of, sse
from stillup.sim.provider.call import Tool
from stillup.sim.provider.errors import Said


def whole(answer: Answer) -> bytes:
    """The response as one JSON object."""
    output = [item.done for item in _items(answer)]
    return msgspec.json.encode(_response(answer, _over(answer), output, _usage(answer)))


class _Event(Struct, frozen=True):
    """An event before it has its number."""

    kind: str
    rest: dict[str, Any]


class _Item(Struct, frozen=True):
    """One item of the output: as it begins and as it ends, and the events between."""

    begun: dict[str, Any]
    done: dict[str, Any]
    opening: list[_Event]
    tokens: list[_Event]
    closing: list[_Event]


def shape(answer: Answer) -> Shape:
    """The response as a stream of numbered events."""
    numbers = counting()

    def wire(event: _Event) -> bytes:
        return sse({"type": event.kind, **event.rest, "sequence_number": next(numbers)}, event.kind)

    running = _response(answer, "in_progress", [], None)
    items = list(_items(answer))
    opening = [
        wire(_Event("response.created", {"response": running})),
        wire(_Event("response.in_progress", {"response": running})),
    ]
    tokens: list[bytes] = []
    turn = b""
    for index, item in enumerate(items):
        begins = [wire(event) for event in (_bounds("added", index, item.begun), *item.opening)]
        if index:
            turn += b"".join(begins)
        else:
            opening += begins
        said = [wire(event) for event in item.tokens]
        if said or turn:
            tokens += [turn + b"".join(said[:1]), *said[1:]]
        closing = [wire(event) for event in (*item.closing, _bounds("done", index, item.done))]
        turn = b"".join(closing)
    over = _over(answer)
    response = _response(answer, over, [item.done for item in items], _usage(answer))
    end = wire(_Event(f"response.{over}", {"response": response}))
    return Shape(
        opening=tuple(opening),
        tokens=tuple(tokens),
        closing=tuple(closing),
        end=(end,),
        ping=b": keep-alive\n\n",
    )


def _bounds(what: str, index: int, item: dict[str, Any]) -> _Event:
    return _Event(f"response.output_item.{what}", {"output_index": index, "item": item})


def _items(answer: Answer) -> Iterator[_Item]:
    index = 0
    if answer.thoughts:
        yield _reasoning(answer)
        index = 1
    if answer.words or answer.refusal or not answer.calls:
        yield _message(answer, index)
        index += 1
    for i, call in enumerate(answer.calls):
        yield _function_call(answer, i, call, index + i)


def _reasoning(answer: Answer) -> _Item:
    at = {"item_id": f"rs_{answer.key}", "output_index": 0, "summary_index": 0}
    part = {"type": "summary_text", "text": answer.thought}
    begun: dict[str, Any] = {"id": f"rs_{answer.key}", "type": "reasoning", "summary": []}
    kind = "response.reasoning_summary"
    return _Item(
        begun,
        begun | {"summary": [part]},
        [_Event(f"{kind}_part.added", {**at, "part": part | {"text": ""}})],
        [_Event(f"{kind}_text.delta", {**at, "delta": thought}) for thought in answer.thoughts],
        [
            _Event(f"{kind}_text.done", {**at, "text": answer.thought}),
            _Event(f"{kind}_part.done", {**at, "part": part}),
        ],
    )


def _message(answer: Answer, index: int) -> _Item:
    at = {"item_id": f"msg_{answer.key}", "output_index": index, "content_index": 0}
    if answer.refusal:
        text = "".join(answer.refusal)
        empty, part = {"type": "refusal", "refusal": ""}, {"type": "refusal", "refusal": text}
        tokens = [_Event("response.refusal.delta", {**at, "delta": word}) for word in answer.refusal]
        over = _Event("response.refusal.done", {**at, "refusal": text})
    else:
        empty, part = _part(""), _part(answer.text)
        kind = "response.output_text"
        tokens = [_Event(f"{kind}.delta", {**at, "delta": word, "logprobs": []}) for word in answer.words]
        over = _Event(f"{kind}.done", {**at, "text": answer.text, "logprobs": []})
    item = {"type": "message", "role": "assistant"}
    begun: dict[str, Any] = {"id": f"msg_{answer.key}", "status": "in_progress"} | item | {"content": []}
    return _Item(
        begun,
        begun | {"status": _over(answer), "content": [part]},
        [_Event("response.content_part.added", {**at, "part": empty})],
        tokens,
        [over, _Event("response.content_part.done", {**at, "part": part})],
    )


def _function_call(answer: Answer, number: int, call: Tool, index: int) -> _Item:
    key, given = answer.call_key(number), arguments_of(call)
    kind, what, short = ("custom_tool_call", "input", "ctc") if call.is_free else ("function_call", "arguments", "fc")
    at = {"item_id": f"{short}_{key}", "output_index": index}
    begun: dict[str, Any] = {
        "id": f"{short}_{key}",
        "status": "in_progress",
        "type": kind,
        "call_id": f"call_{key}",
        "name": call.name,
        what: "",
    }
    named = {} if call.is_free else {"name": call.name}
    return _Item(
        begun,
        begun | {"status": "completed", what: given},
        [],
        [_Event(f"response.{kind}_{what}.delta", {**at, "delta": piece}) for piece in pieces_of(call)],
        [_Event(f"response.{kind}_{what}.done", {**at, **named, what: given})],
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
        "output_tokens_details": {"reasoning_tokens": len(answer.thoughts)},
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
    output = [item.done for item in _items(answer)]
    return _response(answer, status, output, _usage(answer)) | {"id": response_id}
