"""What the gateway tells the judgement: the outcome of every try, as signals of the source ``gateway``.

The laws, with their reasons in ``docs/closed-loop.md``:

- What is the user's own (a limit, a bill, a key) is told in words that never vote for an outage; what is wrong with a
  request, or was given up because another answer came first, is not told at all.
- A connection that fails may be this machine's network. It counts only when another upstream is reached after it.
- An answer counts as a success wherever a failure has been counted before, so that failures are a rate of something.
- A busy gateway tells windows instead of single tries, and only names of models that the catalogue or the
  configuration knows: neither traffic nor made-up names fill the memory or the disk.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from math import ceil
from statistics import median
from threading import Lock

from msgspec import Struct

from stillup.clock import Clock
from stillup.gateway.core.fault import MEANINGS, Fault, Meaning, Whose
from stillup.gateway.core.values import Operation
from stillup.gateway.core.views import Try
from stillup.gateway.seen.cost import OTHER, Labels
from stillup.model.service import Layer
from stillup.model.signal import Outcome

SOURCE = "gateway"
WINDOW_S = 60
SINGLES = 20
"""Lines a minute that are told one by one; at that rate a month of them is some two hundred megabytes."""

HELD_S = 300.0
"""So long a failed connection waits for another upstream to be reached; then it is taken for this machine's own."""

_MOST_HELD = 1_000
_MOST_WAITING = 10_000
_MOST_KINDS = 512
_MOST_LATENCIES = 64
_ABOUT_HERE = (Layer.LOCAL, Layer.NETWORK)
_FELL_SILENT = (Fault.SLOW_FIRST_TOKEN, Fault.STALL, Fault.CUT)
_WITH_INFERENCE = (Operation.GENERATE, Operation.EMBED)


class _Kind(Struct, frozen=True):
    """Tries that are told together."""

    service: str
    component: str
    layer: Layer
    model: str
    error: str


class _Tally:
    """The tries of one kind in one minute."""

    __slots__ = ("failed", "latencies_ms", "newest_s", "ok")

    def __init__(self) -> None:
        self.ok = self.failed = 0
        self.newest_s = 0.0
        self.latencies_ms: list[float] = []


class _Held(Struct, frozen=True):
    """A connection that failed, and nobody knows yet whose fault that was."""

    at_s: float
    upstream: str
    kind: _Kind
    whole: bool


