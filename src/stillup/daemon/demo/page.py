"""The demo's page: the story that is being played, on loopback, as the page of a real watch would show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from os import urandom
from typing import TYPE_CHECKING

from stillup.catalog.load import catalogue
from stillup.daemon.demo.alert import DemoAlerts
from stillup.daemon.sockets import open_sockets
from stillup.errors import UsageError
from stillup.model.signal import Counted, Signal

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.alerts.alerting import Alerting
    from stillup.daemon.live import Feed, Listener
    from stillup.daemon.web import Serving
    from stillup.hub.desk import Hub
    from stillup.sim.scenario import Scenario
    from stillup.store.store import Store
    from stillup.verdict.monitor import Monitor

USUAL = "127.0.0.1:8780"
FREE = "127.0.0.1:0"


class DemoPage:
    """Made before the play, opened and served by it; ``told`` is given its address once it is there.

    ``alerted`` is given the title of each alert that went out. ``say`` is told of trouble: a page that cannot be shown
    spoils no story.
    """

    def __init__(
        self, told: Callable[[str], None], say: Callable[[str], None], alerted: Callable[[str], None] = lambda _: None
    ) -> None:
        self._told = told
        self._say = say
        self._alerts = DemoAlerts(alerted, say)
        self._alerting: Alerting | None = None
        self._page: Serving | None = None

    def load(self) -> None:
        """Load what it takes, before the clock runs ahead."""
        import stillup.daemon.alerts.alerting
        import stillup.daemon.alerts.rules
        import stillup.daemon.archive
        import stillup.daemon.board
        import stillup.daemon.web
        import stillup.hub.desk  # noqa: F401

    async def open(
        self, scenario: Scenario, config: Config, monitor: Monitor, clock: Clock, store: Store, feeds: list[Feed]
    ) -> Listener:
        """Put it together; what is reported on it is one of the ``feeds``. The listener that shows each minute."""
        from stillup.config.schema import Web
        from stillup.daemon.archive import StoreArchive
        from stillup.daemon.board import BoardMaker, first_board
        from stillup.daemon.past import Past
        from stillup.daemon.playbook import Helpers
        from stillup.daemon.web import Serving
        from stillup.hub.desk import Hub

        services = [catalogue()[s] for s in scenario.services]
        desk = Hub(urandom, clock.now(), [s.id for s in services])
        simulated = f"{scenario.title} ({scenario.id})"
        self._page = Serving(
            Web(listen=free_address()),
            clock,
            first_board(services, clock.now(), simulated),
            say=self._say,
            archive=StoreArchive(Past(lambda: store, clock), clock),
            desk=desk,
        )
        self._alerting = await self._alerts.open(config, clock)
        maker = BoardMaker(
            monitor,
            services,
            [self._page, self._alerting],
            helpers=Helpers(alerts=True, told_at=self._alerting.told_at),
            simulated=simulated,
            say=self._say,
        )
        feeds[:] = [*(maker.beside(feed) for feed in feeds), maker.beside(_once_used(desk))]
        return maker

    def serve(self) -> None:
        """Show it from now on."""
        if self._page is None:
            return
        if self._alerting is not None:
            self._alerting.start()
        try:
            self._told(self._page.start())
        except UsageError as exc:
            self._say(f"the page cannot be shown: {exc}")

    async def close(self) -> None:
        """End it: who sends alerts before who takes them."""
        await asyncio.to_thread(self._stop)
        self._alerts.close()

    def _stop(self) -> None:
        if self._alerting is not None:
            self._alerting.stop()
        if self._page is not None:
            self._page.stop()


def _once_used(desk: Hub) -> Feed:
    """The desk's signals from the first report on: one more source that hears nothing would move the told story."""
    used = False

    def due(now: datetime) -> Sequence[Signal]:
        nonlocal used
        told = desk.due(now)
        used = used or any(isinstance(line, Counted) and line.count for line in told)
        return told if used else ()

    return due


def free_address() -> str:
    """The usual address of the page, or any free port where that is taken."""
    try:
        sockets, address, _ = open_sockets(USUAL, 1, "web.listen")
    except UsageError:
        return FREE
    for sock in sockets:
        sock.close()
    return address
