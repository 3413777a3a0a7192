"""What the judgement is told before it starts: how often it may be wrong, and what a service is made of."""

from __future__ import annotations

from math import inf, log

from msgspec import Struct

TICK_S = 60
"""The beat: verdicts can change once a minute of event time."""

DAY_S = 86_400
YEAR_S = 365 * DAY_S

NOMINAL_TESTS = 32
"""The false-alarm budget of a service is split evenly over this many tests (sources × components, generously)."""


class Settings(Struct, frozen=True, kw_only=True):
    """How careful to be.

    ``arl_s`` is the average run length to a false *suspected* of one service, over all its tests together.
    ``cap_nats`` bounds what one minute may add to a test, so that no single window alarms by itself.
    """

    arl_s: float = YEAR_S
    cap_nats: float = 12.0

    def threshold(self, window_s: float) -> float:
        """The log e-value at which one test alarms: log of its share of the run length, counted in windows.

        A sum of e-processes started at every window (Shiryaev–Roberts) has an average run length of at least its
        threshold: Shin, Ramdas and Rinaldo, *E-detectors* (2022), proposition 2.4.
        """
        return log(max(2.0, self.arl_s / window_s)) + log(NOMINAL_TESTS)


ONE_LOOK = Settings(arl_s=DAY_S, cap_nats=inf)
"""For a person who asks once: there is no year of false alarms to guard against, and no second minute to wait for."""


class Profile(Struct, frozen=True, kw_only=True):
    """What the judgement knows of a service before its first signal."""

    service: str
    components: tuple[str, ...] = ()
