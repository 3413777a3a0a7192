"""The paths that are served, and what each is for. There are no others: this is no open proxy."""

from __future__ import annotations

from urllib.parse import unquote

from msgspec import Struct

from stillup.gateway.core.values import Operation, Protocol


class Place(Struct, frozen=True):
    """What a path means. ``model`` is set where the path names it; else ``in_body`` says whether the body must.

    ``suffix`` is what stands behind an OpenAI-compatible base URL.
    """

    protocol: Protocol
    operation: Operation
    methods: tuple[str, ...] = ("POST",)
    model: str = ""
    in_body: bool = False
    stream: bool = False
    suffix: str = ""


_GET = ("GET",)
_STATIC = {
    "/v1/messages": Place(Protocol.ANTHROPIC, Operation.GENERATE, in_body=True),
    "/v1/messages/count_tokens": Place(Protocol.ANTHROPIC, Operation.COUNT_TOKENS, in_body=True),
    "/v1beta/models": Place(Protocol.GEMINI, Operation.MODELS, _GET),
}
_OPENAI = {
    "/chat/completions": Place(Protocol.OPENAI, Operation.GENERATE, in_body=True, suffix="/chat/completions"),
    "/responses": Place(Protocol.RESPONSES, Operation.GENERATE, in_body=True, suffix="/responses"),
    "/responses/input_tokens": Place(
        Protocol.RESPONSES, Operation.COUNT_TOKENS, in_body=True, suffix="/responses/input_tokens"
    ),
    # What is compacted only its own provider can read again.
    "/responses/compact": Place(Protocol.RESPONSES, Operation.STORED, in_body=True, suffix="/responses/compact"),
    "/embeddings": Place(Protocol.OPENAI, Operation.EMBED, in_body=True, suffix="/embeddings"),
    "/models": Place(Protocol.OPENAI, Operation.MODELS, _GET, suffix="/models"),
}
_STATIC |= {prefix + path: place for prefix in ("", "/v1", "/openai/v1") for path, place in _OPENAI.items()}
_GEMINI_METHODS = {
    "generateContent": Operation.GENERATE,
    "streamGenerateContent": Operation.GENERATE,
    "countTokens": Operation.COUNT_TOKENS,
    "embedContent": Operation.EMBED,
    "batchEmbedContents": Operation.EMBED,
}
_DEPLOYMENTS = "/openai/deployments/"
MAX_NAME = 512
"""Characters of a model's name: names are remembered."""

KNOWN = (
    "POST /v1/messages, /v1/messages/count_tokens (Anthropic); POST /v1/chat/completions, /v1/responses, "
    "/v1/responses/input_tokens, /v1/responses/compact, /v1/embeddings, GET /v1/models (OpenAI); "
    "POST /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent, "
    "GET /v1beta/models (Gemini)"
)
"""For a person who asked for another one."""


def place_of(path: str) -> Place | None:
    """What ``path`` (as sent, still percent-encoded) is for; None when it is not served."""
    place = _STATIC.get(path)
    if place is not None:
        return place
    if path.startswith("/v1beta/models/") or (path.startswith("/v1/models/") and ":" in path):
        place = _gemini(path.partition("/models/")[2], stable=path.startswith("/v1/"))
        if place is not None:
            return place
    if path.startswith(_DEPLOYMENTS):
        return _deployment(path[len(_DEPLOYMENTS) :])
    for prefix in ("/openai/v1", "/v1", ""):
        if path.startswith(prefix + "/models/"):
            return _one_model(path[len(prefix) :])
        if path.startswith(prefix + "/responses/"):
            return _stored(path[len(prefix) :])
    return None


def _gemini(rest: str, *, stable: bool) -> Place | None:
    # Model names hold no colon there; a colon in OpenAI's (ft:…) is followed by none of these words.
    name, colon, method = rest.rpartition(":")
    operation = _GEMINI_METHODS.get(method) if colon else None
    if operation is not None and (model := _name(name)):
        return Place(Protocol.GEMINI, operation, model=model, stream=method == "streamGenerateContent")
    if not stable and not colon and (model := _name(rest)):
        return Place(Protocol.GEMINI, Operation.MODELS, _GET, model=model)
    return None


def _deployment(rest: str) -> Place | None:
    name, _, suffix = rest.partition("/")
    model = _name(name)
    place = _OPENAI.get("/" + suffix) if suffix in {"chat/completions", "embeddings"} else None
    if place is None or not model:
        return None
    return Place(place.protocol, place.operation, model=model, suffix=place.suffix)


def _one_model(suffix: str) -> Place | None:
    model = _name(suffix.removeprefix("/models/"))
    return Place(Protocol.OPENAI, Operation.MODELS, _GET, model=model, suffix=suffix) if model else None


def _stored(suffix: str) -> Place | None:
    name, _, rest = suffix.removeprefix("/responses/").partition("/")
    methods = {"": ("GET", "DELETE"), "cancel": ("POST",), "input_items": _GET}.get(rest)
    if methods is None or not _name(name) or suffix.endswith("/"):
        return None
    return Place(Protocol.RESPONSES, Operation.STORED, methods, suffix=suffix)


def _name(encoded: str) -> str:
    """A name out of a path, decoded; empty when it is none, or could climb out of its place in a path."""
    name = unquote(encoded)
    if len(name) > MAX_NAME or not name.isprintable() or any(c in name for c in "?#\\"):
        return ""
    return "" if any(part.partition(";")[0] in {"", ".", ".."} for part in name.split("/")) else name
