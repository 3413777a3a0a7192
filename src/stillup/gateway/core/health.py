"""Everything remembered of upstreams, models and keys, with a bound on each: names come from clients."""

from __future__ import annotations

from collections import OrderedDict
from math import inf

from stillup.gateway.core.breaker import Breaker
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.lane import Lane
from stillup.gateway.core.outage import Outage
from stillup.gateway.core.pace import QUICK, STREAM, WHOLE, FirstTokens, Gaps
from stillup.gateway.core.values import Operation

KEPT = 1000
"""Models, and likewise keys, remembered of one upstream; the one not asked for longest goes first."""
_LONGEST_NAME = 200


class Cell:
    """One model of one upstream, for one kind of operation.

    Counting tokens works when generating hangs: what one kind of operation does must not speak for another.
    """

    __slots__ = (
        "breaker", "failed", "gaps", "last_fault", "last_fault_at", "model", "ok", "operation", "outage", "streams",
        "wholes",
    )  # fmt: skip

    def __init__(self, model: str, operation: Operation) -> None:
        self.model = model
        self.operation = operation
        self.breaker = Breaker()
        self.outage = Outage()
        self.streams: FirstTokens | None = None
        self.wholes: FirstTokens | None = None
        self.gaps: Gaps | None = None
        self.ok = 0
        self.failed = 0
        self.last_fault: Fault | None = None
        self.last_fault_at = -inf

    def pace(self, stream: bool) -> FirstTokens:  # noqa: FBT001 - asked for several times a request
        """Its silences in one manner; made when first needed, for most made-up models never are."""
        if stream:
            if self.streams is None:
                self.streams = FirstTokens(STREAM)
            return self.streams
        if self.wholes is None:
            self.wholes = FirstTokens(WHOLE if self.operation is Operation.GENERATE else QUICK)
        return self.wholes


class Host:
    """One upstream: what concerns it as a whole, its models and its keys."""

    __slots__ = ("breaker", "cells", "id", "lanes")

    def __init__(self, upstream: str) -> None:
        self.id = upstream
        self.breaker = Breaker()
        self.cells: OrderedDict[tuple[str, Operation], Cell] = OrderedDict()
        self.lanes: OrderedDict[tuple[str, Operation, str], Lane] = OrderedDict()

    def cell(self, model: str, operation: Operation) -> Cell:
        """What is remembered of a model, from now on if nothing is."""
        at = (model if len(model) <= _LONGEST_NAME else model[:_LONGEST_NAME], operation)
        found = self.cells.get(at)
        if found is None:
            found = self.cells[at] = Cell(*at)
            if len(self.cells) > KEPT:
                self.cells.popitem(last=False)
        else:
            self.cells.move_to_end(at)
        return found

    def lane(self, cell: Cell, key: str) -> Lane:
        """What is remembered of a key at one of its models, from now on if nothing is."""
        at = (cell.model, cell.operation, key[:_LONGEST_NAME])
        found = self.lanes.get(at)
        if found is None:
            found = self.lanes[at] = Lane()
            if len(self.lanes) > KEPT:
                self.lanes.popitem(last=False)
        else:
            self.lanes.move_to_end(at)
        return found

    def known_lane(self, cell: Cell, key: str) -> Lane | None:
        """The same, None if nothing is remembered."""
        return self.lanes.get((cell.model, cell.operation, key[:_LONGEST_NAME])) if self.lanes else None


class Book:
    """All upstreams. They come from the configuration, so their number needs no bound of its own."""

    __slots__ = ("hosts",)

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}

    def host(self, upstream: str) -> Host:
        """What is remembered of an upstream, from now on if nothing is."""
        found = self.hosts.get(upstream)
        if found is None:
            found = self.hosts[upstream] = Host(upstream)
        return found
