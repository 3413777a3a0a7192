"""How each failure is made. Pure.

The scripted provider itself fails wherever a provider can: what reaches the gateway then is real bytes, or none, over a
real connection. What lies before any server, a name that is not found and a certificate that is no good, is made by the
gateway's own drill switch.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from stillup.drill.values import Kind, Play
from stillup.drill.workload import WELL
from stillup.errors import UsageError
from stillup.gateway.faults.drill import MODES, Mode
from stillup.sim.provider.behaviour import Behaviour, Failure

AFTER = 5
"""So many pieces of an answer come before it breaks."""
SLOW_S = 12.0
"""How late a slow answer comes: more than anybody puts up with (:data:`stillup.drill.score.PUT_UP_WITH_S`)."""
_SLOW_PACE_S = 0.05
_LEAST, _MOST = 400, 599
_PING_S = 1.0
_SILENT = (Mode.HANG, Mode.PINGS, Mode.STALL)
_QUICK = (
    "The gateway bears silence for as long as it has learned from answers here, which are quicker than real ones: with "
    "real providers it takes longer to switch."
)
_BY_SWITCH = (Mode.DNS, Mode.TLS)
_OVERLOADED, _UNAVAILABLE = 529, 503
_BY_PROVIDER = "The scripted provider in its place fails so itself, over a real connection."
_SWITCHED = "By the gateway's drill switch: it lies before any server, so that no scripted one can fail so."
_DOWN = (
    "The scripted providers in their place cut off every answer under way, and say of every other that they are down."
)
_GONE = "Nobody listens any more where the scripted providers stood, and every answer under way is cut off."


class Fault(Struct, frozen=True, kw_only=True):
    """How upstreams are made to fail: by a behaviour of the scripted providers, or by a mode of the drill switch."""

    behaviour: Behaviour | None = None
    switch: str = ""
    cuts: bool = False
    """Answers under way are cut off first."""
    says: str

    def at(self, vendor: str) -> Behaviour:
        """The behaviour at one vendor: each has a status of its own for having no room."""
        found = self.behaviour or WELL
        if self.cuts and found.failure is Failure.STATUS and vendor == "anthropic":
            return replace(found, status=_OVERLOADED)
        return found


SLOW_PACE = replace(WELL, gap_s=_SLOW_PACE_S)
"""All is well, and answers take long enough to be cut off in the middle."""


def fault_of(play: Play) -> Fault:
    """How a scene's failure is made.

    :raises UsageError: there is no such way to fail.
    """
    if play.kind is Kind.MODE:
        return _mode(play.name)
    if play.kind is Kind.PROVIDER:
        return Fault(behaviour=_failing(Failure.STATUS, status=_UNAVAILABLE), cuts=True, says=_DOWN)
    return Fault(behaviour=_failing(Failure.REFUSED), cuts=True, says=_GONE)


def _mode(name: str) -> Fault:
    if name not in MODES:
        status = int(name) if name.isascii() and name.isdecimal() and len(name) == 3 else 0
        if not _LEAST <= status <= _MOST:
            msg = f"no way to fail is called {name[:100]!r}; there are: {', '.join(MODES)}, or a status, as 529"
            raise UsageError(msg)
        return Fault(behaviour=_failing(Failure.STATUS, status=status), says=_BY_PROVIDER)
    mode = Mode(name)
    if mode in _BY_SWITCH:
        return Fault(switch=name, says=_SWITCHED)
    if mode is Mode.SLOW_HEADERS:
        return Fault(behaviour=replace(WELL, headers_after_s=SLOW_S), says=_BY_PROVIDER)
    if mode is Mode.SLOW_FIRST_TOKEN:
        return Fault(behaviour=replace(WELL, first_token_after_s=SLOW_S), says=_BY_PROVIDER)
    failing = _failing(Failure(mode.value))
    if mode is Mode.PINGS:
        failing = replace(failing, gap_s=_PING_S)
    return Fault(behaviour=failing, says=f"{_BY_PROVIDER} {_QUICK}" if mode in _SILENT else _BY_PROVIDER)


def _failing(failure: Failure, *, status: int = _UNAVAILABLE) -> Behaviour:
    return replace(WELL, failure=failure, status=status, after=AFTER)
