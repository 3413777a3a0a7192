"""``stillup run ROLE``: one role of a cluster as a process. What all of them need is here, the rest is the role's."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct

from stillup import __version__
from stillup.bus.limits import LogLimits
from stillup.bus.open import Where, open_bus
from stillup.catalog.load import Service, catalogue
from stillup.clock import SystemClock
from stillup.config.keys import key_at
from stillup.daemon.cluster.together import end
from stillup.daemon.gateway import run_loop, warm_up
from stillup.daemon.roles.beat import Beat, Beating, digest_of, must_be_alone
from stillup.daemon.roles.database import first_look, store_opener, warn_of_file
from stillup.daemon.roles.health import NOT_READY, Health
from stillup.daemon.roles.retention import retaining
from stillup.daemon.roles.role import Here, Say, Serve
from stillup.daemon.roles.stopping import Signals
from stillup.daemon.roles.watchdog import watching
from stillup.daemon.traces import traces_from
from stillup.errors import BusError, BusRefused, ConfigError, StillupError, UsageError
from stillup.gateway.seen.access import Style

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.clock import Clock
    from stillup.config import Config

_NEED_STORE = ("monitor", "web")
_WORK_ALONE = ("gateway", "web")
"""Without the bus they have something to give still; else all of them would be taken out at once when it is away."""
_NO_BUS = (
    "`stillup run` joins processes over a bus, and the configuration names none: `cluster.bus` is where the NATS "
    "servers are. On one machine `stillup up` needs no bus"
)
_MB = 1_048_576


class Start(Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    role: str
    log: str | None = None
    style: Style = Style.LOGFMT


def run(start: Start, load: Callable[[], Config], environ: Mapping[str, str], say: Say) -> int:
    """Serve until told to stop; the exit code. ``load`` reads the configuration, now and at each SIGHUP.

    :raises UsageError: no bus is named, the name is taken, or an address cannot be had.
    :raises ConfigError: a key's file cannot be read.
    :raises stillup.errors.BusRefused: what answers on the bus cannot serve.
    :raises StoreError: the database is another installation's, or a newer stillup's.
    """
    config = load()
    if not config.cluster.bus:
        raise UsageError(_NO_BUS)
    warm_up()
    logger, saying = logging.getLogger("stillup"), _Saying(say)
    logger.addHandler(saying)
    logger.propagate = False
    try:
        run_loop(_Process(start, load, environ, say).live(config))
    finally:
        logger.removeHandler(saying)
        logger.propagate = True
    return 0


class _Saying(logging.Handler):
    """What parts without a say of their own log is said like all the rest, in the same format."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        try:
            self._say(self.format(record))
        except Exception:  # noqa: BLE001 - whoever logs must not fail for it
            self.handleError(record)


class _Process:
    """One process: a life for each configuration that is taken, one after the other."""

    def __init__(self, start: Start, load: Callable[[], Config], environ: Mapping[str, str], say: Say) -> None:
        self._start, self._load, self._environ, self._say = start, load, environ, say
        self._next: Config | None = None
        self._kept: dict[tuple[str, str, str], bytes] = {}
        self._signals: Signals | None = None

    async def live(self, config: Config) -> None:
        """Until a signal ends it."""
        self._signals = Signals(self._reload)
        while True:
            await _live(self._start, config, self._environ, self._say, self._signals, self._kept)
            new = self._taken()
            if self._signals.is_ending or new is None:
                return
            config = new
            self._signals.anew()

    def _taken(self) -> Config | None:
        new, self._next = self._next, None
        return new

    def _reload(self) -> None:
        """Take a new configuration: what is under way ends gently, then the role begins anew in the same process."""
        try:
            new = self._load()
            if not new.cluster.bus:
                raise ConfigError(_NO_BUS)
        except StillupError as exc:
            self._say(f"the new configuration is not taken, the old one stays: {exc}")
            return
        self._say("a new configuration: what is under way may finish, then it holds")
        self._next = new
        if self._signals is not None:
            self._signals.stop.gently()


