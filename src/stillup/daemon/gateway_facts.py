"""What a gateway of a cluster says of itself to pages: its chains, how much each was used, and faults it plays.

Never in it: keys (the variables they come from are), prompts, users, and names of models that only clients know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from hashlib import blake2b
from math import isfinite
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from stillup.bus.base import UNREADABLE
from stillup.catalog.models import find_model
from stillup.daemon.drill.layout import seat_of
from stillup.daemon.risk.candidates import Standing, standing
from stillup.daemon.risk.needs import MOST_CHAINS, routes_needed, subject_of
from stillup.daemon.risk.used import Heap, Usage
from stillup.drill.scenes import Seat
from stillup.errors import BadDataError
from stillup.gateway.core.values import Protocol
from stillup.gateway.faults.drill import DrillStatus
from stillup.gateway.plan import GatewayPlan
from stillup.model.signal import At
from stillup.risk.need import Kind, Need, Way

FACTS = "gateway-facts"
"""The table, in memory on the bus, by the life of a gateway."""
STANDS_S = 30.0

_MOST_BYTES = 131_072
_LONGEST, _MOST_COUNT = 300, 10**15
_MOST_WAYS, _MOST_BY, _MOST_UPSTREAMS, _MOST_FAULTS, _MOST_ASKED = 20, 200, 50, 20, 20


class Fault(Struct, frozen=True, kw_only=True):
    """A fault that is played with real requests, as :class:`stillup.gateway.faults.drill.DrillStatus` tells it."""

    upstream: str
    mode: str
    until: At
    share: float = 1.0


class Facts(Struct, frozen=True, kw_only=True):
    """All that one gateway says. ``needs`` are its most used chains, ``chains`` is how many there are."""

    needs: Annotated[tuple[Need, ...], Meta(max_length=MOST_CHAINS)] = ()
    chains: int = 0
    upstreams: Annotated[tuple[Standing, ...], Meta(max_length=_MOST_UPSTREAMS)] = ()
    layout: str = ""
    """A digest of upstreams and routes: gateways that differ in it would answer the same request otherwise."""
    seats: Annotated[tuple[Seat, ...], Meta(max_length=_MOST_UPSTREAMS)] = ()
    asked: Annotated[tuple[str, ...], Meta(max_length=_MOST_ASKED)] = ()
    """Models of the catalogue that were asked for, the most asked first."""
    journal: str = ""
    """Tells journals apart: what two gateways read of one is counted once. Empty: it keeps none."""
    trouble: str = ""
    """Why the journal was not read."""
    faults: Annotated[tuple[Fault, ...], Meta(max_length=_MOST_FAULTS)] = ()


_facts = msgspec.msgpack.Decoder(Facts)


def facts_of(plan: GatewayPlan, usage: Usage, journal: str, services: Sequence[str]) -> Facts:
    """What is to be said, without faults."""
    counted = usage if plan.routes else _of_the_catalogue(usage)
    needs = [_told(need) for need in routes_needed(plan, counted, services)]
    asked = (found.id for _, name in usage.most_asked(100) if (found := find_model(name)) is not None)
    return Facts(
        needs=tuple(filter(_fits, needs[:MOST_CHAINS])),
        chains=len(needs),
        layout=_layout(plan),
        upstreams=tuple(standing(plan))[:_MOST_UPSTREAMS],
        seats=tuple(seat_of(known) for known in plan.known[:_MOST_UPSTREAMS]),
        asked=tuple(dict.fromkeys(asked))[:_MOST_ASKED],
        journal=journal,
        trouble="its journal cannot be read" if usage.trouble else "",
    )


def _layout(plan: GatewayPlan) -> str:
    routes = [(route.match, route.chain, route.max_usd_per_million) for route in plan.routes]
    known = [(k.spec.id, k.spec.protocol.value, str(subject_of(k)), bool(k.missing), k.is_bare) for k in plan.known]
    return blake2b(repr((routes, known, plan.standin_max_usd)).encode(), digest_size=8).hexdigest()


def _of_the_catalogue(usage: Usage) -> Usage:
    """The same by the catalogue's names of models: others may be anything that a client wrote."""
    heaps: dict[tuple[str, str], Heap] = {}
    for (protocol, name), heap in usage.heaps.items():
        model = find_model(name)
        if model is not None:
            heaps.setdefault((protocol, model.id), Heap()).add(heap)
    return replace(usage, heaps=heaps)


