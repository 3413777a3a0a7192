"""The bus of this installation: in one process, or over NATS."""

from __future__ import annotations

from stillup.bus.base import Bus
from stillup.bus.limits import LogLimits
from stillup.bus.local import LocalBus
from stillup.bus.where import Where
from stillup.clock import Clock
from stillup.errors import BusRefused

__all__ = ["Where", "open_bus"]


async def open_bus(where: Where | None, clock: Clock, *, limits: LogLimits | None = None) -> Bus:
    """The bus; close it when done. ``where`` None: one of this process's own.

    One that cannot be reached is given all the same and goes on reaching: see ``is_there`` and ``trouble``.

    :raises stillup.errors.BusRefused: it answers and cannot serve, or what NATS needs is not installed.
    """
    if where is None:
        return LocalBus(clock, limits)
    try:
        from stillup.bus.jetstream.bus import NatsBus
    except ImportError as error:
        msg = "a bus over NATS needs nats-py: pip install 'stillup[cluster]'"
        raise BusRefused(msg) from error
    return await NatsBus.open(where, limits or LogLimits())
