"""stillup from Python: is a service down, what to use instead, and a block of code that outlives an outage.

Everything here is exported by :mod:`stillup` itself, which loads it when it is first asked for::

    looking     check, alternatives: one look, as `stillup claude` and `stillup alternatives claude` make
    context     failover: what is meant by its arguments
    through     … a gateway for SDKs: the one that runs on this machine, or one of its own
    turns       … one's own functions, tried in turn

What is exported keeps its meaning within a major version; results may get further fields.
"""

from __future__ import annotations

from stillup.api.context import failover
from stillup.api.looking import alternatives, alternatives_sync, check, check_sync
from stillup.api.results import Alternative, Alternatives, Back, Check, Part
from stillup.api.through import Through
from stillup.api.turns import Tried, Turns

__all__ = [
    "Alternative",
    "Alternatives",
    "Back",
    "Check",
    "Part",
    "Through",
    "Tried",
    "Turns",
    "alternatives",
    "alternatives_sync",
    "check",
    "check_sync",
    "failover",
]
