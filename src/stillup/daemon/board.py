"""The board made anew after each judged minute, in the monitor's thread, and handed to whoever shows it.

Only services of which something was heard, or that are in trouble, are put together anew; the others stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from stillup.board import Base, Board, Chance, Place, ServiceBoard, Share
from stillup.catalog.load import Service
from stillup.catalog.offers import alternatives
from stillup.daemon.account import COUNTED, Account
from stillup.daemon.advice import likely_class, other_parts, shaken, usual_task
from stillup.daemon.playbook import Helpers, steps_for
from stillup.daemon.yours import headline_for
from stillup.model.incident import Incident
from stillup.model.service import State
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.registry import SOURCES
from stillup.response.workarounds import best
from stillup.sources.report import Report
from stillup.verdict.telling.explain import because, page_is_read, rule, who
from stillup.web.regions import region_name

if TYPE_CHECKING:
    from stillup.daemon.live import Feed
    from stillup.store.store import Store
    from stillup.verdict.forecast.forecaster import Prediction
    from stillup.verdict.monitor import Monitor

_HOUR = timedelta(hours=1)
_RECALLED = timedelta(hours=24)
_MOST_RECALLED = 50_000
_INCIDENTS, _PLACES = 50, 300
_STALE = timedelta(minutes=5)
"""At least that often a quiet service is looked at anew: silence says something too."""

# Minutes: close together where most outages end, and up to a day.
_CURVE = (0, 5, 10, 15, 20, 30, 40, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240, 300, 360, 420, 480, 600, 720, 840,
          960, 1080, 1200, 1320, 1440)  # fmt: skip
_NOT_JUDGED = "the first judgement comes with the next full minute"


class Reader(Protocol):
    """Whoever shows the board."""

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:
        """Take a new board; ``changes`` are those of its minute. Called in the monitor's thread; must not block."""


class BoardMaker:
    """A :class:`~stillup.daemon.live.Listener` that makes the board; ``say`` is told of readers that fail.

    ``helpers`` are what of stillup's own helps in an outage; ``simulated`` says what is played where this is no real
    watch; ``resumed`` that the monitor knows what the one before it knew.
    """

    def __init__(
        self,
        monitor: Monitor,
        services: Sequence[Service],
        readers: Sequence[Reader] = (),
        *,
        helpers: Helpers | None = None,
        simulated: str = "",
        resumed: bool = False,
        say: Callable[[str], None] = lambda _: None,
        seq: int = 0,
    ) -> None:
        self._monitor = monitor
        self._accounts = {s.id: Account(s) for s in services}
        self._readers = readers
        self._helpers = helpers or Helpers()
        self._simulated = simulated
        self._resumed = resumed
        self._say = say
        self._incidents: dict[str, dict[str, Incident]] = {s.id: {} for s in services}
        self._made: dict[str, tuple[datetime, ServiceBoard]] = {}
        self._states: dict[str, State] = {}
        self._failed: set[Reader] = set()
        self._seq = seq

    # -- what is heard ------------------------------------------------------------------------------------------------

    def heard(self, report: Report) -> None:
        """A source was read, or could not be."""
        account = self._accounts.get(report.service)
        if account is not None:
            account.hear(report)

    def beside(self, feed: Feed) -> Feed:
        """A feed of this process's own whose signals reach the board too: no poller reads them."""

        def told(now: datetime) -> list[Signal]:
            lines = list(feed(now))
            by_service: dict[str, list[Signal]] = {}
            for line in lines:
                by_service.setdefault(line.service, []).append(line)
            for service, those in by_service.items():
                if service in self._accounts:
                    self._accounts[service].take(those, now)
            return lines

        return told

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """A minute was judged: make the board and hand it on."""
        board = self.make(now, changes)
        for reader in self._readers:
            self._show(reader, board, changes)

    def trouble(self, why: str) -> None:
        """What cannot be kept is shown all the same."""

    def recall(self, store: Store, now: datetime) -> None:
        """Take in what was kept: the counts of the last day, and past incidents. Blocks.

        :raises stillup.errors.StoreError: it cannot be read.
        """
        for service, account in self._accounts.items():
            kept = (s for s in store.signals(service, now - _RECALLED) if s.source in SOURCES)
            account.recall(islice(kept, _MOST_RECALLED), now)
            self._incidents[service] = {i.id: i for i in store.incidents(service, limit=_INCIDENTS)}

    # -- the board ----------------------------------------------------------------------------------------------------

    def make(self, now: datetime, changes: Sequence[Verdict] = ()) -> Board:
        """The board as of ``now``."""
        changed = {c.service for c in changes}
        if self._helpers.team is not None:
            self._helpers.team.refresh()
        states = {s: v.state for s in self._accounts if (v := self._monitor.verdicts(s).get(None)) is not None}
        elsewhere_moved, self._states = states != self._states, states
        for service, account in self._accounts.items():
            made_at, made = self._made.get(service, (now, None))
            stands = made is not None and now - made_at < _STALE and not made.verdict.state.is_fault
            if not stands or account.is_new or elsewhere_moved or service in changed:
                self._made[service] = (now, self._service(account, now))
                account.is_new = False
        self._seq += 1
        shown = {service: made for service, (_, made) in self._made.items()}
        return Board(at=now, seq=self._seq, services=shown, simulated=self._simulated, resumed=self._resumed)

    def _service(self, account: Account, now: datetime) -> ServiceBoard:
        service, monitor = account.service, self._monitor
        said = monitor.verdicts(service.id)
        verdict = said.get(None) or Verdict(at=now, service=service.id)
        parts = {c: v for c, v in said.items() if c is not None}
        evidence, reports = monitor.evidence(service.id), account.reports
        facts, task = likely_class(verdict), usual_task(service)
        left = monitor.left(service.id, now)
        up = other_parts(service, verdict, parts, reports).up
        choices = tuple(alternatives(service, task, self._states))
        counted = monitor.reported(service.id, COUNTED, now - _HOUR)
        regions = counted.regions
        latency = account.recent.latency()
        return ServiceBoard(
            service=service,
            verdict=verdict,
            components=parts,
            evidence=tuple(evidence),
            sources=account.lines(),
            headline=headline_for(service.name, verdict, reports, now),
            because=because(verdict, page_is_read=page_is_read(evidence)) if said else _NOT_JUDGED,
            rule=rule(verdict, evidence, now),
            who=who(verdict, _naming(service), region_name),
            reports=account.bars(monitor, now),
            places=tuple(sorted((Place(r, p.count, p.usual) for r, p in regions.items()), key=_by_count)[:_PLACES]),
            problems=tuple(sorted((Share(p, n) for p, n in counted.problems.items()), key=_by_count)),
            likely=facts,
            likely_p=verdict.diagnosis[0].p if verdict.diagnosis else None,
            left=left.forecast() if left is not None else None,
            recovery=_curve(left) if left is not None else (),
            pattern=facts.recovery if facts else "",
            steps=steps_for(
                service, verdict, now, reports=reports, parts_up=up, choices=choices,
                back_in_s=left.quantile_s(0.5) if left is not None else None,
                helpers=self._helpers, state_of=self._state_of,
            ),
            task=task,
            up_parts=up,
            choices=choices,
            workarounds=best(account.tips(now), verdict, {c: v.state for c, v in parts.items()}, now),
            bases=_bases(service, verdict, self._states),
            incidents=self._known_incidents(service.id),
            maintenances=account.maintenances(now),
            latency_ms=latency.ms if latency is not None else None,
        )  # fmt: skip

    def _state_of(self, service: str) -> State:
        return self._states.get(service, State.UNKNOWN)

    def _known_incidents(self, service: str) -> tuple[Incident, ...]:
        """The newest first; what the monitor knows stands over what was kept."""
        known = self._incidents[service]
        known |= {i.id: i for i in self._monitor.known_incidents(service)}
        newest = sorted(known.values(), key=lambda i: (i.opened_at, i.id), reverse=True)[:_INCIDENTS]
        self._incidents[service] = {i.id: i for i in newest}
        return tuple(newest)

    def _show(self, reader: Reader, board: Board, changes: Sequence[Verdict]) -> None:
        try:
            reader.show(board, changes)
        except Exception as exc:  # noqa: BLE001 - whoever shows it badly, the judgement and the others go on
            if reader not in self._failed:
                self._say(f"{type(reader).__name__} cannot show the board: {type(exc).__name__}: {exc}")
            self._failed.add(reader)
        else:
            self._failed.discard(reader)


