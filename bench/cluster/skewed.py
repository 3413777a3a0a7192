"""A module run as a program with a clock that is off: ``python -m bench.cluster.skewed SECONDS MODULE WORDS``.

In the place of seconds may stand a file that has them: who writes it sets the clock of a program that runs.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillup.clock import SystemClock


def _off(said: str) -> Callable[[], float]:
    """How far, whenever it is asked."""
    try:
        seconds = float(said)
    except ValueError:
        return lambda: float(Path(said).read_text() or "0")
    return lambda: seconds


def _now(off_s: Callable[[], float]) -> Callable[[SystemClock], datetime]:
    return lambda _: datetime.now(UTC) + timedelta(seconds=off_s())


def main() -> None:
    """Only the wall clock is off: steady clocks are never wrong."""
    off_s, module = _off(sys.argv[1]), sys.argv[2]
    SystemClock.wall_s = staticmethod(lambda: time.time() + off_s())
    SystemClock.now = _now(off_s)  # type: ignore[method-assign, assignment]
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
