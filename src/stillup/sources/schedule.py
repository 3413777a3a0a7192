"""When one source of one service is read next. Pure: both clocks and all luck are handed in.

Laws:

1. *Floor*: never twice within 60 s (loopback excepted), by the steady clock, whatever the wall clock does.
2. *Retry-After* is obeyed, by the steady clock, up to a day.
3. *Budget*: no reading begins that would pass the day's requests; the day is UTC's.
4. *Cadence*: the interval, plus up to a tenth of it that is this installation's own, so that installations do not
   march in step. It is counted from the end of the last reading.
5. *Back-off* after failures: full jitter below a ceiling that doubles up to 15 min, never sooner than the cadence.
   The first success ends it.

Cadence and back-off count the time by whichever clock saw more of it: the steady clock stands still while a laptop
sleeps, the wall clock does not. A wall clock set forward thus costs one early reading, above the floor; one set back
costs nothing. A clock moved over midnight in either direction starts a new day's budget: a known imprecision.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stillup.config.setting import Setting
from stillup.net import FLOOR_S, host_of, is_loopback

BACK_OFF_MAX_S = 900.0
RETRY_AFTER_MAX_S = 86_400.0
PHASE = 0.1
"""Of the interval: how far installations spread."""


class Why(StrEnum):
    """Why a source is read next when it is."""

    FIRST = "first"
    """It was never read."""
    CADENCE = "cadence"
    """Its interval has passed by then."""
    FLOOR = "floor"
    """Nothing is asked more often than every 60 s."""
    BACK_OFF = "back_off"
    """It failed; it is given time."""
    RETRY_AFTER = "retry_after"
    """It asked us to stay away until then."""
    BUDGET = "budget"
    """The day's requests are spent; a new day begins at midnight UTC."""


class Rules(Struct, frozen=True, kw_only=True):
    """What binds one source of one service. ``budget`` is in requests a day, None: unbounded."""

    interval_s: float
    floor_s: float = FLOOR_S
    phase_s: float = 0.0
    budget: int | None = None

    @property
    def cadence_s(self) -> float:
        """Seconds between the end of one reading and the start of the next."""
        return max(self.interval_s + self.phase_s, self.floor_s)


class Moment(Struct, frozen=True):
    """One look at both clocks: the wall clock in UTC, and the steady one, of which only differences mean anything."""

    at: datetime
    steady_s: float

    def plus(self, seconds: float) -> datetime:
        """The wall clock's time so many seconds on."""
        return self.at + timedelta(seconds=seconds)


class State(Struct, frozen=True, kw_only=True):
    """What is remembered between readings. ``read`` is the end of the last one, None before the first.

    ``cost`` is what the last reading took in requests: the next is expected to take as many.
    """

    read: Moment | None = None
    failures: int = 0
    back_off_s: float = 0.0
    stay_away_s: float = 0.0
    day: date | None = None
    spent: int = 0
    cost: int = 1


class Decision(Struct, frozen=True):
    """Read at ``at``, ``wait_s`` seconds from now (0: at once), because of ``reason``."""

    at: datetime
    wait_s: float
    reason: Why


def rules_for(setting: Setting, luck: float) -> Rules:
    """The rules of one job; ``luck`` in 0..1 is this installation's own."""
    interval_s = float(max(1, setting.interval_s))
    return Rules(
        interval_s=interval_s,
        floor_s=0.0 if is_loopback(host_of(setting.base_url)) else FLOOR_S,
        phase_s=luck * PHASE * interval_s,
        budget=setting.daily_budget,
    )


def next_poll(state: State, rules: Rules, now: Moment) -> Decision:
    """Decide when to read next, and why then."""
    wait_s, reason = _wait(state, rules, now)
    if rules.budget is None or state.day != now.plus(wait_s).date() or state.spent + state.cost <= rules.budget:
        return Decision(now.plus(wait_s), wait_s, reason)
    midnight = datetime.combine(state.day + timedelta(days=1), time_of_day(), now.at.tzinfo)
    wait_s = (midnight - now.at).total_seconds() + rules.phase_s
    return Decision(now.plus(wait_s), wait_s, Why.BUDGET)


def _wait(state: State, rules: Rules, now: Moment) -> tuple[float, Why]:
    if state.read is None:
        return 0.0, Why.FIRST
    steady_s = max(0.0, now.steady_s - state.read.steady_s)
    passed_s = max(steady_s, (now.at - state.read.at).total_seconds())
    usual = (state.back_off_s, Why.BACK_OFF) if state.back_off_s > rules.cadence_s else (rules.cadence_s, Why.CADENCE)
    waits = (
        (max(0.0, usual[0] - passed_s), usual[1]),
        (max(0.0, rules.floor_s - steady_s), Why.FLOOR),
        (max(0.0, state.stay_away_s - steady_s), Why.RETRY_AFTER),
    )
    return max(waits, key=lambda wait: wait[0])  # of equals the first: the usual one


def allowance(state: State, rules: Rules, now: Moment) -> int | None:
    """How many requests are left of today's budget; None: unbounded."""
    if rules.budget is None:
        return None
    return max(0, rules.budget - (state.spent if state.day == now.at.date() else 0))


def after_success(state: State, now: Moment, requests: int) -> State:
    """The state once a reading has worked, at the cost of so many requests."""
    return replace(_read(state, now, requests), failures=0, back_off_s=0.0, stay_away_s=0.0)


def after_failure(
    state: State, rules: Rules, now: Moment, requests: int, *, luck: float, retry_after_s: float | None = None
) -> State:
    """The state once a reading has failed; ``luck`` in 0..1 is drawn anew each time."""
    failures = state.failures + 1
    ceiling_s = min(BACK_OFF_MAX_S, rules.cadence_s * 2 ** min(failures, 20))
    return replace(
        _read(state, now, requests),
        failures=failures,
        back_off_s=luck * ceiling_s,
        stay_away_s=min(max(0.0, retry_after_s or 0.0), RETRY_AFTER_MAX_S),
    )


def after_cut(state: State, now: Moment, requests: int) -> State:
    """The state once a reading was given up by us: it has been asked, and is not to blame."""
    return replace(_read(state, now, requests), stay_away_s=0.0)


def _read(state: State, now: Moment, requests: int) -> State:
    today = now.at.date()
    spent = (state.spent if state.day == today else 0) + requests
    return replace(state, read=now, day=today, spent=spent, cost=max(1, requests))
