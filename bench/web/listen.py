"""Readers with the page open: each listens to ``/events`` and takes the page anew when a verdict changes.

    python bench/web/listen.py HOST PORT PATH READERS

Each waits up to 0.7 s before it asks, as the page's own script does. Prints one line when all listen; at the end of its
input a line for every change: when each reader heard of it, and when each had the page that shows it (``monotonic``).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from time import monotonic

import uvloop

_SPREAD_S = 0.7
_AT = re.compile(rb'data-at="([^"]+)"')


@dataclass
class Change:
    """One change as it reached the readers."""

    heard_s: list[float] = field(default_factory=list)
    seen_s: list[float] = field(default_factory=list)


class Readers:
    """All of them."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self.host, self.port, self.path = host, port, path
        self.changes: defaultdict[str, Change] = defaultdict(Change)
        self.boards = 0
        self.lost = 0
        self._random = Random(7)
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, listens: asyncio.Event) -> None:
        """One reader, for as long as it is let."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(f"GET /events?brief=1 HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode())
        heard: set[str] = set()
        event = number = ""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line[7:].decode().strip()
                listens.set()
            elif line.startswith(b"id: "):
                number = line[4:].decode().strip()
            elif line.startswith(b"data: ") and event == "board":
                self.boards += 1
            elif line.startswith(b"data: ") and event == "verdict":
                at = json.loads(line[6:])["at"]
                if at not in heard:  # a minute may change several things; the page shows them together
                    heard.add(at)
                    self.changes[at].heard_s.append(monotonic())
                    self._later(self._look(at, number))
        self.lost += 1

    def _later(self, look: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(look)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, at: str, number: str) -> None:
        await asyncio.sleep(self._random.random() * _SPREAD_S)
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
            ask = (
                f"GET {self.path}?board={number} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n\r\n"
            )
            writer.write(ask.encode())
            found = _AT.search(await reader.read(-1))
            writer.close()
        except OSError:
            return  # it is counted as one who did not see it
        if found is not None and found[1].decode() >= at:
            self.changes[at].seen_s.append(monotonic())


async def main(host: str, port: int, path: str, count: int) -> None:
    """Listen until the input ends."""
    readers = Readers(host, port, path)
    each = [asyncio.Event() for _ in range(count)]
    tasks = []
    for listens in each:
        tasks.append(asyncio.create_task(readers.read(listens)))
        if len(tasks) % 50 == 0:
            await asyncio.sleep(0.05)
    for listens in each:
        await listens.wait()
    print(json.dumps({"listening": count}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for at, change in sorted(readers.changes.items()):
        told = {"at": at, "heard_s": change.heard_s, "seen_s": change.seen_s}
        print(json.dumps(told), flush=True)
    print(json.dumps({"boards": readers.boards, "lost": readers.lost}), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
