"""What a user of a shared gateway may still do: requests a minute, dollars a day (UTC). Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Protocol

from msgspec import Struct

_WINDOW_S = 60.0
_DAY_S = 86_400.0
_STEPS = 8


class Bounds(Struct, frozen=True):
    """One user's; None where there is none, and nothing is let through where it is 0."""

    requests_per_minute: int | None = None
    usd_per_day: float | None = None


class Denied(Struct, frozen=True):
    """Not now: when again, and a sentence for the user."""

    retry_after_s: float
    says: str


_CROWDING_S = 2.0


def crowding(at_work: Iterable[str], user: str, most: int) -> Denied | None:
    """Denied where so many of the requests that are under way or wait, of these users, are one's own."""
    if sum(other == user for other in at_work) < most:
        return None
    return Denied(_CROWDING_S, f"you have {most} requests here, and others are to have room too; wait for one to end")


class Others(Protocol):
    """What the same users did at other replicas of the gateway."""

    def requests(self, user: str, now: float) -> int:
        """Requests of the last minute."""
        ...

    def usd(self, user: str, day: str) -> float:
        """US dollars of a day, in ISO 8601."""
        ...


class _Account:
    __slots__ = ("bounds", "day", "recent", "usd")

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.recent: deque[float] = deque()
        self.day: date | None = None
        self.usd = 0.0

    def spent_on(self, day: date) -> float:
        return self.usd if self.day == day else 0.0


class Allowance:
    """Counts of a running gateway; a restart forgives them. A request under way when the money ends is finished.

    With ``others`` the bounds are those of all replicas together, as far as this one has heard of them.
    """

    def __init__(self, bounds: Iterable[tuple[str, Bounds]]) -> None:
        self._accounts = {user: _Account(bound) for user, bound in bounds}
        self._asking: dict[str, None] = {}
        self._paying: dict[str, None] = {}
        self.others: Others | None = None
        self.news: Callable[[], None] = _nobody
        """Called when a user has come an eighth of the way to a limit of requests; it must not block or raise."""

    @property
    def users(self) -> Iterable[str]:
        """Whose accounts there are."""
        return self._accounts.keys()

    def ask(self, user: str, now: float, at: datetime) -> Denied | None:
        """Count a request, or say why not; what is denied is not counted. ``at`` is an aware wall-clock time."""
        account = self._accounts.get(user)
        if account is None:
            return None
        most, usd = account.bounds.requests_per_minute, account.bounds.usd_per_day
        if usd is not None:
            here = at.astimezone(UTC)
            if account.spent_on(here.date()) + self._elsewhere(user, here.date()) >= usd:
                left_s = _DAY_S - (here.hour * 3600 + here.minute * 60 + here.second)
                return Denied(left_s, f"your budget of {usd:g} USD a day is used up; it begins anew at 00:00 UTC")
        if most is not None:
            recent = account.recent
            _forget(recent, now)
            there = self.others.requests(user, now) if self.others is not None else 0
            if len(recent) + there >= most:
                return Denied(_wait_s(recent, most, there, now), f"you may make {most} requests a minute here")
            recent.append(now)
            self._asking[user] = None
            if len(recent) * _STEPS // most > (len(recent) - 1) * _STEPS // most:
                self.news()
        return None

    def asked(self, now: float) -> dict[str, int]:
        """Requests of the last minute by user, of those who made any and whose number is bounded."""
        asked: dict[str, int] = {}
        for user in [*self._asking]:
            recent = self._accounts[user].recent
            _forget(recent, now)
            if recent:
                asked[user] = len(recent)
            else:
                del self._asking[user]
        return asked

    def spent(self, day: date) -> dict[str, float]:
        """US dollars of a day by user, here and since the start, of those who spent any."""
        return {user: usd for user in self._paying if (usd := self._accounts[user].spent_on(day)) > 0.0}

    def _elsewhere(self, user: str, day: date) -> float:
        return self.others.usd(user, day.isoformat()) if self.others is not None else 0.0

    def spend(self, user: str, usd: float | None, at: datetime) -> None:
        """Put what a request cost on the user's account, on the day on which it ended."""
        account = self._accounts.get(user)
        if account is None or usd is None or not usd > 0.0:  # neither NaN nor a negative price gives money back
            return
        today = at.astimezone(UTC).date()
        account.usd = account.spent_on(today) + usd
        account.day = today
        self._paying[user] = None


def _nobody() -> None:
    """There is nobody to be told."""


def _forget(recent: deque[float], now: float) -> None:
    while recent and recent[0] + _WINDOW_S <= now:  # as it is told to who has to wait, to the last bit
        recent.popleft()


def _wait_s(recent: deque[float], most: int, there: int, now: float) -> float:
    """Until one of one's own is a minute old; of requests elsewhere only their pace is known."""
    if there and most:
        return _WINDOW_S / most
    return recent[0] + _WINDOW_S - now if recent else _WINDOW_S
