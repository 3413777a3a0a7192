"""The board: all that is known of every service at one moment, as page, API and alerts show it. Values only.

It is made once for each judged minute (:mod:`stillup.daemon.board`) and never changes afterwards, so that whoever shows
it needs no lock, no database and no monitor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

from msgspec import Struct

from stillup.catalog.load import ClassFacts, Service
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.service import Capability, Family, Stage, State, worst
from stillup.model.signal import At
from stillup.model.verdict import Forecast, Verdict
from stillup.response.alternatives import Choice
from stillup.response.playbook import Step
from stillup.response.workarounds import Workaround


class SourceLine(Struct, frozen=True, kw_only=True):
    """How one source fares. ``heard_at`` is when it was last read well, None for never."""

    id: str
    title: str
    family: Family
    ok: bool
    heard_at: At | None = None
    says: str = ""
    """What it said last, or why it could not be read; one clean line."""
    link: str = ""
    delay_s: int = 0
    """How far it usually trails the start of an outage."""
    reliability: str = ""

    @property
    def is_unset(self) -> bool:
        """Whether it is not asked, for something has to be set up first (:func:`stillup.daemon.lines.why_not`)."""
        return not self.ok and self.says.startswith("not asked: ")


class Bar(Struct, frozen=True, kw_only=True):
    """One window of the chart of reports. None: nobody who counts was heard; it is not zero."""

    at: At
    """When the window ends."""
    count: float | None
    usual: float | None = None
    low: float | None = None
    high: float | None = None
    """The band in which 95 of 100 calm windows lie."""


class Place(Struct, frozen=True):
    """Reports from one region (ISO 3166-1 or 3166-2) in the last hour, beside what is usual there.

    Places do not overlap: a country's are those of which no more is known than the country.
    """

    region: str
    count: float
    usual: float | None = None


class Share(Struct, frozen=True):
    """How large a part of the last hour's reports names one problem."""

    problem: str
    count: float


class Maintenance(Struct, frozen=True, kw_only=True):
    """Work that the official page has announced or has begun."""

    id: str
    title: str
    stage: Stage
    starts: At | None = None
    ends: At | None = None
    components: tuple[str, ...] = ()
    body: str = ""
    updated_at: At | None = None


class Base(Struct, frozen=True, kw_only=True):
    """Something the service stands on that is in trouble; ``confidence`` is how sure it is that it stands on it."""

    service: str
    name: str
    state: State
    confidence: float


class Chance(Struct, frozen=True):
    """How likely it is to be over within so many seconds from now."""

    within_s: float
    p: float


