"""How much of an answer was made, where it broke off before its upstream had counted."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from stillup.gateway.core.views import Try

_BYTES_A_TOKEN = 4
_NO_WORDS = frozenset({"type", "role", "id", "name", "signature", "thoughtSignature", "encrypted_content"})
_DEEPEST = 6


def made_of(sample: bytes, sent_bytes: int) -> int:
    """An estimate of the tokens in ``sent_bytes`` of a stream that begins with ``sample``.

    A quarter of its text's bytes; thought and what is handed to tools count too, and the rest is taken to be as dense.
    """
    lines = (line[5:] for line in sample.splitlines() if line.startswith(b"data:"))
    made_bytes = sum(_text_bytes(line) for line in lines)
    return made_bytes * max(sent_bytes, len(sample)) // (_BYTES_A_TOKEN * len(sample)) if made_bytes else 0


def part_of(broken: Try, made_tokens: int, body_bytes: int) -> Try:
    """A try whose answer broke off, with what it came to where its upstream had not counted yet."""
    usage = broken.usage
    given = body_bytes // _BYTES_A_TOKEN if usage.input_tokens is None else usage.input_tokens
    made = max(made_tokens, usage.output_tokens or 0)
    return replace(broken, usage=replace(usage, input_tokens=given, output_tokens=made))


def _text_bytes(line: bytes) -> int:
    try:
        event = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return 0
    match event:
        case {"type": "content_block_delta", "delta": made} | {"type": str(), "delta": str() as made}:
            return _length(made)
        case {"choices": list(choices)}:
            return sum(_length(choice.get("delta")) for choice in choices if isinstance(choice, dict))
        case {"candidates": list(candidates)}:
            return sum(_length(one.get("content")) for one in candidates if isinstance(one, dict))
        case _:
            return 0


def _length(value: object, depth: int = 0) -> int:
    """The bytes of all words in a value."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if depth < _DEEPEST and isinstance(value, list):
        return sum(_length(inner, depth + 1) for inner in value)
    if depth < _DEEPEST and isinstance(value, dict):
        return sum(_length(inner, depth + 1) for name, inner in value.items() if name not in _NO_WORDS)
    return 0
