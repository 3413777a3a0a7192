"""A response without its output: what it is called, what was asked, how it ended, what it cost."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from stillup.gateway.core.values import Ask
from stillup.gateway.dialects.dialect import Stamp
from stillup.gateway.dialects.lenient import UNREADABLE, as_object
from stillup.gateway.dialects.neutral import Counts, Stop

_DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""What a response says again of its request, and what of it holds where nothing was said."""
_NULL = Raw(b"null")
_INCOMPLETE = {
    Stop.LENGTH: "max_output_tokens",
    Stop.CONTEXT: "max_output_tokens",
    Stop.REFUSED: "content_filter",
}


def head_of(ask: Ask, stamp: Stamp, began_id: str, model: str) -> dict[str, Any]:
    """The response as it begins. An id of Responses is kept: what it names may be stored."""
    try:
        asked = as_object(ask.body)
    except UNREADABLE:
        asked = {}
    said = {name: asked[name] for name in _DEFAULTS if asked.get(name, _NULL) != _NULL}
    return {
        "id": began_id if began_id.startswith("resp_") else f"resp_{stamp.id}",
        "object": "response",
        "created_at": stamp.created_s,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model or ask.model,
        "output": [],
        **_DEFAULTS,
        **said,
        "usage": None,
    }


def ended(head: dict[str, Any], output: list[Any], stop: Stop, counts: Counts, *, refused: bool) -> dict[str, Any]:
    """The response as it ends; ``refused``: it says in words that it will not answer, which is an answer."""
    reason = None if stop is Stop.REFUSED and refused else _INCOMPLETE.get(stop)
    return {
        **head,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "usage": _usage(counts),
    }


def _usage(counts: Counts) -> dict[str, Any] | None:
    if counts.input is None and counts.output is None:
        return None
    given, made = counts.input or 0, counts.output or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": counts.cache_read or 0,
            "cache_write_tokens": counts.cache_write or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": counts.thought or 0},
        "total_tokens": given + made,
    }
