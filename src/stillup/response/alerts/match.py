"""What a rule makes of the verdicts on a service: it holds, it does not, or nobody can tell."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from fnmatch import fnmatchcase

from msgspec import Struct

from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.response.alerts.values import Rule, Said, Verdicts


class Sight(Enum):
    """What can be said of a rule's condition."""

    HOLDS = "holds"
    GONE = "gone"
    UNSEEN = "unseen"


class Condition(Struct, frozen=True):
    """A rule's condition, with the verdict that decides it and the components hit."""

    sight: Sight
    verdict: Verdict | None = None
    components: tuple[str, ...] = ()

    def said(self) -> Said | None:
        """It as it would be told."""
        v = self.verdict
        if v is None:
            return None
        return Said(state=v.state, confidence=v.confidence, scope=v.scope, components=self.components, models=v.models)


def condition(rule: Rule, verdicts: Verdicts, *, is_open: bool) -> Condition:
    """How it stands; what is open already stays so while the state lasts, however sure."""
    looked_at = _looked_at(rule, verdicts)
    met = [v for v in looked_at if _meets(rule, v, is_open=is_open)]
    if met:
        worst = max(met, key=lambda v: (v.state.severity, v.confidence is Confidence.CONFIRMED))
        return Condition(Sight.HOLDS, worst, _hit(rule, met, worst))
    if not looked_at or any(v.state is State.UNKNOWN for v in looked_at):
        return Condition(Sight.UNSEEN)
    return Condition(Sight.GONE, max(looked_at, key=lambda v: v.state.severity))


def _looked_at(rule: Rule, verdicts: Verdicts) -> list[Verdict]:
    whole = verdicts.get(None)
    if not rule.components:
        return [whole] if whole is not None else []
    parts = [verdicts[c] for c in rule.components if c in verdicts]
    # Nobody knows which part it is: then it may be any of them.
    is_anywhere = whole is not None and whole.state.is_fault and not whole.components
    return [*parts, whole] if whole is not None and (is_anywhere or not parts) else parts


def _meets(rule: Rule, verdict: Verdict, *, is_open: bool) -> bool:
    if verdict.state not in rule.states:
        return False
    if rule.components and verdict.component is None and verdict.components:
        return False  # it names its parts, and these have verdicts of their own
    if rule.models and verdict.models and not any(_is_model(p, m) for p in rule.models for m in verdict.models):
        return False
    if rule.regions and verdict.regions and not any(_overlap(a, b) for a in rule.regions for b in verdict.regions):
        return False
    if verdict.confidence is Confidence.SUSPECTED and rule.confidence is Confidence.CONFIRMED:
        return is_open
    return True


def _hit(rule: Rule, met: Iterable[Verdict], worst: Verdict) -> tuple[str, ...]:
    if not rule.components:
        return worst.components
    named = {v.component for v in met if v.component is not None}
    return tuple(c for c in rule.components if c in named)


def _is_model(pattern: str, model: str) -> bool:
    return fnmatchcase(model.lower(), pattern.lower())


def _overlap(wanted: str, hit: str) -> bool:
    """A country has its states, and a state lies in its country."""
    return wanted == hit or hit.startswith(f"{wanted}-") or wanted.startswith(f"{hit}-")
