"""The shape of day and week in a row of numbers, learned as it goes: each half hour beside the level."""

from __future__ import annotations

DAY_S = 86_400.0

_DAY_BINS, _WEEK_BINS = 48, 336
_DAY_PRIOR, _WEEK_PRIOR = 0.1, 0.7  # days (weeks) of belief that a half hour is like any other (like that of any day)
_DAY_MEMORY, _WEEK_MEMORY = 10.0, 6.0


class Season:
    """Additive shape. ``rows_a_bin`` is how many numbers a half hour has; gaps and rarer numbers are fine."""

    __slots__ = ("_day", "_day_n", "_rows", "_week", "_week_n", "days")

    def __init__(self, interval_s: float) -> None:
        self._rows = max(1.0, 1800.0 / interval_s)
        self._day, self._day_n = [0.0] * _DAY_BINS, [0.0] * _DAY_BINS
        self._week, self._week_n = [0.0] * _WEEK_BINS, [0.0] * _WEEK_BINS
        self.days = 0.0
        """Days learned from."""

    def at(self, at_s: float) -> float:
        """What the shape adds at this time, between the middles of the two nearest half hours."""
        place = at_s / 1800.0 - 0.5
        first = int(place // 1.0)
        share = place - first
        return (1.0 - share) * self._bin(first) + share * self._bin(first + 1)

    def learn(self, at_s: float, deviation: float) -> None:
        """Learn from a calm number that lay so far above the level."""
        place = int(at_s // 1800.0)
        day, week = place % _DAY_BINS, place % _WEEK_BINS
        rest = deviation - self._of_day(day)
        self._day_n[day] = n = min(self._day_n[day] + 1.0, _DAY_MEMORY * self._rows)
        self._day[day] += (deviation - self._day[day]) / n
        self._week_n[week] = n = min(self._week_n[week] + 1.0, _WEEK_MEMORY * self._rows)
        self._week[week] += (rest - self._week[week]) / n
        self.days += 1.0 / (_DAY_BINS * self._rows)

    def _bin(self, place: int) -> float:
        week = place % _WEEK_BINS
        n = self._week_n[week]
        return self._of_day(place % _DAY_BINS) + self._week[week] * n / (n + _WEEK_PRIOR * self._rows)

    def _of_day(self, day: int) -> float:
        n = self._day_n[day]
        return self._day[day] * n / (n + _DAY_PRIOR * self._rows)
