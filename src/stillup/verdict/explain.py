"""Say a verdict in words, with the rule and the observed values in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from stillup.model.evidence import Evidence, Standing
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict

Naming = Callable[[str], str]
"""Gives a component id's name for a person."""

STATE_WORDS = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded",
    State.PARTIAL_OUTAGE: "partial outage",
    State.MAJOR_OUTAGE: "major outage",
    State.MAINTENANCE: "maintenance",
    State.UNKNOWN: "unknown",
}

FAMILY_WORDS = {
    Family.OFFICIAL: "official page",
    Family.CROWD: "crowd reports",
    Family.SOCIAL: "social posts",
    Family.SEARCH: "searches",
    Family.PROBE: "our probe",
    Family.TRAFFIC: "real requests",
}

_REASON_WORDS = {
    Reason.NO_DATA: "no source could be read: unknown is unknown",
    Reason.ALL_CALM: "every side that could be read is calm",
    Reason.PAGE_SAYS_FAULT: "the official page says so",
    Reason.PAGE_AND_FAMILIES_AGREE: "the official page says so, and independent sides agree",
    Reason.FAMILIES_AGREE: "two or more independent sides agree, the official page does not say so yet",
    Reason.ONE_FAMILY_ALARMS: "one side alone is in alarm: suspected, not more",
    Reason.PAGE_NOT_UPDATED: "the sides that had alarmed have recovered; the official page is still red",
    Reason.MAINTENANCE: "the official page announces maintenance",
    Reason.ONLY_YOU: "this machine or its network fails, not the service",
    Reason.YOUR_QUOTA: "a limit, key or bill of yours stands in the way, not an outage",
}

_HUGE_TENS = 30  # beyond it the figure says something about the model, not about the world

_SCOPE_WORDS = {
    Scope.YOU: "only you: this machine or its network",
    Scope.YOUR_QUOTA: "only you: your limit, key or bill",
    Scope.MODEL: "only some models",
    Scope.COMPONENT: "only some parts",
    Scope.REGION: "some regions",
    Scope.EVERYONE: "everyone, as far as can be seen",
}


def headline(verdict: Verdict, name: str) -> str:
    """The verdict in a few words: ``Claude: partial outage, confirmed``."""
    if verdict.scope is Scope.YOU and not verdict.state.is_fault:
        return f"{name}: it is you, not {name}"
    if verdict.scope is Scope.YOUR_QUOTA and not verdict.state.is_fault:
        return f"{name}: your limit, not an outage"
    words = f"{name}: {STATE_WORDS[verdict.state]}"
    return f"{words}, {verdict.confidence.value}" if verdict.confidence else words


def because(verdict: Verdict) -> str:
    """The named reason as a sentence."""
    return _REASON_WORDS[verdict.reason]


def who(verdict: Verdict, naming: Naming | None = None) -> str:
    """Who and what is hit, empty when nobody is; broken components only where ``naming`` has names for them."""
    if verdict.scope is None:
        return ""
    parts = [_SCOPE_WORDS[verdict.scope]]
    if verdict.components and naming is not None:
        parts.append("broken: " + ", ".join(naming(c) for c in verdict.components))
    if verdict.models:
        parts.append("models: " + ", ".join(verdict.models))
    if verdict.problems:
        parts.append("trouble: " + ", ".join(_spaced(verdict.problems)))
    if verdict.regions:
        parts.append("where: " + ", ".join(verdict.regions))
    return "; ".join(parts)


def moved(before: Verdict, now: Verdict, naming: Naming) -> str | None:
    """What is new beside the verdict before, None when the headline itself is new."""
    if (before.state, before.confidence) != (now.state, now.confidence) or not now.state.is_fault:
        return None
    pairs = (
        ("broken", [naming(c) for c in before.components], [naming(c) for c in now.components]),
        ("trouble", _spaced(before.problems), _spaced(now.problems)),
        ("where", before.regions, now.regions),
        ("models", before.models, now.models),
    )
    more = [
        f"also {name}: {', '.join(v for v in new if v not in old)}" for name, old, new in pairs if set(new) - set(old)
    ]
    less = [
        f"no longer {name}: {', '.join(v for v in old if v not in new)}"
        for name, old, new in pairs
        if set(old) - set(new)
    ]
    return "; ".join([*more, *less]) or None


def _spaced(words: Sequence[str]) -> list[str]:
    return [word.replace("_", " ") for word in words]


def says(evidence: Evidence) -> str:
    """One family's word with its numbers: ``crowd reports 4.8 reports a minute where 0.1 is usual (e = 10^9)``."""
    name = FAMILY_WORDS[evidence.family]
    if evidence.standing is Standing.NO_DATA:
        return f"{name}: {evidence.note or 'no data'}"
    if evidence.family is Family.OFFICIAL:
        return (
            f"{name}: {_declared(evidence) if evidence.standing is Standing.ALARM else evidence.note or 'operational'}"
        )
    if evidence.observed is None or evidence.usual is None:
        return f"{name}: {'alarm' if evidence.standing is Standing.ALARM else 'calm'}"
    numbers = f"{name}: {_number(evidence.observed)} {evidence.unit} where {_number(evidence.usual)} is usual"
    return numbers + (f" (e {_power(evidence.log_e)})" if evidence.log_e >= log(10) else "")


def rule(verdict: Verdict, evidence: Sequence[Evidence]) -> str:
    """The rule with the observed values: what each side says, and what follows from it."""
    sides = "; ".join(says(e) for e in evidence) or "nothing heard"
    return f"{sides} → {_outcome(verdict)}"


def _outcome(verdict: Verdict) -> str:
    if verdict.confidence is None:
        return STATE_WORDS[verdict.state]
    independent = sum(1 for f in verdict.families if f is not Family.OFFICIAL)
    sides = "1 independent side" if independent == 1 else f"{independent} independent sides"
    if Family.OFFICIAL in verdict.families:
        return "confirmed by the official page" + (f" and {sides}" if independent else "")
    return f"{verdict.confidence.value} by {sides}" + (
        ": one alone is never enough" if verdict.confidence is Confidence.SUSPECTED else ""
    )


def _declared(evidence: Evidence) -> str:
    parts = ", ".join(component for component, _ in evidence.components)
    return STATE_WORDS[evidence.state] + (f" ({parts})" if parts else "")


def _power(log_e: float) -> str:
    tens = log_e / log(10)
    return f"= 10^{tens:.0f}" if tens < _HUGE_TENS else f"> 10^{_HUGE_TENS}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
