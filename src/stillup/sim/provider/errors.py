"""What each provider says when it refuses or fails, by status and reason; the words stand in ``errors.toml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from stillup.sim.provider.behaviour import Reason
from stillup.sim.provider.call import Dialect

_GOOGLE = "type.googleapis.com/google.rpc."
_QUOTA_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"


class _Words(Struct, frozen=True):
    kind: str
    text: str
    code: str | None = None
    param: str | None = None


class _Table(Struct, frozen=True):
    anthropic: dict[str, _Words]
    openai: dict[str, _Words]
    gemini: dict[str, _Words]


@cache
def _table() -> _Table:
    return msgspec.toml.decode((files("stillup.sim.provider") / "errors.toml").read_text("utf-8"), type=_Table)


def error_body(
    dialect: Dialect, status: int, reason: Reason, text: str = "", request_id: str = "req_simulated"
) -> bytes:
    """The body of an error; ``text`` replaces the provider's usual words."""
    if dialect is Dialect.ANTHROPIC:
        words = _words(_table().anthropic, status, reason)
        error: dict[str, Any] = {"type": words.kind, "message": text or words.text}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
    if dialect is Dialect.GEMINI:
        return msgspec.json.encode({"error": _gemini(status, reason, text)})
    words = _words(_table().openai, status, reason)
    said = {"message": text or words.text, "type": words.kind, "param": words.param, "code": words.code}
    return msgspec.json.encode({"error": said})


def _words(words: dict[str, _Words], status: int, reason: Reason) -> _Words:
    return words.get(reason.value) or words.get(str(status)) or words["other"]


def _gemini(status: int, reason: Reason, text: str) -> dict[str, Any]:
    words = _words(_table().gemini, status, reason)
    error: dict[str, Any] = {"code": status, "message": text or words.text, "status": words.kind}
    if status == 429:
        per = "PerDay" if reason is Reason.QUOTA else "PerMinute"
        violation = {"quotaMetric": _QUOTA_METRIC, "quotaId": f"GenerateRequests{per}PerProjectPerModel-FreeTier"}
        error["details"] = [
            {"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation | {"quotaValue": "15"}]},
            {"@type": f"{_GOOGLE}RetryInfo", "retryDelay": "19s"},
        ]
    return error


def page(title: str, text: str) -> bytes:
    """A page of HTML, as a captive portal or a content delivery network shows it."""
    said = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p>{text}</p></body></html>"
    return said.encode()
