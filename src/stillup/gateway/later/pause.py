"""How long a chain that has just failed again is left alone. Pure."""

from __future__ import annotations

FIRST_S = 5.0
LONGEST_S = 300.0
_MOST_KNOWN = 1_000

Chain = tuple[str, ...]
"""The names of its targets."""


class Pauses:
    """For each chain its own, so that one that is down holds up nobody else's requests."""

    def __init__(self) -> None:
        self._until_s: dict[Chain, float] = {}
        self._level: dict[Chain, int] = {}

    def failed(self, chain: Chain, now: float) -> None:
        """It could not answer: the pause doubles each time."""
        level = self._level.get(chain, -1) + 1
        if chain not in self._until_s and len(self._until_s) >= _MOST_KNOWN:
            oldest = next(iter(self._until_s))
            del self._until_s[oldest], self._level[oldest]
        self._level[chain] = min(level, 16)
        self._until_s[chain] = now + min(FIRST_S * 2.0**level, LONGEST_S)

    def begin(self, chain: Chain, now: float) -> None:
        """It has just failed a client: at once it would again."""
        if chain not in self._until_s:
            self.failed(chain, now)

    def worked(self, chain: Chain) -> None:
        """It answered."""
        self._until_s.pop(chain, None)
        self._level.pop(chain, None)

    def is_over(self, chain: Chain, now: float) -> bool:
        """Whether it may be asked."""
        return now >= self._until_s.get(chain, now)
