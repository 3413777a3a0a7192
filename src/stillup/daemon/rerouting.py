"""How the gateway stands to a service in trouble: is the work saved, and who answers in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.clock import Clock
from stillup.model.service import State
from stillup.response.playbook import Rerouting

if TYPE_CHECKING:
    from stillup.gateway.core.views import Observer, Try
    from stillup.gateway.plan import GatewayPlan

_OF_LATE_S = timedelta(minutes=10).total_seconds()


class _Last(Struct, frozen=True):
    at_s: float
    ok: bool


class Rerouter:
    """Hears of every try beside the observer ``then``; what it heard may be asked for from any thread.

    ``saves``: whether every exchange is in the journal before it is forwarded.
    """

    def __init__(self, plan: GatewayPlan, clock: Clock, then: Observer, *, saves: bool = False) -> None:
        self._clock = clock
        self._then = then
        self.saves = saves
        self._service_of = {u.id: u.service for u in plan.upstreams}
        self._routes = tuple(_routes(plan))
        self._last: dict[str, _Last] = {}

    def tried(self, result: Try) -> None:
        """Note who answered, and pass it on."""
        self._last[result.target.upstream] = _Last(self._clock.monotonic_s(), result.ok)
        self._then.tried(result)

    def rerouting(self, service: str, state_of: Callable[[str], State]) -> Rerouting:
        """How it stands to a service in trouble; ``state_of`` says how others are."""
        beside = [route for route in self._routes if any(self._service_of.get(u) == service for u in route)]
        others = dict.fromkeys(u for route in beside for u in route if self._service_of.get(u) != service)
        now_s = self._clock.monotonic_s()
        told = {u: last for u in others if (last := self._last.get(u)) and now_s - last.at_s <= _OF_LATE_S}
        answering = tuple(u for u, last in told.items() if last.ok)
        down = {u for u in others if state_of(self._service_of.get(u) or "").is_outage}
        ready = tuple(u for u in others if u not in told and u not in down)
        return Rerouting(
            saves=self.saves,
            uses=bool(beside),
            answering=answering,
            ready=ready,
            failing=tuple(u for u in others if u not in answering and u not in ready),
        )


def _routes(plan: GatewayPlan) -> Iterator[Iterable[str]]:
    """The upstreams of each route; without routes any of them may stand in for any other."""
    if not plan.routes:
        yield tuple(u.id for u in plan.upstreams)
    for route in plan.routes:
        yield tuple(hop.partition("/")[0] for hop in route.chain)
