"""A request for generateContent that asks for the rest of an answer, or that is freed of thoughts nobody sealed."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.gemini.names import camel, read
from stillup.gateway.dialects.lenient import as_object
from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.dialects.splice import members

_MARK = UNSIGNED.encode()
_encode = msgspec.json.encode
_listed = msgspec.json.Decoder(list[Raw] | dict[str, Raw]).decode
_parts = msgspec.json.Decoder(list[dict[str, Raw]] | dict[str, Raw]).decode


def go_on(body: bytes, said: str, form: Form, max_tokens: int | None) -> bytes:
    """The same request after what was said. A form that is not Gemini's counts as a prefill. Raises NoJson."""
    inside = members(body)
    if form is not Form.NONE:
        more: list[object] = [{"role": "model", "parts": [{"text": said}]}]
        if form is Form.INSTRUCTION:
            more.append({"role": "user", "parts": [{"text": GO_ON}]})
        inside["contents"] = Raw(_encode([*_contents(inside), *more]))
    if max_tokens is not None:
        key = "generation_config" if "generation_config" in inside else "generationConfig"
        options = read(as_object, inside.get(key, Raw(b"{}")), key)
        options = {name: value for name, value in options.items() if camel(name) != "maxOutputTokens"}
        inside[key] = Raw(_encode({**options, "maxOutputTokens": max_tokens}))
    return _encode(inside)


def cleaned(body: bytes) -> bytes:
    """Without the thoughts that bear the mark. Raises NoJson."""
    inside = members(body)
    kept = []
    for content in _contents(inside):
        found = read(as_object, content, "contents")
        parts = read(_parts, found.get("parts", Raw(b"[]")), "contents")
        left = [part for part in (parts if isinstance(parts, list) else [parts]) if not _is_marked(part)]
        if left:
            kept.append({**found, "parts": left})
    return _encode({**inside, "contents": kept}) if kept else body


def _contents(inside: dict[str, Raw]) -> list[Raw]:
    raw = inside.get("contents", Raw(b"[]"))
    found = read(_listed, raw, "contents")
    return found if isinstance(found, list) else [raw]


def _is_marked(part: dict[str, Raw]) -> bool:
    return any(camel(name) == "thoughtSignature" and _MARK in bytes(value) for name, value in part.items())
