"""A recorded file of signals, played through the same heart as the live ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import ceil

import msgspec
from msgspec import Struct

from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import TICK_S

BUFFER_S = 300
"""Lines may come in any order within five minutes; what is older than that beside the newest is dropped."""

FAR_S = 86_400
"""A line so far ahead of all before it is believed only when the next line is as late: one bad clock ends no file."""

MAX_LINE = 1 << 20
_MAX_WHY = 300
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_BAD_KEPT = 1000


class BadLine(Struct, frozen=True):
    """A line that could not be used, with its number (from 1) and why."""

    number: int
    why: str


class Replay:
    """Feeds a monitor from the lines of a file.

    Ticks follow event time: a minute is judged when the newest line is five minutes past it, and its changes carry
    that minute, never the buffer's.
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.bad: list[BadLine] = []
        self.bad_count = 0
        self.late = 0
        self._decode = msgspec.json.Decoder(Signal).decode
        self._newest_s = float("-inf")
        self._judged_s = float("-inf")
        self._waiting: list[Signal] = []
        self._far: tuple[int, Signal] | None = None

    @property
    def late_count(self) -> int:
        """Lines dropped because they came more than five minutes late."""
        return self.late + self.monitor.late

    def run(self, lines: Iterable[bytes]) -> Iterator[Verdict]:
        """Every change of verdict in the file, as soon as it is certain; at the end the last window is closed."""
        for number, raw in enumerate(lines, 1):
            signal = self._read(number, raw)
            if signal is not None:
                yield from self._take(number, signal)
        if self._far is not None:
            yield from self._accept(self._far[1])
        if self._newest_s > float("-inf"):
            yield from self._advance(ceil(self._newest_s / TICK_S) * TICK_S)

    def _take(self, number: int, signal: Signal) -> Iterator[Verdict]:
        """Accept a line; one far ahead of all before it waits until the next shows that time has really moved on."""
        at_s = signal.at.timestamp()
        if self._far is not None:
            far_number, far = self._far
            self._far = None
            if at_s >= far.at.timestamp() - BUFFER_S:
                yield from self._accept(far)
            else:
                self._refuse(far_number, "its time is more than a day ahead of the lines around it")
        if self._newest_s > float("-inf") and at_s > self._newest_s + FAR_S:
            self._far = (number, signal)
        elif at_s < self._newest_s - BUFFER_S:
            self.late += 1
        else:
            yield from self._accept(signal)

    def _accept(self, signal: Signal) -> Iterator[Verdict]:
        at_s = signal.at.timestamp()
        self._waiting.append(signal)
        if at_s > self._newest_s:
            self._newest_s = at_s
            yield from self._advance(ceil((at_s - BUFFER_S) / TICK_S) * TICK_S - TICK_S)

    def _read(self, number: int, raw: bytes) -> Signal | None:
        line = raw.strip()
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return None
        if len(line) > MAX_LINE:
            self._refuse(number, f"longer than {MAX_LINE} bytes")
            return None
        try:
            signal: Signal = self._decode(line)
        except (ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
            self._refuse(number, str(exc))
            return None
        if not _FIRST_YEAR <= signal.at.year <= _LAST_YEAR:
            self._refuse(number, f"its year is not between {_FIRST_YEAR} and {_LAST_YEAR}")
            return None
        return signal

    def _refuse(self, number: int, why: str) -> None:
        self.bad_count += 1
        if len(self.bad) < _BAD_KEPT:
            self.bad.append(BadLine(number, why[:_MAX_WHY]))

    def _advance(self, until_s: float) -> list[Verdict]:
        if until_s <= self._judged_s:
            return []
        self._judged_s = until_s
        waiting, self._waiting = self._waiting, []
        return self.monitor.step(datetime.fromtimestamp(until_s, UTC), waiting)
