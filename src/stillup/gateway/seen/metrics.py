"""Numbers for Prometheus: plain sums on the way of a request, made into metrics only when somebody asks.

A client library's counters take a lock and half a microsecond each, a request moves a dozen of them; sums of our own
cost a tenth of that. They are only touched from the event loop, and rendered there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from stillup.gateway.core.values import Operation, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.seen.cost import Labels
from stillup.gateway.seen.passage import Passage

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

FIRST_TOKEN_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0)
TOTAL_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the histograms' buckets. Agents' answers take minutes."""

OK, GIVEN_UP = "none", "given_up"
"""In the place of a fault: the try worked; another one was quicker, or the client went away."""

NOBODY = "none"
"""The upstream of a request that reached none."""

_PREFIX = "stillup_gateway_"
_KINDS = ("input", "output", "cache_read", "cache_write")

Breakers = Callable[[], Iterable[tuple[str, str, str]]]
"""Upstream, model and state of every breaker now."""
Drills = Callable[[], tuple[Iterable[tuple[str, str]], Iterable[tuple[tuple[str, str], int]]]]
"""Upstream and mode of every drill under way, and how many tries each has touched since the start."""
PutOff = Callable[[], Mapping[str, int]]
"""How many requests that were put off there are in each state."""

Journal = Callable[[], tuple[int, int]]
"""Bytes written, and writes that failed."""

Numbers = Iterable[tuple[Sequence[str], float]]
"""The values of labels, and the number under them."""


class Histogram:
    """How often a number fell into each bucket, and the sum of all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one number; a bound belongs to the bucket below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        found, so_far = [], 0
        for bound, count in zip((*map(repr, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


class _Answers:
    """What one upstream's answers with one model came to."""

    __slots__ = ("first_token", "tokens", "total", "usd")

    def __init__(self) -> None:
        self.first_token = Histogram(FIRST_TOKEN_S)
        self.total = Histogram(TOTAL_S)
        self.tokens = [0, 0, 0, 0]
        self.usd = 0.0

    def add(self, usage: Usage, usd: float) -> None:
        """One answer more, or a part of one."""
        tokens = self.tokens
        tokens[0] += usage.input_tokens or 0
        tokens[1] += usage.output_tokens or 0
        tokens[2] += usage.cache_read_tokens or 0
        tokens[3] += usage.cache_write_tokens or 0
        self.usd += usd


