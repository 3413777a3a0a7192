"""How to think, in Anthropic's parameters, and where they do not fit the conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from stillup.gateway.dialects.dialect import Losses
from stillup.gateway.dialects.neutral import Choose, Effort, Prompt

_LEAST_BUDGET = 1024
"""https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""
_EFFORTS = {Effort.MINIMAL: "low", Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "high"}
_EFFORTS |= {Effort.XHIGH: "xhigh", Effort.MAX: "max"}


def thinking_out(prompt: Prompt, body: dict[str, Any], losses: Losses) -> None:
    """Writes ``thinking`` and the effort into ``body``, whose messages are written.

    A budget is written as one, anything else as adaptive; what a model does not take is changed later (``adapting``).
    """
    thinking = prompt.thinking
    if thinking.effort in _EFFORTS:
        body.setdefault("output_config", {})["effort"] = _EFFORTS[thinking.effort]
    if thinking.on is False or thinking.effort is Effort.NONE:
        body["thinking"] = {"type": "disabled"}
    elif thinking.budget_tokens is not None:
        _with_budget(thinking.budget_tokens, body, losses)
    elif thinking.on:
        body["thinking"] = {"type": "adaptive"}
    written = body.get("thinking")
    if written is None or written["type"] == "disabled":
        return
    choice = prompt.tool_choice
    if choice is not None and choice.choose in {Choose.ANY, Choose.ONE} and "tool_choice" in body:
        # https://platform.claude.com/docs/en/build-with-claude/extended-thinking: only auto and none go with it.
        losses.add("thinking (a tool must be called)")
        body["thinking"] = {"type": "disabled"}
    elif thinking.shown is not None:
        written["display"] = "summarized" if thinking.shown else "omitted"


def _with_budget(budget: int, body: dict[str, Any], losses: Losses) -> None:
    limit = body.get("max_tokens")
    budget = max(budget, _LEAST_BUDGET)
    if limit is not None and budget >= limit:
        budget = limit - 1
    if budget < _LEAST_BUDGET:
        losses.add("thinking (no room for it below the token limit)")
        body["thinking"] = {"type": "disabled"}
    elif not begins_with_thought(body["messages"]):
        losses.add("thinking (the turn began without)")
        body["thinking"] = {"type": "disabled"}
    else:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def begins_with_thought(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a turn in which tools were called begins with a thought, or there is none.

    With a budget Anthropic answers 400 where it does not; adaptive thinking has no such rule.
    """
    if len(messages) < 2 or messages[-1].get("role") != "user" or not _holds(messages[-1], "tool_result"):
        return True
    content = messages[-2].get("content")
    first = content[0] if isinstance(content, list) and content else None
    return _type(first) in {"thinking", "redacted_thinking"}


def _holds(message: Mapping[str, Any], kind: str) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(_type(block) == kind for block in content)


def _type(block: object) -> str:
    if isinstance(block, dict):
        return str(block.get("type"))
    if isinstance(block, Raw):  # only a redacted thought and foreign blocks are written so
        return "redacted_thinking" if b'"redacted_thinking"' in bytes(block) else ""
    return ""
