"""What the gateway must reach, beside what was measured; a miss is written down like a hit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.figures import show, table


@dataclass(frozen=True)
class Wanted:
    """One figure with its bound. No value: it was not measured in this run."""

    what: str
    value: float | None
    sense: Literal["≤", "≥"]
    bound: float
    unit: str

    @property
    def is_reached(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.bound if self.sense == "≤" else self.value >= self.bound


def judged(wanted: Iterable[Wanted]) -> str:
    """A table of those that were measured; nothing when none was."""
    rows = [
        (w.what, show(w.value, w.unit), f"{w.sense} {w.bound:g}{w.unit}", "reached" if w.is_reached else "**missed**")
        for w in wanted
        if w.value is not None
    ]
    return table(("stillup", "measured", "wanted", ""), rows) if rows else ""
