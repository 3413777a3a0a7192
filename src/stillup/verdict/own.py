"""Trouble that is the user's own: this machine, its network, or a quota, key or bill. Never a vote for an outage."""

from __future__ import annotations

from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.verdict.outcomes import ErrorKind, kind_of

HERE = (Layer.LOCAL, Layer.NETWORK)
_HERE_LASTS_S = 15 * 60
_RATE_LIMIT_LASTS_S = 15 * 60
_QUOTA_LASTS_S = 5 * 3600


class OwnTrouble:
    """The newest word of this machine about itself."""

    def __init__(self) -> None:
        self._here: dict[tuple[str, Layer], float] = {}
        self._quota: dict[str, tuple[float, float]] = {}

    def take(self, line: Outcome, at_s: float) -> bool:
        """Note an outcome; True when it speaks of the user's own side only and must not be judged further."""
        n_ok, n_failed = line.tally
        if line.layer in HERE:
            place = (line.source, line.layer)
            if n_failed > n_ok:
                self._here[place] = at_s
            else:
                self._here.pop(place, None)
            return True
        if n_failed and kind_of(line.error) is ErrorKind.YOURS:
            limited = (line.error or "").startswith(("rate_limit", "429"))
            self._quota[line.source] = (at_s, _RATE_LIMIT_LASTS_S if limited else _QUOTA_LASTS_S)
            return True
        if n_ok and line.layer in (Layer.INFERENCE, Layer.API_GATEWAY):
            self._quota.pop(line.source, None)
        return False

    def here(self, now_s: float) -> float | None:
        """Since when this machine or its network fails, None when it does not."""
        return min((at for at in self._here.values() if now_s - at < _HERE_LASTS_S), default=None)

    def quota(self, now_s: float) -> float | None:
        """Since when a limit, key or bill of the user's stands in the way, None when none does."""
        return min((at for at, lasts in self._quota.values() if now_s - at < lasts), default=None)

    def next_expiry_s(self) -> float | None:
        """When the next of these words lapses."""
        ends = [at + _HERE_LASTS_S for at in self._here.values()] + [at + lasts for at, lasts in self._quota.values()]
        return min(ends, default=None)
