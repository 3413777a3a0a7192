"""How high a test's evidence climbs on calm days, and so how high an alarm must lie to be as rare as promised.

If the calm model were right, the peaks of the log e-value above a low mark would be exponential with mean one nat, and
``log(run)`` would keep the promise. Real numbers come in bursts that no model foresaw. So the peaks of this very series
are counted, and the alarm is put where the exponential fitted to them is as rare as promised (peaks over threshold,
Pickands 1975; on streams Siffer et al. 2017), never lower than ``log(run)``.
"""

from __future__ import annotations

from math import exp, log

_MARK = 2.0  # nats
_PRIOR = 8.0  # peaks' worth of belief that the calm model is right
_HIGHEST = 12.0  # times the promise's own threshold


class Peaks:
    """The peaks so far; ``threshold`` is the log e-value to alarm at."""

    __slots__ = ("_excess", "_low", "_now", "_number", "_rows", "threshold")

    def __init__(self, run: float) -> None:
        self._low = log(max(2.0, run))
        self._now = 0.0
        self._number = _PRIOR
        self._excess = _PRIOR
        self._rows = _PRIOR * exp(_MARK)
        self.threshold = self._low

    def see(self, log_e: float) -> None:
        """Note the evidence after one number."""
        self._rows += 1.0
        if log_e > _MARK:
            self._now = max(self._now, log_e - _MARK)
        elif self._now > 0.0:
            self._end(peaked=True)

    def cut(self) -> None:
        """An alarm began: how high this peak would have gone is not known."""
        self._end(peaked=False)

    def _end(self, *, peaked: bool) -> None:
        self._number += 1.0 if peaked else 0.0
        self._excess += self._now
        self._now = 0.0
        mean = max(1.0, self._excess / self._number)
        rare = log(max(1.0, self._number / self._rows * exp(self._low)))
        self.threshold = min(_HIGHEST * self._low, max(self._low, _MARK + mean * rare))
