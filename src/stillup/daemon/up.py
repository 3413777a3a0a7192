"""``stillup up``: monitor, page, gateway and alerts in one process, each telling the others what it knows.

The monitor, the page and the alerts have a thread and an event loop each: a page that takes a tenth of a second to read
must not hold up a stream. Each goes on when another has died.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from os import urandom
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.clock import SystemClock
from stillup.daemon.drill.reminder import Reminding
from stillup.daemon.gateway import Told, build, hop_models, listen, run_loop, stop, stopping, warm_up
from stillup.daemon.heartbeat import Heartbeat, Pulse
from stillup.daemon.later.line import line_of
from stillup.daemon.places import Places, client_line, keyless
from stillup.daemon.rerouting import Rerouter
from stillup.daemon.sockets import open_sockets
from stillup.daemon.traffic import TrafficObserver
from stillup.daemon.vault import Following
from stillup.daemon.watching import LateView, Say, Watching
from stillup.errors import StillupError, StoreError, UsageError
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.seen.access import Style
from stillup.gateway.seen.make import equip, labels_for
from stillup.registry import usable_sources
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.alerts.alerting import Alerting
    from stillup.daemon.live import Feed, Listener
    from stillup.daemon.past import Past
    from stillup.daemon.playbook import Helpers
    from stillup.daemon.sharing import Sharing
    from stillup.daemon.web import Serving
    from stillup.gateway.app import Gateway
    from stillup.hub.desk import Hub
    from stillup.hub.pooling import PooledCounts

_SWITCH_S = 0.001
"""A request waits no longer than that for the monitor's thread; Python's own bound is five times as much."""

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
    welcome: Callable[[Places], None] | None = None,
) -> int:
    """Run until told to stop; the exit code. ``listener_of`` is made once it runs, and told in the monitor's thread.

    ``welcome`` is told where everything is as soon as all of it listens.

    :raises stillup.errors.UsageError: an address or the access log cannot be had.
    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    plan, clock = resolve(config, environ), SystemClock()
    watched = services_of(config, plan)
    check_keys(config, watched, environ)
    made = _Up(config, environ, plan, watched, clock, say)
    if made.gateway is not None:
        why_not = equip(made.gateway.seen, environ, log=log, style=style)
        if why_not:
            say(why_not)
    made.check_addresses()
    sys.setswitchinterval(_SWITCH_S)
    warm_up()
    run_loop(made.serve(listener_of, welcome or (lambda places: _plainly(places, say))))
    return 0


