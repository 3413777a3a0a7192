"""What the journal costs: a request, a chunk and a growing history. ``python bench/gateway/journal.py [FOLDER]``.

FOLDER decides which disk is measured. Medians of five rounds in which the policies take turns.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Literal, get_args

from stillup.clock import SystemClock
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.journal import Journal, Settings
from stillup.gateway.journal.read import read_exchanges
from stillup.gateway.journal.segment import segments

Policy = Literal["none", "second", "always"]
ROUNDS = 5
TIMES: dict[Policy, int] = {"none": 5_000, "second": 5_000, "always": 200}
CHUNK = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":" word"}}\n\n'
HEADERS = (
    (b"Host", b"127.0.0.1:8790"),
    (b"Authorization", b"Bearer dummy"),
    (b"Content-Type", b"application/json"),
    (b"User-Agent", b"a client"),
    (b"anthropic-version", b"2023-06-01"),
    (b"Accept", b"*/*"),
)
CLOCK = SystemClock()


def now_s() -> float:
    return CLOCK.now().timestamp()


def request(turns: list[dict[str, str]]) -> Ask:
    """A request of an agent with that history."""
    body = json.dumps({"model": "claude-opus", "max_tokens": 1024, "stream": True, "messages": turns}).encode()
    return Ask(
        protocol=Protocol.ANTHROPIC,
        operation=Operation.GENERATE,
        method="POST",
        path="/v1/messages",
        headers=HEADERS,
        body=body,
        model="claude-opus",
        stream=True,
    )


SMALL = request([{"role": "user", "content": "Say in one sentence what a circuit breaker does, and when it opens."}])


@contextmanager
def journal(folder: Path, policy: Policy) -> Iterator[Journal]:
    """A journal, and the thread that has the disk keep up each second where the policy says so."""
    opened, over = Journal.open(folder, now_s(), Settings(sync=policy), print), Event()

    def tend() -> None:
        while not over.wait(1.0):
            opened.sync()

    thread = Thread(target=tend)
    thread.start()
    try:
        yield opened
    finally:
        over.set()
        thread.join()
        opened.close(now_s())


def one_request(journal: Journal, times: int) -> None:
    """So many small requests, each with a commit of its own."""
    at_s = now_s()
    for _ in range(times):
        journal.ended(journal.begin(SMALL, "req_0123456789abcdef", at_s), "answered", at_s, status=200)
        journal.commit(at_s)


def one_chunk(journal: Journal, times: int) -> None:
    """So many chunks, each with a commit of its own: a single stream."""
    at_s = now_s()
    entry = journal.begin(SMALL, "req_0123456789abcdef", at_s)
    for _ in range(times):
        journal.forwarded(entry, CHUNK)
        journal.commit(at_s)
    journal.ended(entry, "answered", at_s)


def sixteen_chunks(journal: Journal, times: int) -> None:
    """So many chunks, sixteen to a commit: busy streams side by side."""
    at_s = now_s()
    entry = journal.begin(SMALL, "req_0123456789abcdef", at_s)
    for _ in range(times // 16):
        for _ in range(16):
            journal.forwarded(entry, CHUNK)
        journal.commit(at_s)
    journal.ended(entry, "answered", at_s)


def timed_us(work: Callable[[Journal, int], None], folder: Path, policy: Policy) -> float:
    """Microseconds each."""
    with journal(folder, policy) as opened:
        work(opened, 100)
        began = CLOCK.monotonic_s()
        work(opened, TIMES[policy])
        return (CLOCK.monotonic_s() - began) / TIMES[policy] * 1e6


def policies(folder: Path) -> None:
    """Cost of the three policies, in one table."""
    print(f"{'microseconds each':26}" + "".join(f"{policy:>10}" for policy in get_args(Policy)))
    for title, work in (
        ("small request", one_request),
        ("chunk, one a commit", one_chunk),
        ("chunk, sixteen a commit", sixteen_chunks),
    ):
        rounds: dict[Policy, list[float]] = {policy: [] for policy in TIMES}
        for _ in range(ROUNDS):
            for policy, measured in rounds.items():
                measured.append(timed_us(work, folder, policy))
        print(f"{title:26}" + "".join(f"{median(measured):10.1f}" for measured in rounds.values()))


def history(folder: Path) -> None:
    """An agent of fifty turns, each of 4 kB with its tool's result: what is kept against what was sent."""
    turns: list[dict[str, str]] = []
    sent, spent_us = 0, []
    with journal(folder, "none") as opened:
        for n in range(50):
            turns += [
                {"role": "user", "content": f"result {n}: " + "a line of a file\n" * 180},
                {"role": "assistant", "content": f"step {n}: " + "what to do next, and why. " * 40},
            ]
            ask, at_s = request(turns), now_s()
            sent += len(ask.body)
            began = CLOCK.monotonic_s()
            opened.ended(opened.begin(ask, f"turn{n}", at_s), "answered", at_s)
            opened.commit(at_s)
            spent_us.append((CLOCK.monotonic_s() - began) * 1e6)
    kept = sum(path.stat().st_size for path in segments(folder))
    print(f"\n50 turns: {sent / 1e6:.2f} MB sent, {kept / 1e6:.2f} MB kept ({sent / kept:.0f} times less)")
    print(f"  the last request, {len(ask.body) / 1e3:.0f} kB: {median(spent_us[-5:]):.0f} µs")


def large(folder: Path) -> None:
    """The largest request that is taken by default."""
    ask = request([{"role": "user", "content": "x" * 32_000_000}])
    with journal(folder, "none") as opened:
        began = CLOCK.monotonic_s()
        opened.ended(opened.begin(ask, "large", now_s()), "answered", now_s())
        opened.commit(now_s())
        print(f"a request of 32 MB: {(CLOCK.monotonic_s() - began) * 1e3:.0f} ms")


def reading(folder: Path) -> None:
    """All exchanges of the folder, their places only."""
    began = CLOCK.monotonic_s()
    count = sum(1 for _ in read_exchanges(folder))
    size = sum(path.stat().st_size for path in segments(folder))
    spent_s = CLOCK.monotonic_s() - began
    print(f"read: {count:,} exchanges, {size / 1e6:.0f} MB in {spent_s:.2f} s ({size / 1e6 / spent_s:.0f} MB/s)")


def main(folder: str | None) -> None:
    with TemporaryDirectory(dir=folder) as made:
        policies(Path(made) / "policies")
        history(Path(made) / "history")
        large(Path(made) / "large")
        reading(Path(made) / "policies")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
