"""How long to think, said as a model takes it: adaptive, with a budget, in a word, or not at all."""

from __future__ import annotations

from stillup.catalog.constraints import Constraints, Thinks, Way
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import CLAUDES
from stillup.gateway.dialects.editing import Edited
from stillup.gateway.dialects.lenient import NoJson, plain
from stillup.gateway.dialects.neutral import UNSIGNED

_WORDS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_000, "max": 60_000}
_LEAST_BUDGET = 1_024
_LITTLE_ROOM = 2_048
"""Tokens: a model that thinks unasked would have used up a limit this low before its first word."""
_EFFORT = ("output_config", "effort")
_ASKED = ("enabled", "adaptive")
_OFF = ("disabled", "between_tools")


def thinks(edited: Edited, protocol: Protocol, limits: Constraints) -> bool:
    """Whether the model will think, as far as that is known."""
    if limits.thinking is Thinks.NEVER:
        return False
    if limits.thinking is Thinks.ALWAYS:
        return True
    if protocol in CLAUDES:
        kind = edited.table("thinking").get("type")
        return kind in _ASKED or (kind not in _OFF and limits.thinks_unasked)
    effort = _effort(edited, protocol)
    return limits.thinks_unasked if effort is None else effort != "none"


def asks_to_think(edited: Edited, protocol: Protocol) -> bool:
    """Whether the request itself asks for it."""
    if protocol in CLAUDES:
        return edited.table("thinking").get("type") in _ASKED
    return _effort(edited, protocol) not in (None, "none")


def stop_thinking(edited: Edited, limits: Constraints, why: str) -> bool:
    """Turn Claude's thinking off; False where nothing does."""
    if limits.thinking is Thinks.ALWAYS:
        return False
    if limits.off in _OFF:
        edited.put({"type": limits.off}, "thinking")
        _calm(edited, limits)
    else:
        edited.drop("thinking")
    edited.note(f"thinking off: {why}")
    return True


def adapt_thinking(edited: Edited, protocol: Protocol, limits: Constraints, *, tools_unthinking: bool) -> None:
    """Say how to think as the model takes it; ``tools_unthinking``: with tools not at all, in Chat Completions."""
    if protocol in CLAUDES:
        _claude(edited, limits)
    elif protocol is Protocol.GEMINI:
        for config in ("generationConfig", "generation_config"):
            _gemini(edited, config, limits)
    elif protocol in (Protocol.OPENAI, Protocol.RESPONSES):
        _openai(edited, protocol, limits, tools_unthinking=tools_unthinking)


def leave_room(edited: Edited, protocol: Protocol, limits: Constraints) -> None:
    """Where little may be said, a model that thinks unasked would say nothing at all: it is told to think little."""
    path = _EFFORT if protocol in CLAUDES else _effort_path(protocol)
    if protocol in (Protocol.GEMINI, Protocol.CONVERSE) or not (limits.thinks_unasked and limits.efforts):
        return
    if edited.has(*path) or edited.has("thinking"):
        return
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        most = edited.get(name)
        if isinstance(most, int) and most < _LITTLE_ROOM:
            edited.put(limits.efforts[0], *path)
            edited.note(f"effort {limits.efforts[0]}: the answer has little room")
            return


# --- Anthropic


def _claude(edited: Edited, limits: Constraints) -> None:
    told = edited.table("thinking")
    kind = told.get("type")
    if limits.thinking is Thinks.NEVER:
        edited.drop("thinking")
        if kind in _ASKED:
            edited.note("thinking off")
    elif kind in _OFF:
        _unthinking(edited, kind, limits)
    elif kind in _ASKED:
        _thinking(edited, told, limits)
    _fit_effort(edited, limits, *_EFFORT)


def _thinking(edited: Edited, told: dict[str, object], limits: Constraints) -> None:
    budget = told.get("budget_tokens")
    if told["type"] == "adaptive":
        if limits.asked is Way.ENABLED:
            _with_budget(edited, told, limits)
    elif limits.asked is Way.ADAPTIVE:
        edited.put({"type": "adaptive", **_display(told)}, "thinking")
        if not edited.has(*_EFFORT) and limits.efforts:
            edited.put(_word_for(budget), *_EFFORT)
        edited.note("thinking: adaptive in place of a budget")
    elif limits.budget and isinstance(budget, int):
        within = max(min(budget, limits.budget[1]), limits.budget[0])
        if within != budget:
            edited.put({**told, "budget_tokens": within}, "thinking")
            edited.note(f"thinking budget of {within}")
    is_manual = edited.table("thinking").get("type") == "enabled" and limits.asked is Way.ENABLED
    if is_manual and _is_loop_unsigned(edited):
        stop_thinking(edited, limits, "the turn with the tool's call has no signed thought")


def _display(told: dict[str, object]) -> dict[str, object]:
    return {"display": told["display"]} if "display" in told else {}


def _unthinking(edited: Edited, kind: object, limits: Constraints) -> None:
    if limits.thinking is Thinks.ALWAYS:
        edited.drop("thinking")
        edited.note("thinking cannot be turned off")
        for lowest in limits.efforts[:1]:
            edited.put(lowest, *_EFFORT)
            edited.note(f"effort {lowest}")
    elif limits.asked is Way.ADAPTIVE and not limits.off:
        edited.drop("thinking")  # off where nothing is said, and "disabled" may be refused
    elif limits.asked is not None and kind != (off := limits.off or "disabled"):
        edited.put({"type": off}, "thinking")
        edited.note(f"thinking: {off}")
        _calm(edited, limits)


def _calm(edited: Edited, limits: Constraints) -> None:
    """The highest efforts are refused where thinking is off."""
    if edited.get(*_EFFORT) in ("xhigh", "max") and "high" in limits.efforts:
        edited.put("high", *_EFFORT)
        edited.note("effort high")


