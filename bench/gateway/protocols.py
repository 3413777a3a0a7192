"""How each protocol's client asks: path, headers, body. Only what a bench needs of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

KEY = "sk-bench"
PROMPT = "Hello, please say something short."

ANTHROPIC, OPENAI, RESPONSES, GEMINI = "anthropic", "openai", "openai-responses", "gemini"
PROTOCOLS = (ANTHROPIC, OPENAI, RESPONSES, GEMINI)

Headers = tuple[tuple[str, str], ...]

_HEADERS: dict[str, Headers] = {
    ANTHROPIC: (("x-api-key", KEY), ("anthropic-version", "2023-06-01")),
    OPENAI: (("authorization", f"Bearer {KEY}"),),
    RESPONSES: (("authorization", f"Bearer {KEY}"),),
    GEMINI: (("x-goog-api-key", KEY),),
}
_PATHS = {ANTHROPIC: "/v1/messages", OPENAI: "/v1/chat/completions", RESPONSES: "/v1/responses"}


@dataclass(frozen=True)
class Question:
    """One request, ready to be sent any number of times."""

    protocol: str
    path: str
    headers: Headers
    body: bytes
    stream: bool

    def wire(self, host: str) -> bytes:
        """The bytes of an HTTP/1.1 request."""
        lines = [f"POST {self.path} HTTP/1.1", f"host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""]).encode() + self.body


def question(
    protocol: str, model: str, *, stream: bool, path: str = "", extra: Headers = (), body: bytes = b""
) -> Question:
    """What a client of a protocol sends. ``path`` and ``body`` replace the usual ones; ``extra`` headers."""
    headers = (("content-type", "application/json"), *_HEADERS[protocol], *extra)
    body = body or json.dumps(_body(protocol, model, stream=stream), separators=(",", ":")).encode()
    return Question(protocol, path or _path(protocol, model, stream=stream), headers, body, stream)


def _path(protocol: str, model: str, *, stream: bool) -> str:
    if protocol != GEMINI:
        return _PATHS[protocol]
    return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


def _body(protocol: str, model: str, *, stream: bool) -> dict[str, Any]:
    if protocol == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}
    if protocol == RESPONSES:
        return {"model": model, "input": PROMPT, "stream": stream}
    messages = [{"role": "user", "content": PROMPT}]
    return {"model": model, "max_tokens": 256, "stream": stream, "messages": messages}