class _Up:
    """Everything that runs, put together; :meth:`serve` runs it."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        plan: GatewayPlan,
        services: Sequence[Service],
        clock: Clock,
        say: Say,
    ) -> None:
        from stillup.daemon.alerts.alerting import Alerting

        self._config, self._environ, self._clock, self._say = config, environ, clock, say
        self._services = services
        self._seat = LateView()
        self._feeds: list[Feed] = []
        self.gateway: Gateway | None = None
        self._rerouter: Rerouter | None = None
        self._sharing: Sharing | None = None
        if config.gateway.enabled:
            observer = TrafficObserver(clock, labels_for(hop_models(config)))
            self._sharing = self._open_sharing()
            self._feeds.append(self._sharing.beside(observer.due) if self._sharing else observer.due)
            self._rerouter = Rerouter(plan, clock, observer)
            self.gateway = build(config, plan, clock, view=self._seat, observer=self._rerouter, say=say)
            self._rerouter.saves = self.gateway.keeps
        self._alerting: Alerting = Alerting(config, environ, clock, say)
        self._desk = self._open_desk()
        self._page: Serving | None = None
        self._past: Past | None = None
        self._pulse = Pulse(clock, config.watchdog.judged_within_s)
        self._token: Secret | None = None
        self._token_at = ""
        if config.web.enabled:
            from stillup.web.token import find_token, place_of

            self._token = find_token(config.web, config.data_folder, environ)
            self._token_at = place_of(config.web, config.data_folder)

    def _open_desk(self) -> Hub | None:
        """Where crowd reports are handed in; what they add up to is a source of the watch."""
        if not (self._config.web.enabled and self._config.hub.enabled):
            return None
        from stillup.hub.desk import Hub

        watched = [s.id for s in self._services]
        desk = Hub(urandom, self._clock.now(), watched, own=self._config.hub.own_networks)
        self._feeds.append(desk.due)
        return desk

    def _open_pool(self) -> PooledCounts | None:
        """Where other installations share their counts."""
        if not (self._config.web.enabled and self._config.pool.accept):
            return None
        from stillup.hub.pooling import PooledCounts

        return PooledCounts(urandom, own=self._config.hub.own_networks)

    def _open_sharing(self) -> Sharing | None:
        """What shares the gateway's counts with others, where that is switched on."""
        pool = self._config.pool
        if not pool.share or pool.url is None:
            return None
        from stillup.daemon.sharing import Sharing

        return Sharing(pool.url, self._clock, urandom, self._say)

    def check_addresses(self) -> None:
        """See that what is to listen can, before anything begins.

        :raises UsageError: an address cannot be had, and which.
        """
        wanted = {"web": self._config.web.listen} if self._config.web.enabled else {}
        if self.gateway is not None:
            wanted["gateway"] = self._config.gateway.listen
        for section, address in wanted.items():
            try:
                sockets, _, _ = open_sockets(address, 1, f"{section}.listen")
            except UsageError as exc:
                msg = f"{exc}. Does another `stillup up` run?"
                raise UsageError(msg) from exc
            for sock in sockets:
                sock.close()

    async def serve(self, listener_of: ListenerOf, welcome: Callable[[Places], None]) -> None:
        """Begin everything, and end it when told to."""
        if self.gateway is not None:
            await listen(self.gateway)
        told = Told()
        watching: Watching | None = None
        following: asyncio.Task[None] | None = None
        beside: list[asyncio.Task[None]] = []
        try:
            await self._begin_page()
            self._alerting.start(self._page_url() or None)
            watching = self._watching()
            welcome(self._places())
            watching.start(listener_of(self._services))
            following = asyncio.create_task(Following(self._config, self._clock, self._say).go_on())
            beside = [asyncio.create_task(work) for work in self._beside()]
            await told.until(1)
            self._say(stopping(self._config.gateway))
        finally:
            for task in beside:
                task.cancel()
            if following is not None:
                following.cancel()
            await self._end(watching, told)
            if following is not None:
                await asyncio.wait((following,))

    def _beside(self) -> Iterator[Coroutine[None, None, None]]:
        """What goes on beside everything else, until it is cancelled."""
        common = (self._config, self._environ, self._clock)
        yield Reminding(*common, self._say).go_on()
        yield Heartbeat(*common, self._say, self._pulse.why_not).go_on()
        if self._config.later.run:
            yield line_of(*common, self._say).go_on()
        if self._past is not None:
            yield self._keep_sums(self._past)
        if self._sharing is not None:
            yield self._sharing.go_on()

    async def _keep_sums(self, past: Past) -> None:
        from stillup.daemon.sla.ledger import keeping

        await keeping(past, self._services, self._clock)

    async def _begin_page(self) -> None:
        """Serve the page; what is wrong with it, but for its address, stops nothing else."""
        try:
            await asyncio.to_thread(self._open_page)
        except StillupError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it was, the gateway and the watch go on without it
            self._say(f"the page cannot be shown: {type(exc).__name__}: {exc}")
            page, self._page = self._page, None
            if page is not None:  # it may listen already, and would answer nobody
                await asyncio.to_thread(page.stop)

    def _open_page(self) -> None:
        """Put the page together and serve it; it brings its library and the database, and the gateway answers already.

        :raises UsageError: its address cannot be had.
        """
        if not self._config.web.enabled:
            return
        from stillup.daemon.page import page_of
        from stillup.daemon.past import Past
        from stillup.store import open_store

        where = self._config.store_at(self._environ)
        self._past = Past(lambda: open_store(where), self._clock)
        try:
            with self._past.reading():
                pass
        except StoreError as exc:
            self._say(f"the page has no past to show: {exc}")
        gateway = self.gateway
        self._page = page_of(
            self._config,
            self._environ,
            self._clock,
            self._services,
            self._past,
            say=self._say,
            token=self._token,
            desk=self._desk,
            pool=self._open_pool(),
            gateway=gateway.address if gateway is not None else None,
            faults=gateway.faults.shown if gateway is not None else tuple,
            metrics=[
                self._alerting.metrics,
                *([self._desk.metrics] if self._desk is not None else []),
                *([gateway.seen.render] if gateway is not None else []),
            ],
        )
        self._page.start()

    def _watching(self) -> Watching:
        return Watching(
            self._config,
            self._environ,
            self._services,
            self._clock,
            self._say,
            seat=self._seat,
            feeds=self._feeds,
            readers=[reader for reader in (self._page, self._alerting, self._pulse) if reader is not None],
            helpers=self._helpers(),
        )

    def _helpers(self) -> Helpers:
        from stillup.daemon.plan.steps import PlanSteps, plans_folder
        from stillup.daemon.playbook import Helpers
        from stillup.daemon.team import TeamSteps, team_folder

        folder = team_folder(self._config)
        if self._config.playbook.folder and folder is not None and not folder.is_dir():
            self._say(f"playbook.folder: {folder} is no folder yet; steps of your own come from Markdown files in it")
        team = TeamSteps(folder, self._say, PlanSteps(plans_folder(self._config), self._say))
        team.refresh()
        wanted = self._alerting.is_wanted
        return Helpers(
            gateway=self._rerouter,
            may_reroute=self.gateway is None,
            alerts=wanted,
            told_at=self._alerting.told_at,
            team=team,
        )

    async def _end(self, watching: Watching | None, told: Told) -> None:
        """Stop everything side by side: who hears of verdicts first, then who tells of them."""
        gently = [stop(self.gateway, told)] if self.gateway is not None else []
        await asyncio.gather(*gently, asyncio.to_thread(self._end_threads, watching))

    def _end_threads(self, watching: Watching | None) -> None:
        if watching is not None:
            watching.stop()
        self._alerting.stop()
        if self._page is not None:
            self._page.stop()
        if self._past is not None:
            self._past.close()

    # -- where everything is ------------------------------------------------------------------------------------------

    def _page_url(self) -> str:
        if self._page is None:
            return ""
        return self._config.web.base_url or self._page.address

    def _places(self) -> Places:
        config, gateway = self._config, self.gateway
        address = gateway.address if gateway is not None else ""
        return Places(
            services=tuple(s.name for s in self._services) if config.reads_any(s.id for s in self._services) else (),
            data=str(config.data_folder),
            page=self._page.address if self._page is not None else "",
            public=config.web.public,
            token=self._token,
            token_at=self._token_at,
            gateway=address,
            upstreams=tuple(u.id for u in gateway.plan.upstreams) if gateway is not None else (),
            client=client_line(address, with_users=bool(config.gateway.users)),
            saves=gateway is not None and gateway.keeps,
            reports=self._desk is not None,
            alerts=", ".join(dict.fromkeys(c for r in config.alerts.rules for c in r.channels)),
            keyless=keyless(config, self._services, self._environ),
        )


def _plainly(places: Places, say: Say) -> None:
    """Where everything is, a line each, without a secret."""
    if places.gateway:
        names = ", ".join(places.upstreams) or "none yet: `stillup gateway plan` says what to set"
        say(f"gateway listens on {places.gateway} · upstreams: {names}")
    for name, where in places.rows(secrets=False):
        if name != "Gateway":
            say(f"{name.lower()}: {where}")


def check_keys(config: Config, services: Iterable[Service], environ: Mapping[str, str]) -> None:
    """Read every source's setting once: what is wrong with one is said at the start, not by the monitor's thread.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    for service in services:
        for spec in usable_sources():
            config.setting(spec.id, service.id, environ)


def services_of(config: Config, plan: GatewayPlan) -> tuple[Service, ...]:
    """What is watched: the configuration's services, and those that upstreams stand on."""
    known = catalogue()
    upstreams = plan.upstreams if config.gateway.enabled else ()
    wanted = dict.fromkeys((*config.services, *(u.service for u in upstreams)))
    return tuple(known[name] for name in wanted if name in known)
