"""wrk, and what it says."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """What a stretch of load came to."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def start(url: str, connections: int, seconds: float) -> subprocess.Popen[str]:
    """Begin; the answer is read by :func:`said`."""
    shape = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "--latency"]
    argv = ["wrk", *shape, "-H", "Accept-Encoding: gzip", "-H", "Accept: text/html", url]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def said(wrk: subprocess.Popen[str]) -> Load:
    """Wait for its end and read what it says."""
    text, _ = wrk.communicate()
    socket = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(map(int, socket.groups())) if socket else 0
    return Load(
        float(_found(r"Requests/sec:\s+([\d.]+)", text)[0]),
        _ms(*_found(r"50%\s+([\d.]+)(us|ms|s|m)", text)),
        _ms(*_found(r"99%\s+([\d.]+)(us|ms|s|m)", text)),
        errors + (int(bad[1]) if bad else 0),
    )


def _found(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        msg = f"wrk said: {text[:300]}"
        raise RuntimeError(msg)
    return found.groups()


def _ms(value: str, unit: str) -> float:
    return float(value) * _UNITS[unit]
