"""Programs under test: started on their own core, watched through /proc, ended with all their children. Linux only."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

_TICKS = os.sysconf("SC_CLK_TCK")
LOAD_CORE, GATEWAY_CORE = 0, 1
"""Load and mock share one core, the gateway has the other: neither can take time from what is measured."""


def pin_load() -> None:
    """Put this process, and what it starts, on the load's core."""
    if _can_pin():
        os.sched_setaffinity(0, {LOAD_CORE})


def _can_pin() -> bool:
    return (os.cpu_count() or 1) > GATEWAY_CORE and which("taskset") is not None


class Program:
    """One started program and its children."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path, *, apart: bool) -> None:
        """Start it; ``apart`` puts it on the gateway's core. What it says goes to ``log``."""
        pinned = ["taskset", "-c", str(GATEWAY_CORE)] if apart and _can_pin() else []
        plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*pinned, *argv], env=plain | dict(env), stdout=out, stderr=out, start_new_session=True
            )
        self.pid = self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_words(self) -> str:
        """The end of its log, on one line."""
        return " ".join(self._log.read_text(errors="replace").split())[-200:]

    def tree(self) -> list[int]:
        """Its process and all below it."""
        found = [self.pid]
        for pid in found:  # grows while it is read
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in _read(children).split()]
        return found

    def cpu_s(self) -> float:
        """CPU seconds used so far. It does not depend on who else uses the machine."""
        return sum(_cpu_ticks(pid) for pid in self.tree()) / _TICKS

    def rss_mb(self) -> float:
        """Resident memory of the whole tree."""
        return sum(_rolled_up(pid, "Rss:") for pid in self.tree()) / 1024

    def stop(self) -> None:
        """End the whole group, gently first."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, sign)
                self._process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()


def _cpu_ticks(pid: int) -> int:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def _rolled_up(pid: int, field: str) -> int:
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    """The text of a file of a process that may just have ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
