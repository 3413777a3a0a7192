"""What it costs to be seen: CPU microseconds a request for metrics, access log and what the monitor is told.

``python bench/gateway/seen.py [REQUESTS]``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

from stillup.catalog.models import cost_usd
from stillup.clock import SystemClock
from stillup.daemon.traffic import TrafficObserver
from stillup.gateway.core.values import Ask, Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.seen import Ending, Seen
from stillup.gateway.seen.access import AccessLog, Style
from stillup.gateway.seen.make import labels_for

MODEL = "claude-opus-4-5"
ASK = Ask(
    protocol=Protocol.ANTHROPIC,
    operation=Operation.GENERATE,
    method="POST",
    path="/v1/messages",
    headers=((b"anthropic-version", b"2023-06-01"), (b"content-type", b"application/json")),
    body=b"x" * 1_000,
    model=MODEL,
    stream=True,
)
TRY = Try(
    target=Target("anthropic", "", Protocol.ANTHROPIC, "claude", "api"),
    model=MODEL,
    operation=Operation.GENERATE,
    ok=True,
    status=200,
    first_token_s=0.4,
    total_s=2.0,
    usage=Usage(1_000, 200, 5_000, 0),
)


class Nowhere:
    """A sink that takes everything."""

    def write(self, lines: bytes) -> None: ...

    def close(self) -> None: ...


def per_request_us(one: Callable[[int], None], requests: int) -> float:
    """Microseconds of CPU time of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = process_time()
        for n in range(requests):
            one(n)
        best = min(best, process_time() - began)
    return best / requests * 1e6


def passing(seen: Seen, log: AccessLog | None = None) -> Callable[[int], None]:
    """One answered request; the log is emptied each thousand."""

    def one(n: int) -> None:
        passage = seen.begin(ASK, f"req_{n:024x}")
        seen.tried(passage, TRY)
        seen.ended(passage, Ending.ANSWERED, status=200, sent_bytes=4_000, first_token_s=0.4)
        if log is not None and n % 1_000 == 0:
            log.flush()

    return one


def main(requests: int) -> None:
    """Measure and print."""
    clock, labels = SystemClock(), labels_for(())
    print(f"metrics          {per_request_us(passing(Seen(clock, labels=labels)), requests):6.2f} µs a request")
    priced = Seen(clock, labels=labels, price=cost_usd)
    print(f"  and cost       {per_request_us(passing(priced), requests):6.2f}")
    for style in Style:
        log = AccessLog(Nowhere(), style)
        seen = Seen(clock, labels=labels, price=cost_usd, access=log)
        print(f"  and log {style.value:6} {per_request_us(passing(seen, log), requests):6.2f}")
    observer = TrafficObserver(clock, labels)
    print(f"told the monitor {per_request_us(lambda _: observer.tried(TRY), requests):6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
