"""How many a minute: the usual level and the swell of each reaction, as plain functions of the time."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from stillup.sim.draw import chance
from stillup.sim.scenario import Reaction, Scenario, Stream, Usual

MOST_PER_MIN = 1_000.0
"""More than any real crowd; a scenario file must not fill the memory."""
_MINUTES_A_DAY = 1440.0
_SWING_S = 900
"""The usual level keeps its swing for a quarter of an hour: counts next to each other swing together."""


def usual_per_min(scenario: Scenario, stream: Stream, at: datetime) -> float:
    """The expected calm rate of one stream."""
    usual = scenario.usual
    match stream:
        case Stream.REPORTS:
            rate = usual.reports_per_day / _MINUTES_A_DAY
        case Stream.POSTS:
            rate = usual.posts_per_day / _MINUTES_A_DAY
        case Stream.CHATTER:
            rate = usual.chatter_per_day / _MINUTES_A_DAY
        case Stream.STORIES:
            rate = usual.stories_per_day / _MINUTES_A_DAY
        case Stream.REQUESTS:
            rate = usual.requests_per_hour / 60
    if not rate:
        return 0.0
    rate *= shape(usual, at)
    if usual.dispersion:
        rate *= _swing(scenario.seed, usual.dispersion, stream, int(at.timestamp()) // _SWING_S)
    return min(rate, MOST_PER_MIN)


def shape(usual: Usual, at: datetime) -> float:
    """The level of that hour and day beside the mean of the week."""
    day, hours = usual.by_weekday, usual.by_hour
    return hours[at.hour] * 24 / sum(hours) * day[at.weekday()] * 7 / sum(day)


@lru_cache(maxsize=1024)  # asked for each minute of the quarter
def _swing(seed: int, dispersion: float, stream: Stream, quarter: int) -> float:
    return chance(seed, stream, "swing", quarter).gammavariate(1 / dispersion, dispersion)


def span_of(scenario: Scenario, reaction: Reaction) -> tuple[datetime, datetime]:
    """When the matter people react to begins and ends."""
    fault = scenario.fault(reaction.fault)
    if fault is not None:
        return fault.from_, fault.to
    if reaction.from_ is None or reaction.to is None:  # the loader refuses such a reaction
        return scenario.ends, scenario.ends
    return reaction.from_, reaction.to


def swell_per_min(scenario: Scenario, reaction: Reaction, at: datetime) -> float:
    """The expected rate one reaction adds: climb, tire, fall, tail."""
    begins, ends = span_of(scenario, reaction)
    noticed = begins + timedelta(seconds=reaction.delay_s)
    if at < noticed or noticed >= ends:  # over before anybody noticed
        return 0.0
    height = _height(reaction, (min(at, ends) - noticed).total_seconds())
    if at < ends:
        return reaction.peak_per_min * height
    since_s = (at - ends).total_seconds()
    tail = reaction.tail_per_min if since_s < reaction.tail_s else 0.0
    return reaction.peak_per_min * height * _half_life(since_s, reaction.decay_s) + tail


def _height(reaction: Reaction, since_s: float) -> float:
    """Share of the peak reached ``since_s`` after people noticed, while the matter lasts."""
    climb = min(1.0, since_s / reaction.ramp_s) if reaction.ramp_s else 1.0
    tired_s = max(0.0, since_s - reaction.ramp_s)
    return climb * (_half_life(tired_s, reaction.fatigue_s) if reaction.fatigue_s else 1.0)


def _half_life(since_s: float, half_s: float) -> float:
    if half_s <= 0:
        return 0.0
    return float(0.5 ** min(since_s / half_s, 60.0))
