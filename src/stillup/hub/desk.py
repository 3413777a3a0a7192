"""The desk where crowd reports are handed in: forms, admission, weight and minutes put together behind one lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from threading import Lock
from typing import NoReturn

from stillup.hub.address import Own, origin_of
from stillup.hub.admission import API_COST, Admitted, Gate
from stillup.hub.crowd import leaf_of
from stillup.hub.keyed import DailyKey, Entropy
from stillup.hub.notes import Noted
from stillup.hub.token import FormBook, Forms
from stillup.hub.values import Admission, CrowdReport, Minute, Reason
from stillup.hub.weight import Counts, Weights
from stillup.hub.windows import Windows
from stillup.model.signal import Signal

_SAYS = {
    Reason.ADMITTED: (202, "Thank you. Together with what people on other networks say it decides."),
    Reason.FOLDED: (202, "You reported this a moment ago: it was taken, and counts once."),
    Reason.TOO_MANY: (429, "You or your network have reported a lot just now. Please wait a moment."),
    Reason.FORGED: (403, "This report did not come from a form of this page. Please open the form and send it again."),
    Reason.STALE: (410, "This form was opened too long ago. Please open it anew and send it again."),
    Reason.REPLAYED: (409, "This form was sent already: your report was taken then."),
    Reason.UNKEPT: (503, "Your report was taken, but cannot be kept just now. Please send it again: it counts once."),
    Reason.CLOSED: (403, "Reports are switched off here."),
}


def refused(reason: Reason, retry_after_s: float | None = None) -> Admission:
    """The admission, or refusal, for a reason; the wait in whole seconds, so that nobody comes back too soon."""
    status, says = _SAYS[reason]
    wait_s = None if retry_after_s is None else float(ceil(retry_after_s))
    return Admission(reason=reason, status=status, says=says, retry_after_s=wait_s)


class Intake:
    """Takes reports or refuses them, and says what each of them counts; what becomes of those is left to others.

    Calls take some twenty microseconds and may come from any thread. ``entropy`` gives so many random bytes; ``began``
    is when this process began. ``own`` are networks whose senders each count for themselves. No address is kept:
    neither stored, nor logged, nor in any repr. ``key`` and ``forms`` are those that replicas share.
    """

    def __init__(
        self,
        entropy: Entropy,
        began: datetime,
        *,
        own: Iterable[str] = (),
        is_open: bool = True,
        key: DailyKey | None = None,
        forms: FormBook | None = None,
    ) -> None:
        self._lock = Lock()
        self._is_open = is_open
        self._own = Own(own)
        self._key = key if key is not None else DailyKey(entropy)
        self._forms = forms if forms is not None else Forms(entropy, began.timestamp())
        self._gate = Gate(self._key)
        self._weights = Weights(self._key)
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
            counts, spent = self._weights.weigh(report, found.near, found.wide, now_s)
            self.counts[counts] += 1
            self._taken(report, found, Noted(found, spent, form or 0, cost), counts, now_s)
        return refused(found.reason)

    def _taken(self, report: CrowdReport, found: Admitted, noted: Noted, counts: Counts, now_s: float) -> None:
        """A report was admitted; ``noted`` is what other replicas are to know of it."""
        raise NotImplementedError

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
        return f"{type(self).__name__}({dict(self.reasons)})"

    def __reduce__(self) -> NoReturn:
        msg = "a desk is never pickled"
        raise TypeError(msg)


class Hub(Intake):
    """A :class:`~stillup.hub.values.Desk` of one process. ``services`` are those it takes reports of."""

    def __init__(
        self,
        entropy: Entropy,
        began: datetime,
        services: Iterable[str] = (),
        *,
        own: Iterable[str] = (),
        is_open: bool = True,
    ) -> None:
        super().__init__(entropy, began, own=own, is_open=is_open)
        self._windows = Windows(services, began.timestamp())
        self._age = 0

    def _taken(self, report: CrowdReport, found: Admitted, noted: Noted, counts: Counts, now_s: float) -> None:  # noqa: ARG002 - there are no others
        self._turn(now_s)
        if counts is Counts.COUNTED:
            self._windows.add(report.service, leaf_of(report), found.wide, now_s)

    def due(self, now: datetime) -> Sequence[Signal]:
        """What has gathered since the last call, as signals of the source ``hub``; each minute is told once."""
        with self._lock:
            self._key.turn(now.timestamp())
            self._turn(now.timestamp())
            return self._windows.due(now.timestamp())

    def minutes(self, service: str, now: datetime) -> tuple[datetime, tuple[Minute, ...]]:
        """What other hubs are told: the end of the newest minute that is over, and those of the last quarter hour."""
        with self._lock:
            return self._windows.minutes(service, now.timestamp())

    def _turn(self, now_s: float) -> None:
        if self._age != self._key.age:
            self._age = self._key.age
            self._windows.roll(now_s)  # what is over by now was said under the old key, and counts by it
            self._windows.leave()