def _fits(need: Need) -> bool:
    """Whether pages would take it: one chain that is beyond a bound must not hide the others."""
    try:
        _check(msgspec.to_builtins(need))
        _check_need(need)
    except ValueError:
        return False
    return True


def _told(need: Need) -> Need:
    used = need.used
    if used is not None:
        used = replace(used, by=dict(sorted(used.by.items(), key=lambda item: -item[1])[:_MOST_BY]))
    return replace(need, title=need.title[:_LONGEST], used=used, ways=_ways(need.ways), lacking=_ways(need.lacking))


def _ways(ways: Iterable[Way]) -> tuple[Way, ...]:
    return tuple(map(_way, list(ways)[:_MOST_WAYS]))


def _way(way: Way) -> Way:
    """A key's file is told by its last name alone, a model by the catalogue's."""
    model = find_model(way.model)
    return replace(
        way,
        title=way.title[:_LONGEST],
        model=model.id if model else "",
        key=way.key.replace("\\", "/").rpartition("/")[2][:_LONGEST],
        note=way.note[:_LONGEST],
        missing=way.missing[:_LONGEST],
    )


def with_faults(facts: Facts, played: Iterable[DrillStatus], now: At) -> Facts:
    """The same with what is played now; who asked for it is not told."""
    faults = tuple(
        Fault(upstream=p.upstream[:_LONGEST], mode=p.mode, until=now + timedelta(seconds=p.left_s), share=p.share)
        for p in list(played)[:_MOST_FAULTS]
    )
    return replace(facts, faults=faults)


def pack(facts: Facts) -> bytes:
    """A value of the table; where it would be too long, with fewer chains."""
    while len(packed := msgspec.msgpack.encode(facts)) > _MOST_BYTES and facts.needs:
        facts = replace(facts, needs=facts.needs[:-1])
    return packed


def unpack(value: bytes) -> Facts:
    """What it says.

    :raises BadDataError: it is none of ours, of another version of stillup, or beyond any bound.
    """
    try:
        if len(value) > _MOST_BYTES:
            msg = f"it has {len(value)} bytes; {_MOST_BYTES} are allowed"
            raise BadDataError(msg)
        facts = _facts.decode(value)
        _check(msgspec.to_builtins(facts))
        for need in facts.needs:
            _check_need(need)
    except UNREADABLE as exc:
        msg = "what a gateway says of its chains cannot be read by this version of stillup"
        raise BadDataError(msg) from exc
    return facts


def _check(value: object) -> None:
    match value:
        case str() if len(value) > _LONGEST:
            msg = "a text is too long"
            raise ValueError(msg)
        case bool():
            pass
        case int() | float() if not (isfinite(value) and 0 <= value <= _MOST_COUNT):
            msg = "a number is out of bounds"
            raise ValueError(msg)
        case dict():
            _check([*value.keys(), *value.values()])
        case list() | tuple():
            for each in value:
                _check(each)


def _check_need(need: Need) -> None:
    where, protocol, _ = (*need.id.split(":", 2), "", "")[:3]
    is_too_much = (
        max(len(need.ways), len(need.lacking)) > _MOST_WAYS or len(need.used.by if need.used else ()) > _MOST_BY
    )
    if need.kind is not Kind.ROUTE or where != "route" or is_too_much:
        msg = "that is no chain of a gateway"
        raise ValueError(msg)
    Protocol(protocol)