class ServiceBoard(Struct, frozen=True, kw_only=True):
    """One service."""

    service: Service
    verdict: Verdict
    """Of the service as a whole; its forecast, where it has one, is as of ``verdict.at``."""
    components: dict[str, Verdict] = {}
    """Of every component somebody has spoken of; the catalogue may have more."""
    evidence: tuple[Evidence, ...] = ()
    sources: tuple[SourceLine, ...] = ()
    headline: str = ""
    """The verdict in one plain sentence, without markup."""
    because: str = ""
    rule: str = ""
    """The rule with the observed values in it."""
    who: str = ""
    reports: tuple[Bar, ...] = ()
    """The last 24 hours in quarters of an hour, oldest first, the last one still open; empty where nobody counts."""
    places: tuple[Place, ...] = ()
    problems: tuple[Share, ...] = ()
    likely: ClassFacts | None = None
    likely_p: float | None = None
    left: Forecast | None = None
    """How long it will still take from the board's minute on; None while nothing is wrong, or nobody can tell."""
    recovery: tuple[Chance, ...] = ()
    """The curve of time to recovery from now; empty while nothing is wrong."""
    pattern: str = ""
    """How such an outage usually comes back, in words."""
    steps: tuple[Step, ...] = ()
    task: Capability | None = None
    """What ``choices`` could stand in for."""
    up_parts: tuple[str, ...] = ()
    """Names of components known to work while others are broken."""
    choices: tuple[Choice, ...] = ()
    workarounds: tuple[Workaround, ...] = ()
    bases: tuple[Base, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """The newest 50, newest first."""
    maintenances: tuple[Maintenance, ...] = ()
    """Not over yet, soonest first."""
    latency_ms: float | None = None

    @property
    def state(self) -> State:
        """How it is."""
        return self.verdict.state

    @property
    def open_incident(self) -> Incident | None:
        """The incident that is going on, if one is."""
        return next((i for i in self.incidents if i.recovered_at is None and i.id == self.verdict.incident), None)


class Board(Struct, frozen=True, kw_only=True):
    """Every service that is watched, in the order of the configuration."""

    at: At
    """The minute that was judged."""
    seq: int = 0
    """Grows by one with every board of this process. 0: nothing was judged yet; -1: and nobody seems to judge."""
    services: dict[str, ServiceBoard] = {}
    simulated: str = ""
    """What is played, where this is no real watch; shown wherever the board is."""
    resumed: bool = False
    """The watch goes on where the one before it ended: what that one knew is not lost."""

    @property
    def is_judged(self) -> bool:
        """Whether a minute was judged."""
        return self.seq > 0

    def verdicts(self) -> Iterator[Verdict]:
        """Of each service and each of its parts."""
        for shown in self.services.values():
            yield from (shown.verdict, *shown.components.values())

    @property
    def state(self) -> State:
        """The worst of all."""
        return worst((s.state for s in self.services.values()), State.UNKNOWN)


class Moment(Struct, frozen=True, kw_only=True):
    """One line of an incident's timeline."""

    at: At
    kind: str
    """``onset`` · ``seen`` (a family saw it first) · ``verdict`` · ``official`` · ``recovered``."""
    says: str
    family: Family | None = None
    state: State | None = None


class Story(Struct, frozen=True, kw_only=True):
    """An incident told from its beginning, with what was right and wrong about it."""

    incident: Incident
    timeline: tuple[Moment, ...] = ()
    leads: tuple[tuple[Family, float], ...] = ()
    """For each family how many seconds before the official page it saw it; negative: after it."""
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """What the verdict got right and wrong, judged by what the official page said of it in the end."""
    reports: tuple[Bar, ...] = ()
    """From two hours before it to two hours after it."""
    unjudged: str = ""
    """Why nothing can be said of right and wrong, where nothing can."""
    grounds: tuple[Evidence, ...] = ()
    """What the verdict rested on when it was worst."""
    grounds_at: At | None = None


class Day(Struct, frozen=True, kw_only=True):
    """One day (UTC) of one subject: None where nothing was kept of it."""

    day: date
    worst: State | None
    down_s: float = 0.0
    """In confirmed outages (partial or major)."""
    degraded_s: float = 0.0
    watched_s: float = 0.0


class Record(Struct, frozen=True, kw_only=True):
    """What was kept of a service or one of its components, day by day."""

    service: str
    component: str | None
    days: tuple[Day, ...]
    """Oldest first, without gaps."""

    def availability(self, first: date, last: date) -> float | None:
        """Share of the watched time without a confirmed outage, from 0 to 1; None where nothing was watched."""
        those = [d for d in self.days if first <= d.day <= last and d.watched_s > 0]
        watched = sum(d.watched_s for d in those)
        return None if watched <= 0 else 1.0 - sum(d.down_s for d in those) / watched


class Joint(Struct, frozen=True, kw_only=True):
    """How long services were down, and down together, over the time that all of them were watched."""

    services: tuple[str, ...]
    down_s: float
    """All of them at once."""
    watched_s: float


class Archive(Protocol):
    """What was kept. Calls block and may be slow; they raise :class:`~stillup.errors.StoreError`."""

    def story(self, incident_id: str) -> Story | None:
        """One incident, None where none has that id."""

    def incidents(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Incident]:
        """Newest first, those opened before the cursor (time of opening, id) only."""

    def changes(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Verdict]:
        """Changes of verdict, newest first; the cursor is time and ``service/component``."""

    def record(self, service: str, now: datetime, days: int = 90) -> Sequence[Record]:
        """Of the service as a whole (first) and each component that was spoken of."""

    def joint(self, services: Sequence[str], now: datetime, days: int = 90) -> Sequence[Joint]:
        """Each service alone, then each pair, then all together."""
