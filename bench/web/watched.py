"""What the monitor and those who listen saw while there was load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.figures import Cell, quantile, table
from gateway.wanted import Wanted

from web.page import Child


@dataclass(frozen=True)
class Watched:
    """Seconds: how late a minute was judged, how long it took; from a change shown to the last reader that has it."""

    late_s: list[float]
    took_s: list[float]
    heard_s: list[float]
    seen_s: list[float]
    changes: int
    missing: int
    """Readers that did not hear of a change, or did not see it on the page; over all changes."""

    def table(self) -> str:
        rows: list[list[Cell]] = [
            ["a minute is judged late by", _ms(self.late_s, 0.5), _ms(self.late_s, 1.0)],
            ["judging it and making the board takes", _ms(self.took_s, 0.5), _ms(self.took_s, 1.0)],
            ["from the board to the last reader's event", _ms(self.heard_s, 0.5), _ms(self.heard_s, 1.0)],
            ["from the board to the last reader's new page", _ms(self.seen_s, 0.5), _ms(self.seen_s, 1.0)],
        ]
        return table(("", "median, ms", "most, ms"), rows)

    def wanted(self) -> list[Wanted]:
        return [
            Wanted("a change is on every open page within", max(self.seen_s, default=None), "≤", 2, " s"),
            Wanted("readers that missed a change", float(self.missing), "≤", 0, ""),
            Wanted("the monitor is late by at most", max(self.late_s, default=None), "≤", 1, " s"),
        ]


def _ms(values: list[float], q: float) -> float:
    return 1000 * quantile(values, q)


def listeners(address: str, path: str, count: int) -> Child:
    """Start so many; they all listen when this returns."""
    at = urlsplit(address)
    child = Child("listen.py", at.hostname or "", str(at.port), path, str(count))
    child.first()
    return child


def watched(minutes: list[dict[str, Any]], heard: list[dict[str, Any]], count: int) -> Watched:
    """The two sides put together; the clock is the machine's, the same for both."""
    changes = {m["at"]: m for m in minutes if m["changed"]}
    seen_s, heard_s, missing, known = [], [], 0, 0
    for change in heard:
        minute = changes.get(change.get("at", ""))
        if minute is None:
            continue
        known += 1
        missing += 2 * count - len(change["heard_s"]) - len(change["seen_s"])
        heard_s.append(max(change["heard_s"]) - minute["shown_s"])
        seen_s.append(max(change["seen_s"], default=float("inf")) - minute["shown_s"])
    lost = next((line["lost"] for line in heard if "lost" in line), 0)
    return Watched([m["late_s"] for m in minutes], [m["took_s"] for m in minutes], heard_s, seen_s, known,
                   missing + lost)  # fmt: skip
