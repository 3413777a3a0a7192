"""From everything that was found to the signals that may be given. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome, Signal
from stillup.model.verdict import iso
from stillup.sources.ladder.controls import Checked
from stillup.sources.ladder.faults import OURS, Stage
from stillup.sources.ladder.ground import Ground, facts_of, ground_of
from stillup.sources.ladder.judge import Fact, Finding, has_reached, judge
from stillup.sources.ladder.plan import Step
from stillup.sources.ladder.result import Climb

SOURCE_ID = "probe"
_HERE = (Layer.LOCAL, Layer.NETWORK)


class Rung(Struct, frozen=True):
    """One rung with its tries, and what each of them means."""

    step: Step
    climbs: tuple[Climb, ...]
    findings: tuple[Finding, ...]

    @property
    def is_up(self) -> bool:
        """Whether any try worked, or failed on nothing but ourselves."""
        return any(not f.facts[-1].error or f.facts[-1].error in OURS for f in self.findings)


def rung_of(step: Step, climbs: Sequence[Climb]) -> Rung:
    """A step's tries, judged."""
    return Rung(step, tuple(climbs), tuple(judge(step, climb) for climb in climbs))


def stand(rungs: Sequence[Rung], controls: Sequence[Checked]) -> Ground:
    """The ground under this reading, the service's own answers taken into account."""
    tried = [rung for rung in rungs if rung.climbs]
    # A TCP connection that stood is enough: somebody out there can be reached.
    is_reached = any(has_reached(rung.step, climb) for rung in tried for climb in rung.climbs)
    return ground_of(controls, service_answers=is_reached, service_fails=any(not rung.is_up for rung in tried))


def signals(
    service: str, now: datetime, ground: Ground, controls: Sequence[Checked], rungs: Sequence[Rung]
) -> tuple[Signal, ...]:
    """One outcome for every fact that may be given from this ground, and *alive* when the service was seen at all."""
    found = [_outcome(service, now, fact, f"0.{n}", None) for n, fact in enumerate(facts_of(ground, controls))]
    seen = [
        _outcome(service, now, fact, f"{k}.{n}.{m}:{rung.step.id}", rung.step)
        for k, rung in enumerate(rungs, 1)
        for n, (climb, finding) in enumerate(zip(rung.climbs, rung.findings, strict=True))
        for m, fact in enumerate(finding.facts)
        if is_trusted(ground, climb, fact)
    ]
    alive = (Alive(at=now, service=service, source=SOURCE_ID),) if seen else ()
    return (*found, *seen, *alive)


def is_trusted(ground: Ground, climb: Climb, fact: Fact) -> bool:
    """Whether a fact is the service's own, whatever this network is like.

    On bad ground only what the service itself said counts: an answer under its own certificate, good or bad, or
    any answer where hosts are merely blocked. Silence and broken connections are then the network's.
    """
    if ground.is_fit:
        return True
    is_theirs = ground is Ground.BLOCKED or any(mark.stage is Stage.TLS for mark in climb.marks)
    has_answered = climb.reply is not None and not climb.reply.fault
    return is_theirs and (not fact.error or has_answered)


def _outcome(service: str, now: datetime, fact: Fact, what: str, step: Step | None) -> Outcome:
    is_ours = step is None or fact.layer in _HERE
    return Outcome(
        at=now,
        service=service,
        source=SOURCE_ID,
        component=None if is_ours or step is None else step.component,
        layer=fact.layer,
        ok=not fact.error,
        latency_ms=fact.latency_ms,
        error=fact.error or None,
        model=step.model if step is not None and fact.layer is step.layer else None,
        id=f"{SOURCE_ID}:{iso(now)}:{what}"[:80],
    )
