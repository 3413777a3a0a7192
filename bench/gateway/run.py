"""What was asked for on the command line, as every part gets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.arena import Make
from gateway.subjects import SUBJECTS


@dataclass(frozen=True)
class Run:
    """One call of the bench."""

    peers: Path | None
    folder: Path
    only: tuple[str, ...]
    """Names of subjects; empty means all."""
    protocols: tuple[str, ...]
    """Empty means each part's own."""
    rounds: int
    seconds: float
    requests: int
    modes: tuple[str, ...]
    second: tuple[str, ...] = ()
    """Protocols of the second upstream; empty means all."""
    tasks: tuple[str, ...] = ()
    """Kinds of answers; empty means all."""
    swapped: bool = False
    sdk: bool = False
    is_quick: bool = False

    def made(self, names: Iterable[str] = SUBJECTS) -> list[tuple[str, Make]]:
        """Those of the named subjects that were asked for."""
        return [(name, SUBJECTS[name]) for name in names if not self.only or name in self.only]
