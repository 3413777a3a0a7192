"""The heart: ``Monitor.step(now, signals) -> changes``.

Live polling, replay of a file and the demo all drive this one function. It is handed the time and the signals that
have arrived; it keeps what is younger than ``now`` for later, judges every whole minute up to ``now``, and answers what
changed. The order in which lines of one minute arrive, and doubles of them, make no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from math import inf

from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.service import Family, State
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.verdict.checkpoint import save as checkpoint
from stillup.verdict.counts.bank import CountBank
from stillup.verdict.counts.stream import judge
from stillup.verdict.counts.stretch import UsualCount
from stillup.verdict.forecast.forecaster import Forecaster, Prediction
from stillup.verdict.reported import Reported, reported, usual
from stillup.verdict.settings import Profile, Settings
from stillup.verdict.watch import ServiceWatch

MOST_SERVICES = 20_000
"""Services followed at once; some fourteen kilobytes each. A file of made-up names fills no memory beyond that."""


class Monitor:
    """Every service under watch.

    ``profile_of`` gives what is known of a service that is first heard of; it is asked once a service. Without a
    ``forecaster`` verdicts carry no forecast.
    """

    def __init__(
        self,
        profile_of: Callable[[str], Profile] = lambda s: Profile(service=s),
        settings: Settings | None = None,
        forecaster: Forecaster | None = None,
    ) -> None:
        self._profile_of = profile_of
        self._settings = settings or Settings()
        self._forecaster = forecaster
        self._bank = CountBank(self._settings)
        self._newest: dict[str, Verdict] = {}  # what each service's watch may know of the others
        self._watches: dict[str, ServiceWatch] = {}
        self._strange_services = 0

    def checkpoint(self) -> bytes:
        """Everything held, for :meth:`restore`; see :mod:`stillup.verdict.checkpoint.save`."""
        return checkpoint.save(self, self._settings)

    @classmethod
    def restore(
        cls,
        state: bytes,
        profile_of: Callable[[str], Profile] = lambda s: Profile(service=s),
        settings: Settings | None = None,
        forecaster: Forecaster | None = None,
    ) -> Monitor:
        """The monitor that gave this :meth:`checkpoint`; it goes on as that one would have.

        :raises stillup.errors.BadDataError: it is damaged, or of another version or other settings.
        """
        fresh = cls(profile_of, settings, forecaster)
        return checkpoint.load(state, fresh, fresh._settings)

    def step(self, now: datetime, signals: Iterable[Signal] = ()) -> list[Verdict]:
        """Take signals in and judge every minute up to ``now``.

        Changes come in the order of their times, then services, then the service's own line before its components'.
        Lines of minutes already judged are dropped and counted in :attr:`late`. Costs some ten microseconds a
        signal, independent of how many came before.
        """
        for line in signals:
            watch = self._watch(line.service)
            if watch is not None:
                watch.intake.put(line)
        changes: list[Verdict] = []
        while (tick := self._next_tick()) <= now.timestamp():
            changes += self._tick(int(tick))
        return changes

    def _next_tick(self) -> float:
        return min((w.next_tick() for w in self._watches.values()), default=inf)

    def _tick(self, tick: int) -> list[Verdict]:
        """One minute of every service on which something can change; all their counts are judged in one step."""
        due = {name: self._watches[name] for name in sorted(self._watches) if self._watches[name].next_tick() <= tick}
        opened = {name: watch.open(tick) for name, watch in due.items()}
        told = iter(judge(self._bank, [window for windows in opened.values() for window in windows], tick))
        news = {name: [next(told) for _ in windows] for name, windows in opened.items()}
        changes: dict[str, list[Verdict]] = {}
        for name in bases_first({name: watch.profile.dependencies for name, watch in due.items()}):
            changes[name] = due[name].close(tick, counts_changed=any(news[name]))
            self._newest.update({c.service: c for c in changes[name] if c.component is None})
        return [c for name in due for c in changes[name]]

    def _watch(self, service: str) -> ServiceWatch | None:
        watch = self._watches.get(service)
        if watch is None:
            if len(self._watches) >= MOST_SERVICES:
                self._strange_services += 1
                return None
            watch = self._watches[service] = ServiceWatch(
                self._profile_of(service), self._settings, self._bank, self._newest, self._forecaster
            )
        return watch

    def remember(self, past: Iterable[Incident]) -> None:
        """Tell what was seen before, so that forecasts can rest on it."""
        by_service: dict[str, list[Incident]] = {}
        for incident in past:
            by_service.setdefault(incident.service, []).append(incident)
        for service, known in by_service.items():
            watch = self._watch(service)
            if watch is not None:
                watch.remember(known)

    def take_up(self, standing: Iterable[Incident]) -> None:
        """Before the first minute: go on with incidents that were open when what was known was lost."""
        for incident in standing:
            watch = self._watch(incident.service)
            if watch is not None:
                watch.take_up(incident)

    def evidence(self, service: str) -> list[Evidence]:
        """What each family says about a service now; empty before its first signal."""
        watch = self._watches.get(service)
        return watch.evidence() if watch else []

    def verdicts(self, service: str) -> dict[str | None, Verdict]:
        """The newest verdict of a service (key None) and of each of its components spoken of."""
        watch = self._watches.get(service)
        return watch.verdicts() if watch else {}

    def known_incidents(self, service: str) -> list[Incident]:
        """Every incident of a service that was told or seen, the open one last."""
        watch = self._watches.get(service)
        return watch.known_incidents() if watch else []

    def left(self, service: str, now: datetime) -> Prediction | None:
        """How long a service's fault will still take from ``now`` on; None where nothing is wrong, or to ask."""
        watch = self._watches.get(service)
        verdict = watch.verdicts().get(None) if watch else None
        return watch.left(verdict, now) if watch and verdict is not None and verdict.state.is_fault else None

    def usual(self, service: str, families: Collection[Family], at: datetime, seconds: float) -> UsualCount | None:
        """How many reports are usual in so many seconds up to ``at``; None while too little is known."""
        watch = self._watches.get(service)
        return usual(self._bank, watch.counts(families), at.timestamp(), seconds) if watch else None

    def reported(self, service: str, families: Collection[Family], since: datetime) -> Reported:
        """What was counted since then, six hours back at most, and where; empty before the first signal."""
        watch = self._watches.get(service)
        return reported(watch.counts(families), since.timestamp()) if watch else Reported()

    def known(self) -> list[str]:
        """The services of which something is known now: their verdict is not *unknown*."""
        return [s for s, verdict in self._newest.items() if verdict.state is not State.UNKNOWN]

    def incidents(self) -> list[Incident]:
        """Incidents opened, changed or closed since the last call."""
        return [i for name in sorted(self._watches) for i in self._watches[name].incidents()]

    @property
    def overflow(self) -> int:
        """Lines dropped because they were of one service, source, component or kind of try too many."""
        return self._strange_services + sum(w.room.turned_away for w in self._watches.values())

    @property
    def late(self) -> int:
        """Lines that came more than their time too late and were dropped."""
        return sum(w.intake.late for w in self._watches.values())

    @property
    def unknown_sources(self) -> Counter[str]:
        """Lines dropped because nobody knows their source and they name no family."""
        return sum((w.intake.unknown for w in self._watches.values()), Counter())


def bases_first(depends: Mapping[str, Iterable[tuple[str, float]]]) -> list[str]:
    """Each service after those that it stands on, so that it is judged knowing how they are in the same minute.

    ``depends`` gives of each the ids of those, and how sure we are. Of services that stand on each other the first goes
    last; what is not among the keys is passed over.
    """
    placed: dict[str, None] = {}
    begun: set[str] = set()
    waiting = [*depends][::-1]
    while waiting:
        name = waiting[-1]
        new = name not in begun
        begun.add(name)
        below = [d for d, _ in depends[name] if new and d in depends and d not in begun]
        if below:
            waiting += below[::-1]
        else:
            placed[waiting.pop()] = None
    return list(placed)
