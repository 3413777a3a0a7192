"""The network: the only package that imports an HTTP client, and only once a :class:`Net` is entered.

Bounded in size, time and number; every failure is a :class:`~stillup.errors.SourceError`.
::

    client ──► cache      what is kept, and whether it may answer (pure decision; files)
       │  ───► route      where to ask, what a redirect may do, which proxy (pure)
       │  ───► transport  one exchange over aiohttp, within its bounds
       │  ───► socket     one WebSocket that is held open
       └─────► failures   the table from foreign exceptions to ours · refusals: from statuses to ours
"""

from stillup.net.client import Net
from stillup.net.meter import Meter
from stillup.net.names import Address, Resolver, host_of, is_loopback, look_up
from stillup.net.values import FLOOR_S, MIB, Answer, Request

__all__ = [
    "FLOOR_S",
    "MIB",
    "Address",
    "Answer",
    "Meter",
    "Net",
    "Request",
    "Resolver",
    "host_of",
    "is_loopback",
    "look_up",
]
