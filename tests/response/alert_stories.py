"""A timeline in a few words, played: what is said, when, of which kind and why.

``"0 partial? web"`` means: from minute 0 on the service is in a partial outage, suspected, with the web broken. States
are ``ok degraded partial major maint unknown``; a ``?`` behind one is suspected, else a fault is confirmed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from stillup.model.service import Confidence, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.alerts.decide import decide
from stillup.response.alerts.values import AlertState, Changed, Rule, Settings, Ticked

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)  # a Tuesday
STATES = {
    "ok": State.OPERATIONAL,
    "degraded": State.DEGRADED,
    "partial": State.PARTIAL_OUTAGE,
    "major": State.MAJOR_OUTAGE,
    "maint": State.MAINTENANCE,
    "unknown": State.UNKNOWN,
}
RULE = Rule(id="r", services=("claude",), channels=("ops",))


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def settings(rule: Rule = RULE, *more: Rule, **rest) -> Settings:
    return Settings(rules=(rule, *more), **rest)


def rule(**rest) -> Rule:
    return replace(RULE, **rest)


def verdict(minute: float, word: str, *components: str, **rest) -> Verdict:
    state = STATES[word.rstrip("?")]
    sure = Confidence.SUSPECTED if word.endswith("?") else Confidence.CONFIRMED
    given = {
        "service": "claude",
        "confidence": sure if state.is_fault else None,
        "components": components,
        "scope": Scope.COMPONENT if components else Scope.EVERYONE if state.is_fault else None,
        **rest,
    }
    return Verdict(at=at(minute), state=state, **given)


def change(line: str) -> tuple[float, Verdict]:
    minute, word, *components = line.split()
    return float(minute), verdict(float(minute), word, *components)


def play(story, until: float, told: Settings, state: AlertState | None = None) -> list[str]:
    """``story`` has lines, or pairs of a minute and an event; every minute there is a tick after what happened in it.

    What is said, as ``"minute kind reason"``.
    """
    said = []
    for outcome, minute in steps(story, until, told, state):
        said += [f"{minute:g} {d.kind} {d.reason}" for d in outcome.messages]
    return said


def steps(story, until: float, told: Settings, state: AlertState | None = None):
    """Each outcome with its minute."""
    state = state or AlertState()
    events = []
    for entry in story:
        if isinstance(entry, str):
            minute, said = change(entry)
            events.append((minute, Changed(said)))
        else:
            events.append(entry)
    first = min((minute for minute, _ in events), default=0)
    events += [(n + 0.5, Ticked()) for n in range(int(first), int(until))]
    for minute, event in sorted(events, key=lambda e: e[0]):
        outcome = decide(told, state, event, at(minute))
        state = outcome.state
        yield outcome, minute