def first_board(services: Sequence[Service], now: datetime, simulated: str = "") -> Board:
    """What is shown before anything was judged: every service unknown; its ``seq`` is 0."""
    return Board(
        at=now,
        services={
            s.id: ServiceBoard(
                service=s,
                verdict=Verdict(at=now, service=s.id),
                headline=f"{s.name}: unknown",
                because=_NOT_JUDGED,
                task=usual_task(s),
                choices=tuple(alternatives(s, usual_task(s), {})),
            )
            for s in services
        },
        simulated=simulated,
    )


UNJUDGED = timedelta(minutes=3)
"""A monitor that is there judges each minute; so much later a first board says that there is none."""


def nobody_judges(first: Board) -> Board:
    """What is shown where a :func:`first_board` has grown old: its ``seq`` is -1, so that every page is made anew."""
    why = never_judged(first.at)
    services = {name: structs.replace(shown, because=why) for name, shown in first.services.items()}
    return structs.replace(first, seq=-1, services=services)


def never_judged(since: datetime) -> str:
    """Why nothing is known of a service that no monitor speaks of."""
    return f"no monitor was heard since this page began at {since:%H:%M} UTC, so nobody judges"


def _naming(service: Service) -> Callable[[str], str]:
    names = {c.id: c.name for c in service.components}
    return lambda c: names.get(c, c)


def _by_count(part: Place | Share) -> tuple[float, str]:
    return -part.count, part.region if isinstance(part, Place) else part.problem


def _curve(left: Prediction) -> tuple[Chance, ...]:
    return tuple(Chance(minutes * 60.0, round(left.within(minutes * 60.0), 4)) for minutes in _CURVE)


def _bases(service: Service, verdict: Verdict, states: Mapping[str, State]) -> tuple[Base, ...]:
    found = shaken(service, verdict, states, ())
    return tuple(Base(service=b.service, name=b.name, state=b.state, confidence=b.confidence) for b in found)
