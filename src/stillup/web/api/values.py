"""The API's words: what each answer holds. Kept apart from the values inside, so that neither changes the other.

Times are ISO 8601 in UTC with ``Z``, lengths of time are seconds and end in ``_s``, places are ISO 3166-1 or 3166-2.
What is not known is null, or the state ``unknown``; it is never 0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from stillup.model.evidence import Standing
from stillup.model.reason import Reason
from stillup.model.service import (
    Confidence,
    Family,
    Layer,
    OutageClass,
    Scope,
    Stage,
    State,
)
from stillup.response.playbook import Done

_AT = "2026-04-07T15:04:00Z"


def says(text: str, *examples: object) -> Meta:
    """A field's description, with examples."""
    return Meta(description=text, examples=list(examples) or None)


ServiceId = Annotated[str, says("The service's id in the catalogue", "claude")]
ComponentId = Annotated[str, says("The component's id in the catalogue", "web")]
IncidentId = Annotated[str, says("The incident's id", "9f3a61c07d2e")]
AsOf = Annotated[datetime, says("The minute that was judged", _AT)]
Since = Annotated[datetime | None, says("When it began, as far as is known", _AT)]
Headline = Annotated[str, says("The verdict in one plain sentence", "Claude: partial outage, confirmed")]
Confident = Annotated[
    Confidence | None,
    says("Suspected by one side, or confirmed by more or by the official page; null: nothing is wrong"),
]


# -- a verdict ----------------------------------------------------------------------------------------------------


class DiagnosisValue(Struct, frozen=True, kw_only=True):
    """One kind of outage, how likely it is, and what speaks for and against it."""

    class_: Annotated[OutageClass, says("The kind of outage", "authentication")] = field(name="class")
    layer: Annotated[Layer | None, says("Where in the path from the person to the model", "auth")]
    p: Annotated[float, says("Probability, 0 to 1", 0.82)]
    for_: Annotated[tuple[str, ...], says("Observations that speak for it")] = field(name="for")
    against: Annotated[tuple[str, ...], says("Observations that speak against it")]


class SpanValue(Struct, frozen=True, kw_only=True):
    """Seconds until recovery: the median, and the interval that holds four times in five."""

    p10_s: Annotated[float, says("One in ten is over by then", 1200.0)]
    p50_s: Annotated[float, says("Half are over by then", 5400.0)]
    p90_s: Annotated[float, says("Nine in ten are over by then", 18000.0)]


class VerdictValue(Struct, frozen=True, kw_only=True):
    """What is said of a service as a whole, or of one component of it."""

    at: Annotated[datetime, says("When it last changed", _AT)]
    service: ServiceId
    component: Annotated[str | None, says("null: the service as a whole", "web")]
    state: Annotated[State, says("How it is", "partial_outage")]
    confidence: Confident
    probability: Annotated[float | None, says("That something is wrong, 0 to 1", 0.97)]
    families: Annotated[tuple[Family, ...], says("The independent sides that say so")]
    since: Since
    incident: Annotated[str | None, says("The incident it belongs to", "9f3a61c07d2e")]
    components: Annotated[tuple[str, ...], says("Components that are hit", ["web", "console"])]
    regions: Annotated[tuple[str, ...], says("Regions that are hit; empty: not told apart", ["FR", "US-CA"])]
    problems: Annotated[tuple[str, ...], says("What people say is wrong", ["sign_in"])]
    scope: Annotated[Scope | None, says("Who is hit", "component")]
    models: Annotated[tuple[str, ...], says("Models that are hit; empty: not told apart")]
    diagnosis: Annotated[tuple[DiagnosisValue, ...], says("The likeliest kinds of outage, likeliest first")]
    forecast: Annotated[SpanValue | None, says("As of `at`; null while nothing is wrong, or where none can be made")]
    reason: Annotated[Reason, says("The rule that led to it", "page_and_families_agree")]


class VerdictTold(VerdictValue, frozen=True, kw_only=True):
    """A verdict in words, with the rule and the observed values in it."""

    as_of: AsOf
    headline: Headline
    because: Annotated[str, says("The reason as a sentence")]
    rule: Annotated[str, says("The rule with the observed values in it")]
    who: Annotated[str, says("Who and what is hit; empty: nobody")]


# -- services -----------------------------------------------------------------------------------------------------


class ServiceLine(Struct, frozen=True, kw_only=True):
    """A service at a glance."""

    id: ServiceId
    name: Annotated[str, says("What people call it", "Claude")]
    vendor: Annotated[str, says("Who runs it", "Anthropic")]
    state: Annotated[State, says("How it is", "partial_outage")]
    confidence: Confident
    since: Since
    incident: Annotated[str | None, says("The open incident", "9f3a61c07d2e")]
    headline: Headline


class ServicesValue(Struct, frozen=True, kw_only=True):
    """All services that are watched, in the order of the configuration."""

    as_of: AsOf
    state: Annotated[State, says("The worst that is known of any; `unknown` where nothing is", "partial_outage")]
    simulated: Annotated[str | None, says("What is played, where this is no real watch")]
    services: tuple[ServiceLine, ...]


