"""What was kept, as the page shows it: over the database, each answer remembered for a minute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import combinations
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from stillup.board import Joint, Record, Story
from stillup.catalog.load import catalogue
from stillup.clock import Clock
from stillup.daemon.past import Past
from stillup.daemon.spells import Span, down, record_of, seconds, spells_of
from stillup.daemon.story import AROUND, Kept, tell, window, worst_of
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family
from stillup.model.verdict import Verdict
from stillup.registry import SOURCES
from stillup.risk.stretches import meet

if TYPE_CHECKING:
    from stillup.store.store import Store

T = TypeVar("T")

_STANDS_S = 60.0
_MOST_ANSWERS = 128
_MOST_CHANGES, _MOST_STRETCHES, _MOST_INCIDENTS = 20_000, 20_000, 2_000
_MOST_STORY_CHANGES, _MOST_GROUNDS = 2_000, 60
_MOST_DECLARED, _MOST_COUNTED = 20_000, 40_000
_MOST_DAYS, _MOST_LISTED, _MOST_JOINT = 400, 500, 8
_PAGE_TRAILS = timedelta(hours=6)
"""So long after the end of an incident its page is still read for how it closed it."""


class StoreArchive:
    """An :class:`~stillup.board.Archive` over a database that somebody else writes, and that may be away.

    Its calls block and raise :class:`~stillup.errors.StoreError`. One question is asked of the database at a time: a
    hundred readers of a page must cost it one reading, not a hundred.
    """

    def __init__(self, past: Past, clock: Clock) -> None:
        self._past = past
        self._clock = clock
        self._lock = Lock()
        self._answers: OrderedDict[Hashable, tuple[float, object]] = OrderedDict()

    def story(self, incident_id: str) -> Story | None:
        """One incident, None where none has that id."""
        return self._remembered(("story", incident_id), lambda store: self._story(store, incident_id))

    def incidents(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Incident]:
        """Newest first, those opened before the cursor (time of opening, id) only; 500 at most."""
        most = _within(limit, _MOST_LISTED)
        key = ("incidents", service, before, most)
        return self._remembered(key, lambda store: store.incidents_before(service, before, most))

    def changes(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Verdict]:
        """Changes of verdict, newest first; the cursor is time and ``service/component``; 500 at most."""
        most = _within(limit, _MOST_LISTED)
        key = ("changes", service, before, most)
        return self._remembered(key, lambda store: store.changes_before(service, before, most))

    def record(self, service: str, now: datetime, days: int = 90) -> Sequence[Record]:
        """Of the service as a whole (first) and each component that was spoken of; 400 days at most."""
        last = now.astimezone(UTC).date()
        first = last - timedelta(days=_within(days, _MOST_DAYS) - 1)
        key = ("record", service, first, last)
        return self._remembered(key, lambda store: self._record(store, service, first, last, now))

    def joint(self, services: Sequence[str], now: datetime, days: int = 90) -> Sequence[Joint]:
        """Each service alone, then each pair, then all together; the first eight of them."""
        those = tuple(dict.fromkeys(services))[:_MOST_JOINT]
        days = _within(days, _MOST_DAYS)
        key = ("joint", those, days, now.astimezone(UTC).date())
        return self._remembered(key, lambda store: self._joint(store, those, days, now))

    # -- asking -------------------------------------------------------------------------------------------------------

    def _remembered(self, key: Hashable, ask: Callable[[Store], T]) -> T:
        with self._lock:
            known = self._known(key)
            if known is not None:
                return known[1]  # type: ignore[return-value]  # what was asked under this key
            with self._past.reading() as store:
                return self._asked(key, ask, store)

    def _known(self, key: Hashable) -> tuple[float, object] | None:
        """What is remembered, for whoever has the lock."""
        told = self._answers.get(key)
        if told is None or self._clock.monotonic_s() - told[0] >= _STANDS_S:
            return None
        self._answers.move_to_end(key)
        return told

    def _asked(self, key: Hashable, ask: Callable[[Store], T], store: Store) -> T:
        """The answer, remembered or asked for now; for whoever has the lock."""
        told = self._known(key) or (self._clock.monotonic_s(), ask(store))
        if told[1] is not None:  # ids that nobody has could else push out all that is worth remembering
            self._answers[key] = told
            self._answers.move_to_end(key)
        while len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)
        return told[1]  # type: ignore[return-value]  # what was asked under this key

    def _story(self, store: Store, incident_id: str) -> Story | None:
        incident = store.incident(incident_id)
        if incident is None:
            return None
        now, service = self._clock.now(), incident.service
        end = incident.recovered_at or now
        changes = store.changes_within(service, incident.opened_at, end, _MOST_STORY_CHANGES)
        at_worst = worst_of(changes)
        first, last = window(incident, now)
        kept = Kept(
            incident=incident,
            changes=tuple(changes),
            declared=tuple(
                store.signals_of(
                    service,
                    _sources(Family.OFFICIAL),
                    incident.since - AROUND,
                    end + _PAGE_TRAILS,
                    _MOST_DECLARED,
                    incidents_only=True,
                )
            ),
            counted=tuple(store.signals_of(service, _sources(Family.CROWD, Family.SOCIAL), first, last, _MOST_COUNTED)),
            evidence=tuple(self._grounds(store, at_worst)),
            evidence_at=at_worst.at if at_worst else None,
            official=tuple(self._official(store, changes)),
        )
        return tell(kept, catalogue().get(service), now)

    def _grounds(self, store: Store, change: Verdict | None) -> list[Evidence]:
        return store.evidence_of_tick(change.service, change.at) if change is not None else []

    def _official(self, store: Store, changes: Sequence[Verdict]) -> list[Evidence]:
        """The page's word at the changes of the service."""
        ticks = list(dict.fromkeys((c.service, c.at) for c in changes if c.state.is_fault))
        half = _MOST_GROUNDS // 2
        some = ticks if len(ticks) <= _MOST_GROUNDS else [*ticks[:half], *ticks[-half:]]
        found = (e for service, at in some for e in store.evidence_of_tick(service, at))
        return [e for e in found if e.family is Family.OFFICIAL]

    def _record(self, store: Store, service: str, first: date, last: date, now: datetime) -> list[Record]:
        begin = datetime.combine(first, time(), UTC)
        watched, changes, confirmed = self._kept(store, service, begin, now)
        subjects = [None, *sorted({c for c in changes if c is not None})]
        return [
            record_of(service, c, spells_of(changes.get(c, []), confirmed, now), watched, first, last) for c in subjects
        ]

    def _joint(self, store: Store, services: Sequence[str], days: int, now: datetime) -> list[Joint]:
        watched: dict[str, list[Span]] = {}
        fell: dict[str, list[Span]] = {}
        for service in services:
            # Of each once: there are more choices of eight than anybody could read the database for.
            watched[service], fell[service] = self._asked(
                ("spans", service, days), partial(self._spans, service=service, days=days, now=now), store
            )
        sizes = sorted({n for n in (1, 2, len(services)) if n <= len(services)})
        return [_together(those, watched, fell) for n in sizes if n for those in combinations(services, n)]

    def _spans(self, store: Store, service: str, days: int, now: datetime) -> tuple[list[Span], list[Span]]:
        """When a service was watched, and when it was down then."""
        begin = now - timedelta(days=days)
        stretches, changes, confirmed = self._kept(store, service, begin, now)
        watched = meet(stretches, [(begin, now)])
        return watched, meet(watched, down(spells_of(changes.get(None, []), confirmed, now)))

    def _kept(
        self, store: Store, service: str, begin: datetime, now: datetime
    ) -> tuple[list[Span], dict[str | None, list[Verdict]], set[str]]:
        """When it was watched, the changes of each subject from what stood at ``begin`` on, what was confirmed."""
        watched = store.watched(service, begin, _MOST_STRETCHES)
        changes: dict[str | None, list[Verdict]] = {}
        inside = store.changes_within(service, begin, now, _MOST_CHANGES)
        for change in (*store.standing(service, begin), *inside):
            changes.setdefault(change.component, []).append(change)
        incidents = store.incidents(service, begin, _MOST_INCIDENTS)
        return watched, changes, {i.id for i in incidents if i.confidence is Confidence.CONFIRMED}


def _together(those: Sequence[str], watched: dict[str, list[Span]], fell: dict[str, list[Span]]) -> Joint:
    both, down_together = watched[those[0]], fell[those[0]]
    for service in those[1:]:
        both, down_together = meet(both, watched[service]), meet(down_together, fell[service])
    return Joint(services=tuple(those), down_s=seconds(down_together), watched_s=seconds(both))


def _sources(*families: Family) -> list[str]:
    return [s.id for s in SOURCES.values() if s.family in families]


def _within(wanted: int, most: int) -> int:
    return max(1, min(most, wanted))
