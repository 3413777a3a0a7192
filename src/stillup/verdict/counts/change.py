"""Sequential tests on arrays: has the rate risen, has it fallen back.

The rise test is a mixture of Shiryaev–Roberts e-processes over a grid of alternatives: with ``L`` the likelihood ratio
of one window, ``R ← (1 + R) · L``, and the alarm comes when the average of ``R`` over the grid passes the threshold.
Whatever the threshold ``A``, its average run length without a change is at least ``A`` windows (Shin, Ramdas and
Rinaldo, *E-detectors*, 2022, proposition 2.4), and the same holds for an average of such tests over the cells of a
stream, however they depend on each other.

The fall test is the mirror image, kept as a CUSUM because its false alarms cost little.
"""

from __future__ import annotations

import numpy as np

from stillup.verdict.counts.rows import Array

MULTIPLIERS = np.array([1.5, 2.0, 3.0, 5.0, 9.0, 18.0, 50.0, 200.0, 2000.0])
"""The grid of alternatives, times the usual; what lies between two costs less than a tenth more time."""

RECOVERED_NATS = 3.5
"""Thirty-three to one against the fault still being there. More makes every recovery late; less makes some false."""

_STILL = 0.6  # of the raised rate: more ends weak alarms sooner, and more of them while the fault goes on

REALARM_S = 15 * 60
"""A rate that the rise test would find within this time counts as not yet recovered."""

_GRID = MULTIPLIERS.astype(np.float32)
_HUGE = 1e18  # keeps R finite in 32 bits; above every threshold, and below what 32 bits hold by more than any cap


def count_llr(x: Array | float, mean: Array | float, size: Array | float, ratio: Array | float) -> Array:
    """Log-likelihood ratio of counts: negative binomial with mean ``ratio · mean`` against ``mean``.

    ``size`` is the inverse of the over-dispersion (variance = mean + mean² / size). All broadcast together.
    """
    shrink = np.log((size + mean) / (size + ratio * mean))
    llr: Array = x * (np.log(ratio) + shrink) + size * shrink
    return llr


def rise(r: Array, x: Array, mean: Array, size: Array, tempering: Array, cap: Array) -> Array:
    """One window more in each row's tests: ``r`` (rows, tests, grid; 32 bits) is their state, the new one comes back.

    Each row has the same ``x`` and ``size`` in all its tests, but ``mean`` and ``tempering`` (rows, tests) of its own.
    ``tempering`` divides the log-likelihood ratio: windows whose errors come in runs say less than they seem to.
    ``cap`` (rows) bounds what one window may add, in nats (40 at most).
    """
    x, size, mean = (a.astype(np.float32) for a in (x[:, None, None], size[:, None, None], mean[:, :, None]))
    llr = count_llr(x, mean, size, _GRID)
    llr /= tempering[:, :, None].astype(np.float32)
    np.minimum(llr, cap[:, None, None].astype(np.float32), out=llr)
    np.exp(llr, out=llr)
    llr *= 1.0 + r
    np.minimum(llr, _HUGE, out=llr)
    return llr


def still_raised(mean: Array, windows: Array, threshold: Array, raised: Array) -> Array:
    """The smallest multiple of the usual rate that counts as *not recovered*.

    It is the one the rise test would find within ``windows`` (so that recovery is never followed by the same alarm
    again), but at most three fifths of what was ``raised`` on average since onset, and at least the least of the grid.
    """
    rate = MULTIPLIERS * np.log(MULTIPLIERS) - MULTIPLIERS + 1.0
    found = windows[:, None] * mean[:, None] * rate >= threshold[:, None]
    first = np.where(found.any(axis=1), found.argmax(axis=1), len(MULTIPLIERS) - 1)
    still: Array = np.maximum(MULTIPLIERS[0], np.minimum(MULTIPLIERS[first], _STILL * raised))
    return still