class ComponentValue(Struct, frozen=True, kw_only=True):
    """A part of a service; `unknown` while nobody has spoken of it."""

    id: ComponentId
    name: Annotated[str, says("What people call it", "claude.ai")]
    state: Annotated[State, says("How it is", "major_outage")]
    confidence: Confident
    since: Since


class BaseValue(Struct, frozen=True, kw_only=True):
    """Something the service stands on that is in trouble."""

    service: ServiceId
    name: str
    state: State
    confidence: Annotated[float, says("How sure it is that the service stands on it, 0 to 1", 0.9)]


class MaintenanceValue(Struct, frozen=True, kw_only=True):
    """Work that the official page has announced or begun."""

    id: str
    title: str
    stage: Annotated[Stage, says("Where it stands", "scheduled")]
    starts: Annotated[datetime | None, says("null: not said", _AT)]
    ends: Annotated[datetime | None, says("null: not said", _AT)]
    components: tuple[str, ...]
    body: Annotated[str, says("What the page says of it, as plain text")]
    updated_at: datetime | None


class StepValue(Struct, frozen=True, kw_only=True):
    """One step of the playbook."""

    says: Annotated[str, says("What to do")]
    done: Annotated[Done, says("How far it is: done, the reader's to do, or it could not be done")]
    note: Annotated[str, says("What it rests on, or what stands in the way")]
    team: Annotated[bool, says("It comes from the team's own playbook")]


class WorkaroundValue(Struct, frozen=True, kw_only=True):
    """A post that offers a way round. Nothing in it was checked."""

    title: str
    url: str
    source: str
    why: Annotated[tuple[str, ...], says("What it was taken for")]


class ServiceValue(ServiceLine, frozen=True, kw_only=True):
    """One service, with its parts."""

    home: Annotated[str, says("Where it lives", "https://claude.ai")]
    as_of: AsOf
    simulated: Annotated[str | None, says("What is played, where this is no real watch")]
    components: tuple[ComponentValue, ...]
    bases: Annotated[tuple[BaseValue, ...], says("What it stands on and is in trouble")]
    latency_ms: Annotated[float | None, says("Of our last probe", 420.0)]
    maintenances: Annotated[tuple[MaintenanceValue, ...], says("Not over yet, soonest first")]
    steps: Annotated[tuple[StepValue, ...], says("What to do now, in order")]
    workarounds: Annotated[tuple[WorkaroundValue, ...], says("Ways round that other people offer")]


# -- evidence -----------------------------------------------------------------------------------------------------


class NumbersValue(Struct, frozen=True, kw_only=True):
    """What one source counted."""

    source: str
    what: Annotated[str, says("What was counted", "reports")]
    observed: float
    usual: float
    window_s: float
    tries: Annotated[int | None, says("For failures: of how many tries")]
    part: Annotated[tuple[str, ...], says("Component, layer, model and region, as far as they are known")]
    log_e: Annotated[float, says("Natural logarithm of the e-value; 13.8 is a million to one", 21.0)]


class PartState(Struct, frozen=True, kw_only=True):
    """How a component is, as one side sees it."""

    id: ComponentId
    state: State


class EvidenceValue(Struct, frozen=True, kw_only=True):
    """What one family of sources says now."""

    family: Family
    standing: Annotated[Standing, says("In alarm, calm, or no fresh data (which is never read as calm)")]
    since: Since
    heard_at: Annotated[datetime | None, says("When it was last heard; null: never", _AT)]
    state: Annotated[State, says("What it calls the service; `unknown` where it does not say")]
    stage: Annotated[Stage | None, says("Where the official incident stands")]
    stage_since: datetime | None
    note: Annotated[str, says("What it says, in its own words")]
    log_e: Annotated[float | None, says("How strong: natural logarithm of the largest e-value; null: no data", 21.0)]
    observed: Annotated[float | None, says("The rate that was seen", 6.0)]
    usual: Annotated[float | None, says("The rate that is usual", 0.06)]
    unit: Annotated[str | None, says("Of what", "reports a minute")]
    window_s: float | None
    components: tuple[PartState, ...]
    regions: tuple[str, ...]
    problems: tuple[str, ...]
    models: tuple[str, ...]
    sources: tuple[str, ...]
    numbers: Annotated[tuple[NumbersValue, ...], says("Source by source, where that is known")]


class SourceValue(Struct, frozen=True, kw_only=True):
    """How one source fares."""

    id: str
    title: str
    family: Family
    ok: Annotated[bool, says("It could be read")]
    heard_at: Annotated[datetime | None, says("When it was last read well; null: never", _AT)]
    says: Annotated[str, says("What it said last, or why it could not be read")]
    link: Annotated[str | None, says("Where to look for oneself")]
    delay_s: Annotated[int, says("How far it usually trails the start of an outage", 1000)]
    reliability: str | None


class EvidencesValue(Struct, frozen=True, kw_only=True):
    """All that a verdict rests on."""

    service: ServiceId
    as_of: AsOf
    rule: Annotated[str, says("The rule with the observed values in it")]
    evidence: tuple[EvidenceValue, ...]
    sources: tuple[SourceValue, ...]
