"""What the inference rung may spend. In memory, per process: a restart forgets, which can cost one day's cap more."""

from __future__ import annotations

from datetime import date, datetime, timedelta

DAY = timedelta(days=1)


class Purse:
    """A daily cap in USD for each service, spread over the day so that a watcher is not blind by noon."""

    def __init__(self) -> None:
        self._day: dict[str, date] = {}
        self._spent_usd: dict[str, float] = {}
        self._next_at: dict[str, datetime] = {}

    def why_not(self, service: str, cost_usd: float, cap_usd: float, now: datetime) -> str:
        """Why a try must not be made now, in words; empty where it may."""
        if cost_usd <= 0:
            return ""
        if self._spent(service, now) + cost_usd > cap_usd:
            return f"daily cap of ${cap_usd:g} is spent"
        if now < self._next_at.get(service, now):
            return "spread over the day to stay under its cap"
        return ""

    def spend(self, service: str, cost_usd: float, cap_usd: float, now: datetime) -> bool:
        """Take the cost of one try before it is made; False, and nothing taken, when the cap does not allow it."""
        if cost_usd <= 0:
            return True
        spent_usd = self._spent(service, now) + cost_usd
        if spent_usd > cap_usd:
            return False
        self._day[service], self._spent_usd[service] = now.date(), spent_usd
        self._next_at[service] = now + DAY * (cost_usd / cap_usd)
        return True

    def _spent(self, service: str, now: datetime) -> float:
        return self._spent_usd.get(service, 0.0) if self._day.get(service) == now.date() else 0.0
