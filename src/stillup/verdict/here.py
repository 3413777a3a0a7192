"""Is it this machine or its network: what tries at the layers before the service say, and when they are enough.

One failed try proves nothing: a laptop wakes up, a packet is lost. It takes two failed tries without one that worked
in between, or one word that is itself a judgement over all control hosts (``offline``, ``captive_portal``).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from stillup.model.service import Layer
from stillup.model.signal import Outcome, Signal

HERE = (Layer.LOCAL, Layer.NETWORK)
LASTS_S = 15 * 60
"""For so long what this machine said of itself stands without a new word."""

ENOUGH = 2
"""Failed tries in a row."""

_CONTROLS_SAY = frozenset({"offline", "captive_portal"})
"""Errors that the probe gives only when every control host failed, or a portal answered for them."""


class _Streak(Struct):
    """Failed tries in a row at one place."""

    since_s: float
    last_s: float
    failed: int
    all_controls: bool

    @property
    def is_enough(self) -> bool:
        return self.all_controls or self.failed >= ENOUGH


class Here:
    """The newest word of this machine about itself, by source and layer."""

    def __init__(self) -> None:
        self._streaks: dict[tuple[str, Layer], _Streak] = {}

    def look(self, lines: Iterable[Signal], tick: int) -> None:
        """Take in what a tick's lines say of this machine and its network; the majority of a tick's tries decides."""
        for place, tries in _by_place(lines).items():
            n_ok, n_failed = (sum(t.tally[i] for t in tries) for i in (0, 1))
            if n_failed <= n_ok:
                self._streaks.pop(place, None)
                if n_ok:
                    self._end_before(place[1], tick)
                continue
            streak = self._streaks.get(place)
            if streak is None or tick - streak.last_s >= LASTS_S:
                streak = self._streaks[place] = _Streak(float(tick), float(tick), 0, all_controls=False)
            streak.last_s = float(tick)
            streak.failed += n_failed
            streak.all_controls = streak.all_controls or any(t.error in _CONTROLS_SAY for t in tries)

    def _end_before(self, layer: Layer, tick: int) -> None:
        """A way out that worked ends what another source said of the same layer before it, not in the same minute."""
        for place in [p for p, s in self._streaks.items() if p[1] is layer and s.last_s < tick]:
            del self._streaks[place]

    def since(self, now_s: float) -> float | None:
        """Since when this machine or its network fails; None while that is not certain."""
        return min((s.since_s for s in self._standing(now_s)), default=None)

    def observed(self, now_s: float) -> str:
        """The values behind it, for a person: ``5 tries of this machine failed in a row, none worked``."""
        standing = self._standing(now_s)
        if not standing:
            return ""
        most = max(standing, key=lambda s: s.failed)
        if most.all_controls:
            return "every control host failed too"
        return f"{most.failed} tries before the service failed in a row, none worked"

    def expiries_s(self) -> list[float]:
        """When each of these words lapses, or has."""
        return [s.last_s + LASTS_S for s in self._streaks.values()]

    def _standing(self, now_s: float) -> list[_Streak]:
        return [s for s in self._streaks.values() if s.is_enough and now_s - s.last_s < LASTS_S]


def _by_place(lines: Iterable[Signal]) -> dict[tuple[str, Layer], list[Outcome]]:
    # Tries from elsewhere (they carry a region) say nothing of this machine.
    found: dict[tuple[str, Layer], list[Outcome]] = {}
    for line in lines:
        if isinstance(line, Outcome) and line.layer in HERE and line.region is None:
            found.setdefault((line.source, line.layer), []).append(line)
    return found
