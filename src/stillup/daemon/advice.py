"""What to do and what to use instead, put together from the verdict and the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from stillup.catalog.load import ClassFacts, Service, capabilities, catalogue, outage_classes
from stillup.model.service import Capability, OutageClass, State
from stillup.model.verdict import Verdict
from stillup.response.alternatives import Choice, Offer, choose, healthy_parts
from stillup.response.playbook import steps

CLEAR = 0.5
"""From this probability on a class is named alone and its advice given."""


def likely_class(verdict: Verdict) -> ClassFacts | None:
    """Facts of the likeliest outage class, of the unknown one while none is clear; None when nothing is wrong."""
    if not verdict.diagnosis:
        return None
    likeliest = verdict.diagnosis[0]
    return outage_classes()[likeliest.class_ if likeliest.p >= CLEAR else OutageClass.UNKNOWN]


def parts_up(service: Service, verdict: Verdict, components: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Names of the parts of the service that are known to work while others are broken."""
    names = {c.id: c.name for c in service.components}
    return healthy_parts(names, verdict.components, {c: v.state for c, v in components.items()})


def what_to_do(service: Service, verdict: Verdict, components: Mapping[str, Verdict]) -> tuple[str, ...]:
    """The steps, in order."""
    facts = likely_class(verdict)
    return steps(verdict, facts.todo if facts else (), parts_up(service, verdict, components))


def alternatives(service: Service, task: Capability, states: Mapping[str, State]) -> list[Choice]:
    """Services to use instead for a task, best first; those known to be down are left out."""
    offers = []
    for other in (catalogue()[s] for s in capabilities()[task].order if s != service.id):
        ability = next((a for a in other.abilities if a.capability is task), None)
        if ability is not None:
            offers.append(
                Offer(
                    service=other.id,
                    name=other.name,
                    advantage=ability.advantage,
                    access=ability.access,
                    free=ability.free,
                    link=ability.link,
                    depends_on=tuple(d.service for d in other.dependencies),
                )
            )
    broken = [d.service for d in service.dependencies if states.get(d.service, State.UNKNOWN).is_fault]
    return choose(offers, states, broken)
