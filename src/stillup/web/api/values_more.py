"""The API's words, continued: forecast, reports, alternatives, incidents, changes, capabilities."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Struct, field

from stillup.model.service import Capability, Confidence, Family, OutageClass, State
from stillup.web.api.values import (
    AsOf,
    EvidenceValue,
    Headline,
    IncidentId,
    ServiceId,
    SpanValue,
    VerdictValue,
    says,
)

Next = Annotated[
    str | None, says("Hand this in as `cursor` for what is older; null: there is no more. Also in the `Link` header")
]


class ChanceValue(Struct, frozen=True, kw_only=True):
    """How likely it is to be over within so many seconds from `as_of`."""

    within_s: float
    p: Annotated[float, says("Probability, 0 to 1", 0.61)]


class LikelyValue(Struct, frozen=True, kw_only=True):
    """The likeliest kind of outage, and what is usual for it."""

    class_: OutageClass = field(name="class")
    title: str
    p: Annotated[float | None, says("Probability, 0 to 1", 0.82)]
    usual_min_s: int
    usual_max_s: int
    impact: str
    recovery: str


class ForecastValue(Struct, frozen=True, kw_only=True):
    """When a service may be back."""

    service: ServiceId
    as_of: AsOf
    state: Annotated[State, says("How it is now", "partial_outage")]
    since: Annotated[datetime | None, says("When it began, as far as is known")]
    made_at: Annotated[datetime | None, says("What `left` counts from; null where there is no forecast")]
    left: Annotated[SpanValue | None, says("Seconds left; null while nothing is wrong, or where none can be made")]
    curve: Annotated[tuple[ChanceValue, ...], says("The curve of time to recovery; empty where there is none")]
    likely: LikelyValue | None
    pattern: Annotated[str | None, says("How such an outage usually comes back")]


class WindowValue(Struct, frozen=True, kw_only=True):
    """One quarter of an hour. `count` null: nobody who counts was heard, which is not zero."""

    ends_at: datetime
    count: Annotated[float | None, says("Reports in it", 95.0)]
    usual: Annotated[float | None, says("What is usual", 0.9)]
    low: Annotated[float | None, says("95 of 100 calm windows lie between this", 0.0)]
    high: Annotated[float | None, says("and this", 4.0)]


class PlaceValue(Struct, frozen=True, kw_only=True):
    """Reports from one region in the last hour."""

    region: Annotated[str, says("ISO 3166-1 or 3166-2", "US-CA")]
    count: float
    usual: float | None


class ShareValue(Struct, frozen=True, kw_only=True):
    """Reports of the last hour that name one problem."""

    problem: Annotated[str, says("What is wrong", "sign_in")]
    count: float


class ReportsValue(Struct, frozen=True, kw_only=True):
    """The chart of reports."""

    service: ServiceId
    as_of: AsOf
    window_s: Annotated[int | None, says("How long each window is; null where nobody counts", 900)]
    windows: Annotated[tuple[WindowValue, ...], says("The last 24 hours, oldest first; the last one is still open")]
    places: Annotated[tuple[PlaceValue, ...], says("Where from, in the last hour")]
    problems: Annotated[tuple[ShareValue, ...], says("What about, in the last hour")]


class ChoiceValue(Struct, frozen=True, kw_only=True):
    """A service that could stand in."""

    service: ServiceId
    name: str
    state: Annotated[State, says("How it is; never one that is known to be down")]
    why: Annotated[str, says("Why it stands where it does", "up now")]
    advantage: str
    access: str
    free: bool
    link: str


class AlternativesValue(Struct, frozen=True, kw_only=True):
    """What to use instead."""

    service: ServiceId
    as_of: AsOf
    task: Annotated[Capability | None, says("What they would do in its place; null: nothing", "chat")]
    up_parts: Annotated[tuple[str, ...], says("Parts of the service itself that are known to work", ["Claude API"])]
    choices: Annotated[tuple[ChoiceValue, ...], says("Best first: known to be up, then unknown")]


class SeenValue(Struct, frozen=True, kw_only=True):
    """When one family first saw it."""

    family: Family
    at: datetime


class IncidentValue(Struct, frozen=True, kw_only=True):
    """One stretch of trouble of one service."""

    id: IncidentId
    service: ServiceId
    title: Annotated[str | None, says("What the official page calls it; null: it has not spoken")]
    state: Annotated[State, says("The worst it came to", "partial_outage")]
    confidence: Annotated[Confidence, says("How sure it got")]
    since: Annotated[datetime, says("When it began, as far as the numbers show")]
    opened_at: Annotated[datetime, says("When it was first suspected here")]
    confirmed_at: Annotated[datetime | None, says("null: never")]
    recovered_at: Annotated[datetime | None, says("null: not over, or its end was not seen")]
    components: tuple[str, ...]
    first_seen: Annotated[tuple[SeenValue, ...], says("Who saw it when, the first of them first")]
    lead_s: Annotated[
        float | None, says("How long before the official page another family saw it; negative: after it", 1020.0)
    ]
    link: Annotated[str, says("Its page")]


class IncidentsValue(Struct, frozen=True, kw_only=True):
    """Incidents, newest first."""

    incidents: tuple[IncidentValue, ...]
    next: Next


class MomentValue(Struct, frozen=True, kw_only=True):
    """One line of an incident's timeline."""

    at: datetime
    kind: Annotated[str, says("`onset`, `seen`, `verdict`, `official` or `recovered`", "onset")]
    says: str
    family: Family | None
    state: State | None


class LeadValue(Struct, frozen=True, kw_only=True):
    """How long before the official page a family saw it; negative: after it."""

    family: Family
    lead_s: float


class StoryValue(Struct, frozen=True, kw_only=True):
    """An incident told from its beginning, with what was right and wrong about the verdict."""

    incident: IncidentValue
    timeline: tuple[MomentValue, ...]
    leads: tuple[LeadValue, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    reports: Annotated[tuple[WindowValue, ...], says("From two hours before it to two hours after it")]
    grounds: Annotated[tuple[EvidenceValue, ...], says("What the verdict rested on when it was worst")]


class ChangeValue(VerdictValue, frozen=True, kw_only=True):
    """One change of verdict."""

    headline: Headline


class ChangesValue(Struct, frozen=True, kw_only=True):
    """Changes of verdict, newest first."""

    changes: tuple[ChangeValue, ...]
    next: Next


class CapabilityValue(Struct, frozen=True, kw_only=True):
    """Something that people use a service for, and who can do it."""

    id: Capability
    title: Annotated[str, says("What it is called", "Conversation")]
    services: Annotated[tuple[str, ...], says("Who can, best first", ["chatgpt", "claude"])]


class CapabilitiesValue(Struct, frozen=True, kw_only=True):
    """All capabilities."""

    capabilities: tuple[CapabilityValue, ...]
