"""What was promised beside what was measured: one service and period, side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING

from stillup.catalog.load import Promise, Service, catalogue
from stillup.daemon.sla.ledger import DAY_S, Ledger
from stillup.daemon.sla.read import Part, Slots
from stillup.daemon.spells import Span, down, spells_of
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict
from stillup.risk.credit import credit
from stillup.risk.sla import SLOT_S, Period, Seen, Side, Slot, budget, burns, lost, measure, month, quarter_of
from stillup.risk.sla_report import Held, Report, Row
from stillup.risk.stretches import meet
from stillup.risk.values import Subject

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.config.sla import Agreement
    from stillup.daemon.past import Past
    from stillup.store.store import Store

_BURN_S = 3 * DAY_S + 3_600
_MOST_CHANGES, _MOST_STRETCHES, _MOST_INCIDENTS = 20_000, 20_000, 2_000
_MOST_TICKS = 3_000
_STANDS_S, _MOST_ANSWERS = 60.0, 64
_PEOPLE = (Family.CROWD, Family.SOCIAL, Family.SEARCH)


def report(
    config: Config, store: Store | None, service: Service, period: Period, now: datetime, target: float | None = None
) -> Report:
    """All sides of a service in a period. Blocks; some seconds where a month of signals has to be read first.

    ``target`` (a share) stands in for whatever the configuration has.

    :raises stillup.errors.StoreError: the database cannot be read.
    """
    said: list[str] = []
    now_s = now.timestamp()
    begin_s = min(_begin(config, service, period), now_s - _BURN_S if _goes_on(period, now_s) else period.begin_s)
    slots: Slots = {}
    if store is not None:
        slots = Ledger(store, said.append).slots(service, begin_s, period.end_s, now_s)
        slots |= _told(store, service, begin_s, min(period.end_s, now_s))
    parts = [_held(config, service, component, slots, period, now_s, target) for component in _components(slots)]
    return Report(service=service, period=period, now_s=now_s, parts=tuple(parts), trouble=tuple(said))


def this_month(now: datetime) -> Period:
    """The month that it is, in UTC."""
    return month(f"{now.astimezone(UTC):%Y-%m}")


def _begin(config: Config, service: Service, period: Period) -> float:
    """Some terms count by the quarter."""
    plans = {a.plan for a in config.sla.agreements if a.service == service.id}
    by_quarter = any(p.period == "quarter" and p.plan in plans for p in service.promises)
    return quarter_of(period).begin_s if by_quarter else period.begin_s


def _goes_on(period: Period, now_s: float) -> bool:
    return period.begin_s <= now_s < period.end_s


def _components(slots: Iterable[Part]) -> list[str | None]:
    """The service as a whole first."""
    return sorted({component for component, _ in slots}, key=lambda c: (c is not None, c or ""))


# -- putting together --------------------------------------------------------------------------------------------------


def _held(
    config: Config,
    service: Service,
    component: str | None,
    slots: Slots,
    period: Period,
    now_s: float,
    target: float | None,
) -> Held:
    agreement = config.sla.of(service.id, component) or config.sla.of(service.id, None)
    promise = _promise(service, component, agreement)
    share, because = _target(config, agreement, promise, target)
    rows = []
    for side in Side:
        if (component, side) not in slots:
            continue
        seen = Seen(subject=Subject(service.id, component), side=side, slots=slots[component, side])
        row = _row(seen, period, now_s, share, promise, agreement)
        if row.measured.seen:
            rows.append(row)
    known = service.component(component) if component is not None else None
    return Held(
        subject=Subject(service.id, component),
        name=known.name if known is not None else component or f"{service.name} as a whole",
        target=share,
        because=because,
        rows=tuple(rows),
        agreement=promise.plan if promise is not None else "",
        bill=agreement.bill if agreement is not None else None,
        currency=agreement.currency if agreement is not None else "USD",
    )


def _row(
    seen: Seen, period: Period, now_s: float, target: float, promise: Promise | None, agreement: Agreement | None
) -> Row:
    measured = measure(seen, period, now_s)
    counts = seen.side not in (Side.PEOPLE, Side.VERDICT)
    due = None
    if promise is not None and counts:
        over = quarter_of(period) if promise.period == "quarter" else period
        due = credit(seen, promise, over, now_s, agreement.bill if agreement is not None else None)
    return Row(
        measured=measured,
        budget=budget(measured, target),
        burns=burns(seen, now_s, target) if counts and _goes_on(period, now_s) else (),
        credit=due,
        lost=tuple(lost(seen, period)),
    )


def _promise(service: Service, component: str | None, agreement: Agreement | None) -> Promise | None:
    """The terms of the plan one has, where they are about this part."""
    if agreement is None or agreement.plan is None:
        return None
    those = [p for p in service.promises if p.plan == agreement.plan]
    own = next((p for p in those if p.component == component), None)
    return own or next((p for p in those if not p.component), None)


def _target(
    config: Config, agreement: Agreement | None, promise: Promise | None, target: float | None
) -> tuple[float, str]:
    if target is not None:
        return target, "as asked for"
    if agreement is not None and agreement.target is not None:
        return round(agreement.target / 100, 10), "your configuration"
    if promise is not None and promise.uptime is not None:
        return promise.uptime, f"the plan “{promise.plan}”"
    return round(config.sla.target / 100, 10), "`sla.target`"


# -- what the database keeps for good ----------------------------------------------------------------------------------


def _told(store: Store, service: Service, begin_s: float, end_s: float) -> Slots:
    """The verdict's side and people's, from the changes that were kept."""
    begin, end = datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(max(end_s, begin_s), UTC)
    watched = meet(store.watched(service.id, begin, _MOST_STRETCHES), [(begin, end)])
    before = store.standing(service.id, begin)
    inside = store.changes_within(service.id, begin, end, _MOST_CHANGES)
    incidents = store.incidents(service.id, begin, _MOST_INCIDENTS)
    confirmed = {i.id for i in incidents if i.confidence is Confidence.CONFIRMED}
    out: Slots = {}
    by_part: dict[str | None, list[Verdict]] = {}
    for change in (*before, *inside):
        by_part.setdefault(change.component, []).append(change)
    for component, changes in by_part.items():
        spells = spells_of(changes, confirmed, end)
        known = meet(watched, [s.span for s in spells if s.state is not State.UNKNOWN])
        slow = meet(known, [s.span for s in spells if s.sure and s.state is State.DEGRADED])
        out[component, Side.VERDICT] = _slots(known, meet(known, down(spells)), slow)
    ticks = list(dict.fromkeys(c.at for c in (*before, *inside)))[-_MOST_TICKS:]
    for component, (known, alarms) in _people(store, service.id, ticks, end).items():
        seen = meet(watched, known)
        out[component, Side.PEOPLE] = _slots(seen, meet(seen, alarms), [])
    return out


def _people(
    store: Store, service: str, ticks: Sequence[datetime], end: datetime
) -> Mapping[str | None, tuple[list[Span], list[Span]]]:
    """When people were heard, and when they were in alarm: as far as changes of verdict tell.

    What they were in alarm about without a change of verdict is not kept; nor is the minute in which they calmed down,
    where the verdict rested on others by then.
    """
    known: list[Span] = []
    alarms: dict[str | None, list[Span]] = {None: []}
    for at, until in pairwise([*ticks, end]):
        told = [e for e in store.evidence_of_tick(service, at) if e.family in _PEOPLE]
        if at >= until or all(e.standing is Standing.NO_DATA for e in told):
            continue
        known.append((at, until))
        for component in _named(e for e in told if e.standing is Standing.ALARM):
            alarms.setdefault(component, []).append((at, until))
    return {component: (known, spans) for component, spans in alarms.items()} if known else {}


def _named(alarms: Iterable[Evidence]) -> Collection[str | None]:
    """The whole, and the components that an alarm names."""
    told = list(alarms)
    return {None, *(c for e in told for c, _ in e.components)} if told else ()


def _slots(known: Sequence[Span], bad: Sequence[Span], slow: Sequence[Span]) -> dict[int, Slot]:
    out: dict[int, Slot] = {}
    kinds: tuple[tuple[Sequence[Span], Callable[[float], Slot]], ...] = (
        (known, lambda s: Slot(good=s)),
        (bad, lambda s: Slot(good=-s, bad=s)),
        (slow, lambda s: Slot(degraded=s)),
    )
    for spans, kind in kinds:
        for begin, end in spans:
            at, until = begin.timestamp(), end.timestamp()
            while at < until:
                number = int(at // SLOT_S)
                stop = min(until, float((number + 1) * SLOT_S))
                out[number] = out.get(number, Slot()) + kind(stop - at)
                at = stop
    return {n: Slot(max(0.0, s.good), s.bad, s.degraded) for n, s in out.items()}


class Measuring:
    """What the page asks: each answer stands for a minute, and one is made at a time."""

    def __init__(self, config: Config, past: Past, clock: Clock) -> None:
        self._config, self._past, self._clock = config, past, clock
        self._lock = Lock()
        self._answers: dict[tuple[str, str], tuple[float, Report]] = {}

    def __call__(self, service: str, month_name: str) -> Report:
        """One service in one month. Blocks.

        :raises stillup.errors.StoreError: the database cannot be read.
        """
        with self._lock:
            at_s, key = self._clock.monotonic_s(), (service, month_name)
            kept = self._answers.get(key)
            if kept is None or at_s - kept[0] >= _STANDS_S:
                with self._past.reading() as store:
                    told = report(self._config, store, catalogue()[service], month(month_name), self._clock.now())
                if len(self._answers) >= _MOST_ANSWERS:
                    self._answers.clear()
                kept = self._answers[key] = (at_s, told)
            return kept[1]
