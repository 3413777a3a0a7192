"""The drills that are under way. They are in memory only: a restart ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from stillup.gateway.core.turn import Turn
from stillup.gateway.faults.drill import Drill, DrillStatus, drill_of, read_wanted
from stillup.gateway.faults.staged import Staging


class Faults:
    """One drill an upstream at most. ``say`` is told when one begins and ends."""

    def __init__(
        self,
        known: Sequence[str],
        now: Callable[[], float],
        random: Random,
        say: Callable[[str], None],
    ) -> None:
        self._known = known
        self._now = now
        self._random = random
        self._say = say
        self._drills: dict[str, Drill] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.tries: dict[tuple[str, str], int] = {}
        """Tries that were touched since the start, by upstream and mode."""

    def drill(self, turn: Turn) -> Staging | None:
        """The drill that this try is to meet; None nearly always, and then it costs nothing."""
        if not self._drills:
            return None
        drill = self._drills.get(turn.target.upstream)
        if drill is None or self._now() >= drill.until_s:
            return None
        if drill.share < 1.0 and self._random.random() >= drill.share:
            return None
        drill.tries += 1
        at = (drill.upstream, drill.name)
        self.tries[at] = self.tries.get(at, 0) + 1
        return Staging(drill, turn.target.protocol, turn.stream)

    def begin(self, body: bytes, by: str = "") -> DrillStatus:
        """Begin what the body of a POST asks for, in place of what that upstream had.

        :raises stillup.gateway.faults.drill.Unfit: it is no drill.
        """
        now = self._now()
        drill = drill_of(read_wanted(body), self._known, now, by)
        self._stop(drill.upstream)
        self._drills[drill.upstream] = drill
        left_s = drill.until_s - now
        self._timers[drill.upstream] = asyncio.get_running_loop().call_later(left_s, self.end, drill.upstream)
        whose = f", asked for by {by}" if by else ""
        self._say(f"DRILL: {drill.upstream} fails with {drill.name} for {left_s:g} s{whose}")
        return _shown(drill, now)

    def end(self, upstream: str = "") -> list[str]:
        """End one, or all; the upstreams whose drills ended."""
        ended = [name for name in tuple(self._drills) if not upstream or name == upstream]
        for name in ended:
            tries = self._stop(name)
            self._say(f"DRILL: {name} is itself again ({tries} {'try was' if tries == 1 else 'tries were'} touched)")
        return ended

    def shown(self) -> tuple[DrillStatus, ...]:
        """Those under way."""
        now = self._now()
        return tuple(_shown(drill, now) for drill in self._drills.values() if drill.until_s > now)

    def close(self) -> None:
        """The gateway stops."""
        for name in tuple(self._drills):
            self._stop(name)

    def _stop(self, upstream: str) -> int:
        drill, timer = self._drills.pop(upstream, None), self._timers.pop(upstream, None)
        if timer is not None:
            timer.cancel()
        if drill is None:
            return 0
        for call in tuple(drill.silent):
            call.let_go()
        return drill.tries


def _shown(drill: Drill, now: float) -> DrillStatus:
    return DrillStatus(
        upstream=drill.upstream,
        mode=drill.name,
        left_s=drill.until_s - now,
        share=drill.share,
        tries=drill.tries,
        by=drill.by,
    )