def _with_budget(edited: Edited, told: dict[str, object], limits: Constraints) -> None:
    effort = edited.get(*_EFFORT)
    budget = _BUDGETS.get(effort if isinstance(effort, str) else "high", _BUDGETS["high"])
    room = edited.get("max_tokens")
    if isinstance(room, int):
        budget = min(budget, room // 2)
    if limits.budget:
        budget = min(budget, limits.budget[1])
    if budget < _LEAST_BUDGET:
        edited.drop("thinking")
        edited.note("thinking off: the answer has no room for it")
        return
    edited.put({"type": "enabled", "budget_tokens": budget, **_display(told)}, "thinking")
    edited.note(f"thinking: a budget of {budget} in place of adaptive")


def _is_loop_unsigned(edited: Edited) -> bool:
    """Claude must find its own signed thought before the calls whose results it gets, where it thinks on a budget."""
    try:
        messages = plain(edited.raw("messages"))
    except NoJson:
        return False
    turns = [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    last = next((m for m in reversed(turns) if m.get("role") == "assistant"), None)
    content = last.get("content") if last else None
    parts = [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    if not any(p.get("type") == "tool_use" for p in parts):
        return False
    first = parts[0]
    if first.get("type") == "redacted_thinking":
        return False
    return first.get("type") != "thinking" or first.get("signature") in (None, "", UNSIGNED)


# --- OpenAI and those who follow it


def _effort_path(protocol: Protocol) -> tuple[str, ...]:
    return ("reasoning", "effort") if protocol is Protocol.RESPONSES else ("reasoning_effort",)


def _effort(edited: Edited, protocol: Protocol) -> str | None:
    found = edited.get(*_effort_path(protocol))
    return found if isinstance(found, str) else None


def _openai(edited: Edited, protocol: Protocol, limits: Constraints, *, tools_unthinking: bool) -> None:
    path = _effort_path(protocol)
    if limits.thinking is Thinks.NEVER:
        if edited.has(path[0]):
            edited.drop(path[0])
            edited.note("reasoning effort left out")
        return
    is_chat = protocol is Protocol.OPENAI
    if is_chat and limits.off == "disabled" and _effort(edited, protocol) == "none":
        edited.drop(*path)
        edited.put({"type": "disabled"}, "thinking")
        edited.note("thinking: disabled")
        return
    if is_chat and tools_unthinking and edited.raw("tools").strip(b"[] \r\n\t"):
        if _effort(edited, protocol) != "none":
            edited.put("none", *path)
            edited.note("thinking off: it takes no tools with it in Chat Completions")
        return
    _fit_effort(edited, limits, *path)


# --- Gemini


def _gemini(edited: Edited, config: str, limits: Constraints) -> None:
    for name in ("thinkingConfig", "thinking_config"):
        told = edited.table(config, name)
        if not told:
            continue
        if limits.thinking is Thinks.NEVER:
            edited.drop(config, name)
            edited.note("thinking off")
            continue
        camel = name == "thinkingConfig"
        level_name, budget_name = (
            ("thinkingLevel", "thinkingBudget") if camel else ("thinking_level", "thinking_budget")
        )
        level, budget = told.get(level_name), told.get(budget_name)
        if limits.asked is Way.LEVEL and isinstance(budget, int):
            edited.drop(config, name, budget_name)
            if not isinstance(level, str) and budget >= 0:
                edited.put(_nearest(_word_for(budget) if budget else "none", limits.efforts), config, name, level_name)
            edited.note("thinking: a level in place of a budget")
        elif limits.asked is Way.LEVEL and isinstance(level, str) and limits.efforts:
            fit = _nearest(level.lower(), limits.efforts)
            if fit != level.lower():
                edited.put(fit, config, name, level_name)
                edited.note(f"thinking level {fit}")
        elif limits.asked is Way.BUDGET and limits.budget:
            _gemini_budget(edited, (config, name, level_name), (config, name, budget_name), limits)


def _gemini_budget(edited: Edited, level: tuple[str, ...], budget: tuple[str, ...], limits: Constraints) -> None:
    least, most = limits.budget or (0, 0)
    word, wanted = edited.get(*level), edited.get(*budget)
    if isinstance(word, str):
        edited.drop(*level)
        wanted = _BUDGETS.get(word.lower(), 0)
        edited.note("thinking: a budget in place of a level")
    if not isinstance(wanted, int) or wanted < 0:  # -1 leaves it to the model
        return
    within = 0 if wanted == 0 and limits.off else max(least, min(wanted, most))
    if within != edited.get(*budget):
        edited.put(within, *budget)
        edited.note(f"thinking budget of {within}")


# --- words


def _fit_effort(edited: Edited, limits: Constraints, *path: str) -> None:
    word = edited.get(*path)
    if not isinstance(word, str):
        return
    if not limits.efforts:
        if limits.asked in (Way.ENABLED, Way.BUDGET, Way.LEVEL):
            edited.drop(*path)
            edited.note("effort left out")
        return
    fit = _nearest(word, limits.efforts)
    if fit != word:
        edited.put(fit, *path)
        edited.note(f"effort {fit}")


def _nearest(word: str, words: tuple[str, ...]) -> str:
    """The nearest word that is taken, the lower one of two; an unknown word as it is."""
    if word in words or word not in _WORDS:
        return word
    wanted = _WORDS.index(word)
    known = [w for w in words if w in _WORDS]
    return min(known, key=lambda w: (abs(_WORDS.index(w) - wanted), _WORDS.index(w)), default=word)


def _word_for(budget: object) -> str:
    if not isinstance(budget, int):
        return "high"
    return "low" if budget <= 4_096 else "medium" if budget <= 16_384 else "high"
