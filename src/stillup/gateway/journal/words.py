"""The words in requests and answers, for people who look for one: never needed to keep or to send anything again."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

_MOST_BYTES = 64 * 1024 * 1024
_decode = msgspec.json.decode


def asked(body: bytes, encoding: str = "") -> str:
    """The last thing a person said in a request; empty where there is none."""
    match _json(plain(body, encoding)):
        case {"messages": list(turns)} | {"input": list(turns)} | {"contents": list(turns)}:
            return next((said for turn in reversed(turns) if (said := _said(turn))), "")
        case {"input": str(text)} | {"prompt": str(text)}:
            return text
        case _:
            return ""


def answered(answer: bytes, encoding: str = "") -> str:
    """The text of an answer as far as it came, streamed or whole, of any protocol; without thinking and tool calls."""
    raw = plain(answer, encoding)
    whole = _json(raw)
    if isinstance(whole, list):  # Gemini's stream without `alt=sse`
        return "".join(map(_text, whole))
    if whole is not None:
        return _text(whole)
    return "".join(_text(_json(line[5:])) for line in raw.splitlines() if line.startswith(b"data:"))


def told(answer: bytes, encoding: str = "") -> str:
    """What an error says that was answered, or that an answer ended with, in any protocol; empty without one."""
    raw = plain(answer, encoding)
    whole = _json(raw)
    if isinstance(whole, list):
        return next((said for event in reversed(whole) if (said := _error(event))), "")
    if whole is not None:
        return _error(whole)
    events = (line[5:] for line in reversed(raw.splitlines()) if line.startswith(b"data:"))
    return next((said for event in events if (said := _error(_json(event)))), "")


def plain(data: bytes, encoding: str) -> bytes:
    """Undo a content coding as far as the bytes came, bounded; a coding we do not know stays."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return data
    try:
        return zlib.decompressobj(wbits=47).decompress(data, _MOST_BYTES)  # 47: gzip or zlib, whichever it is
    except zlib.error:
        return data


def _json(raw: bytes) -> Any:  # noqa: ANN401 - whatever somebody sent
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _error(event: object) -> str:
    match event:
        case {"error": {"message": str(text)}} | {"error": str(text)} | {"type": "error", "message": str(text)}:
            return text
        case {"response": {"error": {"message": str(text)}}}:
            return text
        case _:
            return ""


def _said(turn: object) -> str:
    """What a user's turn says; a tool's result is nobody's words."""
    match turn:
        case str():  # embeddings
            return turn
        case {"role": str(role)} if role != "user":
            return ""
        case {"content": str(text)}:
            return text
        case {"content": list(parts)} | {"parts": list(parts)}:
            return "\n".join(part["text"] for part in parts if _is_text(part))
        case _:
            return ""


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str) and not part.get("thought")


def _text(event: object) -> str:
    """The text in one event of a stream, or in a whole answer."""
    match event:
        case {"type": "content_block_delta", "delta": {"text": str(text)}}:
            return text
        case {"type": "response.output_text.delta", "delta": str(text)}:
            return text
        case {"choices": [{"delta": {"content": str(text)}}, *_]} | {
            "choices": [{"message": {"content": str(text)}}, *_]
        }:
            return text
        case {"candidates": [{"content": {"parts": list(parts)}}, *_]} | {"type": "message", "content": list(parts)}:
            return "".join(part["text"] for part in parts if _is_text(part))
        case {"object": "response", "output": list(items)}:
            return "".join(map(_text, items))
        case _:
            return ""
