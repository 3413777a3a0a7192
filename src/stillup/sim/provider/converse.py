"""Amazon Bedrock's Converse: whole answers, and its event stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from stillup.sim.provider.answer import Answer, Shape, pieces_of
from stillup.sim.provider.eventstream import message

Json = dict[str, Any]


def whole(answer: Answer) -> bytes:
    """The answer as one JSON object."""
    content: list[Json] = []
    if answer.thoughts:
        content.append({"reasoningContent": {"reasoningText": {"text": answer.thought}}})
    if _speaks(answer):
        content.append({"text": "".join(answer.refusal) or answer.text})
    content += [{"toolUse": {**_named(answer, i), "input": call.arguments}} for i, call in enumerate(answer.calls)]
    told: Json = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": _stop(answer)}
    return msgspec.json.encode(told | {"usage": _usage(answer), "metrics": {"latencyMs": 12}})


def shape(answer: Answer) -> Shape:
    """The answer as a stream of Amazon's messages. Only a call says that its block begins.

    The counts come last of all, behind the reason why it ends.
    """
    return Shape(
        opening=(_event("messageStart", role="assistant"),),
        tokens=tuple(_tokens(answer)),
        closing=(_event("messageStop", stopReason=_stop(answer)),),
        end=(_event("metadata", usage=_usage(answer), metrics={"latencyMs": 12}),),
        ping=b"",
    )


def _tokens(answer: Answer) -> Iterator[bytes]:
    """The pieces of all blocks; the first of one has its begin with it, and the last its end."""
    blocks: list[tuple[bytes, list[Json]]] = []
    if answer.thoughts:
        blocks.append((b"", [{"reasoningContent": {"text": thought}} for thought in answer.thoughts]))
    if _speaks(answer):
        blocks.append((b"", [{"text": word} for word in answer.refusal or answer.words or ("",)]))
    for i, call in enumerate(answer.calls):
        start = _event("contentBlockStart", start={"toolUse": _named(answer, i)}, contentBlockIndex=len(blocks))
        blocks.append((start, [{"toolUse": {"input": piece}} for piece in pieces_of(call)]))
    for index, (start, deltas) in enumerate(blocks):
        for n, delta in enumerate(deltas):
            piece = _event("contentBlockDelta", delta=delta, contentBlockIndex=index)
            end = _event("contentBlockStop", contentBlockIndex=index) if n == len(deltas) - 1 else b""
            yield (start if n == 0 else b"") + piece + end


def _event(kind: str, **inside: object) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    # Amazon pads its events so that their length does not tell what they say.
    return message(headers, msgspec.json.encode({**inside, "p": "abcdefgh"[: len(kind) % 8]}))


def _speaks(answer: Answer) -> bool:
    return bool(answer.words or answer.refusal or not answer.calls)


def _named(answer: Answer, index: int) -> Json:
    return {"toolUseId": f"tooluse_{answer.call_key(index)}", "name": answer.calls[index].name}


def _stop(answer: Answer) -> str:
    if answer.calls:
        return "tool_use"
    if answer.refusal:
        return "content_filtered"
    if answer.stopped_by:
        return "stop_sequence"
    return "max_tokens" if answer.is_cut_short else "end_turn"


def _usage(answer: Answer) -> Json:
    usage = {"inputTokens": answer.input_tokens, "outputTokens": answer.output_tokens}
    usage["totalTokens"] = answer.input_tokens + answer.output_tokens + answer.cached_tokens
    return usage | ({"cacheReadInputTokens": answer.cached_tokens} if answer.cached_tokens else {})


def count(answer: Answer) -> Json:
    """How long the request is."""
    return {"inputTokens": answer.input_tokens}
