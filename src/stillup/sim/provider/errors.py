"""The bodies and events in which a provider says that it refuses or fails, one form a vendor. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from stillup.sim.provider.answer import CREATED, sse
from stillup.sim.provider.behaviour import Reason
from stillup.sim.provider.call import Dialect
from stillup.sim.provider.eventstream import bedrock_exception
from stillup.sim.provider.voices import Voice, voice_of

_GOOGLE = "type.googleapis.com/google.rpc."
_QUOTA_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
Body = dict[str, Any]


class Said(Struct, frozen=True, kw_only=True):
    """One error in words, before it takes a form."""

    voice: Voice
    dialect: Dialect
    status: int
    reason: Reason
    kind: str
    text: str
    code: str | None
    param: str | None
    request_id: str | None
    wait: str
    """Seconds to come back after, as RetryInfo has them."""


def said(
    voice: Voice,
    dialect: Dialect,
    status: int,
    reason: Reason,
    *,
    text: str = "",
    parameter: str = "",
    request_id: str | None = None,
    wait: str = "",
) -> Said:
    """What a voice says of an error; ``text`` replaces its usual words, ``parameter`` is named in them."""
    words = voice.says(status, reason)
    return Said(
        voice=voice,
        dialect=dialect,
        status=status,
        reason=reason,
        kind=words.kind,
        text=text or words.text.replace("{name}", parameter),
        code=words.code,
        param=words.param and words.param.replace("{name}", parameter),
        request_id=request_id,
        wait=wait if wait.isdecimal() else "19",
    )


def error_body(
    dialect: Dialect,
    status: int,
    reason: Reason,
    text: str = "",
    request_id: str | None = "req_simulated",
    vendor: str = "",
) -> bytes:
    """The body of an error in a protocol at a vendor's API; ``text`` replaces its usual words."""
    return body_of(said(voice_of(dialect, vendor), dialect, status, reason, text=text, request_id=request_id))


def body_of(error: Said) -> bytes:
    """The body of an error."""
    return msgspec.json.encode(_SHAPES[error.voice.shape](error))


def event_of(error: Said, key: str, model: str) -> bytes:
    """The event that breaks off a stream, in every protocol but Responses, whose events are numbered."""
    shape, dialect = error.voice.shape, error.dialect
    if shape == "bedrock":
        return bedrock_exception(error.kind[:1].lower() + error.kind[1:], error.text)
    if dialect is Dialect.OLLAMA:
        return msgspec.json.encode(_ollama(error)) + b"\n"
    if dialect is Dialect.GEMINI:
        return sse(_gemini(error))[:-2] + b"\r\n\r\n"
    told = {"error": error.text} if shape == "ollama" else _SHAPES[shape](error)
    if shape == "openrouter":
        told = _openrouter_chunk(error, key, model)
    return sse(told, "error" if dialect is Dialect.ANTHROPIC else "")


def _anthropic(error: Said) -> Body:
    told = {"type": error.kind, "message": error.text}
    return {"type": "error", "error": told, "request_id": error.request_id}


def _openai(error: Said) -> Body:
    return {"error": {"message": error.text, "type": error.kind, "param": error.param, "code": error.code}}


def _gemini(error: Said) -> Body:
    told: Body = {"code": error.status, "message": error.text, "status": error.kind}
    if error.status == 429:
        per = "PerMinute" if error.reason is Reason.PLAIN else "PerDay"
        violation = {"quotaMetric": _QUOTA_METRIC, "quotaId": f"GenerateRequests{per}PerProjectPerModel-FreeTier"}
        value = "0" if error.reason is Reason.NO_TIER else "15"
        told["details"] = [
            {"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation | {"quotaValue": value}]},
            {"@type": f"{_GOOGLE}RetryInfo", "retryDelay": f"{error.wait}s"},
        ]
    return {"error": told}


def _message(error: Said) -> Body:
    return {"message": error.text}


def _ollama(error: Said) -> Body:
    if error.dialect is Dialect.OLLAMA:
        return {"error": error.text}
    return {"error": {"message": error.text, "type": error.kind, "param": None, "code": None}}


def _numbered(error: Said) -> Body:
    return {"error": {"code": error.status, "message": error.text, "type": error.kind}}


def _openrouter(error: Said) -> Body:
    metadata: Body = {"error_type": error.kind}
    if error.kind.startswith("provider_"):
        metadata |= {"provider_name": "Simulated", "raw": error.text}
    return {"error": {"message": error.text, "code": error.status, "metadata": metadata}, "user_id": "user_simulated"}


def _openrouter_chunk(error: Said, key: str, model: str) -> Body:
    """Its error inside a stream: a chunk whose choice finishes with it, and what happened beside."""
    told = {"code": error.status, "message": error.text, "metadata": {"error_type": error.kind}}
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": None}
    head = {"id": f"gen-{key}", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    return head | {"provider": "Simulated", "error": told, "choices": [choice]}


def _mistral(error: Said) -> Body:
    told = {"message": error.text, "type": error.kind, "param": None, "code": error.code}
    return {"object": "error"} | told | {"raw_status_code": error.status}


def _flat(error: Said) -> Body:
    return {"code": error.kind, "error": error.text}


_SHAPES: Mapping[str, Callable[[Said], Body]] = {
    "anthropic": _anthropic,
    "openai": _openai,
    "gemini": _gemini,
    "bedrock": _message,
    "message": _message,
    "ollama": _ollama,
    "numbered": _numbered,
    "openrouter": _openrouter,
    "mistral": _mistral,
    "flat": _flat,
}


def page(title: str, text: str) -> bytes:
    """A page of HTML, as a captive portal or a content delivery network shows it."""
    said = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p>{text}</p></body></html>"
    return said.encode()


def edge_page(status: int, phrase: str) -> bytes:
    """The page a content delivery network answers with in a provider's place."""
    title = f"{status} {phrase}"
    center = f"<center><h1>{title}</h1></center>\r\n<hr><center>cloudflare</center>"
    return f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{center}\r\n</body>\r\n</html>\r\n".encode()
