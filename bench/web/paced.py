"""A client that sends so many requests a second over so many connections, however long the answers take.

    python bench/web/paced.py HOST PORT PATH RATE CONNECTIONS SECONDS

A request that finds no free connection waits for one, and its time runs from when it was due: a slow server is not
spared by a client that slows down with it (coordinated omission). Prints JSON objects: one when all connections are
open, upon which it waits for a line on its input; then times in ms, in the order of the answers, and errors at last.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import deque
from time import monotonic
from typing import cast

import uvloop

_SIZE = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_OPEN_AT_ONCE = 100
_GRACE_S = 5.0
_A_LINE = 2_000


class Crowd:
    """All connections, and what they saw."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.free: deque[Line] = deque()
        self.due: deque[float] = deque()
        self.times_ms: list[float] = []
        self.errors = 0

    def ask(self, due_s: float) -> None:
        """One request that is due; it may have to wait."""
        if self.free:
            self.free.popleft().ask(due_s)
        else:
            self.due.append(due_s)

    def answered(self, line: Line, took_s: float, *, is_good: bool) -> None:
        if is_good:
            self.times_ms.append(round(took_s * 1000, 2))
        else:
            self.errors += 1
        if self.due:
            line.ask(self.due.popleft())
        else:
            self.free.append(line)


class Line(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._due_s = 0.0
        self._left = -1
        self._head = b""
        self._is_good = False
        self._asks = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, due_s: float) -> None:
        self._due_s, self._left, self._head, self._asks = due_s, -1, b"", True
        self._transport.write(self._crowd.request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _SIZE.search(self._head, 0, end + 2)
            self._is_good = self._head.startswith(b"HTTP/1.1 200") and found is not None
            self._left = int(found[1]) if found else 0
            data = self._head[end + 4 :]
        self._left -= len(data)
        if self._left <= 0:
            self._asks = False
            self._crowd.answered(self, monotonic() - self._due_s, is_good=self._is_good)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._asks:
            self._crowd.errors += 1


async def run(host: str, port: int, path: str, rate: float, connections: int, seconds: float) -> Crowd:
    """Open all, send, wait for the last."""
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept-Encoding: gzip\r\nAccept: text/html\r\n\r\n"
    crowd, loop = Crowd(ask.encode()), asyncio.get_running_loop()
    for some in range(0, connections, _OPEN_AT_ONCE):
        those = range(min(_OPEN_AT_ONCE, connections - some))
        made = await asyncio.gather(*(loop.create_connection(lambda: Line(crowd), host, port) for _ in those))
        crowd.free += [line for _, line in made]
    print(json.dumps({"open": connections}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began, sent, total = monotonic(), 0, int(rate * seconds)
    while sent < total:
        due = min(total, int((monotonic() - began) * rate))
        while sent < due:
            crowd.ask(began + sent / rate)
            sent += 1
        await asyncio.sleep(0.001)
    last = monotonic() + _GRACE_S
    while len(crowd.times_ms) + crowd.errors < total and monotonic() < last:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    crowd.errors += max(0, total - len(crowd.times_ms) - crowd.errors)  # what was never answered
    return crowd


if __name__ == "__main__":
    at, where, what, *numbers = sys.argv[1:]
    seen = uvloop.run(run(at, int(where), what, float(numbers[0]), int(numbers[1]), float(numbers[2])))
    for some in range(0, len(seen.times_ms), _A_LINE):
        print(json.dumps({"times_ms": seen.times_ms[some : some + _A_LINE]}), flush=True)
    print(json.dumps({"errors": seen.errors}), flush=True)
