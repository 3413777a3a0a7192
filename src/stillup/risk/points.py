"""Single points of failure of a need, and what several of its ways stand on together. Pure.

A thing is a single point of failure where every way leads over it: one service, one cloud under all services, one key,
this machine's connection, this machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from math import prod

from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.risk.lean import Lean, leans
from stillup.risk.need import Kind, Need
from stillup.risk.values import LOCAL

LIKELY = 0.5
"""From here on a shared cloud is said to be likely to take all down; below it is only possible."""
LEAST = 0.05
"""Less sure than that is not worth a word."""


class What(StrEnum):
    """What kind of thing it is."""

    __hash__ = str.__hash__

    SERVICE = "service"
    CLOUD = "cloud"
    KEY = "key"
    NETWORK = "network"
    MACHINE = "machine"


class Point(Struct, frozen=True, kw_only=True):
    """A single point of failure.

    ``sure`` is how sure it is that all ways fail with it: 1 by the way things are put together; of a cloud the product
    of how sure that is of each service.
    """

    what: What
    id: str
    sure: float
    says: str
    todo: str = ""
    why: str = ""
    """The fact it rests on, where the catalogue has one."""


class Shared(Struct, frozen=True, kw_only=True):
    """Something that two or more of a need's services stand on, with how sure that is of each."""

    id: str
    name: str
    by: tuple[Lean, ...]
    """``by[n].service`` is the service that leans on it."""
    all_of_them: bool

    @property
    def sure(self) -> float:
        """How sure it is that those fail with it."""
        return prod(one.confidence for one in self.by)


def name_of(service: str) -> str:
    """A service's name, as people write it."""
    if service == LOCAL:
        return "a model on this machine"
    found = catalogue().get(service)
    return found.name if found else service.partition(":")[2] or service


def shared_by(services: Iterable[str]) -> tuple[Shared, ...]:
    """What two or more of them stand on, or are: what most takes down together first."""
    those = [s for s in services if s != LOCAL]
    under = {s: {s: Lean(service=s, confidence=1.0, why="it is that service"), **leans(s)} for s in those}
    found = []
    for cloud in dict.fromkeys(c for stands in under.values() for c in stands):
        by = tuple(
            Lean(service=s, confidence=under[s][cloud].confidence, why=under[s][cloud].why,
                 source=under[s][cloud].source, through=under[s][cloud].through)
            for s in those if cloud in under[s]
        )  # fmt: skip
        if len(by) > 1:
            found.append(Shared(id=cloud, name=name_of(cloud), by=by, all_of_them=len(by) == len(those)))
    return tuple(sorted(found, key=lambda one: (-one.sure, one.id)))


def points_of(need: Need) -> tuple[Point, ...]:
    """The single points of failure, the surest first."""
    if not need.ways:
        return ()
    found = [*_service(need), *_clouds(need), *_keys(need), *_network(need), *_machine(need)]
    return tuple(sorted(found, key=lambda p: -p.sure))


def _service(need: Need) -> Iterable[Point]:
    if len(need.services) > 1:
        return
    (service,) = need.services
    name = name_of(service)
    if service == LOCAL:
        yield Point(what=What.SERVICE, id=service, sure=1.0, says="only a model on this machine answers",
                    todo="add a provider before it")  # fmt: skip
        return
    also = "" if len(need.ways) == 1 else "; both ways are of it" if len(need.ways) == 2 else "; every way is of it"
    yield Point(what=What.SERVICE, id=service, sure=1.0, says=f"nothing stands in for {name}{also}",
                todo="add one of those below")  # fmt: skip


def _clouds(need: Need) -> Iterable[Point]:
    """Only where all services stand on it: a way on this machine needs no cloud."""
    if LOCAL in need.services:
        return
    if len(need.services) == 1:
        for lean in leans(need.services[0]).values():
            if lean.confidence >= LIKELY:
                says = (
                    f"it fails where {name_of(lean.service)} does, which it stands on (how sure: {lean.confidence:.2g})"
                )
                yield Point(what=What.CLOUD, id=lean.service, sure=lean.confidence, says=says, why=lean.why)
        return
    for one in shared_by(need.services):
        if one.all_of_them and one.sure >= LEAST and one.id not in need.services:
            each = ", ".join(f"{name_of(lean.service)} {lean.confidence:.2g}" for lean in one.by)
            yield Point(
                what=What.CLOUD,
                id=one.id,
                sure=one.sure,
                says=f"all of them stand on {one.name} (how sure: {each})",
                todo=f"one that does not stand on {one.name}, or a model on this machine",
            )


def _keys(need: Need) -> Iterable[Point]:
    asked = [way for way in need.ways if way.by_gateway and not way.is_local]
    keys = {way.key for way in asked}
    if not asked or len(asked) < len(need.ways) or len(keys) != 1:
        return
    (key,) = keys
    if key:
        yield Point(
            what=What.KEY,
            id=key,
            sure=1.0,
            says=f"all answers hang on one key, {key}: revoked, unpaid or over its limit, it stops them all",
            todo="a second provider with an account of its own",
        )


def _network(need: Need) -> Iterable[Point]:
    if any(way.is_local for way in need.ways):
        return
    by_hand = " (a phone has one of its own)" if need.kind is Kind.TASK else ""
    whose, here = ("the gateway's", "beside it") if need.gateways else ("this machine's", "on this machine")
    sure, says = 1.0, f"every way leads over {whose} connection{by_hand}"
    if need.gateways > 1:
        sure, says = LEAST, "every way leads over one connection, if all gateways have the same"
    yield Point(what=What.NETWORK, id="network", sure=sure, says=says, todo=f"a model {here} goes on without it")


def _machine(need: Need) -> Iterable[Point]:
    if need.gateways > 1:
        return  # whether they share a machine is not known here
    if need.gateways:
        says = "one gateway alone has this chain, and it stops with its machine"
        yield Point(what=What.MACHINE, id="machine", sure=1.0, says=says, todo="a second gateway with the same routes")
    elif need.kind is Kind.ROUTE:
        says = "the gateway runs on this machine, and stops with it"
        todo = "clients can ask their provider directly: take the gateway's address out of their settings"
        yield Point(what=What.MACHINE, id="machine", sure=1.0, says=says, todo=todo)
    elif all(way.is_local for way in need.ways):
        says = "the model runs on this machine, and stops with it"
        yield Point(what=What.MACHINE, id="machine", sure=1.0, says=says)
