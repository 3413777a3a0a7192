"""The desk where crowd reports are handed in: forms, admission, weight and minutes put together behind one lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import ceil
from threading import Lock
from typing import NoReturn

from stillup.hub.address import Own, origin_of
from stillup.hub.admission import API_COST, Gate
from stillup.hub.keyed import DailyKey, Entropy
from stillup.hub.token import Forms
from stillup.hub.values import Admission, Counted, CrowdReport, Minute, Reason
from stillup.hub.weight import Counts, Weights
from stillup.hub.windows import WINDOW_S, Leaf, Windows
from stillup.model.signal import Alive, Signal
from stillup.model.signal import Counted as CountedSignal

SOURCE = "hub"

_SAYS = {
    Reason.ADMITTED: (202, "Thank you. Together with what people on other networks say it decides."),
    Reason.FOLDED: (202, "You reported this a moment ago: it was taken, and counts once."),
    Reason.TOO_MANY: (429, "You or your network have reported a lot just now. Please wait a moment."),
    Reason.FORGED: (403, "This report did not come from a form of this page. Please open the form and send it again."),
    Reason.STALE: (410, "This form was opened too long ago. Please open it anew and send it again."),
    Reason.REPLAYED: (409, "This form was sent already: your report was taken then."),
    Reason.CLOSED: (403, "Reports are switched off here."),
}


def refused(reason: Reason, retry_after_s: float | None = None) -> Admission:
    """The admission, or refusal, for a reason; the wait in whole seconds, so that nobody comes back too soon."""
    status, says = _SAYS[reason]
    wait_s = None if retry_after_s is None else float(ceil(retry_after_s))
    return Admission(reason=reason, status=status, says=says, retry_after_s=wait_s)


class Hub:
    """A :class:`~stillup.hub.values.Desk`. Calls take some twenty microseconds and may come from any thread.

    ``entropy`` gives so many random bytes; ``began`` is when this process began. ``services`` are those it takes
    reports of: whoever judges hears of each that it is alive. ``own`` are networks whose senders each count for
    themselves. No address is kept: neither stored, nor logged, nor in any repr.
    """

    def __init__(
        self,
        entropy: Entropy,
        began: datetime,
        services: Iterable[str] = (),
        *,
        own: Iterable[str] = (),
        is_open: bool = True,
    ) -> None:
        self._lock = Lock()
        self._is_open = is_open
        self._own = Own(own)
        self._key = DailyKey(entropy)
        self._forms = Forms(entropy, began.timestamp())
        self._gate = Gate(self._key)
        self._weights = Weights(self._key, began.timestamp())
        self._windows = Windows()
        self._services = dict.fromkeys(services, False)
        """Whether the judgement has heard of the source."""
        self._alive_s = 0
        self.reasons: Counter[Reason] = Counter()
        self.counts: Counter[Counts] = Counter()

    def token(self, now: datetime) -> str:
        """A new token for a form; it must come back with the report."""
        with self._lock:
            return self._forms.issue(now.timestamp())

    def hand_in(self, report: CrowdReport, sender: str, token: str | None, now: datetime) -> Admission:
        """Take a report or refuse it; see :class:`~stillup.hub.values.Desk`."""
        now_s = now.timestamp()
        with self._lock:
            admission = self._hand_in(report, sender, token, now_s)
            self.reasons[admission.reason] += 1
        return admission

    def _hand_in(self, report: CrowdReport, sender: str, token: str | None, now_s: float) -> Admission:
        if not self._is_open:
            return refused(Reason.CLOSED)
        form = None if token is None else self._forms.check(token, now_s)
        if isinstance(form, Reason):
            return refused(form)
        cost = API_COST if form is None else 1.0
        found = self._gate.admit(report, origin_of(sender, self._own or None), now_s, cost=cost)
        if found.reason is Reason.TOO_MANY:
            return refused(found.reason, found.wait_s)
        if form is not None:
            self._forms.spend(form)
        if found.reason is Reason.ADMITTED:
            self._count(report, found.near, found.wide, now_s)
        return refused(found.reason)

    def _count(self, report: CrowdReport, near: int, wide: int, now_s: float) -> None:
        counts, held = self._weights.weigh(report, near, wide, now_s)
        self.counts[counts] += 1
        if counts is Counts.COUNTED:
            leaf = Leaf(report.component, report.region, report.problem)
            self._windows.add(report.service, leaf, held, now_s)
            self._services.setdefault(report.service, False)

    def due(self, now: datetime) -> Sequence[Signal]:
        """What has gathered since the last call, as signals of the source ``hub``; each minute is told once."""
        with self._lock:
            self._key.turn(now.timestamp())
            self._roll(now)
            told: list[Signal] = []
            for window in self._windows.untold():
                for service, counts in window.counted.items():
                    told += [_signal(service, leaf, n, window.end_s) for leaf, n in counts.items()]
            if self._windows.over_s != self._alive_s:
                self._alive_s = self._windows.over_s
                told += self._alive()
            return told

    def _alive(self) -> list[Signal]:
        at = datetime.fromtimestamp(self._alive_s, UTC)
        told: list[Signal] = []
        for service, is_known in self._services.items():
            if not is_known:
                # Without a first count nobody would learn that none is usual, until the first one comes.
                told.append(CountedSignal(at=at, service=service, source=SOURCE, window_s=WINDOW_S, count=0))
                self._services[service] = True
            told.append(Alive(at=at, service=service, source=SOURCE))
        return told

    def minutes(self, service: str, now: datetime) -> tuple[datetime, tuple[Minute, ...]]:
        """What other hubs are told: the end of the newest minute that is over, and those of the last quarter hour."""
        with self._lock:
            self._roll(now)
            told = tuple(
                Minute(end=datetime.fromtimestamp(end_s, UTC), counts=tuple(_given(counts)))
                for end_s, counts in self._windows.last(service)
            )
            return datetime.fromtimestamp(self._windows.over_s, UTC), told

    def _roll(self, now: datetime) -> None:
        self._windows.roll(now.timestamp(), self._weights)

    def metrics(self) -> bytes:
        """What became of reports so far, in Prometheus' text format."""
        with self._lock:
            reasons, counts, size = dict(self.reasons), dict(self.counts), self.size_bytes
        lines = ["# TYPE stillup_hub_reports_total counter"]
        lines += [f'stillup_hub_reports_total{{reason="{r}"}} {reasons.get(r, 0)}' for r in Reason]
        lines += ["# TYPE stillup_hub_weighed_total counter"]
        lines += [f'stillup_hub_weighed_total{{counts="{c}"}} {counts.get(c, 0)}' for c in Counts]
        lines += ["# TYPE stillup_hub_tables_bytes gauge", f"stillup_hub_tables_bytes {size}", ""]
        return "\n".join(lines).encode()

    @property
    def size_bytes(self) -> int:
        """What the tables of senders and networks take."""
        return self._gate.size_bytes + self._weights.size_bytes

    def __repr__(self) -> str:
        return f"Hub({dict(self.reasons)})"

    def __reduce__(self) -> NoReturn:
        msg = "a desk is never pickled"
        raise TypeError(msg)


def _signal(service: str, leaf: Leaf, n: int, end_s: int) -> CountedSignal:
    return CountedSignal(
        at=datetime.fromtimestamp(end_s, UTC),
        service=service,
        source=SOURCE,
        window_s=WINDOW_S,
        count=n,
        component=leaf.component,
        region=leaf.region,
        problem=leaf.problem,
    )


def _given(counts: Counter[Leaf]) -> Iterable[Counted]:
    for leaf, n in sorted(counts.items(), key=lambda item: tuple(map(str, item[0]))):
        yield Counted(count=n, component=leaf.component, region=leaf.region, problem=leaf.problem)
