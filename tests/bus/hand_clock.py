"""A steady clock that is moved by hand."""

from __future__ import annotations

from stillup.clock import SystemClock


class HandClock(SystemClock):
    def __init__(self) -> None:
        self.at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s
