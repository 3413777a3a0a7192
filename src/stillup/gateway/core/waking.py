"""When an exchange wants to be looked at next."""

from __future__ import annotations

from stillup.gateway.core.actions import Patience
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.tries import Tries
from stillup.gateway.dialects.base import HELD

AFTER_END_S = 2.0
"""A body that does not end after its end marker is taken for ended."""
_LAST_PATIENCE_S = 60.0
"""With nobody else to ask, silence is borne at least so long before the silent are asked once more."""
_LOOK_AGAIN_S = 1.0


class Waking:
    """Times are the exchange's steady seconds.

    ``quiet_since_s`` is when the client was last sent something, ``is_paused`` says that it is slow to take it.
    """

    __slots__ = ("_deadline_s", "_desk", "_ping_s", "_tries", "can_ping", "is_paused", "quiet_since_s")

    def __init__(self, tries: Tries, desk: Desk, patience: Patience, now: float, *, can_ping: bool) -> None:
        self._tries = tries
        self._desk = desk
        self._deadline_s = now + patience.deadline_s
        self._ping_s = patience.ping_s
        self.can_ping = can_ping
        self.is_paused = False
        self.quiet_since_s = now

    def answering(self, winner: Trial, now: float) -> float:
        """While somebody answers."""
        if winner.ended_s is not None:
            return winner.ended_s + AFTER_END_S
        stalls_s = (now if self.is_paused else winner.last_s) + self._desk.stall_after_s(winner.turn)
        is_held = winner.watch is not None and winner.watch.flags & HELD
        return min(stalls_s, self.quiet_since_s + self._ping_s) if self.can_ping and is_held else stalls_s

    def asking(self, waits_until: float, now: float) -> float:
        """While nobody does; ``waits_until`` is when the next step is due, infinity where none waits."""
        wake = min(self._deadline_s, waits_until)
        if self._tries.live:
            wake = min(wake, self._silence_ends(self._tries.live[-1], now))
        if self.can_ping:
            wake = min(wake, self.quiet_since_s + self._ping_s)
        return wake

    def _silence_ends(self, newest: Trial, now: float) -> float:
        usual_s = self._desk.hedge_after_s(newest.turn)
        if not newest.is_late:
            return newest.started_s + usual_s
        ends = [turn.not_before for turn in self._tries.left if turn.not_before is not None]
        soonest = min([newest.started_s + last_patience_s(usual_s), *ends])
        return soonest if soonest > now else now + _LOOK_AGAIN_S


def last_patience_s(usual_s: float) -> float:
    """How long silence is borne where nobody else is left, after so long a silence as is usual."""
    return max(_LAST_PATIENCE_S, 6 * usual_s)
