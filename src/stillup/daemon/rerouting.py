"""How the gateway stands to a service in trouble: is the work saved, and who answers in its place."""

from __future__ import annotations

from asyncio import timeout
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.clock import Clock
from stillup.daemon.page_address import gateway_base
from stillup.errors import SourceError
from stillup.gateway.core.status import Condition
from stillup.gateway.core.values import Operation
from stillup.gateway.statuspage import PATH, GatewayStatus
from stillup.model.service import State
from stillup.net.stream import ask_here
from stillup.response.playbook import Rerouting
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.gateway.core.views import Observer, Try
    from stillup.gateway.plan import GatewayPlan

_TOKEN_ENV = "STILLUP_TOKEN"  # noqa: S105 - the name of a variable
_MOST_BYTES = 1 << 20
_UNWELL = (Condition.OPEN, Condition.TRICKLE, Condition.OUT, Condition.LIMITED, Condition.KEY_BLOCKED)
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
        self._chains = plan.upstream_chains
        self._last: dict[str, _Last] = {}

    def tried(self, result: Try) -> None:
        """Note who answered, and pass it on."""
        self._last[result.target.upstream] = _Last(self._clock.monotonic_s(), result.ok)
        self._then.tried(result)

    def rerouting(self, service: str, state_of: Callable[[str], State]) -> Rerouting:
        """How it stands to a service in trouble; ``state_of`` says how others are."""
        now_s = self._clock.monotonic_s()
        told = {u: last.ok for u, last in self._last.items() if now_s - last.at_s <= _OF_LATE_S}
        return _rerouting(service, state_of, self._service_of, self._chains, told, saves=self.saves)


class Neighbour(Struct, frozen=True):
    """The gateway that runs on this machine in a process of its own, by what it says of itself."""

    status: GatewayStatus

    def rerouting(self, service: str, state_of: Callable[[str], State]) -> Rerouting:
        """How it stands to a service in trouble; that somebody answers is not claimed: it does not say when."""
        said = self.status
        asked = [t for t in said.targets if t.operation is Operation.GENERATE]
        well = {t.upstream for t in asked if t.condition not in _UNWELL}
        failing = {t.upstream: False for t in asked if t.upstream not in well}
        saves = said.journal.on and not said.journal.trouble
        return _rerouting(
            service, state_of, {u.id: u.service for u in said.upstreams}, said.chains, failing, saves=saves
        )


async def neighbour(config: Config, environ: Mapping[str, str], within_s: float = 0.1) -> Neighbour | None:
    """The gateway that runs here at the configuration's address; None where none says so within that time."""
    base = gateway_base(config)
    if base is None:
        return None
    # Only where ours would ask for it: it is not for whoever else may listen there.
    token = environ.get(_TOKEN_ENV, "").strip() if config.gateway.users else ""
    headers = {"x-stillup-token": Secret(token)} if token.isascii() and token.isprintable() and token else {}
    try:
        async with timeout(within_s), ask_here(base + PATH, headers=headers) as answer:
            body = await answer.body(_MOST_BYTES)
        return Neighbour(msgspec.json.decode(body, type=GatewayStatus)) if answer.status == 200 else None
    except (SourceError, TimeoutError, msgspec.DecodeError):
        return None


def _rerouting(
    service: str,
    state_of: Callable[[str], State],
    service_of: Mapping[str, str | None],
    chains: Iterable[Iterable[str]],
    told: Mapping[str, bool],
    *,
    saves: bool,
) -> Rerouting:
    """``told`` says of upstreams that were asked of late whether they answered."""
    beside = [chain for chain in chains if any(service_of.get(u) == service for u in chain)]
    others = dict.fromkeys(u for chain in beside for u in chain if service_of.get(u) != service)
    answering = tuple(u for u in others if told.get(u))
    down = {u for u in others if state_of(service_of.get(u) or "").is_outage}
    ready = tuple(u for u in others if u not in told and u not in down)
    return Rerouting(
        saves=saves,
        uses=bool(beside),
        answering=answering,
        ready=ready,
        failing=tuple(u for u in others if u not in answering and u not in ready),
    )
