"""The rule that decides, in the form a person can check.

*The page says so, or two independent families do: confirmed. One family alone: suspected. None: operational, when at
least one of them is heard; otherwise unknown.* The probability that stands beside it is ``chance.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stillup.model.evidence import Evidence, Standing
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State, worst
from stillup.verdict.diagnosis.scope import scope_of
from stillup.verdict.locate.regions import agreed


class Ruling(Struct, frozen=True, kw_only=True):
    """The rule's outcome for one subject."""

    state: State
    reason: Reason
    confidence: Confidence | None = None
    scope: Scope | None = None
    families: tuple[Family, ...] = ()
    components: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class Circumstances(Struct, frozen=True, kw_only=True):
    """What the rule must know besides the evidence."""

    components: tuple[str, ...] = ()
    """Every component there is."""
    models: tuple[str, ...] = ()
    page_overruled: bool = False
    """The page is red, but every family that had alarmed has recovered."""
    maintenance: tuple[str | None, ...] = ()
    """Components the page has under maintenance; None is the whole service."""
    in_the_dark: bool = False
    """Only the page knew of the open incident, and the page cannot be read any more: calm of others ends nothing."""
    only_you: bool = False
    your_quota: bool = False


def rule_service(evidence: Sequence[Evidence], case: Circumstances) -> Ruling:
    """Decide for the service as a whole."""
    alarms = [e for e in evidence if e.standing is Standing.ALARM]
    if not alarms:
        return _no_alarm(evidence, case)
    by_component = component_states(alarms)
    unplaced = [e.state for e in alarms if not e.components]
    named = tuple(sorted(by_component))
    models = _union(alarms, "models")
    regions = agreed(e.regions for e in alarms)
    return Ruling(
        state=worst((derive(by_component, case.components), *unplaced)),
        reason=_reason(alarms),
        confidence=_confidence(alarms),
        scope=scope_of(
            alarms, named=named, regions=regions, everything=case.components, known_models=case.models
        ).scope,
        families=tuple(e.family for e in alarms),
        components=named,
        regions=regions,
        problems=_union(alarms, "problems"),
        models=models,
    )


def naming_alarms(evidence: Sequence[Evidence]) -> dict[str, list[Evidence]]:
    """For each component that is named, the families that alarm about it."""
    named: dict[str, list[Evidence]] = {}
    for e in evidence:
        if e.standing is Standing.ALARM:
            for component, _ in e.components:
                named.setdefault(component, []).append(e)
    return named


def rule_component(
    component: str, naming: Sequence[Evidence], evidence: Sequence[Evidence], case: Circumstances
) -> Ruling:
    """Decide for one component: families that name it, backed by those that name none."""
    if not naming:
        return _no_alarm(evidence, case, component)
    alarms = [*naming, *(e for e in evidence if e.standing is Standing.ALARM and not e.components)]
    return Ruling(
        state=worst(state for e in naming for c, state in e.components if c == component),
        reason=_reason(alarms),
        confidence=_confidence(alarms),
        scope=Scope.MODEL if all(e.models for e in naming) else Scope.COMPONENT,
        families=tuple(e.family for e in evidence if e in alarms),
        components=(component,),
        regions=agreed(e.regions for e in naming),
        problems=_union(naming, "problems"),
        models=_union(naming, "models"),
    )


def component_states(alarms: Sequence[Evidence]) -> dict[str, State]:
    """How each named component is: the page's word where it has one, raised by tries that fail worse."""
    states: dict[str, State] = {}
    for evidence in alarms:
        for component, state in evidence.components:
            states[component] = worst((state, states.get(component, State.UNKNOWN)))
    return states


def derive(by_component: dict[str, State], everything: Sequence[str]) -> State:
    """The service's state from its components: all in major outage is major, any outage partial, else degraded."""
    if not by_component:
        return State.UNKNOWN
    major = [c for c, s in by_component.items() if s is State.MAJOR_OUTAGE]
    if major and everything and set(major) >= set(everything):
        return State.MAJOR_OUTAGE
    return State.PARTIAL_OUTAGE if any(s.is_outage for s in by_component.values()) else State.DEGRADED


def _no_alarm(evidence: Sequence[Evidence], case: Circumstances, component: str | None = None) -> Ruling:
    # A family that alarms about other parts only is calm about this one.
    calm = not case.in_the_dark and any(
        e.standing is Standing.CALM or (component is not None and e.standing is Standing.ALARM and e.components)
        for e in evidence
    )
    state, reason = (State.OPERATIONAL, Reason.ALL_CALM) if calm else (State.UNKNOWN, Reason.NO_DATA)
    if calm and _under_work(case, component):
        state, reason = State.MAINTENANCE, Reason.MAINTENANCE
    elif calm and case.page_overruled:
        reason = Reason.PAGE_NOT_UPDATED
    if component is None and case.only_you:
        return Ruling(state=state, reason=Reason.ONLY_YOU, scope=Scope.YOU)
    if component is None and case.your_quota:
        return Ruling(state=state, reason=Reason.YOUR_QUOTA, scope=Scope.YOUR_QUOTA)
    return Ruling(state=state, reason=reason)


def _under_work(case: Circumstances, component: str | None) -> bool:
    """Maintenance of the whole is everyone's; the service as a whole is under it only when every part is."""
    if component is None:
        return None in case.maintenance or (bool(case.components) and set(case.components) <= set(case.maintenance))
    return None in case.maintenance or component in case.maintenance


def _confidence(alarms: Sequence[Evidence]) -> Confidence:
    families = {e.family for e in alarms}
    sure = Family.OFFICIAL in families or len(families) >= 2
    return Confidence.CONFIRMED if sure else Confidence.SUSPECTED


def _reason(alarms: Sequence[Evidence]) -> Reason:
    families = {e.family for e in alarms}
    if Family.OFFICIAL in families:
        return Reason.PAGE_AND_FAMILIES_AGREE if len(families) > 1 else Reason.PAGE_SAYS_FAULT
    return Reason.FAMILIES_AGREE if len(families) > 1 else Reason.ONE_FAMILY_ALARMS


def _union(alarms: Sequence[Evidence], field: str) -> tuple[str, ...]:
    return tuple(sorted({value for e in alarms for value in getattr(e, field)}))
