"""Which services are judged together: those that stand on each other, so that each part is judged as one process would.

A service's verdict looks at those of what it stands on (nothing else of another's). So the connected parts of the graph
of dependencies, among the services that are watched, can be judged apart from each other without a difference. Parts
are gathered into a few partitions, for each costs a log and a lease; which one a part goes to follows from its name
alone, so that a service more moves no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.daemon.jobs import profile_of

MOST = 16
"""Partitions at most."""


class Partition(Struct, frozen=True, kw_only=True):
    """Services that are judged together, in the order of their ids, under one name."""

    name: str
    services: tuple[str, ...]

    @property
    def log(self) -> str:
        """The name of its log on the bus."""
        return f"signals.{self.name}"

    @property
    def profiles(self) -> str:
        """A digest of what is known of its services beforehand: states of two that differ do not fit each other."""
        known = repr([profile_of(service) for service in self.services])
        return blake2b(known.encode(), digest_size=16).hexdigest()


def partitions_of(services: Sequence[Service], most: int = MOST) -> tuple[Partition, ...]:
    """All that is watched in at most so many partitions, each service in one; their order is of no matter."""
    parts: dict[int, list[str]] = {}
    for part in connected({s.id: [d.service for d in s.dependencies] for s in services}):
        parts.setdefault(_number(part[0], most), []).extend(part)
    return tuple(Partition(name=f"p{n}", services=tuple(sorted(parts[n]))) for n in sorted(parts))


def connected(stands_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The connected parts of a graph, each in the order of its names; edges to what is not among the keys are none."""
    beside: dict[str, set[str]] = {name: set() for name in stands_on}
    for name, below in stands_on.items():
        for other in below:
            if other in beside:
                beside[name].add(other)
                beside[other].add(name)
    seen: set[str] = set()
    parts: list[list[str]] = []
    for name in sorted(beside):
        part, waiting = [], [name]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                part.append(one)
                waiting += beside[one]
        if part:
            parts.append(sorted(part))
    return parts


def partition_of(partitions: Sequence[Partition], service: str) -> Partition | None:
    """The one that judges a service; None where it is not watched."""
    return next((p for p in partitions if service in p.services), None)


def _number(name: str, most: int) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) % most
