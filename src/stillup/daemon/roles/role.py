"""What every role of a cluster is given, and what it owes: it serves until it is told to stop, then drains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stillup.catalog.load import Service
from stillup.clock import Clock
from stillup.daemon.traces import OFF, Traces
from stillup.gateway.seen.access import Style

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.config import Config
    from stillup.store.store import Store

Say = Callable[[str], None]


class Stop(Protocol):
    """Counts how often this process was told to stop."""

    async def until(self, times: int) -> None:
        """Wait until it was told so often: once is "gently", twice "at once"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a role runs: what is the same for all of them, opened before it begins and closed after it has ended."""

    config: Config
    environ: Mapping[str, str]
    services: tuple[Service, ...]
    """What the cluster watches; every replica of every role is given the same."""
    clock: Clock
    say: Say
    """Tells whoever runs it, a sentence a line."""
    bus: Bus
    replica: str
    """The name of this process, its own in the cluster; the same after a restart where it was given one."""
    life: str
    """Of this run of it alone, as ``replica.4f21c0``: what holds a lease, or numbers what only this run counted."""
    stop: Stop
    """How it is told to end."""
    open_store: Callable[[], Store]
    """Opens the cluster's database; blocks; the role closes it.

    :raises stillup.errors.StoreError: it cannot be had now, and why; a role that needs it goes on and tries again.
    """
    traces: Traces = OFF
    """Where what this process does is part of what others do."""
    beats: dict[str, str] = field(default_factory=dict)
    """What the role says of itself, by name, for `stillup doctor`: told to the cluster every few seconds."""
    metrics: list[Callable[[], bytes]] = field(default_factory=list)
    """Expositions (Prometheus text) of the role's own, for `/metrics` at `cluster.health`; each answers at once."""
    kept: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """What was last heard, by installation, table and key: it outlives a new configuration, so a page stays ready."""
    log: str | None = None
    """Where the access log goes: a file's path, `-` for standard error, None for none."""
    style: Style = Style.LOGFMT
    """How it, and everything that is said, is written."""


Serve = Callable[[Here], Awaitable[None]]
"""A role's entry, `serve` in its module. It returns once `here.stop` was told and what was under way has ended.

Cancelled, it ends at once. Whatever else it raises ends the process with an error.
"""
