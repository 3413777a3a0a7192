"""The words of the status line: how a service is, since when, when it may be back, who answers in its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from stillup.cli.common import span

_STATES = {
    "operational": ("●", "32", "ok"),
    "degraded": ("▲", "33", "degraded"),
    "partial_outage": ("▲", "33;1", "partial outage"),
    "major_outage": ("■", "31;1", "major outage"),
    "maintenance": ("⚒", "34", "maintenance"),
    "unknown": ("?", "2", "unknown"),
}
"""Mark, ANSI style, words. What a newer stillup may say beside these is shown as unknown."""
FAULTS = frozenset({"degraded", "partial_outage", "major_outage"})
_OWN = {"you": "your network, not the service", "your_quota": "your limit, not the service"}
_UNWELL = frozenset({"open", "out", "limited", "key_blocked"})
_NAME, _NOTE = 40, 60
_MOST_MODELS = 2


class Seen(Struct, frozen=True, kw_only=True):
    """What is known of the service; ``note`` is what else there is to say of that."""

    name: str
    state: str = "unknown"
    is_suspected: bool = False
    since: datetime | None = None
    left_s: float | None = None
    scope: str | None = None
    models: tuple[str, ...] = ()
    """The models that are hit, where it is not all of them."""
    note: str = ""


class Line(Struct, frozen=True):
    """The line without and with colours."""

    plain: str
    ansi: str


def plain(text: str) -> Line:
    """A line without colours."""
    shown = _short(text, 2 * _NOTE)
    return Line(shown, shown)


def line(seen: Seen, now: datetime, via: str = "") -> Line:
    """``▲ Claude partial outage 12 min · back ~40 min · via bedrock``."""
    mark, style, words = _STATES.get(seen.state, _STATES["unknown"])
    is_fault = seen.state in FAULTS
    if not is_fault and seen.scope in _OWN:
        mark, style, words = "•", "33", _OWN[seen.scope]
    head = f"{mark} {_short(seen.name, _NAME)} {words}{'?' if is_fault and seen.is_suspected else ''}"
    if is_fault and seen.since is not None:
        head += f" {span(max(0.0, (now - seen.since).total_seconds()))}".replace(" now", "")
    rest = [
        f"back ~{span(max(60.0, seen.left_s))}" if is_fault and seen.left_s is not None else "",
        ", ".join(_short(m, _NAME) for m in seen.models[:_MOST_MODELS]) if is_fault else "",
        _short(seen.note, _NOTE),
        _short(via, _NOTE),
    ]
    tail = "".join(f" · {part}" for part in rest if part)
    return Line(head + tail, f"\x1b[{style}m{head}\x1b[0m{tail}")


def via(choices: Sequence[Mapping[str, Any]], targets: Sequence[Mapping[str, Any]], model: str) -> str:
    """Who answers in place of the first of a model's chain; empty while the first does.

    ``choices`` and ``targets`` are what the gateway says of its chains and of the health of each link.
    """
    meant = model.partition("[")[0]
    claude = [c for c in choices if c.get("protocol") == "anthropic"]
    chosen = next((c for c in claude if c.get("model") == meant), claude[0] if claude else None)
    if chosen is None:
        return ""
    unwell = {
        (t.get("upstream"), t.get("model"))
        for t in targets
        if t.get("operation") == "generate" and t.get("condition") in _UNWELL
    }
    for place, hop in enumerate(chosen.get("chain", ())):
        if (hop[0], hop[1]) not in unwell:
            return f"via {hop[0]}" if place else ""
    return "nobody answers for it"


def _short(text: str, most: int) -> str:
    """Printable, and not long. (What cleans texts elsewhere takes longer to load than the whole line may take.)"""
    return "".join(c for c in text[: 4 * most] if c.isprintable())[:most].strip()
