"""Hours in which nothing is sent, and when the digest of a day is due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY = tuple(range(7))


class Window(Struct, frozen=True):
    """From one minute of the day to another; one that ends before it begins goes on into the next day.

    ``days`` are those on which it begins, Monday is 0.
    """

    begins: int
    ends: int
    days: tuple[int, ...] = _EVERY_DAY

    def covers(self, local: datetime) -> bool:
        """Whether a local time lies in it; its end does not."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= minute < self.ends
        begun_yesterday = (today - 1) % 7 in self.days
        return (today in self.days and minute >= self.begins) or (begun_yesterday and minute < self.ends)


def window(text: str) -> Window:
    """``22:00-07:00``, or with days: ``sat-sun 00:00-24:00``.

    :raises ValueError: it is neither.
    """
    days, _, hours = text.rpartition(" ")
    begins, _, ends = hours.partition("-")
    return Window(minute_of(begins), minute_of(ends), _days(days) if days else _EVERY_DAY)


def minute_of(text: str) -> int:
    """``08:30`` as a minute of the day.

    :raises ValueError: it is no time of day.
    """
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _days(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return tuple((begin + n) % 7 for n in range((end - begin) % 7 + 1))


def is_quiet(windows: Iterable[Window], local: datetime) -> bool:
    """Whether any of them covers a local time."""
    return any(w.covers(local) for w in windows)


def is_due(digest_min: int | None, last: date | None, local: datetime) -> bool:
    """Whether the digest of this local day has come and was not given."""
    if digest_min is None or local.hour * 60 + local.minute < digest_min:
        return False
    return last is None or last < local.date()
