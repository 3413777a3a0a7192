"""A series drawn in one line of text, of whatever length it is."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 100
_MOST_ALARMS = 20


def bars(values: Sequence[float | None], top: float | None = None) -> str:
    """A column for each value, up to ``top`` (default: the greatest): a gap for none, the lowest bar for 0 alone."""
    most = max((v for v in values if v is not None), default=0.0) if top is None else top
    steps = len(_BARS) - 1

    def bar(value: float | None) -> str:
        if value is None:
            return " "
        return _BARS[min(steps, max(1, ceil(value / most * steps)))] if value > 0 and most > 0 else _BARS[0]

    return "".join(map(bar, values))


class Sparkline:
    """Holds at most twice as many columns as are drawn: when full, two become one."""

    def __init__(self) -> None:
        self._columns: list[tuple[float, int, bool]] = []  # greatest value, rows, whether an alarm began
        self._each = 1
        self._low = self._high = 0.0
        self._rows = 0
        self._alarms: list[str] = []

    def add(self, value: float, timestamp: str, *, alarm: bool) -> None:
        """Add one value."""
        self._low = value if not self._rows else min(self._low, value)
        self._high = value if not self._rows else max(self._high, value)
        self._rows += 1
        if alarm:
            self._alarms.append(timestamp)
        if self._columns and self._columns[-1][1] < self._each:
            top, rows, began = self._columns[-1]
            self._columns[-1] = (max(top, value), rows + 1, began or alarm)
            return
        if len(self._columns) == 2 * _WIDTH:
            self._halve()
        self._columns.append((value, 1, alarm))

    def lines(self) -> list[str]:
        """The picture: values, alarms below them, and when these began."""
        if not self._rows:
            return ["no rows"]
        while len(self._columns) > _WIDTH:
            self._halve()
        span = (self._high - self._low) or 1.0
        bars = (_BARS[max(0, ceil((top - self._low) / span * len(_BARS)) - 1)] for top, _, _ in self._columns)
        text = ["".join(bars), "".join("^" if began else " " for _, _, began in self._columns).rstrip()]
        text.append(f"{self._rows} rows from {self._low:g} to {self._high:g}; alarms: {len(self._alarms)}")
        text += [f"  {stamp}" for stamp in self._alarms[:_MOST_ALARMS]]
        return [line for line in text if line]

    def _halve(self) -> None:
        old = self._columns
        pairs = [old[i : i + 2] for i in range(0, len(old), 2)]
        self._columns = [(max(p[0] for p in two), sum(p[1] for p in two), any(p[2] for p in two)) for two in pairs]
        self._each *= 2
