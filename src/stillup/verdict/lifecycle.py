"""The life of an incident: opened, confirmed, recovered; who saw it when; and when a red page is outlived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

from msgspec import structs

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State, worst
from stillup.verdict.fuse import Ruling
from stillup.verdict.locate.regions import grown
from stillup.verdict.official.book import Entry

ECHOES = (Family.SEARCH,)
"""Families that go on for hours after a fault and whose silence says nothing: they cannot be tested for recovery."""


_REOPENS = timedelta(minutes=30)

_BACK_S = 10 * 60
"""So long one family must alarm again before a page that it had outlived is believed again."""


class Lifecycle:
    """What outlasts a tick: the open incident, and what the page still says of a fault that is over."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._open: Incident | None = None
        self._closed: Incident | None = None
        self._found: dict[str | None, Ruling] = {}
        self._recovered: dict[Family, bool] = {}  # families that alarmed in this incident: have they recovered since
        self._echoing: set[Family] = set()
        self._loud_since: dict[Family, int] = {}
        self._outlived: set[tuple[str, str | None, str | None]] = set()
        self._drain: dict[str, Incident] = {}

    @property
    def open(self) -> Incident | None:
        """The open incident."""
        return self._open

    @property
    def incident_id(self) -> str | None:
        """The open incident's id."""
        return self._open.id if self._open else None

    def take_up(self, incident: Incident) -> None:
        """Go on with an incident that was open when all else that was known was lost."""
        self._open = structs.replace(incident, recovered_at=None)

    # -- what outlives the fault --------------------------------------------------------------------------------------

    @property
    def page_overruled(self) -> bool:
        """Whether the page is red about something that is over."""
        return bool(self._outlived)

    def seen_to_end_by_others(self, family: Family) -> bool:
        """Whether another family that had alarmed in the open incident has passed its recovery test."""
        return any(over for f, over in self._recovered.items() if f is not family)

    def overrules(self, entry: Entry) -> bool:
        """Whether this declaration is about something that is over."""
        return _topic(entry) in self._outlived

    def review(self, tick: int, faults: Sequence[Entry], evidence: Sequence[Evidence]) -> bool:
        """Decide which red declarations, and which echoes, are outlived; True when that of the declarations changed.

        Outlived is what stands when every family that had alarmed in this incident, and can be tested for recovery,
        has passed its test. It stops being so when the page takes it down, or when the alarm is back: of two families,
        or of one for ten minutes. The last ripple of a fault does not revive it.
        """
        before = set(self._outlived)
        standing = {e.family: e.standing for e in evidence}
        tested = standing.keys() - {Family.OFFICIAL, *ECHOES}
        loud = {f for f in tested if standing[f] is Standing.ALARM}
        self._loud_since = {f: self._loud_since.get(f, tick) for f in loud}
        back = not self._outlived or len(loud) > 1 or any(tick - at >= _BACK_S for at in self._loud_since.values())
        for family in tested:
            if standing[family] is Standing.ALARM and back:
                self._recovered[family] = False
            elif standing[family] is Standing.CALM and family in self._recovered:
                self._recovered[family] = True
        topics = {_topic(e) for e in faults}
        echoing = {f for f in ECHOES if standing.get(f) is Standing.ALARM}
        self._outlived &= topics
        self._echoing &= echoing
        if not all(self._recovered.values()):
            self._outlived, self._echoing = set(), set()
        elif self._recovered:
            self._outlived |= topics
            self._echoing |= echoing
        return before != self._outlived

    def mute(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The evidence with echoes of a fault that is over silenced."""
        return [_silenced(e) if e.family in self._echoing else e for e in evidence]

    def in_the_dark(self, evidence: Sequence[Evidence]) -> bool:
        """Whether those who knew of the open incident are no longer heard, and none of them has seen it end."""
        if self._open is None or any(self._recovered.values()):
            return False
        knew = {f for f, _ in self._open.first_seen} - set(ECHOES)
        if Family.OFFICIAL not in knew or self._recovered:
            knew -= {Family.OFFICIAL}  # what others know too ends when they see it end
        return any(e.family in knew and e.standing is Standing.NO_DATA for e in evidence)

    # -- the incident -----------------------------------------------------------------------------------------------

    def steady(self, ruling: Ruling, subject: str | None = None) -> Ruling:
        """Within one incident what was found stands, even when a family falls silent before the end.

        A confirmation is not taken back, and problems and regions only grow: else the verdict would change
        with the mood of single sources.
        """
        if not ruling.state.is_fault:
            self._found.pop(subject, None)
            return ruling
        before = self._found.get(subject)
        if before is not None:
            sure = Confidence.CONFIRMED in (before.confidence, ruling.confidence)
            ruling = structs.replace(
                ruling,
                confidence=Confidence.CONFIRMED if sure else ruling.confidence,
                problems=tuple(sorted({*before.problems, *ruling.problems})),
                regions=grown(before.regions, ruling.regions),
            )
        self._found[subject] = ruling
        return ruling

    def follow(self, tick: int, ruling: Ruling, evidence: Sequence[Evidence]) -> Incident | None:
        """Open, update or close the incident by this tick's ruling; the one closed. *Unknown* closes nothing."""
        now = datetime.fromtimestamp(tick, UTC)
        alarms = [e for e in evidence if e.standing is Standing.ALARM]
        if ruling.state.is_fault and ruling.confidence is not None:
            self._note(now, ruling, ruling.confidence, alarms)
        elif self._open is not None and ruling.state in (State.OPERATIONAL, State.MAINTENANCE):
            closed = structs.replace(self._open, recovered_at=now)
            self._keep(closed)
            self._closed = closed
            self._open = None
            self._recovered = {}
            return closed
        return None

    def _note(self, now: datetime, ruling: Ruling, confidence: Confidence, alarms: Sequence[Evidence]) -> None:
        onset = min((e.since for e in alarms if e.since), default=now)
        was = self._open or self._reopened(now) or Incident(
            id=_identity(self._service, now), service=self._service, opened_at=now, since=onset,
            state=ruling.state, confidence=confidence,
        )  # fmt: skip
        seen = dict(was.first_seen)
        for e in alarms:
            seen.setdefault(e.family, now)
        titles = [e.note for e in alarms if e.family is Family.OFFICIAL and e.note]
        confirmed = confidence is Confidence.CONFIRMED
        self._open = structs.replace(
            was,
            since=min(was.since, onset),
            state=worst((was.state, ruling.state)),
            confidence=Confidence.CONFIRMED if confirmed else was.confidence,
            confirmed_at=was.confirmed_at or (now if confirmed else None),
            first_seen=tuple(sorted(seen.items())),
            components=tuple(sorted({*was.components, *ruling.components})),
            title=titles[0] if titles else was.title,
        )
        self._keep(self._open)

    def _reopened(self, now: datetime) -> Incident | None:
        """The last incident when it is over for less than half an hour: trouble that comes and goes is one incident."""
        last = self._closed
        if last is None or last.recovered_at is None or now - last.recovered_at > _REOPENS:
            return None
        return structs.replace(last, recovered_at=None)

    def _keep(self, incident: Incident) -> None:
        self._drain[incident.id] = incident

    def known_onset(self, subject: str | None) -> list[datetime]:
        """The onset found so far, so that it only ever moves back."""
        return [self._open.since] if self._open is not None and subject is None else []

    def drain(self) -> list[Incident]:
        """Incidents that changed since the last call."""
        changed, self._drain = list(self._drain.values()), {}
        return changed


def _silenced(evidence: Evidence) -> Evidence:
    return Evidence(
        family=evidence.family,
        standing=Standing.NO_DATA,
        sources=evidence.sources,
        heard_at=evidence.heard_at,
        note="still echoing a fault that is over",
    )


def _topic(entry: Entry) -> tuple[str, str | None, str | None]:
    """What a declaration is about: a part that an incident comes to name later is a new matter."""
    return (entry.source, entry.incident, entry.component)


def _identity(service: str, opened_at: datetime) -> str:
    return blake2s(f"{service} {opened_at.isoformat()}".encode(), digest_size=6).hexdigest()
