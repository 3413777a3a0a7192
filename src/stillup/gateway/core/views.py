"""The two seams between the gateway and the rest: what it is told of outages, and what it tells of its requests.

The gateway works without either; a monitor works without the gateway.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Target, Usage
from stillup.model.service import Confidence, State


class Prior(Struct, frozen=True):
    """What is known from outside of what a target stands on.

    ``state`` is a fault only where families that steer agree with the rule; ``probability`` is that of a fault.
    ``says`` is one sentence for a person.
    """

    state: State = State.UNKNOWN
    confidence: Confidence | None = None
    probability: float | None = None
    says: str = ""

    @property
    def is_out(self) -> bool:
        """A confirmed outage: reroute before the first request fails."""
        return self.state.is_outage and self.confidence is Confidence.CONFIRMED


class HealthView(Protocol):
    """What the judgement says. Cheap: asked for every request."""

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known of one component of a service, for one model (lower case, as clients write it)."""
        ...


class NoView:
    """Nobody watches."""

    def prior(self, service: str, component: str, model: str) -> Prior:  # noqa: ARG002
        return Prior()


class Try(Struct, frozen=True, kw_only=True):
    """What came of one try of one target."""

    target: Target
    model: str
    """The model that was asked for on the wire."""
    operation: Operation
    ok: bool
    fault: Fault | None = None
    status: int | None = None
    first_token_s: float | None = None
    total_s: float = 0.0
    usage: Usage = Usage()
    borrowed_key: bool = False
    """The client's own key was used, not one of ours."""
    changes: tuple[str, ...] = ()
    """What it was asked does not share with what the client asked, in a few words each."""
    drill: str = ""
    """The mode of the drill that stood in its upstream's place; empty for a real try."""


class Observer(Protocol):
    """Who is told of every try. Calls are made from the event loop and must not block or raise."""

    def tried(self, result: Try) -> None:
        """One try ended."""
        ...
