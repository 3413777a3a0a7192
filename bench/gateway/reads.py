"""Reads a stream as an SDK does, and stricter: what a client has of it, and every breach of its protocol."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import Any

from gateway.load import Answer
from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, RESPONSES
from gateway.tasks import Got

Json = dict[str, Any]
_EVENT_ENDS = re.compile(rb"\r?\n\r?\n")
_DATA = re.compile(rb"^data: ?(.*?)\r?$", re.MULTILINE)


def read_stream(protocol: str, answer: Answer) -> Got:
    """What a client has at the end."""
    if answer.trouble or not answer.status:
        return Got(error=answer.trouble or "no answer")
    if answer.status != 200:
        return Got(error=f"HTTP {answer.status}: {_message(answer.body)}")
    stream = _STREAMS[protocol]()
    for event in _EVENT_ENDS.split(answer.body):
        data = b"\n".join(_DATA.findall(event))
        if data:
            stream.take(data)
    got = stream.finish()
    if not answer.is_whole:
        got.error = got.error or "broken off"
    return got


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])[:120]
    except (ValueError, LookupError, TypeError):
        return body[:120].decode("utf-8", "replace")


class _Stream(ABC):
    """One answer as it comes."""

    def __init__(self) -> None:
        self.got = Got()
        self.has_ended = False

    def take(self, data: bytes) -> None:
        """The data of one event."""
        if data == b"[DONE]":
            return self.end("two ends")
        try:
            value = json.loads(data)
        except ValueError:
            return self.flaw("no JSON")
        if value.get("error") or value.get("type") in {"error", "response.failed"}:
            told = value.get("error") or value.get("response", {}).get("error") or value
            self.got.error = self.got.error or f"error event: {told.get('message', told)}"[:160]
            return None
        if self.has_ended:
            self.flaw("events behind the end")
        return self.event(value)

    @abstractmethod
    def event(self, value: Json) -> None:
        """One event that is no error."""

    def flaw(self, what: str) -> None:
        """The protocol was broken."""
        if what not in self.got.flaws:
            self.got.flaws.append(what)

    def end(self, twice: str) -> None:
        """The end marker."""
        if self.has_ended:
            self.flaw(twice)
        self.has_ended = True

    def finish(self) -> Got:
        """There is no more."""
        if not self.has_ended and not self.got.error:
            self.got.error = "no end marker"
        if self.has_ended and self.got.error:
            self.flaw("an error and an end")
        return self.got


class _Anthropic(_Stream):
    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._open: int | None = None
        self._next = 0
        self._kind = ""

    def event(self, value: Json) -> None:
        kind = value["type"]
        if kind == "message_start":
            if self._begun:
                self.flaw("two messages")
            self._begun = True
            self.got.input_tokens = value["message"]["usage"]["input_tokens"]
        elif kind == "content_block_start":
            self._starts(value["index"], value["content_block"])
        elif kind == "content_block_delta":
            self._delta(value["index"], value["delta"])
        elif kind == "content_block_stop":
            if value["index"] != self._open:
                self.flaw("stops a block that is not open")
            self._open = None
        elif kind == "message_delta":
            self.got.stop = self.got.stop or value["delta"].get("stop_reason") or ""
            self.got.output_tokens = value["usage"]["output_tokens"]
        elif kind == "message_stop":
            if self._open is not None:
                self.flaw("ends with an open block")
            self.end("two ends")

    def _starts(self, index: int, block: Json) -> None:
        if self._open is not None:
            self.flaw("two blocks open")
        if index != self._next:
            self.flaw("an index is missing or repeated")
        self._open, self._next, self._kind = index, index + 1, block["type"]
        if self._kind == "tool_use":
            self.got.calls.append((block["name"], ""))
        elif self._kind == "thinking":
            self.got.thoughts.append("")

    def _delta(self, index: int, delta: Json) -> None:
        if index != self._open:
            self.flaw("a delta for a block that is not open")
        kind = delta["type"]
        wanted = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}
        if wanted.get(kind, self._kind) != self._kind:
            self.flaw("a delta of another kind")
        elif kind == "text_delta":
            self.got.text += delta["text"]
        elif kind == "thinking_delta":
            self.got.thoughts[-1] += delta["thinking"]
        elif kind == "input_json_delta":
            name, arguments = self.got.calls[-1]
            self.got.calls[-1] = (name, arguments + delta["partial_json"])


class _Chat(_Stream):
    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()
        self._was_thought = False

    def event(self, value: Json) -> None:
        self._ids.add(value["id"])
        if len(self._ids) > 1:
            self.flaw("two ids")
        if usage := value.get("usage"):
            self.got.input_tokens, self.got.output_tokens = usage["prompt_tokens"], usage["completion_tokens"]
        for choice in value["choices"]:
            if choice.get("index"):
                self.flaw("another choice")
            if self.got.stop and choice["delta"].get("content"):
                self.flaw("words behind the finish")
            self._delta(choice["delta"])
            self.got.stop = choice.get("finish_reason") or self.got.stop

    def _delta(self, delta: Json) -> None:
        self.got.text += delta.get("content") or ""
        if thought := delta.get("reasoning_content"):
            if not self._was_thought:
                self.got.thoughts.append("")
            self.got.thoughts[-1] += thought
        self._was_thought = bool(thought)
        for call in delta.get("tool_calls") or ():
            index, function = call["index"], call.get("function", {})
            if index > len(self.got.calls):
                return self.flaw("an index is missing")
            if index == len(self.got.calls):
                self.got.calls.append((function.get("name", ""), ""))
            name, arguments = self.got.calls[index]
            self.got.calls[index] = (name, arguments + (function.get("arguments") or ""))
        return None

    def finish(self) -> Got:
        if not self.got.stop and not self.got.error:
            self.flaw("no reason for the end")
        return super().finish()


class _Responses(_Stream):
    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._items: dict[int, Json] = {}
        self._text: dict[int, str] = {}

    def event(self, value: Json) -> None:
        if value["sequence_number"] != self._number:
            self.flaw("a number is missing or repeated")
        self._number = value["sequence_number"] + 1
        kind, index = value["type"], value.get("output_index", 0)
        if kind == "response.output_item.added":
            if index != len(self._items):
                self.flaw("an index is missing or repeated")
            self._items[index] = value["item"]
        elif kind.endswith(".delta"):
            if index not in self._items:
                self.flaw("a delta of an item that was not added")
            self._text[index] = self._text.get(index, "") + value["delta"]
        elif kind == "response.output_item.done":
            self._done(index, value["item"])
        elif kind in {"response.completed", "response.incomplete"}:
            self._over(value["response"])

    def _done(self, index: int, item: Json) -> None:
        before = self._items.get(index, {})
        if before.get("id") != item["id"]:
            self.flaw("another id at the end of an item")
        if _said(item) != self._text.get(index, ""):
            self.flaw("an item is not what its deltas said")
        self._items[index] = item

    def _over(self, response: Json) -> None:
        self.end("two ends")
        self.got.stop = response["status"]
        usage = response["usage"] or {}
        self.got.input_tokens, self.got.output_tokens = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        if [item["id"] for item in response["output"]] != [self._items[i]["id"] for i in sorted(self._items)]:
            self.flaw("the response is not what its items were")
        for item in response["output"]:
            if item["type"] == "message":
                self.got.text += _said(item)
            elif item["type"] == "reasoning":
                self.got.thoughts.append(_said(item))
            elif item["type"] == "function_call":
                self.got.calls.append((item["name"], item["arguments"]))


def _said(item: Json) -> str:
    """What an item says in deltas."""
    if item["type"] == "function_call":
        return str(item["arguments"])
    parts = [*(item.get("content") or ()), *(item.get("summary") or ())]
    return "".join(part.get("text") or part.get("refusal") or "" for part in parts)


class _Gemini(_Stream):
    def __init__(self) -> None:
        super().__init__()
        self._was_thought = False

    def event(self, value: Json) -> None:
        usage = value.get("usageMetadata") or {}
        self.got.input_tokens = usage.get("promptTokenCount", self.got.input_tokens)
        told = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        self.got.output_tokens = told or self.got.output_tokens
        for candidate in value.get("candidates") or ():
            for part in candidate.get("content", {}).get("parts") or ():
                self._part(part)
            if reason := candidate.get("finishReason"):
                self.got.stop = reason
                self.end("two ends")

    def _part(self, part: Json) -> None:
        is_thought = part.get("thought") is True
        if is_thought:
            if not self._was_thought:
                self.got.thoughts.append("")
            self.got.thoughts[-1] += part["text"]
        elif call := part.get("functionCall"):
            self.got.calls.append((call["name"], json.dumps(call.get("args") or {})))
        else:
            self.got.text += part.get("text", "")
        self._was_thought = is_thought


_STREAMS: dict[str, type[_Stream]] = {
    ANTHROPIC: _Anthropic,
    OPENAI: _Chat,
    RESPONSES: _Responses,
    GEMINI: _Gemini,
}
