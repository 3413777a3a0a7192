"""What the control hosts say about this machine and its network, before anything is said about the service. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from stillup.model.service import Layer
from stillup.sources.ladder.controls import Answered, Checked
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.judge import Fact


class Ground(StrEnum):
    """Where we stand; one named reason for every case."""

    NONE = "none"
    """No control host was asked, or none came to an end."""
    FINE = "fine"
    """Every control answered as it should."""
    OFFLINE = "offline"
    """No control could be reached at all, and neither could the service."""
    BLOCKED = "blocked"
    """No control could be reached, yet the service answers: somebody lets only some hosts through."""
    PORTAL = "portal"
    """A control's answer was somebody else's: a captive portal or a filter."""
    BROKEN = "broken"
    """Most controls answer badly or not at all."""
    PATCHY = "patchy"
    """Some controls answer well, a few do not, and the service has trouble too."""
    ODD_CONTROL = "odd_control"
    """A few controls fail while everything of the service works: that is those hosts' own trouble."""

    @property
    def is_fit(self) -> bool:
        """Whether a failure of the service, seen from here, may be laid at its door."""
        return self in (Ground.NONE, Ground.FINE, Ground.PATCHY, Ground.ODD_CONTROL)


def ground_of(controls: Sequence[Checked], *, service_answers: bool, service_fails: bool) -> Ground:
    """Where we stand, given whether any and whether every rung of the service works. The first match is the rule."""
    answers = [c.answered for c in controls]
    if not answers:
        return Ground.NONE
    if all(a is Answered.WELL for a in answers):
        return Ground.FINE
    if all(a is Answered.NOT for a in answers):
        return Ground.BLOCKED if service_answers else Ground.OFFLINE
    # A portal answers for every host, so one control with its true content over HTTP rules it out.
    http = [c.answered for c in controls if c.is_http]
    if Answered.STRANGELY in http and Answered.WELL not in http:
        return Ground.PORTAL
    if answers.count(Answered.WELL) * 2 < len(answers):
        return Ground.BROKEN
    return Ground.PATCHY if service_fails or not service_answers else Ground.ODD_CONTROL


def facts_of(ground: Ground, controls: Sequence[Checked]) -> tuple[Fact, ...]:
    """The facts about this machine and its network. Where all are hit, one for each try, as with the service."""
    local, network = Fact(layer=Layer.LOCAL), Fact(layer=Layer.NETWORK)
    failed = [c for c in controls if c.answered is not Answered.WELL]
    tries = max((len(c.errors) for c in failed), default=1)
    match ground:
        case Ground.NONE:
            return ()
        case Ground.FINE | Ground.ODD_CONTROL:
            return (local, network)
        case Ground.BLOCKED:
            return (local,)
        case Ground.OFFLINE:
            return (Fact(layer=Layer.LOCAL, error=Fault.OFFLINE.value),) * tries
        case Ground.PORTAL:
            return (local, *(Fact(layer=Layer.NETWORK, error=Fault.CAPTIVE_PORTAL.value),) * tries)
        case Ground.BROKEN | Ground.PATCHY:
            bad = (Fact(layer=Layer.NETWORK, error=c.errors[-1]) for c in failed)
            return (local, *bad, *(network for c in controls if c.answered is Answered.WELL))
