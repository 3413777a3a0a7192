"""The mirror: a scripted provider in the place of every upstream, and two gateways before them.

One gateway has the backups that are configured, the other has every chain cut to its first upstream. Nothing of it
leaves this machine: no key, no address of a real provider, and a data folder that is thrown away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from stillup.daemon.drill.layout import KEY, Layout
from stillup.daemon.gateway import build, journal_folder
from stillup.daemon.rerouting import Rerouter
from stillup.drill.workload import WELL
from stillup.errors import StoreError
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import DEFAULT_BASES
from stillup.gateway.journal.read import read_exchanges
from stillup.gateway.plan import GatewayPlan
from stillup.gateway.upstreams import Known
from stillup.secret import Secret
from stillup.sim.provider.voices import vendor_of
from stillup.sim.provider_server import ProviderServer

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.values import Target
    from stillup.gateway.core.views import Try
    from stillup.gateway.journal.read import Exchange

BACKED, ALONE = "with your backups", "without them"
_FREE = "127.0.0.1:0"
_PROJECT = "drill"
_LEAST_AT_ONCE = 256
"""The workload asks more at once than one person does, and is not to be turned away for that."""


class MirrorLane(Struct, frozen=True, kw_only=True):
    """One gateway of the mirror."""

    name: str
    backed: bool
    gateway: Gateway
    rerouter: Rerouter
    folder: Path

    def exchanges(self) -> dict[str, Exchange]:
        """What its journal has, by the requests' ids."""
        self.gateway.outbox.flush()
        try:
            return {exchange.id: exchange for exchange in read_exchanges(self.folder)}
        except StoreError:
            return {}


class Mirror(Struct, frozen=True, kw_only=True):
    """It, running."""

    servers: dict[str, ProviderServer]
    lanes: tuple[MirrorLane, ...]

    def well(self) -> None:
        """Every provider answers again, whoever it kept waiting too."""
        for server in self.servers.values():
            server.set(WELL)
            server.release()


class _Deaf:
    """Nobody judges anything here."""

    def tried(self, result: Try) -> None:
        """A try is over."""


@asynccontextmanager
async def mirror(
    layout: Layout, config: Config, clock: Clock, models: tuple[tuple[Protocol, str], ...], say: Callable[[str], None]
) -> AsyncIterator[Mirror]:
    """Start it; ``models`` are what will be asked for. It is gone when this is left."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="stillup-drill-")))
        servers = {seat.id: await _server(stack, layout, seat.id) for seat in layout.seats}
        lanes = []
        for name, backed in ((BACKED, True), (ALONE, False)):
            plan = _plan(layout.plan, servers)
            if not backed:
                plan = _cut(plan, models)
            lane = _lane(name, plan, config, clock, folder / ("backed" if backed else "alone"), say)
            await lane.gateway.start()
            stack.push_async_callback(lane.gateway.stop, 0.0)
            lanes.append(lane)
        yield Mirror(servers=servers, lanes=tuple(lanes))


async def _server(stack: AsyncExitStack, layout: Layout, upstream: str) -> ProviderServer:
    provider = next(k.provider for k in layout.plan.known if k.spec.id == upstream)
    made = ProviderServer(upstream, vendor=vendor_of(provider.id) if provider else "")
    server = await stack.enter_async_context(made)
    server.set(WELL)
    return server


def _plan(plan: GatewayPlan, servers: dict[str, ProviderServer]) -> GatewayPlan:
    """The same plan at the scripted providers' addresses; what is known of each provider stays."""
    known = tuple(_moved(k, servers[k.spec.id].url) for k in plan.known)
    return replace(plan, known=known, specs={k.spec.id: k.spec for k in known}, chains={})


def _moved(known: Known, url: str) -> Known:
    spec = known.spec
    path = urlsplit(spec.base_url or DEFAULT_BASES.get(spec.protocol, "")).path
    is_cloud = spec.protocol in (Protocol.BEDROCK, Protocol.VERTEX)
    # A cloud's own credentials are none of a drill's business, so it has a key that is no one's.
    key = Secret(KEY) if spec.key is not None or is_cloud else None
    return replace(known, spec=replace(spec, base_url=url + path, key=key, project=spec.project and _PROJECT))


def _cut(plan: GatewayPlan, models: tuple[tuple[Protocol, str], ...]) -> GatewayPlan:
    """Every chain ends with its first upstream."""
    chains: dict[tuple[Protocol, str], tuple[Target, ...]] = {}
    for at in models:
        chain = plan.chain(*at)
        chains[at] = tuple(target for target in chain if target.upstream == chain[0].upstream)
    return replace(plan, chains=chains)


def _lane(
    name: str, plan: GatewayPlan, config: Config, clock: Clock, folder: Path, say: Callable[[str], None]
) -> MirrorLane:
    settings = replace(
        config.gateway,
        listen=_FREE,
        hosts=(),
        users=(),
        journal=True,
        journal_sync="none",
        defer_notify=False,
        max_concurrent=max(_LEAST_AT_ONCE, config.gateway.max_concurrent),
    )
    own = replace(config, data=str(folder), gateway=settings)
    rerouter = Rerouter(plan, clock, _Deaf(), saves=True)
    gateway = build(own, plan, clock, observer=rerouter, say=say)
    return MirrorLane(name=name, backed=name == BACKED, gateway=gateway, rerouter=rerouter, folder=journal_folder(own))
