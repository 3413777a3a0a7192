"""stillup: is an AI service down, why, for how long, and how to keep working.

::

    import stillup

    found = await stillup.check("claude")
    async with stillup.failover() as f:
        client = anthropic.AsyncAnthropic(**f.anthropic)

See :mod:`stillup.api`; what it exports is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.api import (
        Alternative,
        Alternatives,
        Back,
        Check,
        Part,
        Through,
        Tried,
        Turns,
        alternatives,
        alternatives_sync,
        check,
        check_sync,
        failover,
    )
    from stillup.errors import StillupError
    from stillup.model.service import Capability, Confidence, Scope, State

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "Alternatives",
    "Back",
    "Capability",
    "Check",
    "Confidence",
    "Part",
    "Scope",
    "State",
    "StillupError",
    "Through",
    "Tried",
    "Turns",
    "__version__",
    "alternatives",
    "alternatives_sync",
    "check",
    "check_sync",
    "failover",
]

_ELSEWHERE = {"StillupError": "errors"} | dict.fromkeys(("Capability", "Confidence", "Scope", "State"), "model.service")


def __getattr__(name: str) -> object:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found: object = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'api')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