class Metrics:
    """All sums of one gateway."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._requests: dict[tuple[str, str, str, str, str], int] = {}
        self._tries: dict[tuple[str, str, str], int] = {}
        self._answers: dict[tuple[str, str], _Answers] = {}
        self._hedges: dict[str, int] = {}
        self._reroutes: dict[tuple[str, str], int] = {}
        self._continued: dict[tuple[str, str], int] = {}
        self._in_flight: dict[str, int] = {}
        self.log_dropped = 0
        """Lines of the access log that found no room."""
        self.breakers: Breakers = tuple
        self.drills: Drills = _no_drills
        self.put_off: PutOff = dict
        self.journal: Journal | None = None
        self._registry: CollectorRegistry | None = None

    # -- on the way of a request --------------------------------------------------------------------------------------

    def begin(self, passage: Passage) -> None:
        """One more is under way."""
        self._in_flight[passage.protocol] = self._in_flight.get(passage.protocol, 0) + 1

    def tried(self, result: Try) -> None:
        """One try ended."""
        fault = OK if result.ok else GIVEN_UP if result.fault is None else result.fault
        key = (result.target.upstream, self._labels.of(result.model), fault)
        self._tries[key] = self._tries.get(key, 0) + 1

    def hedged(self, upstream: str) -> None:
        """This upstream was asked beside another that was late."""
        self._hedges[upstream] = self._hedges.get(upstream, 0) + 1

    def rerouted(self, upstream: str, reason: str) -> None:
        """This upstream was passed over, or left, for a reason."""
        key = (upstream, reason)
        self._reroutes[key] = self._reroutes.get(key, 0) + 1

    def continued(self, broken: Try, usd: float, upstream: str) -> None:
        """A try broke off in its answer, of which a part is with the client, and this upstream went on."""
        key = (broken.target.upstream, upstream)
        self._continued[key] = self._continued.get(key, 0) + 1
        self._of(broken.target.upstream, self._labels.of(broken.model)).add(broken.usage, usd)

    def ended(self, passage: Passage) -> None:
        """One request ended."""
        self._in_flight[passage.protocol] -= 1
        winner = passage.winner
        if winner is None:
            upstream, model = passage.upstream or NOBODY, self._labels.of(passage.model)
        else:
            upstream, model = winner.target.upstream, self._labels.of(winner.model)
        key = (passage.protocol, passage.operation, upstream, model, passage.ending)
        self._requests[key] = self._requests.get(key, 0) + 1
        if winner is None:
            return
        answers = self._of(upstream, model)
        if passage.operation is Operation.GENERATE:
            answers.total.observe(passage.total_s)
            if passage.stream and passage.first_token_s is not None:
                answers.first_token.observe(passage.first_token_s)
        answers.add(passage.usage, (passage.usd or 0.0) - passage.earlier_usd)

    def _of(self, upstream: str, model: str) -> _Answers:
        answers = self._answers.get((upstream, model))
        if answers is None:
            answers = self._answers[upstream, model] = _Answers()
        return answers

    def spent_usd(self) -> dict[str, float]:
        """What answers have cost since the start, by ``upstream/model``; what has no price is not there."""
        return {f"{upstream}/{model}": a.usd for (upstream, model), a in self._answers.items() if a.usd}

    # -- when somebody asks -------------------------------------------------------------------------------------------

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """No names in advance: the registry is ours alone."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The sums as metrics; called by the registry."""
        yield self._counter(
            "requests",
            "Requests of clients, by how they ended.",
            ("protocol", "operation", "upstream", "model", "outcome"),
            self._requests.items(),
        )
        yield self._counter(
            "tries", "Tries of upstreams, by fault.", ("upstream", "model", "fault"), self._tries.items()
        )
        yield self._counter("hedges", "Tries beside one that was late.", ("upstream",), _alone(self._hedges))
        yield self._counter(
            "reroutes", "Upstreams passed over or left, by reason.", ("upstream", "reason"), self._reroutes.items()
        )
        yield self._counter(
            "continuations",
            "Answers that broke off and went on elsewhere.",
            ("broken", "upstream"),
            self._continued.items(),
        )
        yield self._gauge("in_flight", "Requests under way.", ("protocol",), _alone(self._in_flight))
        yield from self._told_of_answers()
        yield from self._told_by_others()

    def _told_of_answers(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily

        where = ("upstream", "model")
        for name, says in (
            ("first_token", "Seconds from the request to the first content of a stream."),
            ("total", "Seconds from the request to the end of the answer."),
        ):
            family = HistogramMetricFamily(f"{_PREFIX}{name}_seconds", says, labels=where)
            for key, answers in self._answers.items():
                histogram: Histogram = getattr(answers, name)
                family.add_metric(key, histogram.buckets(), histogram.total)
            yield family
        tokens = {
            (*key, kind): n for key, a in self._answers.items() for kind, n in zip(_KINDS, a.tokens, strict=True) if n
        }
        yield self._counter("tokens", "Tokens as upstreams counted them.", (*where, "kind"), tokens.items())
        usd = {key: a.usd for key, a in self._answers.items() if a.usd}
        yield self._counter("cost_usd", "US dollars by the price table, where a price is known.", where, usd.items())

    def _told_by_others(self) -> Iterator[Metric]:
        states = {(u, self._labels.of(m), s): 1 for u, m, s in self.breakers()}
        yield self._gauge(
            "breaker", "1 for the state each breaker is in.", ("upstream", "model", "state"), states.items()
        )
        if self.journal is not None:
            written, failed = self.journal()
            yield self._counter("journal_bytes", "Bytes written to the journal.", (), [((), written)])
            yield self._counter("journal_errors", "Writes to the journal that failed.", (), [((), failed)])
        active, touched = self.drills()
        yield self._gauge("drill", "1 for each drill under way.", ("upstream", "mode"), [(key, 1) for key in active])
        yield self._counter("drilled_tries", "Tries that a drill touched.", ("upstream", "mode"), touched)
        waiting = [((state,), n) for state, n in self.put_off().items()]
        yield self._gauge("put_off", "Requests that were put off, by how far they are.", ("state",), waiting)
        yield self._counter("access_log_dropped", "Lines of the access log without room.", (), [((), self.log_dropped)])

    @staticmethod
    def _counter(name: str, says: str, labels: tuple[str, ...], sums: Numbers) -> Metric:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(f"{_PREFIX}{name}", says, labels=labels)
        for key, value in sums:
            family.add_metric(key, value)
        return family

    @staticmethod
    def _gauge(name: str, says: str, labels: tuple[str, ...], values: Numbers) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(f"{_PREFIX}{name}", says, labels=labels)
        for key, value in values:
            family.add_metric(key, value)
        return family


def _no_drills() -> tuple[tuple[()], tuple[()]]:
    return (), ()


def _alone(sums: dict[str, int]) -> Numbers:
    return [((key,), value) for key, value in sums.items()]
