"""An answer read as its client reads it: piece by piece in a stream, or whole, in any of the client protocols. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stillup.gateway.core.values import Protocol

MOST_BYTES = 4 << 20
_LONGEST_SAYS = 200
Json = Mapping[str, Any]


class Reading:
    """What of an answer has come so far.

    ``text`` is what was said, ``calls`` the tools that are called with their arguments as JSON, ``has_ended`` that the
    protocol's own end was there, and ``error`` what an error in it says.
    """

    def __init__(self, protocol: Protocol, *, streams: bool) -> None:
        self.text = ""
        self.error = ""
        self.has_ended = False
        self._calls: dict[str, list[str]] = {}
        self._protocol = protocol
        self._streams = streams
        self._held = b""

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Tools with their arguments."""
        return [(name, arguments) for name, arguments in self._calls.values()]

    @property
    def chars(self) -> int:
        """How much of the answer is there."""
        return len(self.text) + sum(len(arguments) for _, arguments in self._calls.values())

    def feed(self, data: bytes) -> bool:
        """Take a piece of the body; whether it brought anything of the answer."""
        if len(self._held) + len(data) > MOST_BYTES:
            self.error = self.error or "an answer that does not end"
            return False
        self._held += data
        if not self._streams:
            return False
        before = self.chars, self.has_ended
        *lines, self._held = self._held.split(b"\n")
        for line in lines:
            self._line(line)
        return (self.chars, self.has_ended) != before

    def end(self) -> None:
        """The body is over."""
        if self._streams:
            self._line(self._held)
            return
        value = _object(self._held)
        if value is None:
            self.error = "no JSON in the answer" if self._held.strip() else "an empty answer"
            return
        self.error = error_in(value)
        if not self.error:
            self.has_ended = self._whole(value)

    def _line(self, line: bytes) -> None:
        data = line[5:].strip() if line.startswith(b"data:") else b""
        if data == b"[DONE]":
            self.has_ended = True
        elif data:
            event = _object(data)
            if event is None:
                self.error = self.error or "an event that cannot be read"
                return
            self.error = self.error or _event_error(event)
            self._event(event)

    def _event(self, event: Json) -> None:
        match self._protocol:
            case Protocol.ANTHROPIC:
                self._anthropic(event)
            case Protocol.OPENAI:
                self._chat(event)
            case Protocol.RESPONSES:
                self._responses(event)
            case _:
                self.has_ended = self._gemini(event) or self.has_ended

    def _anthropic(self, event: Json) -> None:
        kind, block = event.get("type"), _dict(event.get("content_block"))
        if kind == "content_block_start" and block.get("type") == "tool_use":
            self._calls[str(event.get("index"))] = [str(block.get("name")), ""]
        elif kind == "content_block_delta":
            delta = _dict(event.get("delta"))
            self._say(delta.get("text"))
            self._argue(event.get("index"), delta.get("partial_json"))
        elif kind == "message_stop":
            self.has_ended = True

    def _chat(self, event: Json) -> None:
        for choice in _rows(event.get("choices")):
            delta = _dict(choice.get("delta"))
            self._say(delta.get("content"))
            for call in _rows(delta.get("tool_calls")):
                function = _dict(call.get("function"))
                if function.get("name"):
                    self._calls.setdefault(str(call.get("index")), [str(function["name"]), ""])
                self._argue(call.get("index"), function.get("arguments"))

    def _responses(self, event: Json) -> None:
        kind, item = event.get("type"), _dict(event.get("item"))
        if kind == "response.output_text.delta":
            self._say(event.get("delta"))
        elif kind == "response.output_item.added" and item.get("type") == "function_call":
            self._calls[str(event.get("output_index"))] = [str(item.get("name")), ""]
        elif kind == "response.function_call_arguments.delta":
            self._argue(event.get("output_index"), event.get("delta"))
        elif kind == "response.completed":
            self.has_ended = True

    def _gemini(self, event: Json) -> bool:
        ended = False
        for candidate in _rows(event.get("candidates")):
            for part in _rows(_dict(candidate.get("content")).get("parts")):
                self._say(part.get("text"))
                self._called(part.get("functionCall"), "args")
            ended = ended or bool(candidate.get("finishReason"))
        return ended

    def _whole(self, value: Json) -> bool:
        match self._protocol:
            case Protocol.ANTHROPIC:
                for block in _rows(value.get("content")):
                    self._say(block.get("text"))
                    self._called(block, "input")
                return bool(value.get("stop_reason"))
            case Protocol.OPENAI:
                choices = _rows(value.get("choices"))
                for choice in choices:
                    message = _dict(choice.get("message"))
                    self._say(message.get("content"))
                    for call in _rows(message.get("tool_calls")):
                        self._called(call.get("function"), "arguments")
                return bool(choices and choices[0].get("finish_reason"))
            case Protocol.RESPONSES:
                for item in _rows(value.get("output")):
                    for part in _rows(item.get("content")):
                        self._say(part.get("text"))
                    self._called(item, "arguments")
                return value.get("status") == "completed"
            case _:
                return self._gemini(value)

    def _say(self, text: object) -> None:
        if isinstance(text, str):
            self.text += text

    def _argue(self, index: object, text: object) -> None:
        if isinstance(text, str) and str(index) in self._calls:
            self._calls[str(index)][1] += text

    def _called(self, call: object, member: str) -> None:
        """A call that came in one piece."""
        found = _dict(call)
        if isinstance(found.get("name"), str) and member in found:
            given = found[member]
            text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
            self._calls[f"whole {len(self._calls)}"] = [found["name"], text]


def error_in(value: object) -> str:
    """What the error in a body says, in any of the protocols; empty where there is none."""
    error = _dict(value).get("error")
    if isinstance(error, str):
        return error[:_LONGEST_SAYS]
    message = _dict(error).get("message")
    return str(message)[:_LONGEST_SAYS] if message else ("an error" if error else "")


def error_of(body: bytes) -> str:
    """The same of bytes."""
    return error_in(_object(body))


def _event_error(event: Json) -> str:
    """Responses has two events of its own for it."""
    if event.get("type") == "error":
        return error_in(event) or str(event.get("message") or "an error")[:_LONGEST_SAYS]
    if event.get("type") == "response.failed":
        return error_in(event.get("response")) or "it failed"
    return error_in(event)


def _object(data: bytes) -> Json | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
