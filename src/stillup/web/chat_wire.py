"""A conversation in the words of each protocol: the request for its next answer, and that answer's events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from stillup.errors import BadDataError
from stillup.gateway.choices import Choice
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.sse import fields_of_lines
from stillup.gateway.dialects.trouble import said_by
from stillup.web.chat_words import Piece, Talk, Turn, piece_of

_MAX_TOKENS, _UNKNOWN_MAX_TOKENS = 16_000, 8_192
_PROMPT = "Please read what is attached."
"""Where somebody sends files without a word."""

Json = dict[str, Any]


class Asking(Struct, frozen=True):
    """What to POST to the gateway."""

    path: str
    body: bytes

    def __repr__(self) -> str:
        """Without the body."""
        return f"Asking({self.path!r}, {len(self.body)} bytes)"


class Heard(Struct, frozen=True):
    """What one event says: a piece of the answer, that the model thinks, why it ended, or an error's words."""

    text: str = ""
    thinks: bool = False
    stop: str = ""
    error: str | None = None
    ended: bool = False


_NOTHING = Heard()
_DONE = b"[DONE]"


def asking(talk: Talk, choice: Choice) -> Asking:
    """The streaming request for the conversation's next answer.

    :raises BadDataError: a file cannot be sent, or the last message says nothing.
    """
    turns = [t for t in talk.turns if t.text.strip() or t.files]
    if not turns or turns[-1].role != "user":
        msg = "There is no message to answer."
        raise BadDataError(msg)
    said = [(turn, [piece_of(upload) for upload in turn.files]) for turn in turns]
    return _MAKERS[choice.protocol](talk.model, said, choice)


_Said = Sequence[tuple[Turn, list[Piece]]]


def _anthropic(model: str, said: _Said, choice: Choice) -> Asking:
    def part(piece: Piece) -> Json:
        source = {"type": "base64", "media_type": piece.media_type, "data": piece.data}
        return {"type": "image" if piece.kind == "image" else "document", "source": source}

    messages = _merged(said, "assistant", "content", part, lambda text: {"type": "text", "text": text})
    most = min(choice.max_output or _UNKNOWN_MAX_TOKENS, _MAX_TOKENS)
    return Asking("/v1/messages", _json({"model": model, "max_tokens": most, "stream": True, "messages": messages}))


def _openai(model: str, said: _Said, choice: Choice) -> Asking:  # noqa: ARG001
    def part(piece: Piece) -> Json:
        if piece.kind == "pdf":
            msg = (
                f"{piece.name} cannot be sent: this model takes no PDFs here. Choose a Claude model, or paste its text."
            )
            raise BadDataError(msg)
        return {"type": "image_url", "image_url": {"url": f"data:{piece.media_type};base64,{piece.data}"}}

    messages = _merged(said, "assistant", "content", part, lambda text: {"type": "text", "text": text})
    for message in messages:  # plain text as plain text: not every compatible server knows parts
        if all(p["type"] == "text" for p in message["content"]):
            message["content"] = "\n\n".join(p["text"] for p in message["content"])
    return Asking("/v1/chat/completions", _json({"model": model, "stream": True, "messages": messages}))


def _gemini(model: str, said: _Said, choice: Choice) -> Asking:  # noqa: ARG001
    def part(piece: Piece) -> Json:
        return {"inlineData": {"mimeType": piece.media_type, "data": piece.data}}

    contents = _merged(said, "model", "parts", part, lambda text: {"text": text})
    name = quote(model, safe="-._~:@")
    return Asking(f"/v1beta/models/{name}:streamGenerateContent?alt=sse", _json({"contents": contents}))


_MAKERS: dict[Protocol, Callable[[str, _Said, Choice], Asking]] = {
    Protocol.ANTHROPIC: _anthropic,
    Protocol.OPENAI: _openai,
    Protocol.GEMINI: _gemini,
}


def _merged(
    said: _Said, answerer: str, field: str, part: Callable[[Piece], Json], words: Callable[[str], Json]
) -> list[Json]:
    """Messages that take turns: two of one side in a row (an answer that never came) are one."""
    messages: list[Json] = []
    for turn, pieces in said:
        role = "user" if turn.role == "user" else answerer
        parts = [part(p) for p in pieces if p.kind != "text"]
        texts = [*(_inlined(p) for p in pieces if p.kind == "text"), turn.text.strip() or _PROMPT]
        parts += [words(text) for text in texts]
        if messages and messages[-1]["role"] == role:
            messages[-1][field] += parts
        else:
            messages.append({"role": role, field: parts})
    return messages if messages[0]["role"] == "user" else messages[1:]


def _inlined(piece: Piece) -> str:
    name = piece.name.replace('"', "'")
    return f'<file name="{name}">\n{piece.data}\n</file>'


def heard(protocol: Protocol, event: bytes) -> Heard:
    """One event of an answer; whatever cannot be read says nothing."""
    name, data = fields_of_lines(event)
    if not data:
        return _NOTHING
    if data.strip() == _DONE:
        return Heard(ended=True)
    try:
        told = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return _NOTHING
    if not isinstance(told, dict):
        return _NOTHING
    if name == b"error" or told.get("error"):
        return Heard(error=said_by(told.get("error")).message or "an error inside the answer")
    return _READERS[protocol](told)


def _hear_anthropic(told: Json) -> Heard:
    kind, delta = told.get("type"), _dict(told.get("delta"))
    if kind == "message_stop":
        return Heard(ended=True)
    if kind == "message_delta":
        return Heard(stop=_str(delta.get("stop_reason")))
    if kind == "content_block_start":
        block = _dict(told.get("content_block"))
        return Heard(text=_str(block.get("text")), thinks=_str(block.get("type")).endswith("thinking"))
    if kind == "content_block_delta":
        return Heard(text=_str(delta.get("text")), thinks=delta.get("type") == "thinking_delta")
    return _NOTHING


def _hear_openai(told: Json) -> Heard:
    text, stop, thinks = "", "", False
    for choice in _dicts(told.get("choices")):
        delta = _dict(choice.get("delta"))
        text += _str(delta.get("content"))
        thinks = thinks or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        stop = _str(choice.get("finish_reason")) or stop
    return Heard(text=text, stop=stop, thinks=thinks, ended=bool(stop))


def _hear_gemini(told: Json) -> Heard:
    text, stop, thinks = "", "", False
    for candidate in _dicts(told.get("candidates")):
        for part in _dicts(_dict(candidate.get("content")).get("parts")):
            is_thought = bool(part.get("thought"))
            text += "" if is_thought else _str(part.get("text"))
            thinks = thinks or is_thought
        stop = _str(candidate.get("finishReason")) or stop
    blocked = _str(_dict(told.get("promptFeedback")).get("blockReason"))
    return Heard(text=text, stop=stop or blocked, thinks=thinks, ended=bool(stop or blocked))


_READERS: dict[Protocol, Callable[[Json], Heard]] = {
    Protocol.ANTHROPIC: _hear_anthropic,
    Protocol.OPENAI: _hear_openai,
    Protocol.GEMINI: _hear_gemini,
}


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterable[Json]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
