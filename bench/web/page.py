"""The page under test: a program on a core of its own, that says on its output what it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from threading import Event, Thread
from typing import Any

from gateway.processes import GATEWAY_CORE

_HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PATIENCE_S = 60


class Child:
    """A program of ours; every line it writes is a JSON object."""

    def __init__(self, script: str, *args: str, apart: bool = False) -> None:
        can_pin = (os.cpu_count() or 1) > GATEWAY_CORE and which("taskset") is not None
        pinned = ["taskset", "-c", str(GATEWAY_CORE)] if apart and can_pin else []
        argv = [*pinned, sys.executable, str(_HERE / script), *args]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.told: list[dict[str, Any]] = []
        self._first = Event()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(json.loads(line))
            self._first.set()
        self._first.set()

    def first(self) -> dict[str, Any]:
        """Its first line."""
        if not self._first.wait(_PATIENCE_S) or not self.told:
            self.stop()
            msg = "it said nothing"
            raise RuntimeError(msg)
        return self.told[0]

    def rest(self) -> list[dict[str, Any]]:
        """All its lines, once it has ended by itself."""
        self._process.wait(_PATIENCE_S * 2)
        self._reader.join(_PATIENCE_S)
        return self.told

    def say(self, word: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def rss_mb(self) -> float:
        """Resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 1e6

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def stop(self) -> None:
        """End it, gently first."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(sign)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(8)


@contextmanager
def children(made: Sequence[Child]) -> Iterator[None]:
    """Programs that are ended at the end, whatever comes."""
    try:
        yield
    finally:
        for child in made:
            child.stop()


@contextmanager
def page(*args: str) -> Iterator[Child]:
    """The page, listening; its first line says where."""
    child = Child("serve.py", *args, apart=True)
    with children([child]):
        child.first()
        yield child
