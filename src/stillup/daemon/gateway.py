"""The gateway put together: plan, journal, what is seen of it, and how it lives and ends as a process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stillup.catalog.models import cost_usd, find_model
from stillup.clock import Clock, SystemClock
from stillup.daemon.answer_note import answer_notes
from stillup.daemon.store_view import StoreView
from stillup.daemon.vault import Following
from stillup.errors import UsageError
from stillup.gateway.app import Gateway
from stillup.gateway.journal import Journal
from stillup.gateway.journal import Settings as JournalSettings
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.seen.access import Style
from stillup.gateway.seen.facade import Seen
from stillup.gateway.seen.make import equip, labels_for
from stillup.private import keep_memory_private

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.config.schema import Gateway as Settings
    from stillup.gateway.core.views import HealthView, Observer

GRACE_S = 10.0
"""So long streams that are under way may go on once the end is asked for, unless the configuration says."""
_MB = 1_048_576


def journal_folder(config: Config) -> Path:
    """Where exchanges are kept."""
    return config.data_folder / "journal"


def later_folder(config: Config) -> Path:
    """Where requests that were put off are kept."""
    return config.data_folder / "later"


def hop_models(config: Config) -> Iterable[str]:
    """The models that the routes name."""
    return (hop.partition("/")[2] for route in config.gateway.routes for hop in route.chain)


def build(
    config: Config,
    plan: GatewayPlan,
    clock: Clock,
    *,
    view: HealthView | None = None,
    observer: Observer | None = None,
    say: Callable[[str], None],
) -> Gateway:
    """A gateway as configured, not started yet. ``say`` is told what its user must know."""
    settings = config.gateway
    for known in plan.known:
        if known.missing:  # of what was configured; what else could be added is `stillup gateway plan`'s to say
            say(f"gateway.upstreams: {known.missing}")
    # Law 7: by default only what is one person's own. Users on loopback are others, behind a proxy of theirs.
    kept = settings.journal if settings.journal is not None else is_local(settings.listen) and not settings.users
    journal = None
    if kept:
        how = JournalSettings(
            keep_days=settings.journal_days, max_bytes=settings.journal_max_mb * _MB, sync=settings.journal_sync
        )
        journal = Journal.open(journal_folder(config), clock.now().timestamp(), how, say)
    seen = Seen(clock, price=cost_usd, labels=labels_for(hop_models(config)))
    gateway = Gateway(
        plan, settings, seen=seen, clock=clock, view=view, observer=observer, journal=journal,
        later=later_folder(config), say=say,
    )  # fmt: skip
    is_own = is_local(settings.listen) and not settings.users
    gateway.runner.tell = answer_notes(clock, say, on_desktop=is_own and settings.defer_notify)
    seen.show(
        breakers=lambda: ((t.upstream, t.model, t.condition.value) for t in gateway.desk.status(gateway.now())),
        journal=(lambda: (journal.written_bytes, journal.errors)) if journal else None,
        drills=lambda: (((d.upstream, d.mode) for d in gateway.faults.shown()), gateway.faults.tries.items()),
        put_off=lambda: Counter(item.state.value for item in gateway.later.items),
    )
    return gateway


def run(config: Config, environ: Mapping[str, str], *, log: str | None = None, style: Style = Style.LOGFMT) -> int:
    """``stillup gateway``: serve until told to stop. What a running monitor on this machine says is listened to.

    ``log`` is where the access log goes: a file's path, ``-`` for standard error, or None for none.

    :raises stillup.errors.UsageError: its address or the log cannot be had.
    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    plan = resolve(config, environ, () if config.gateway.upstreams else find_local(environ))
    clock = SystemClock()
    view = StoreView(config.store_at(environ), clock, config.services)
    gateway = build(config, plan, clock, view=view, say=_say)
    why_not = equip(gateway.seen, environ, log=log, style=style)
    if why_not:
        _say(why_not)
    warm_up()
    try:
        run_loop(_serve(gateway, Following(config, clock, _say)))
    finally:
        view.close()
    return 0


def warm_up() -> None:
    """Before anybody asks: the catalogue is read for the first of them, and no collection looks through what stays."""
    find_model("whichever")
    gc.collect()
    gc.freeze()


async def _serve(gateway: Gateway, following: Following) -> None:
    await listen(gateway)
    told = Told()
    _say(greeting(gateway))
    follow = asyncio.create_task(following.go_on())
    await told.until(1)
    _say(stopping(gateway.settings))
    follow.cancel()
    await stop(gateway, told)
    await asyncio.wait((follow,))


def stopping(settings: Settings, grace_s: float = GRACE_S) -> str:
    """What is said when the end is asked for; ``grace_s`` where the configuration does not say."""
    within_s = grace_s if settings.grace_s is None else settings.grace_s
    return f"stopping: what is under way may finish within {within_s:.0f} s; a second signal ends it at once"


async def stop(gateway: Gateway, told: Stop, drain_s: float = 0.0, grace_s: float = GRACE_S) -> None:
    """End it gently, or at once when told a second time; the times are what holds where the configuration is silent.

    First it only says that it will end, and serves on, so that whoever chooses between gateways sends nobody any more.
    """
    ending, again = asyncio.create_task(_drain(gateway, drain_s, grace_s)), asyncio.create_task(told.until(2))
    await asyncio.wait((ending, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if ending.done():
        ending.result()
        return
    ending.cancel()
    await asyncio.wait((ending,))
    await gateway.stop(0.0)


async def _drain(gateway: Gateway, drain_s: float, grace_s: float) -> None:
    settings = gateway.settings
    gateway.leave()
    await gateway.clock.sleep(drain_s if settings.drain_s is None else settings.drain_s)
    await gateway.stop(grace_s if settings.grace_s is None else settings.grace_s)


async def listen(gateway: Gateway) -> None:
    """Start it.

    :raises stillup.errors.UsageError: its address cannot be taken.
    """
    try:
        await gateway.start()
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        msg = f"cannot listen on {gateway.settings.listen}: {why}; `gateway.listen` names another address"
        raise UsageError(msg) from exc


def greeting(gateway: Gateway) -> str:
    """One line: where it listens, whom it can ask."""
    names = ", ".join(u.id for u in gateway.plan.upstreams) or "none yet: `stillup gateway plan` says what to set"
    return f"gateway listens on {gateway.address} · upstreams: {names}"


class Stop(Protocol):
    """Counts how often this process was told to stop."""

    async def until(self, times: int) -> None:
        """Wait until it was told so often."""
        ...


class Told:
    """Counts SIGINT and SIGTERM from now on: none may be lost between the first and a second."""

    def __init__(self) -> None:
        self._times = 0
        self._again = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._tell)

    async def until(self, times: int) -> None:
        """Wait until it was told so often."""
        while self._times < times:
            self._again.clear()
            await self._again.wait()

    def _tell(self) -> None:
        self._times += 1
        self._again.set()


def run_loop(main: Awaitable[None]) -> None:
    """Run on uvloop where there is one; a crash leaves no memory behind on the disk."""
    keep_memory_private()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_awaited(main))


async def _awaited(main: Awaitable[None]) -> None:
    await main


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def is_local(listen: str) -> bool:
    """Whether an address to listen on is this machine's own only."""
    from stillup.config.kinds import stays_here

    return stays_here(f"http://{listen}")


def _say(text: str) -> None:
    print(f"stillup: {text}", file=sys.stderr, flush=True)
