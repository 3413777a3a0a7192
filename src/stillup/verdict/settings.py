"""What the judgement is told before it starts: how often it may be wrong, and what a service is made of."""

from __future__ import annotations

from math import log

from msgspec import Struct

from stillup.model.service import Family

TICK_S = 60
"""The beat: verdicts can change once a minute of event time."""

DAY_S = 86_400
YEAR_S = 365 * DAY_S

SHARES = {
    Family.CROWD: 0.3,
    Family.SOCIAL: 0.2,
    Family.SEARCH: 0.1,
    Family.PROBE: 0.2,
    Family.TRAFFIC: 0.2,
}
"""How the false-alarm budget of a service is split over the families that are tested; a family splits its part evenly
over its tests. The official page is believed, not tested."""

NOMINAL_SHARE = 1.0 / 32.0
"""The share of one test of outcomes: a fifth of the budget, over six tests (components, layers, models)."""


class Settings(Struct, frozen=True, kw_only=True):
    """How careful to be.

    ``arl_s`` is the average run length to a false *suspected* of one service, over all its tests together.
    ``cap_share`` is the part of an alarm's threshold that one short window of a count beyond belief may add, so that a
    second one must bear it out.
    """

    arl_s: float = YEAR_S
    cap_share: float = 0.55

    def threshold(self, window_s: float, share: float = NOMINAL_SHARE) -> float:
        """The log e-value at which a test with this share of the budget alarms: log of its run length in windows.

        A sum of e-processes started at every window (Shiryaev–Roberts) has an average run length of at least its
        threshold: Shin, Ramdas and Rinaldo, *E-detectors* (2022), proposition 2.4.
        """
        return log(max(2.0, self.arl_s / window_s) / share)


ONE_LOOK = Settings(arl_s=DAY_S, cap_share=2.0)
"""For a person who asks once: there is no year of false alarms to guard against, and no second minute to wait for."""


class Profile(Struct, frozen=True, kw_only=True):
    """What the judgement knows of a service before its first signal."""

    service: str
    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """What people call it and its vendor, in lower case: it is not its own dependency."""
    dependencies: tuple[tuple[str, float], ...] = ()
    """Other services it stands on, with how sure we are."""
