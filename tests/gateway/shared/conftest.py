"""Several desks that are told of each other's upstreams by hand, word by word."""

from __future__ import annotations

import pytest

from stillup.gateway.shared.health import Neighbours, seen
from stillup.gateway.shared.words import Health, pack, unpack
from tests.gateway.core.conftest import Play

KEYS = {"a": "print-a", "b": "print-b"}


class Replica(Play):
    """One of several that asks two upstreams; what it says goes over a wire of bytes."""

    def __init__(self, name: str, keys: dict[str, str] | None = None) -> None:
        super().__init__("ab")
        self.key = "own"
        self.name, self.keys = name, KEYS if keys is None else keys
        self.neighbours = Neighbours(self.desk.book, "ab", self.keys)

    @property
    def word(self) -> Health:
        return unpack(pack(seen(self.desk.book, self.keys, self.now)), Health)

    def hear(self, *others: Replica) -> None:
        for other in others:
            self.neighbours.hear(other.name, other.word, self.now)


@pytest.fixture(scope="session")
def replica() -> type[Replica]:
    return Replica