class TrafficObserver:
    """An :class:`~stillup.gateway.core.views.Observer`; :meth:`due` is the feed for the ``Live`` that judges.

    The two may run in different threads. ``labels`` says which models' names are told. A try costs a few microseconds.
    """

    def __init__(self, clock: Clock, labels: Labels) -> None:
        self._clock = clock
        self._labels = labels
        self._lock = Lock()
        self._minute_s = 0
        self._singles = 0
        self._tallies: dict[_Kind, _Tally] = {}
        self._waiting: deque[Outcome] = deque(maxlen=_MOST_WAITING)
        self._held: deque[_Held] = deque(maxlen=_MOST_HELD)
        self._reached_s: dict[str, float] = {}
        self._failed_at: dict[tuple[str, str], dict[tuple[Layer, bool], None]] = {}
        """Where failures of a component were counted: the layer, and whether they were of all models at once."""

    def tried(self, result: Try) -> None:
        """Take one try in."""
        target = result.target
        if not target.service:
            return
        at_s = self._clock.now().timestamp()
        meaning = None if result.fault is None else MEANINGS[result.fault]
        with self._lock:
            self._roll(at_s)
            if _was_reached(result, meaning):
                self._reached_s[target.upstream] = at_s
            if result.ok:
                self._worked(result, at_s)
            elif meaning is not None and result.fault is not None and _is_told(result, meaning):
                self._failed(result, result.fault, meaning, at_s)

    def due(self, now: datetime) -> list[Outcome]:
        """Everything that can be told by now; each signal is given once."""
        with self._lock:
            self._roll(now.timestamp())
            self._release(now.timestamp())
            told = list(self._waiting)
            self._waiting.clear()
            return told

    # -- taking in ----------------------------------------------------------------------------------------------------

    def _worked(self, result: Try, at_s: float) -> None:
        target, model, layer = result.target, self._model(result), _layer_of(result.operation)
        kind = _Kind(target.service, target.component, layer, model, "")
        self._tell(kind, at_s, ok=True, latency_ms=_latency_ms(result))
        for other, whole in self._failed_at.get((target.service, target.component), ()):
            if whole or other is not layer:
                kind = _Kind(target.service, target.component, other, "" if whole else model, "")
                self._tell(kind, at_s, ok=True)

    def _failed(self, result: Try, fault: Fault, meaning: Meaning, at_s: float) -> None:
        target, layer, model = result.target, meaning.layer, "" if meaning.whole else self._model(result)
        if layer in _ABOUT_HERE:  # a failure there would be this machine's word about itself
            layer = Layer.EDGE
        elif layer is Layer.INFERENCE:
            layer = _layer_of(result.operation)
        kind = _Kind(target.service, target.component, layer, model, fault.value)
        if _may_be_here(meaning):
            self._held.append(_Held(at_s, target.upstream, kind, meaning.whole))
            return
        self._count_failure(kind, at_s, whole=meaning.whole, own=meaning.whose is Whose.KEY)

    def _count_failure(self, kind: _Kind, at_s: float, *, whole: bool, own: bool = False) -> None:
        if not own:
            self._failed_at.setdefault((kind.service, kind.component), {})[kind.layer, whole] = None
        self._tell(kind, at_s, ok=False)

    def _release(self, now_s: float) -> None:
        """Tell failed connections after which another upstream was reached; drop those that waited in vain."""
        still: list[_Held] = []
        for held in self._held:
            if any(at_s >= held.at_s and name != held.upstream for name, at_s in self._reached_s.items()):
                self._count_failure(held.kind, held.at_s, whole=held.whole)
            elif now_s - held.at_s < HELD_S:
                still.append(held)
        self._held = deque(still, maxlen=_MOST_HELD)

    def _model(self, result: Try) -> str:
        label = self._labels.of(result.model)
        return "" if label == OTHER else label

    # -- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, kind: _Kind, at_s: float, *, ok: bool, latency_ms: float | None = None) -> None:
        if self._singles < SINGLES:
            self._singles += 1
            self._waiting.append(_single(kind, at_s, ok=ok, latency_ms=latency_ms))
            return
        tally = self._tallies.get(kind)
        if tally is None:
            if len(self._tallies) >= _MOST_KINDS:
                return
            tally = self._tallies[kind] = _Tally()
        tally.newest_s = at_s
        tally.ok += ok
        tally.failed += not ok
        if latency_ms is not None and len(tally.latencies_ms) < _MOST_LATENCIES:
            tally.latencies_ms.append(latency_ms)

    def _roll(self, now_s: float) -> None:
        """Close the minute that is over: its tallies become windows, in the order of their newest tries."""
        minute_s = ceil(now_s / WINDOW_S) * WINDOW_S
        if minute_s == self._minute_s:
            return
        ended = datetime.fromtimestamp(self._minute_s, UTC)
        for kind, tally in sorted(self._tallies.items(), key=lambda item: item[1].newest_s):
            self._waiting.append(_window(kind, ended, tally))
        self._tallies.clear()
        self._minute_s, self._singles = minute_s, 0


def _was_reached(result: Try, meaning: Meaning | None) -> bool:
    """Whether the upstream itself spoke just now, so that the way to it is open."""
    if result.ok:
        return True
    spoke = result.status is not None and result.fault not in _FELL_SILENT
    return spoke and meaning is not None and not _may_be_here(meaning)


def _may_be_here(meaning: Meaning) -> bool:
    return meaning.whose is Whose.HERE or meaning.layer in _ABOUT_HERE


def _is_told(result: Try, meaning: Meaning) -> bool:
    """Whether a failure says something of the service, or of a limit, bill or key of the user's.

    A client's own key that is refused may be any client's invention.
    """
    if meaning.whose is Whose.KEY:
        return not (result.fault is Fault.UNAUTHORIZED and result.borrowed_key)
    return meaning.whose is not Whose.REQUEST and meaning.weight > 0.0


def _latency_ms(result: Try) -> float | None:
    """The time to the first token of a stream: that of a whole answer, whose first is its last, is its length's."""
    first_s = result.first_token_s
    return None if first_s is None or first_s >= result.total_s else max(0.0, first_s * 1000.0)


def _layer_of(operation: Operation) -> Layer:
    return Layer.INFERENCE if operation in _WITH_INFERENCE else Layer.API_GATEWAY


def _single(kind: _Kind, at_s: float, *, ok: bool, latency_ms: float | None) -> Outcome:
    return Outcome(
        at=datetime.fromtimestamp(at_s, UTC),
        service=kind.service,
        source=SOURCE,
        component=kind.component or None,
        layer=kind.layer,
        model=kind.model or None,
        ok=ok,
        error=kind.error or None,
        latency_ms=latency_ms,
    )


def _window(kind: _Kind, ended: datetime, tally: _Tally) -> Outcome:
    return Outcome(
        at=ended,
        service=kind.service,
        source=SOURCE,
        component=kind.component or None,
        layer=kind.layer,
        model=kind.model or None,
        window_s=WINDOW_S,
        n_ok=tally.ok,
        n_failed=tally.failed,
        error=kind.error or None,
        latency_ms=median(tally.latencies_ms) if tally.latencies_ms else None,
    )
