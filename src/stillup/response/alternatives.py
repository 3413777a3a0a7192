"""What to use instead: first a healthy part of the same service, then others that are up and do not share the fault."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from stillup.model.service import State


class Offer(Struct, frozen=True, kw_only=True):
    """A service that could stand in for one capability, as the catalogue describes it."""

    service: str
    name: str
    advantage: str
    access: str
    free: bool
    link: str
    depends_on: tuple[str, ...] = ()


class Choice(Struct, frozen=True, kw_only=True):
    """An offer with what is known of it now, and why it stands where it does in the list."""

    offer: Offer
    state: State
    why: str


def healthy_parts(components: Mapping[str, str], broken: Sequence[str], tried: Mapping[str, State]) -> tuple[str, ...]:
    """Names of components of the same service that are known to work while others are broken."""
    if not broken:
        return ()
    return tuple(name for c, name in components.items() if c not in broken and tried.get(c) is State.OPERATIONAL)


def choose(
    offers: Sequence[Offer],
    states: Mapping[str, State],
    broken_dependencies: Sequence[str],
    by_page: Collection[str] = (),
) -> list[Choice]:
    """Offers worth making, best first: known to be up, then unknown; never one that is down or shares the fault.

    Of those in ``by_page`` only the official page was read, which may be the last to know.
    """
    choices = []
    for offer in offers:
        state = states.get(offer.service, State.UNKNOWN)
        if state.is_fault or state is State.MAINTENANCE or set(offer.depends_on) & set(broken_dependencies):
            continue
        up = "its page says it is up" if offer.service in by_page else "up now"
        why = up if state is State.OPERATIONAL else "not checked now"
        choices.append(Choice(offer=offer, state=state, why=why))
    return sorted(choices, key=lambda c: c.state is not State.OPERATIONAL)
