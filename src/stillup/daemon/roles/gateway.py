"""The gateway as a role of a cluster: any number of replicas, each of which works on its own when it must.

::

    verdicts (bus) ─► BusView ─► the gateway ─► TrafficObserver ─► signals.<partition> (bus), for the judges
                                   │   ▲
                                   └───┴─ Replicas: health, limits and spending, told to the others and heard of them
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from os import urandom
from typing import TYPE_CHECKING

from stillup.daemon.bus_view import BusView
from stillup.daemon.cluster.partitions import partition_of, partitions_of
from stillup.daemon.cluster.together import end, together
from stillup.daemon.cluster.writing import Writer
from stillup.daemon.gateway import build, greeting, hop_models, listen, stop, stopping
from stillup.daemon.replicas import Replicas
from stillup.daemon.roles.facts import GatewaySays
from stillup.daemon.sharing import Sharing
from stillup.daemon.sharing_together import Together
from stillup.daemon.traffic import TrafficObserver
from stillup.daemon.vault import Following
from stillup.gateway.plan import resolve
from stillup.gateway.seen.make import equip, labels_for

if TYPE_CHECKING:
    from stillup.daemon.roles.role import Here, Say

DRAIN_S, GRACE_S = 5.0, 120.0
"""What holds where the configuration does not say: a load balancer looks every few seconds, an answer takes minutes."""
TELL_S = 1.0
_WRITTEN_WITHIN_S = 2.0


async def serve(here: Here) -> None:
    """Serve until told to stop, then drain: no request that a client could get through to it is lost.

    :raises stillup.errors.UsageError: its address or the access log cannot be had.
    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    plan = await asyncio.to_thread(resolve, here.config, here.environ)
    view = BusView(here.bus, here.clock, here.say)
    observer = TrafficObserver(here.clock, labels_for(hop_models(here.config)))
    gateway = build(here.config, plan, here.clock, view=view, observer=observer, say=here.say)
    why_not = equip(gateway.seen, here.environ, log=here.log, style=here.style)
    if why_not:
        here.say(why_not)
    replicas = Replicas(gateway, here.bus, here.life, here.say)
    here.metrics.append(replicas.metrics)
    gateway.replica = lambda: replicas.status(view.judged_at())
    sharing = sharing_of(here)
    telling = Telling(here, observer, sharing)
    await asyncio.gather(replicas.look(), view.look())
    await listen(gateway)
    here.beats["gateway"] = gateway.address
    here.say(greeting(gateway))
    following = Following(here.config, here.clock, here.say)
    beside = [
        _beside("what gateways tell each other", replicas.go_on(), here.say),
        _beside("what is heard of verdicts", view.go_on(), here.say),
        _beside("what judges are told", telling.go_on(), here.say),
        _beside("what keeps the vault up", following.go_on(), here.say),
        _beside("what pages are told of chains", GatewaySays(here, gateway).go_on(), here.say),
    ]
    if sharing is not None:
        beside.append(_beside("what shares counts", sharing.go_on(), here.say))
    try:
        await here.stop.until(1)
        here.say(stopping(gateway.settings, GRACE_S))
        await stop(gateway, here.stop, DRAIN_S, GRACE_S)
        await telling.written()
        await replicas.leave()
    finally:
        await end(beside)
        if not gateway.is_stopping:
            await gateway.stop(0.0)


def sharing_of(here: Here) -> Sharing | None:
    """What shares counts with a pool, as one with the cluster's other gateways, where that is switched on."""
    pool = here.config.pool
    if not pool.share or pool.url is None:
        return None
    return Sharing(pool.url, here.clock, urandom, here.say, of=Together(here.bus, here.life, urandom))


class Telling:
    """Tells the judge of each service how its upstreams answer, every second; ``sharing`` takes note of it too."""

    def __init__(self, here: Here, observer: TrafficObserver, sharing: Sharing | None = None) -> None:
        self._clock, self._observer, self._sharing = here.clock, observer, sharing
        self._partitions = partitions_of(here.services)
        self._writers = {
            p.name: Writer(here.bus.log(p.log), here.clock, here.life, here.traces) for p in self._partitions
        }

    async def go_on(self) -> None:
        """Until cancelled; while the bus is away it waits, bounded, oldest first to go."""
        await together(self._tell_on(), *(writer.run() for writer in self._writers.values()))

    async def _tell_on(self) -> None:
        while True:
            await self._clock.sleep(TELL_S)
            self.tell()

    def tell(self) -> None:
        """Hand over all that can be told by now."""
        signals = list(self._observer.due(self._clock.now()))
        if self._sharing is not None:
            self._sharing.note(signals)
        for service in dict.fromkeys(signal.service for signal in signals):
            partition = partition_of(self._partitions, service)
            if partition is not None:
                self._writers[partition.name].write([s for s in signals if s.service == service])

    async def written(self) -> None:
        """The last of it, before the end."""
        self.tell()
        await asyncio.gather(*(writer.written(_WRITTEN_WITHIN_S) for writer in self._writers.values()))


def _beside(what: str, work: Coroutine[None, None, None], say: Say) -> asyncio.Task[None]:
    """A task whose failure is said, and ends nothing else: the gateway answers whatever becomes of the rest."""

    async def go_on() -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - whatever it was
            say(f"{what} ended: {type(exc).__name__}: {exc}")

    return asyncio.create_task(go_on())
