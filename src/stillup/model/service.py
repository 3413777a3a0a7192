"""The words for what is watched and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """How a service or a component is, in Statuspage's words, plus *unknown*."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"

    @property
    def severity(self) -> int:
        """Order of badness: 0 unknown and operational, 1 maintenance, 2 degraded, 3 partial, 4 major."""
        return _SEVERITY[self]

    @property
    def is_fault(self) -> bool:
        """Degraded or an outage; maintenance and unknown are not faults."""
        return _SEVERITY[self] >= 2

    @property
    def is_outage(self) -> bool:
        """Partial or major outage."""
        return self in (State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)


_SEVERITY = {
    State.UNKNOWN: 0,
    State.OPERATIONAL: 0,
    State.MAINTENANCE: 1,
    State.DEGRADED: 2,
    State.PARTIAL_OUTAGE: 3,
    State.MAJOR_OUTAGE: 4,
}


def worst(states: Iterable[State], default: State = State.UNKNOWN) -> State:
    """The worst of some states, of equals the first; ``default`` of none."""
    return max(states, key=lambda s: s.severity, default=default)


class Stage(StrEnum):
    """Where an official incident or maintenance stands."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"

    @property
    def is_over(self) -> bool:
        """True when the page counts the matter as ended."""
        return self in (Stage.RESOLVED, Stage.POSTMORTEM, Stage.COMPLETED)


class Family(StrEnum):
    """Signals that could be wrong together; each family has one vote."""

    OFFICIAL = "official"
    CROWD = "crowd"
    SOCIAL = "social"
    SEARCH = "search"
    PROBE = "probe"
    TRAFFIC = "traffic"


class Scope(StrEnum):
    """Who is hit."""

    YOU = "you"
    YOUR_QUOTA = "your_quota"
    MODEL = "model"
    COMPONENT = "component"
    REGION = "region"
    EVERYONE = "everyone"


class Confidence(StrEnum):
    """How many independent sides say so."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


class Problem(StrEnum):
    """What people say is wrong."""

    SIGN_IN = "sign_in"
    NO_RESPONSE = "no_response"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    SLOW = "slow"
    STREAM_CUT = "stream_cut"
    HISTORY_MISSING = "history_missing"
    APP_CRASH = "app_crash"
    CONNECTION = "connection"
    QUALITY = "quality"
    BILLING = "billing"
    OTHER = "other"


class Layer(StrEnum):
    """Where in the path from the person to the model a thing happened."""

    LOCAL = "local"
    NETWORK = "network"
    EDGE = "edge"
    AUTH = "auth"
    PRESENTATION = "presentation"
    API_GATEWAY = "api_gateway"
    INFERENCE = "inference"
    DATABASE = "database"


class OutageClass(StrEnum):
    """The kind of an outage, each with its usual duration and recovery."""

    AUTHENTICATION = "authentication"
    API_OVERLOAD = "api_overload"
    MODEL_INFRASTRUCTURE = "model_infrastructure"
    DATABASE = "database"
    PRESENTATION = "presentation"
    NETWORK_REGIONAL = "network_regional"
    DEPENDENCY = "dependency"
    UNKNOWN = "unknown"


class Capability(StrEnum):
    """What a person uses an AI service for."""

    WRITING = "writing"
    CODING = "coding"
    RESEARCH = "research"
    ANALYSIS = "analysis"
    TRANSLATION = "translation"
    BRAINSTORMING = "brainstorming"
    IMAGE = "image"
    CHAT = "chat"
