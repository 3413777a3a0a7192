"""The monitor's thread in ``stillup up``: what ``stillup watch`` does, beside it what this process sees itself.

What it says reaches the gateway as a view and everybody else as a board; what is seen here reaches it as feeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import timedelta
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

from stillup.catalog.load import Service
from stillup.clock import Clock
from stillup.daemon.gateway import run_loop
from stillup.errors import StoreError
from stillup.gateway.core.views import HealthView, NoView, Prior

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.config import Config
    from stillup.daemon.board import BoardMaker, Reader
    from stillup.daemon.live import Feed, Listener
    from stillup.daemon.playbook import Helpers
    from stillup.model.verdict import Verdict
    from stillup.store.store import Store

_AGAIN_S = 60.0
_LEAVE_S = 5.0

Say = Callable[[str], None]


class LateView:
    """A view whose word comes when the monitor is there."""

    def __init__(self) -> None:
        self.view: HealthView = NoView()

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known, nothing before the monitor has begun."""
        return self.view.prior(service, component, model)


class Watching:
    """The monitor's thread. ``readers`` are shown the board in it, ``helpers`` are for its playbook."""

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
        readers: Sequence[Reader] = (),
        helpers: Helpers | None = None,
    ) -> None:
        self._config = config
        self._environ = environ
        self.services = services
        self._clock = clock
        self._say = say
        self._seat = seat
        self._feeds = feeds
        self._readers = (self, *readers)
        self._helpers = helpers
        self._seq = 0
        self._thread: Thread | None = None
        self._leave: Callable[[], object] | None = None
        self._is_leaving = Event()

    def start(self, listener: Listener) -> None:
        """Begin; ``listener`` is told in the thread."""
        self._thread = Thread(target=self._live, args=(listener,), name="monitor", daemon=True)
        self._thread.start()

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:  # noqa: ARG002 - a reader of its own board
        """Remember where the numbers of boards stand: they go on when the monitor begins anew."""
        self._seq = board.seq

    def stop(self) -> None:
        """End, and wait for it a few seconds. Blocks."""
        self._is_leaving.set()
        leave = self._leave
        if leave is not None:
            with suppress(RuntimeError):  # it has just ended by itself
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
        from stillup.daemon.board import BoardMaker
        from stillup.daemon.claims import claimed, told_only
        from stillup.daemon.jobs import jobs_for
        from stillup.daemon.live import Listeners, Live
        from stillup.daemon.state import KeptState, begin
        from stillup.daemon.view import MonitorView
        from stillup.net import Net
        from stillup.sources.poller import Poller

        config, clock = self._config, self._clock
        store = self._store()
        with store or nullcontext(), claimed(config.data_folder, [s.id for s in self.services]) as kept:
            others = [s.name for s in self.services if s.id not in kept]
            if others:
                self._say(told_only(others))
            monitor, standing = begin(config, self.services, store, clock.now(), self._say)
            state = KeptState(monitor, config, self.services, self._say, is_ours=not others)
            view = MonitorView(monitor, clock, [s.id for s in self.services])
            self._seat.view = view
            maker = BoardMaker(
                monitor,
                self.services,
                self._readers,
                helpers=self._helpers,
                resumed=bool(standing),
                say=self._say,
                seq=self._seq,
            )
            if store is not None:
                await asyncio.to_thread(self._recall, maker, store)
            keep = timedelta(days=config.store.retention_days)
            feeds = [maker.beside(feed) for feed in self._feeds]
            told = Listeners(view, maker, listener, state)
            live = Live(monitor, clock, told, store, keep, feeds, standing, kept)
            jobs = jobs_for(config, self.services, self._environ, clock.now())
            try:
                async with Net(clock, cache_dir=config.data_folder / "cache") as net:
                    await live.run(Poller(jobs, net, clock, Random(), live.hear))  # noqa: S311 - jitter, not secrets
            finally:
                state.keep()

    def _recall(self, maker: BoardMaker, store: Store) -> None:
        try:
            maker.recall(store, self._clock.now())
        except StoreError as exc:
            self._say(f"what was kept cannot be shown: {exc}")

    def _store(self) -> Store | None:
        """The database; without one the watch goes on and leaves nothing behind."""
        from stillup.store import open_store

        try:
            return open_store(self._config.store_at(self._environ), late=True)
        except StoreError as exc:
            self._say(f"nothing is kept of what is watched: {exc}")
            return None


def _inner(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return str(exc)[:300]
