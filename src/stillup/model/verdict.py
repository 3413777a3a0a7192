"""A verdict, and the change of one: what ``stillup replay --json`` writes, one line a change."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Layer, OutageClass, Scope, State
from stillup.model.signal import At


class Diagnosis(Struct, frozen=True):
    """One outage class with its probability, the layer it points at, and the observations for and against it."""

    class_: OutageClass
    layer: Layer | None
    p: float
    for_: tuple[str, ...] = ()
    against: tuple[str, ...] = ()

    def wire(self) -> dict[str, object]:
        """The shape on the wire: ``class`` and ``for`` are Python keywords, so they are renamed here."""
        return {
            "class": self.class_.value,
            "layer": self.layer and self.layer.value,
            "p": round(self.p, 3),
            "for": list(self.for_),
            "against": list(self.against),
        }


class Forecast(Struct, frozen=True):
    """Seconds until recovery: median and the 80 % interval."""

    p50_s: float
    p10_s: float
    p90_s: float


class Verdict(Struct, frozen=True, kw_only=True):
    """What is said of one subject (a service, or one component of it) at one tick."""

    at: At
    service: str
    component: str | None = None
    state: State = State.UNKNOWN
    confidence: Confidence | None = None
    probability: float | None = None
    families: tuple[Family, ...] = ()
    since: At | None = None
    incident: str | None = None
    components: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    scope: Scope | None = None
    models: tuple[str, ...] = ()
    diagnosis: tuple[Diagnosis, ...] = ()
    forecast: Forecast | None = None
    reason: Reason = Reason.NO_DATA

    @property
    def is_yours(self) -> bool:
        """Whoever watches is hit, and nobody else: the machine, the network, a limit, a key."""
        return self.scope in (Scope.YOU, Scope.YOUR_QUOTA)

    @property
    def essence(self) -> tuple[object, ...]:
        """The parts whose change is a change of verdict; times, probabilities and forecasts move without one."""
        return (
            self.state,
            self.confidence,
            self.scope,
            self.components,
            self.regions,
            self.problems,
            self.models,
        )

    def going_on(self, now: Verdict) -> Verdict:
        """This verdict while it stands, with who speaks for it, why, and how likely it is ``now``."""
        return replace(
            self, families=now.families, reason=now.reason, probability=now.probability, diagnosis=now.diagnosis
        )

    def wire(self) -> dict[str, object]:
        """The documented JSON object, times in ISO 8601 with ``Z``."""
        return {
            "at": iso(self.at),
            "service": self.service,
            "component": self.component,
            "state": self.state.value,
            "confidence": self.confidence and self.confidence.value,
            "probability": self.probability,
            "families": [f.value for f in self.families],
            "since": iso(self.since),
            "incident": self.incident,
            "components": list(self.components),
            "regions": list(self.regions),
            "problems": list(self.problems),
            "scope": self.scope and self.scope.value,
            "models": list(self.models),
            "diagnosis": [d.wire() for d in self.diagnosis],
            "forecast": self.forecast,
            "reason": self.reason.value,
        }


def iso(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with a ``Z``, whole seconds when there is no fraction."""
    if at is None:
        return None
    return at.isoformat().replace("+00:00", "Z")
