"""Reads an answer as a client program does, and says what it was worth."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.load import Answer
from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, RESPONSES

_WORD = re.compile(r"([A-Z])(\d+)")
_EVENT_ENDS = re.compile(rb"\r?\n\r?\n")
_DATA = re.compile(rb"^data: ?(.*?)\r?$", re.MULTILINE)


class Worth(StrEnum):
    """What a client gets from an answer. The first two are good, whatever else is an error it sees."""

    OK = "ok"
    CONTINUED = "continued"
    """Whole, from two upstreams, nothing missing and nothing twice."""
    REPEATED = "text repeated"
    """A second whole text after a part of the first."""
    SHORT = "short, called whole"
    """The worst: the end marker is there, the text is not."""
    UNMARKED = "no end marker"
    """A clean end of the body without the protocol's own: many SDKs take it for success."""
    BROKEN = "broken off"
    ERROR_EVENT = "error event"
    HTTP = "HTTP error"
    NO_ANSWER = "no answer"
    TIMEOUT = "timeout"
    NOT_API = "not of the protocol"

    @property
    def is_good(self) -> bool:
        return self in {Worth.OK, Worth.CONTINUED}


@dataclass
class Reading:
    """What was in an answer: words with the times at which they came, and how it ended."""

    words: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    has_end: bool = False
    error: str = ""


def read(answer: Answer, protocol: str) -> Reading:
    """Its words. A whole answer has one time, that of its end."""
    reading = Reading()
    if "event-stream" in answer.headers.get("content-type", ""):
        for at, data in _events(answer):
            _take(reading, protocol, at, data)
        return reading
    try:
        value = json.loads(answer.body)
        text = _whole(protocol, value)
    except (ValueError, LookupError, TypeError):
        reading.error = answer.body[:120].decode("utf-8", "replace")
        return reading
    reading.words = text.split()
    reading.times = [answer.ended] * len(reading.words)
    reading.has_end = True
    return reading


def worth(answer: Answer, reading: Reading, tokens: int) -> Worth:
    """What the answer is to a client that should get so many tokens."""
    if answer.trouble == "timeout":
        return Worth.TIMEOUT
    if not answer.status:
        return Worth.NO_ANSWER
    if answer.status != 200:
        return Worth.HTTP
    if reading.error:
        return (
            Worth.ERROR_EVENT
            if reading.times or "event-stream" in answer.headers.get("content-type", "")
            else Worth.NOT_API
        )
    if not answer.is_whole:
        return Worth.BROKEN
    return _text(reading, tokens)


def _text(reading: Reading, tokens: int) -> Worth:
    said = [match.groups() for word in reading.words if (match := _WORD.fullmatch(word))]
    numbers = [int(number) for _, number in said]
    whole = list(range(tokens))
    if numbers == whole:
        names = {name for name, _ in said}
        end = Worth.OK if len(names) == 1 else Worth.CONTINUED
        return end if reading.has_end else Worth.UNMARKED
    if not reading.has_end:
        return Worth.UNMARKED
    return Worth.REPEATED if len(numbers) > tokens and numbers[-tokens:] == whole else Worth.SHORT


def _events(answer: Answer) -> list[tuple[float, bytes]]:
    """The data of every whole event, with the time its last byte came."""
    found, held = [], b""
    for at, piece in answer.pieces:
        *events, held = _EVENT_ENDS.split(held + piece)
        found += [(at, b"\n".join(_DATA.findall(event))) for event in events]
    return [(at, data) for at, data in found if data]


def _take(reading: Reading, protocol: str, at: float, data: bytes) -> None:
    if data == b"[DONE]":
        reading.has_end = True
        return
    try:
        value = json.loads(data)
    except ValueError:
        reading.error = reading.error or "malformed: " + data[:80].decode("utf-8", "replace")
        return
    kind = value.get("type", "")
    if value.get("error") or kind in {"error", "response.failed"}:
        reading.error = reading.error or data[:200].decode("utf-8", "replace")
        return
    words = _delta(protocol, kind, value).split()
    reading.words += words
    reading.times += [at] * len(words)
    if kind in {"message_stop", "response.completed"} or _gemini_ends(protocol, value):
        reading.has_end = True


def _delta(protocol: str, kind: str, value: dict[str, Any]) -> str:
    text: object = ""
    if protocol == ANTHROPIC and kind == "content_block_delta":
        text = value["delta"].get("text")
    elif protocol == OPENAI and value.get("choices"):
        text = value["choices"][0].get("delta", {}).get("content")
    elif protocol == RESPONSES and kind == "response.output_text.delta":
        text = value["delta"]
    elif protocol == GEMINI:
        text = _gemini_text(value)
    return str(text or "")


def _whole(protocol: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    if protocol == ANTHROPIC:
        return "".join(block.get("text", "") for block in value["content"])
    if protocol == OPENAI:
        return str(value["choices"][0]["message"]["content"] or "")
    if protocol == RESPONSES:
        parts = [part for item in value["output"] for part in item.get("content") or ()]
        return "".join(part.get("text", "") for part in parts)
    _ = value["candidates"]
    return _gemini_text(value)


def _gemini_text(value: Any) -> str:  # noqa: ANN401
    parts = [p for c in value.get("candidates") or () for p in c.get("content", {}).get("parts") or ()]
    return "".join(part.get("text", "") for part in parts)


def _gemini_ends(protocol: str, value: dict[str, Any]) -> bool:
    return protocol == GEMINI and any(c.get("finishReason") for c in value.get("candidates") or ())
