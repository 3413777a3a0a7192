"""``stillup up``: the monitor and the gateway in one process, each telling the other what it knows.

The monitor has a thread and an event loop of its own: a page that takes a tenth of a second to read must not hold up a
stream. What it says reaches the gateway as a view, what the gateway sees reaches it as a feed; each goes on when the
other has died.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.clock import Clock, SystemClock
from stillup.daemon.gateway import STOPPING, Told, build, greeting, listen, run_loop, stop, warm_up
from stillup.daemon.traffic import TrafficObserver
from stillup.errors import StoreError
from stillup.gateway.core.views import HealthView, NoView, Prior
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.seen.access import Style
from stillup.gateway.seen.make import equip, labels_for
from stillup.registry import usable_sources

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.live import Feed, Listener
    from stillup.gateway.app import Gateway
    from stillup.store.store import Store

_AGAIN_S = 60.0
_LEAVE_S = 5.0
_SWITCH_S = 0.001
"""A request waits no longer than that for the monitor's thread; Python's own bound is five times as much."""

Say = Callable[[str], None]
ListenerOf = Callable[[Sequence[Service]], "Listener"]
"""Makes who is told of verdicts, given what is watched."""


def up(
    config: Config,
    environ: Mapping[str, str],
    listener_of: ListenerOf,
    say: Say,
    *,
    log: str | None = None,
    style: Style = Style.LOGFMT,
) -> int:
    """Run until told to stop; the exit code. ``listener_of`` is made once it runs, and told in the monitor's thread.

    :raises stillup.errors.UsageError: the gateway's address or the access log cannot be had.
    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    plan, clock = resolve(config, environ), SystemClock()
    watched = services_of(config, plan)
    check_keys(config, watched, environ)
    observer = TrafficObserver(clock, labels_for(hop_models(config)))
    seat = LateView()
    gateway = build(config, plan, clock, view=seat, observer=observer, say=say)
    why_not = equip(gateway.seen, environ, log=log, style=style)
    if why_not:
        say(why_not)
    watching = Watching(config, environ, watched, clock, say, seat=seat, feeds=[observer.due])
    sys.setswitchinterval(_SWITCH_S)
    warm_up()
    run_loop(_serve(gateway, watching, listener_of, say))
    return 0


async def _serve(gateway: Gateway, watching: Watching, listener_of: ListenerOf, say: Say) -> None:
    await listen(gateway)
    told = Told()
    say(greeting(gateway))
    watching.start(listener_of(watching.services))
    try:
        await told.until(1)
        say(STOPPING)
        await stop(gateway, told)
    finally:
        await asyncio.to_thread(watching.stop)


def check_keys(config: Config, services: Iterable[Service], environ: Mapping[str, str]) -> None:
    """Read every source's setting once: what is wrong with one is said at the start, not by the monitor's thread.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    for service in services:
        for spec in usable_sources():
            config.setting(spec.id, service.id, environ)


def hop_models(config: Config) -> Iterable[str]:
    """The models that the routes name."""
    return (hop.partition("/")[2] for route in config.gateway.routes for hop in route.chain)


def services_of(config: Config, plan: GatewayPlan) -> tuple[Service, ...]:
    """What is watched: the configuration's services, and those that upstreams stand on."""
    known = catalogue()
    wanted = dict.fromkeys((*config.services, *(u.service for u in plan.upstreams)))
    return tuple(known[name] for name in wanted if name in known)


class LateView:
    """A view whose word comes when the monitor is there."""

    def __init__(self) -> None:
        self.view: HealthView = NoView()

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known, nothing before the monitor has begun."""
        return self.view.prior(service, component, model)


class Watching:
    """The monitor's thread: what ``stillup watch`` does, with the gateway's tries beside the sources."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        services: Sequence[Service],
        clock: Clock,
        say: Say,
        *,
        seat: LateView,
        feeds: Sequence[Feed],
    ) -> None:
        self._config = config
        self._environ = environ
        self.services = services
        self._clock = clock
        self._say = say
        self._seat = seat
        self._feeds = feeds
        self._thread: Thread | None = None
        self._leave: Callable[[], object] | None = None
        self._is_leaving = Event()

    def start(self, listener: Listener) -> None:
        """Begin; ``listener`` is told in the thread."""
        self._thread = Thread(target=self._live, args=(listener,), name="monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it a few seconds. Blocks."""
        self._is_leaving.set()
        leave = self._leave
        if leave is not None:
            leave()
        if self._thread is not None:
            self._thread.join(_LEAVE_S)

    def _live(self, listener: Listener) -> None:
        """Watch; what ends it by mistake is said, and it begins anew a minute later."""
        while not self._is_leaving.is_set():
            try:
                run_loop(self._until_left(listener))
            except Exception as exc:  # noqa: BLE001 - whatever it was, the gateway goes on without it
                self._say(f"the monitor ended and begins anew in a minute: {type(exc).__name__}: {_inner(exc)}")
                self._seat.view = NoView()
                self._is_leaving.wait(_AGAIN_S)

    async def _until_left(self, listener: Listener) -> None:
        watching, loop = asyncio.ensure_future(self._watch(listener)), asyncio.get_running_loop()
        self._leave = lambda: loop.call_soon_threadsafe(watching.cancel)
        if self._is_leaving.is_set():
            watching.cancel()
        try:
            await watching
        except asyncio.CancelledError:
            if not self._is_leaving.is_set():
                raise
        finally:
            self._leave = None

    async def _watch(self, listener: Listener) -> None:
        # Loaded here, in the thread: they bring numpy and the database, and the gateway answers meanwhile.
        from stillup.daemon.jobs import jobs_for, monitor_of
        from stillup.daemon.live import Listeners, Live
        from stillup.daemon.view import MonitorView
        from stillup.net import Net
        from stillup.sources.poller import Poller

        config, clock = self._config, self._clock
        store = self._store()
        with store or nullcontext():
            monitor = monitor_of(config, self.services, store)
            view = MonitorView(monitor, clock, [s.id for s in self.services])
            self._seat.view = view
            keep = timedelta(days=config.store.retention_days)
            live = Live(monitor, clock, Listeners(view, listener), store, keep, self._feeds)
            jobs = jobs_for(config, self.services, self._environ, clock.now())
            async with Net(clock, cache_dir=config.data_folder / "cache") as net:
                await live.run(Poller(jobs, net, clock, Random(), live.hear))  # noqa: S311 - jitter, not secrets

    def _store(self) -> Store | None:
        """The database; without one the watch goes on and leaves nothing behind."""
        from stillup.store import open_store

        try:
            return open_store(self._config.database)
        except StoreError as exc:
            self._say(f"nothing is kept of what is watched: {exc}")
            return None


def _inner(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return str(exc)[:300]
