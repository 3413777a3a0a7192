"""Loads every subject in every shape, in interleaved rounds, and keeps what each round gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.arena import Arena, Running, say
from gateway.drive import Load, drive
from gateway.figures import middle

TOKENS = 100


@dataclass(frozen=True)
class Shape:
    """One kind of load."""

    stream: bool
    connections: int


ALONE, CROWD = Shape(stream=False, connections=1), Shape(stream=False, connections=16)
STREAM, STREAMS = Shape(stream=True, connections=1), Shape(stream=True, connections=16)
SHAPES = (ALONE, CROWD, STREAM, STREAMS)


@dataclass(frozen=True)
class Sample:
    """One subject under one shape for one round. ``cpu_ms`` is a request's, of the subject's whole process tree."""

    load: Load
    cpu_ms: float
    rss_mb: float


class Samples:
    """All rounds of one protocol, by subject and shape; each figure is the median over the rounds."""

    def __init__(self) -> None:
        self._all: defaultdict[tuple[str, Shape], list[Sample]] = defaultdict(list)

    def add(self, name: str, shape: Shape, sample: Sample) -> None:
        self._all[name, shape].append(sample)

    def p50_ms(self, name: str, shape: Shape) -> float | None:
        return middle([s.load.p50_ms for s in self._of(name, shape)])

    def p99_ms(self, name: str, shape: Shape) -> float | None:
        return middle([s.load.p99_ms for s in self._of(name, shape)])

    def cpu_ms(self, name: str, shape: Shape) -> float | None:
        return middle([s.cpu_ms for s in self._of(name, shape)])

    def rates(self, name: str, shape: Shape) -> list[float]:
        """Answers a second, round by round."""
        return [s.load.per_second for s in self._of(name, shape)]

    def rate(self, name: str, shape: Shape) -> float | None:
        return middle(self.rates(name, shape))

    def added_ms(self, name: str, shape: Shape) -> float | None:
        """Median latency above that of the upstream itself."""
        here, plain = self.p50_ms(name, shape), self.p50_ms("direct", shape)
        return None if here is None or plain is None or name == "direct" else here - plain

    def errors(self, name: str) -> int:
        return sum(s.load.errors for shape in SHAPES for s in self._of(name, shape))

    def most_mb(self, name: str) -> float | None:
        return max((s.rss_mb for shape in SHAPES for s in self._of(name, shape)), default=None)

    def _of(self, name: str, shape: Shape) -> list[Sample]:
        return self._all.get((name, shape), [])


def measure(
    place: Arena,
    subjects: Sequence[Running],
    protocol: str,
    rounds: int,
    seconds: float,
    shapes: Sequence[Shape] = SHAPES,
) -> Samples:
    """Every subject in every shape, in turn, round after round: what disturbs the machine disturbs all of them."""
    samples = Samples()
    taking = [subject for subject in subjects if protocol in subject.subject.doors]
    for number in range(-1, rounds):
        for shape in shapes:
            place.a.set(tokens=TOKENS if shape.stream else 10, first_ms=0, gap_ms=0)
            for subject in taking:
                # The round before the first only warms up: caches, connections, the machine's clock.
                sample = _sample(place, subject, protocol, shape, seconds if number >= 0 else 1)
                if number >= 0:
                    samples.add(subject.name, shape, sample)
        say(f"  {protocol}: round {number + 1} of {rounds}" if number >= 0 else f"  {protocol}: warmed up")
    return samples


def _sample(place: Arena, subject: Running, protocol: str, shape: Shape, seconds: float) -> Sample:
    before = subject.cpu_s()
    question = subject.subject.question(protocol, stream=shape.stream)
    load = drive(subject.base, question, shape.connections, seconds, place.folder)
    cpu_ms = 1000 * (subject.cpu_s() - before) / max(1, load.requests)
    return Sample(load, cpu_ms, subject.rss_mb())
