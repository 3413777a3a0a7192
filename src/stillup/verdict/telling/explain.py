"""Say a verdict in words, with the rule and the observed values in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict
from stillup.verdict.telling.units import age, counts, power, rates, span

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
    Family.CROWD: "crowd",
    Family.SOCIAL: "social posts",
    Family.SEARCH: "searches",
    Family.PROBE: "our probe",
    Family.TRAFFIC: "real requests",
}

_FEW = 100  # up to here a count in its window reads better than a rate
_SPEAKS_NATS = 2.3  # an e-value under ten is not worth showing
_PER_MINUTE = " a minute"

_REASON_WORDS = {
    Reason.NO_DATA: "nobody who could tell was heard: unknown is unknown",
    Reason.ALL_CALM: "every side that could be read is calm",
    Reason.PAGE_SAYS_FAULT: "the official page says so",
    Reason.PAGE_AND_FAMILIES_AGREE: "the official page says so, and independent sides agree",
    Reason.ONE_FAMILY_ALARMS: "one side alone is in alarm: suspected, not more",
    Reason.PAGE_NOT_UPDATED: "the sides that had alarmed have recovered; the official page is still red",
    Reason.MAINTENANCE: "the official page announces maintenance",
    Reason.ONLY_YOU: "this machine or its network fails, not the service",
    Reason.YOUR_QUOTA: "a limit, key or bill of yours stands in the way, not an outage",
}

_STANDS = "confirmed before; one side alone is still in alarm, and what was found stands until it is over"
_AGREED = {
    None: "two or more independent sides agree, the official page is not among them",
    True: "two or more independent sides agree, the official page does not say so yet",
    False: "two or more independent sides agree; no official page could be read",
}

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


def because(verdict: Verdict, *, page_is_read: bool | None = None) -> str:
    """The named reason as a sentence. ``page_is_read``: whether the official page is heard; None: not known here."""
    if verdict.reason is Reason.ONE_FAMILY_ALARMS and verdict.confidence is Confidence.CONFIRMED:
        return _STANDS
    if verdict.reason is Reason.FAMILIES_AGREE:
        return _AGREED[page_is_read]
    return _REASON_WORDS[verdict.reason]


def page_is_read(evidence: Sequence[Evidence]) -> bool:
    """Whether the official page is among those that are heard."""
    return any(e.family is Family.OFFICIAL and e.standing is not Standing.NO_DATA for e in evidence)


def who(verdict: Verdict, naming: Naming | None = None, places: Naming = str) -> str:
    """Who and what is hit, empty when nobody is; broken components only where ``naming`` has names for them.

    ``places`` gives a region's name.
    """
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
        parts.append("where: " + ", ".join(places(r) for r in verdict.regions))
    return "; ".join(parts)


def moved(before: Verdict, now: Verdict, naming: Naming, places: Naming = str) -> str | None:
    """What is new beside the verdict before, None when the headline itself is new."""
    if (before.state, before.confidence) != (now.state, now.confidence) or not now.state.is_fault:
        return None
    pairs = (
        ("broken", [naming(c) for c in before.components], [naming(c) for c in now.components]),
        ("trouble", _spaced(before.problems), _spaced(now.problems)),
        ("where", [places(r) for r in before.regions], [places(r) for r in now.regions]),
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


def rule(verdict: Verdict, evidence: Sequence[Evidence], now: datetime | None = None) -> str:
    """The rule with the observed values: what each side says, and what follows from it."""
    sides = "; ".join(side(e, now) for e in evidence) or "nothing heard"
    return f"{sides} → {outcome(verdict, page_is_read=page_is_read(evidence))}"


def outcome(verdict: Verdict, *, page_is_read: bool = True) -> str:
    """What the rule makes of it: ``confirmed by 2 independent families``; ``page_is_read`` as in ``because``."""
    if verdict.confidence is None:
        return f"{STATE_WORDS[verdict.state]}: {because(verdict)}"
    independent = sum(1 for f in verdict.families if f is not Family.OFFICIAL)
    sides = "1 independent family" if independent == 1 else f"{independent} independent families"
    if Family.OFFICIAL in verdict.families:
        return "confirmed by the official page" + (f" and {sides}" if independent else "")
    if verdict.confidence is Confidence.SUSPECTED:
        return f"suspected by {sides}: one alone is never enough"
    if independent < 2:
        return f"confirmed before, now said by {sides}; what was found stands until it is over"
    page = "the official page does not say so" if page_is_read else "no official page could be read"
    return f"confirmed by {sides}; {page}"


def side(evidence: Evidence, now: datetime | None = None, naming: Naming = str) -> str:
    """One family's word with its numbers: ``crowd 0.9/min where 0.02 is usual, e = 10^6``; a page's with its age."""
    name = FAMILY_WORDS[evidence.family]
    if evidence.standing is Standing.NO_DATA:
        return f"{name}: {evidence.note or 'no data'}"
    if evidence.family is Family.OFFICIAL:
        return f"{name}: {', '.join(_page(evidence, now, naming))}"
    calm = " calm:" if evidence.standing is Standing.CALM else ""
    if evidence.numbers:
        return "; ".join(dict.fromkeys(_counted(n, calm) for n in evidence.numbers))
    told = _numbers(evidence)
    words = f"{name}{calm} {told}" if told else f"{name}: {evidence.standing.value}"
    return ", ".join([words, *_strength(evidence.log_e)])


def _page(evidence: Evidence, now: datetime | None, naming: Naming) -> Iterator[str]:
    if evidence.standing is Standing.ALARM:
        parts = ", ".join(naming(component) for component, _ in evidence.components)
        yield STATE_WORDS[evidence.state] + (f" ({parts})" if parts else "")
        if evidence.note:
            yield '"{}"'.format(evidence.note.replace('"', "'"))  # it must not end its own quotation
    else:
        yield evidence.note or "operational"
    if evidence.stage is not None:
        since = f" for {span((now - evidence.stage_since).total_seconds())}" if evidence.stage_since and now else ""
        yield f"{evidence.stage.value.replace('_', ' ')}{since}"
    if evidence.heard_at is not None and now is not None:
        yield age((now - evidence.heard_at).total_seconds())


def _numbers(evidence: Evidence) -> str:
    if evidence.observed is None or evidence.usual is None:
        return ""
    if not evidence.unit.endswith(_PER_MINUTE):
        what = evidence.unit
        return f"{evidence.observed:.0f} {what} where {evidence.usual:.2g} is usual"
    if evidence.window_s is None:
        return rates(evidence.observed, evidence.usual)
    scale, what = evidence.window_s / 60.0, evidence.unit.removesuffix(_PER_MINUTE)
    if evidence.observed * scale > _FEW:
        return rates(evidence.observed, evidence.usual)
    return counts(evidence.observed * scale, evidence.usual * scale, what, evidence.window_s)


def _counted(numbers: Numbers, calm: str) -> str:
    if numbers.tries is not None:
        told = f"{numbers.observed:.0f} of {numbers.tries} tries failed where {numbers.usual:.2g} is usual"
    elif numbers.observed <= _FEW and numbers.window_s >= 120:
        told = counts(numbers.observed, numbers.usual, numbers.what, numbers.window_s)
    else:
        minutes = max(numbers.window_s, 1.0) / 60.0
        told = rates(numbers.observed / minutes, numbers.usual / minutes)
    part = f" ({', '.join(_spaced(numbers.part))})" if numbers.part else ""
    return ", ".join([f"{numbers.source}{part}{calm} {told}", *_strength(numbers.log_e)])


def _strength(log_e: float) -> list[str]:
    return [power(log_e)] if log_e >= _SPEAKS_NATS else []


says = side
"""The same under the name the terminal has always used."""
