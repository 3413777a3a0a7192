"""What the catalogue offers in place of a service: who can do a task, and which of them are worth a try now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stillup.catalog.load import Ability, Service, capabilities, catalogue
from stillup.model.service import Capability, State
from stillup.response.alternatives import Choice, Offer, choose

LEANS = 0.5
"""From this confidence on a service is taken to fail with what it stands on: chat goes on when GitHub is down, though
Codex does not."""


def able(task: Capability) -> list[Service]:
    """Every service that can do a task, in the catalogue's order of preference; those it does not rank come last."""
    order = {name: place for place, name in enumerate(capabilities()[task].order)}
    can = [s for s in catalogue().values() if ability(s, task) is not None]
    return sorted(can, key=lambda s: order.get(s.id, len(order)))


def ability(service: Service, task: Capability) -> Ability | None:
    """How a service does a task, None where it cannot."""
    return next((a for a in service.abilities if a.capability is task), None)


def stand_ins(service: Service, task: Capability) -> list[Service]:
    """The services that could do a task in place of this one, best first."""
    return [s for s in able(task) if s.id != service.id]


def alternatives(
    service: Service, task: Capability | None, states: Mapping[str, State], by_page: Collection[str] = ()
) -> list[Choice]:
    """Services to use instead for a task, best first; those known to be down are left out.

    Of those in ``by_page`` only the page was read.
    """
    if task is None:
        return []
    offers = []
    for other in stand_ins(service, task):
        how = ability(other, task)
        if how is not None:
            offers.append(
                Offer(
                    service=other.id,
                    name=other.name,
                    advantage=how.advantage,
                    access=how.access,
                    free=how.free,
                    link=how.link,
                    depends_on=tuple(d.service for d in other.dependencies if d.confidence >= LEANS),
                )
            )
    # Something of a cloud is degraded somewhere on most days: only its outage rules out who stands on it.
    broken = [d.service for d in service.dependencies if states.get(d.service, State.UNKNOWN).is_outage]
    return choose(offers, states, broken, by_page)
