"""The gateways of a cluster taken together, from what each says of itself: for ``/risk``, ``/drills``, the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from stillup.daemon.gateway_facts import Facts
from stillup.drill.scenes import Seat
from stillup.risk.need import Need, Tokens, Used


class Heard(Struct, frozen=True):
    """What the gateway of that name said last."""

    name: str
    facts: Facts


class Gateways(Protocol):
    """The gateways of a cluster, as a page hears of them; asked from other threads too."""

    @property
    def is_there(self) -> bool:
        """Whether the bus answers."""
        ...

    def heard(self) -> Sequence[Heard]:
        """What each says, by name."""
        ...


def chains_of(heard: Sequence[Heard]) -> list[Need]:
    """The chains of all, each once, with what passed through them together; where gateways differ it says at which."""
    found: dict[object, list[tuple[Heard, Need]]] = {}
    for one in heard:
        for need in one.facts.needs:
            found.setdefault(_essence(need), []).append((one, need))
    told = [_merged(same, heard) for same in found.values()]
    return sorted(told, key=lambda need: -(need.used.asked if need.used else 0))


def differing(heard: Sequence[Heard]) -> list[tuple[str, ...]]:
    """The names of gateways, together where they have the same upstreams and routes; the largest group first."""
    groups: dict[str, list[str]] = {}
    for one in heard:
        groups.setdefault(one.facts.layout, []).append(one.name)
    return sorted((tuple(names) for names in groups.values()), key=lambda names: (-len(names), names))


def _essence(need: Need) -> object:
    """What a chain is, whatever passed through it."""
    ways = tuple((way.name, way.title, way.subject, way.key) for way in need.ways)
    return need.id, ways, tuple(way.name for way in need.lacking)


def _merged(same: Sequence[tuple[Heard, Need]], heard: Sequence[Heard]) -> Need:
    """One of them; who has the same layout has the chain too, though it may say others that are used more."""
    need = same[0][1]
    layouts = {one.facts.layout for one, _ in same}
    names = [one.name for one in heard if one.facts.layout in layouts]
    title = need.title if len(names) == len(heard) else f"{listed(names, 2)}: {need.title}"
    used = {one.facts.journal or one.name: need.used for one, need in same if need.used is not None}
    return replace(need, title=title, used=_together(list(used.values())), gateways=len(names))


def _together(each: Sequence[Used]) -> Used | None:
    """A journal that is younger had nothing before: hours are those of the oldest."""
    if not each:
        return None
    by: dict[str, int] = {}
    tokens = Tokens()
    for used in each:
        tokens = tokens.plus(used.tokens)
        for upstream, count in used.by.items():
            by[upstream] = by.get(upstream, 0) + count
    return Used(hours=max(u.hours for u in each), asked=sum(u.asked for u in each), by=by, tokens=tokens)


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a, b``; of many the first, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class Seating(Protocol):
    """Whom a drill can hit, and whom the first chain asks first."""

    @property
    def seats(self) -> tuple[Seat, ...]: ...

    @property
    def first(self) -> str: ...


class Seats(Struct, frozen=True):
    """The upstreams of a cluster's gateways."""

    seats: tuple[Seat, ...]
    first: str


def seating_of(heard: Sequence[Heard]) -> Seats | None:
    """The upstreams of all gateways; None where none is told."""
    seats = {seat.id: seat for one in heard for seat in one.facts.seats}
    if not seats:
        return None
    first = next((way.name for need in chains_of(heard) for way in need.ways if way.name in seats), next(iter(seats)))
    return Seats(tuple(seats.values()), first)


def says(heard: Sequence[Heard], *, is_there: bool) -> Iterator[str]:
    """What is to be known of where the chains on a page come from, and what is missing."""
    if not is_there:
        yield "The bus does not answer: of gateways is shown what they said last."
    if not heard:
        yield "No gateway of this cluster says what its chains are (none is there, or all are of an older version)."
        return
    groups = differing(heard)
    if len(groups) > 1:
        told = "; ".join(listed(names) for names in groups[:4])
        yield f"Gateways differ in their chains ({told}): which each is at is said. During an upgrade that passes."
    silent = [one.name for one in heard if not one.facts.journal]
    if silent:
        yield f"At {listed(silent)} no journal is kept (`gateway.journal`): what passed there is in no figure."
    unread = [one.name for one in heard if one.facts.trouble]
    if unread:
        yield f"The journal at {listed(unread)} cannot be read."
    hidden = [one for one in heard if one.facts.chains > len(one.facts.needs)]
    if hidden:
        most = max(one.facts.chains for one in hidden)
        yield f"Of up to {most} chains a gateway the most used are shown; `stillup gateway plan` there has all."
    if len(heard) > 1:
        yield "Whether gateways share a machine or a connection is not known here."
    if any(way.is_local for one in heard for need in one.facts.needs for way in need.ways):
        yield "A model on this machine, in a chain, is one on the gateway's."