async def _live(
    start: Start,
    config: Config,
    environ: Mapping[str, str],
    say: Say,
    signals: Signals,
    kept: dict[tuple[str, str, str], bytes],
) -> None:
    clock = SystemClock()
    services = watched(config)
    replica = config.cluster.name or f"{_machine()}-{start.role}-{token_hex(2)}"
    async with AsyncExitStack() as stack:
        bus = await open_bus(where(config, environ, replica), clock, limits=limits(config))
        stack.push_async_callback(bus.close)
        if bus.is_there:
            await _be_alone(bus, clock, config, replica, say)
        else:
            say(f"the bus does not answer, and is tried again: {', '.join(config.cluster.bus)}")
        traces, why_not = traces_from(environ, start.role)
        stack.push_async_callback(asyncio.to_thread, traces.close)
        if why_not:
            say(why_not)
        opener = store_opener(config, environ, clock, writes=start.role == "monitor")
        if start.role in _NEED_STORE:
            warn_of_file(config, environ, say)
            await asyncio.to_thread(first_look, opener, say)
        here = Here(
            config=config, environ=environ, services=services, clock=clock, say=say, bus=bus, replica=replica,
            life=f"{replica}.{token_hex(3)}", stop=signals.stop, open_store=opener, traces=traces,
            kept=kept, log=start.log, style=start.style,
        )  # fmt: skip
        say(f"{start.role} {replica}: {len(services)} services, bus {', '.join(config.cluster.bus)}")
        beat = Beat(
            replica=replica, life=here.life, role=start.role, version=__version__, since=clock.now(),
            host=_machine(), pid=os.getpid(), watches=digest_of(services),
        )  # fmt: skip
        beating = Beating(bus, clock, beat, here.beats, say)
        if config.cluster.health:
            health = Health(config, environ, here, beating, works_alone=start.role in _WORK_ALONE)
            await health.start()
            stack.push_async_callback(health.stop)
            say(f"health: {health.address}/healthz")
        beside = [_beside("what says that this process is there", beating.go_on(), say)]
        beside.append(_beside("what says that it is being ended", _say_end(here), say))
        if start.role == "monitor":
            beside.append(_beside("the watchdog", watching(here), say))
            beside.append(_beside("what lets old signals go", retaining(here), say))
            from stillup.daemon.past import Past
            from stillup.daemon.sla.ledger import keeping

            past = Past(opener, clock)
            stack.callback(past.close)
            beside.append(_beside("what keeps sums of what was seen", keeping(past, services, clock), say))
        stack.push_async_callback(end, beside)
        await _serve(start.role, here)


async def _say_end(here: Here) -> None:
    """Whoever sends requests here should send them elsewhere while it drains."""
    await here.stop.until(1)
    here.beats[NOT_READY] = "it is being ended"


async def _be_alone(bus: Bus, clock: Clock, config: Config, replica: str, say: Say) -> None:
    """See that the name is nobody else's, where that can be seen now: servers that begin choose a leader first."""
    try:
        await must_be_alone(bus, clock, replica, is_given=config.cluster.name is not None)
    except BusRefused:
        raise
    except BusError as exc:
        say(f"whether another process has this name cannot be seen now: {exc}")


async def _serve(role: str, here: Here) -> None:
    serve: Serve = import_module(f"stillup.daemon.roles.{role}").serve
    await serve(here)
    told = asyncio.create_task(here.stop.until(1))
    await asyncio.sleep(0)
    if not told.done():
        told.cancel()
        _by_itself(role)


def _by_itself(role: str) -> NoReturn:
    msg = f"the {role} ended without being told to"
    raise StillupError(msg)


def _beside(what: str, work: Coroutine[None, None, None], say: Say) -> asyncio.Task[None]:
    """A task whose failure is said, and ends nothing else."""

    async def go_on() -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - whatever it was, the role itself goes on
            say(f"{what} ended: {type(exc).__name__}: {exc}")

    return asyncio.create_task(go_on())


def watched(config: Config) -> tuple[Service, ...]:
    """What the cluster watches: by the configuration alone, so that every process finds the same, whatever its keys."""
    known = catalogue()
    behind = (u.service for u in config.gateway.upstreams if u.service)
    return tuple(known[name] for name in sorted({*config.services, *behind}) if name in known)


def where(config: Config, environ: Mapping[str, str], name: str) -> Where:
    """The bus as it is configured.

    :raises ConfigError: a key's file cannot be read.
    """
    c = config.cluster
    password = key_at(c.password_env, c.password_file, environ)
    if c.user and password is None:
        msg = f"cluster.password_env: the variable {c.password_env} is empty, so there is no password"
        raise ConfigError(msg)
    token = key_at(c.token_env, c.token_file, environ)
    if c.token_env and not c.token_file and token is None:
        msg = f"cluster.token_env: the variable {c.token_env} is empty, so there is no token"
        raise ConfigError(msg)
    return Where(
        servers=c.bus, prefix=c.prefix, name=name, user=c.user, password=password, token=token,
        credentials=_path(c.credentials_file), ca=_path(c.ca_file), cert=_path(c.cert_file), key=_path(c.key_file),
        replicas=c.copies,
    )  # fmt: skip


def limits(config: Config) -> LogLimits:
    """How much the bus keeps."""
    return LogLimits(max_bytes=config.cluster.log_mb * _MB, max_age_s=config.cluster.log_days * 86_400)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _machine() -> str:
    """This machine's name, as it may stand in a name on the bus."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname().partition(".")[0])
    return plain.strip("-")[:24] or "machine"
