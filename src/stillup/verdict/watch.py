"""One service under watch: lines in, verdict changes out, a tick at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from math import inf

from msgspec import structs

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Family, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.model.verdict import Forecast, Verdict
from stillup.registry import SOURCES
from stillup.verdict import fuse
from stillup.verdict.chance import probability as chance
from stillup.verdict.counts.bank import CountBank
from stillup.verdict.counts.stream import Closed, CountStream
from stillup.verdict.diagnosis.diagnose import Scene, diagnose, upstreams
from stillup.verdict.forecast.forecaster import Forecaster, Prediction
from stillup.verdict.forecast.live import live_forecast, past_incidents
from stillup.verdict.forecast.record import Record
from stillup.verdict.gather import Gathering, calm_counts, calm_until, is_mirror, when
from stillup.verdict.heard import Heard
from stillup.verdict.intake import Intake, family_of
from stillup.verdict.lifecycle import Lifecycle
from stillup.verdict.official.book import Book, Entry
from stillup.verdict.outcomes.stream import OutcomeStream, StreamKey
from stillup.verdict.outcomes.works import component_works, layers_that_work, models_that_work, models_tried
from stillup.verdict.own import OwnTrouble
from stillup.verdict.room import Room
from stillup.verdict.settings import NOMINAL_SHARE, SHARES, TICK_S, Profile, Settings

_DEFAULT_INTERVAL_S = 300
_BESET_S = 6 * 3600  # so long an alarm keeps young streams from learning; one that stands must not


class ServiceWatch:
    """All that is held about one service. Facts come in by ticks; the ruling is derived, only changes go out."""

    def __init__(
        self,
        profile: Profile,
        settings: Settings,
        bank: CountBank,
        others: Mapping[str, Verdict],
        forecaster: Forecaster | None = None,
    ) -> None:
        self.profile = profile
        self._others = others
        self._forecaster = forecaster
        self._past: list[Incident] = []
        self._record = Record()
        self._bank = bank
        self.intake = Intake()
        self.room = Room()
        self._settings = settings
        self._heard: dict[tuple[Family, str], Heard] = {}
        self._books: dict[Family, Book] = {}
        self._counts: dict[tuple[Family, str], CountStream] = {}
        self._outcomes: dict[StreamKey, tuple[Family, OutcomeStream]] = {}
        self._own = OwnTrouble()
        self._life = Lifecycle(profile.service)
        self._said: dict[str | None, Verdict] = {}
        self._stale: set[tuple[Family, str]] = set()
        self._silent: set[StreamKey] = set()
        self._vouching: set[StreamKey] = set()
        """Tries that worked of late, of sources whose silence is no calm."""
        self._next_review_s = inf
        self._own_before = (False, False)
        self._now_s = 0.0
        self._dirty = False

    # -- time ---------------------------------------------------------------------------------------------------------

    def next_tick(self) -> float:
        """The next tick with lines, an empty window that closes, or a word that lapses."""
        due = [self.intake.next_s or inf, self._next_review_s]
        due += [s.next_due_s() or inf for k, s in self._counts.items() if not self._heard[k].sends_alive]
        soonest = min(due)
        if soonest == inf:
            return inf
        return max(-(-soonest // TICK_S) * TICK_S, self.intake.done_s + TICK_S)

    def open(self, tick: int) -> list[Closed]:
        """Enter this tick's lines; the stretches of counts that can now be judged, by one step of the bank for all."""
        self._now_s = tick
        lines = self.intake.take(tick)
        self._dirty = self._take(lines)
        windows = [w for w in self._closed(tick, {(family_of(line), line.source) for line in lines}) if w is not None]
        alarms = [(f, since) for (f, _), s in self._counts.items() if (since := s.alarm_since_s) is not None]
        tries = [(f, t) for f, t in self._outcomes.values() if t.alarm_since_s is not None and not t.says_nothing(tick)]
        alarms += [(f, t.alarm_since_s or 0.0) for f, t in tries]
        loud, news = {f for f, _ in alarms}, {f for f, since in alarms if tick - since < _BESET_S}
        for window in windows:
            family = window.stream.family
            window.patience = window.stream.patience(tick, others_alarm=bool(loud - {family}))
            window.beset = bool(news - {family})
            window.ending = self._life.seen_to_end_by_others(family)
        return windows

    def close(self, tick: int, *, counts_changed: bool) -> list[Verdict]:
        """Judge the rest of the tick and rule, where anything says something new."""
        dirty = self._dirty or counts_changed
        for _, tries in self._outcomes.values():
            dirty |= tries.tick(tick) or (self._vouches(tries) and tries.key not in self._vouching)
        if tick >= self._next_review_s:
            dirty |= self._review_freshness(tick)
        own = self._own.stands(tick)
        if not dirty and own == self._own_before:
            return []
        self._own_before = own
        return self._rule(tick)

    # -- facts ----------------------------------------------------------------------------------------------------

    def _take(self, lines: list[Signal]) -> bool:
        """Enter lines; True when one of them alone can change the ruling."""
        dirty = False
        self._own.look_here(lines, int(self._now_s))
        for line in lines:
            family, at_s = family_of(line), line.at.timestamp()
            if family is None or not self.room.admits(line):
                continue
            dirty |= self._hear(family, line, at_s)
            if isinstance(line, Declared):
                dirty |= self._books.setdefault(family, Book(self.profile.models)).declare(line, at_s)
            elif isinstance(line, Counted):
                self._count_stream(family, line.source).take(line, at_s)
            elif isinstance(line, Outcome):
                own = self._own.take(line, at_s)
                if not own and (line.region is not None or not self._own.is_blind(family, line.source, self._now_s)):
                    self._outcome_stream(family, line).take(*line.tally, line.latency_ms)
        return dirty

    def _hear(self, family: Family, line: Signal, at_s: float) -> bool:
        heard = self._heard.get(key := (family, line.source))
        news = heard is None or key in self._stale
        if heard is None:
            spec = SOURCES.get(line.source)
            heard = self._heard[key] = Heard(spec.interval_s if spec else _DEFAULT_INTERVAL_S)
        heard.hear(at_s, alive=isinstance(line, Alive))
        self._stale.discard(key)
        return news

    def _count_stream(self, family: Family, source: str) -> CountStream:
        stream = self._counts.get((family, source))
        if stream is None:
            spec = SOURCES.get(source)
            interval_s = spec.interval_s if spec else _DEFAULT_INTERVAL_S
            stream = CountStream(source, interval_s, self._bank, family)
            self._counts[(family, source)] = stream
            siblings = [s for (f, _), s in self._counts.items() if f is family]
            for sibling in siblings:
                self._bank.give(sibling.row, SHARES.get(family, NOMINAL_SHARE) / len(siblings))
        return stream

    def _outcome_stream(self, family: Family, line: Outcome) -> OutcomeStream:
        key = StreamKey(line.source, line.component or "", line.layer, line.model or "", line.region or "")
        if key not in self._outcomes:
            self._outcomes[key] = (family, OutcomeStream(key, self._settings))
        return self._outcomes[key][1]

    # -- judging --------------------------------------------------------------------------------------------------

    def _closed(self, tick: int, spoke: set[tuple[Family | None, str]]) -> Iterator[Closed | None]:
        """The stretches of every stream that can be judged now: it has spoken, or its silence has closed a window."""
        for key, stream in self._counts.items():
            if key in spoke:
                yield stream.close(stream.covered_by(tick))
            elif not self._heard[key].sends_alive and tick >= (stream.next_due_s() or inf):
                silent = stream.close(stream.last_end_s(tick))
                if silent is not None:
                    silent.assumed = True
                yield silent

    def _fresh(self, family: Family, source: str) -> bool:
        heard = self._heard.get((family, source))
        return heard is not None and heard.is_fresh(self._now_s)

    def evidence(self) -> list[Evidence]:
        """What every family that was ever heard says now."""
        return self._life.mute(self._gather_all())

    def _gather_all(self) -> list[Evidence]:
        return [self._gather(family) for family in Family if any(f is family for f, _ in self._heard)]

    def _gather(self, family: Family) -> Evidence:
        sources = tuple(sorted(s for f, s in self._heard if f is family))
        fresh = [s for s in sources if self._fresh(family, s)]
        last_s = max((self._heard[family, s].last_s for s in sources), default=None)
        found = Gathering(family, sources, last_s)
        seen = [s for s in fresh if not self._own.is_blind(family, s, self._now_s)]
        found.calm = any(calm_counts(s) and not self._only_fails(s) for s in seen)
        if family in self._books:
            found.declared(self._faults(family))
            found.told(self._books[family].open_incidents(lambda s: self._fresh(family, s)))
        if family is Family.OFFICIAL and self._life.page_overruled:
            found.note("still red about a fault that is over")
        for (f, source), stream in self._counts.items():
            if f is family and source in fresh:
                found.counted(stream)
        for f, tries in self._outcomes.values():
            if f is family and tries.key.source in fresh and not tries.says_nothing(self._now_s):
                found.tried(tries, self._now_s)
        return found.evidence()

    def _faults(self, family: Family) -> list[Entry]:
        if family is Family.OFFICIAL:
            return [e for e in self._page_faults() if not self._life.overrules(e)]
        return self._books[family].faults(lambda s: self._fresh(family, s))

    # -- ruling ---------------------------------------------------------------------------------------------------

    def _rule(self, tick: int) -> list[Verdict]:
        self._review_freshness(tick)
        if self._life.review(tick, self._page_faults(), self._gather_all()):
            self._life.review(tick, self._page_faults(), self._gather_all())
        return self._changes(tick, self.evidence())

    def _review_freshness(self, tick: int) -> bool:
        """See whose word has lapsed, and when the next one will; True when that changed."""
        stale = {k for k, h in self._heard.items() if not h.is_fresh(tick)}
        tries = [t for _, t in self._outcomes.values()]
        silent = {t.key for t in tries if t.says_nothing(tick)}
        vouching = {t.key for t in tries if self._vouches(t)}
        changed = (stale, silent, vouching) != (self._stale, self._silent, self._vouching)
        self._stale, self._silent, self._vouching = stale, silent, vouching
        lapses = [h.expires_s + 1 for k, h in self._heard.items() if k not in stale]
        lapses += [t.silent_from_s + 1 for t in tries if t.alarm_since_s is not None and t.key not in silent]
        lapses += [calm_until(t) + 1 for t in tries if t.key in vouching]
        self._next_review_s = min([*lapses, self._own.next_expiry_s(tick)])
        return changed

    def _only_fails(self, source: str) -> bool:
        """Whether a source is one of tries, and none of them has worked of late: that is not calm."""
        tries = [t for _, t in self._outcomes.values() if t.key.source == source]
        return bool(tries) and not any(t.works for t in tries)

    def _vouches(self, tries: OutcomeStream) -> bool:
        """Whether these tries work, and only that makes their source calm: so it lapses by itself."""
        return not calm_counts(tries.key.source) and self._now_s <= calm_until(tries)

    def _page_faults(self) -> list[Entry]:
        """What the page declares; a mirror of it speaks only while no fresh page itself has declared anything."""
        book = self._books.get(Family.OFFICIAL)
        if book is None:
            return []
        pages = {e.source for e in book.entries(lambda s: self._fresh(Family.OFFICIAL, s))}
        first_hand = {s for s in pages if not is_mirror(s)}
        return book.faults((first_hand or pages).__contains__)

    def _circumstances(self, tick: int, evidence: list[Evidence]) -> fuse.Circumstances:
        only_you, your_quota = self._own.stands(tick)
        declared: set[str] = set()
        maintenance: set[str | None] = set()
        for family, book in self._books.items():
            declared |= book.components
            entries = book.entries(lambda s, f=family: self._fresh(f, s))  # type: ignore[misc]
            maintenance |= {
                e.component for e in entries if e.state is State.MAINTENANCE and e.stage is not Stage.SCHEDULED
            }
        known = declared if len(declared) > 1 else declared.union(self.profile.components)
        return fuse.Circumstances(
            components=tuple(sorted(known)),
            models=models_tried(self._fresh_tries()) or self.profile.models,
            page_overruled=self._life.page_overruled,
            maintenance=tuple(sorted(maintenance, key=str)),
            in_the_dark=self._life.in_the_dark(evidence),
            only_you=only_you,
            your_quota=your_quota,
        )

    def _fresh_tries(self) -> list[OutcomeStream]:
        return [t for f, t in self._outcomes.values() if self._fresh(f, t.key.source)]

    def _changes(self, tick: int, evidence: list[Evidence]) -> list[Verdict]:
        case = self._circumstances(tick, evidence)
        whole = self._life.steady(fuse.rule_service(evidence, case))
        closed = self._life.follow(tick, whole, evidence)
        if closed is not None and self._forecaster is not None:
            self.remember([closed])
        now, at_work = datetime.fromtimestamp(tick, UTC), bool(case.maintenance)
        likely = chance.probability(evidence, now, page_outlived=case.page_overruled, at_work=at_work)
        classes = diagnose(evidence, scene=self._scene(case.components))
        named = fuse.naming_alarms(evidence)
        changes = []
        for subject in (None, *sorted(self._subjects(whole))):
            ruling = whole if subject is None else fuse.rule_component(subject, named.get(subject, []), evidence, case)
            if subject is not None:
                ruling = self._life.steady(ruling, subject)
            verdict = Verdict(
                at=when(tick),  # type: ignore[arg-type]
                service=self.profile.service,
                component=subject,
                probability=likely,
                since=self._since(subject, ruling, evidence if subject is None else named.get(subject, [])),
                incident=self._life.incident_id if ruling.state.is_fault else None,
                diagnosis=classes if ruling.state.is_fault else (),
                **structs.asdict(ruling),
            )
            if self._is_news(verdict):
                if verdict.state.is_fault:
                    verdict = structs.replace(verdict, forecast=self._forecast(verdict))
                changes.append(verdict)
                self._said[subject] = verdict
            elif (before := self._said.get(subject)) is not None:
                self._said[subject] = before.going_on(verdict)
        return changes

    def _forecast(self, verdict: Verdict) -> Forecast | None:
        return left.forecast() if (left := self.left(verdict, verdict.at)) is not None else None

    def left(self, verdict: Verdict, now: datetime) -> Prediction | None:
        """How long the fault of a verdict will still take from ``now`` on, where a forecaster is at hand."""
        if self._forecaster is None:
            return None
        book = self._books.get(Family.OFFICIAL)
        told = book.open_incidents(lambda s: self._fresh(Family.OFFICIAL, s)) if book else []
        return live_forecast(
            self._forecaster,
            self._record,
            service=self.profile.service,
            since=verdict.since or verdict.at,
            now=now,
            components=verdict.components,
            page=told[-1] if told else None,
        )

    def remember(self, past: Iterable[Incident]) -> None:
        """Learn of incidents that are over: forecasts rest on the recent ones."""
        self._past += [i for i in past if i.recovered_at is not None]
        self._record = Record(past_incidents(self._past))

    def take_up(self, incident: Incident) -> None:
        """Go on with an incident that was open: it is over when that is seen, and no second one begins meanwhile."""
        self._life.take_up(incident)

    def _is_news(self, verdict: Verdict) -> bool:
        if (before := self._said.get(verdict.component)) is None:
            return verdict.state is not State.UNKNOWN or verdict.scope is not None
        return before.essence != verdict.essence

    def _subjects(self, whole: fuse.Ruling) -> set[str]:
        declared = set().union(*(book.components for book in self._books.values())) if self._books else set()
        return declared | set(whole.components) | {c for c in self._said if c is not None}

    def _since(self, subject: str | None, ruling: fuse.Ruling, evidence: list[Evidence]) -> datetime | None:
        if not ruling.state.is_fault:
            before = self._said.get(subject)
            same = before is not None and before.state is ruling.state
            return before.since if same and before is not None else when(self._now_s)
        onsets = [e.since for e in evidence if e.standing is Standing.ALARM and e.since]
        return min([*onsets, *self._life.known_onset(subject)], default=when(self._now_s))

    def _scene(self, components: tuple[str, ...]) -> Scene:
        """What the diagnosis is told besides the evidence."""
        book = self._books.get(Family.OFFICIAL)
        told = book.open_incidents(lambda s: self._fresh(Family.OFFICIAL, s)) if book else []
        tries = self._fresh_tries()
        return Scene(
            own_names=self.profile.names,
            api_works=self._api_works(tries),
            layers=layers_that_work(tries, self._now_s),
            text="\n".join(t.text for t in told),
            components=components,
            dependencies=upstreams(self.profile.dependencies, self._others.get),
            models_work=models_that_work(tries, self._now_s),
        )

    def _api_works(self, tries: list[OutcomeStream]) -> bool | None:
        """Whether tries on the API are fresh and work, or the page calls it operational; None when nobody looked."""
        tried = component_works(tries, "api", self._now_s)
        if tried is not None:
            return tried
        book = self._books.get(Family.OFFICIAL)
        entries = book.entries(lambda s: self._fresh(Family.OFFICIAL, s)) if book else ()
        return True if any(e.component == "api" and e.state is State.OPERATIONAL for e in entries) else None

    # -- telling --------------------------------------------------------------------------------------------------

    def verdicts(self) -> dict[str | None, Verdict]:
        """The newest verdict of the service (key None) and of each component spoken of."""
        return dict(self._said)

    def incidents(self) -> list[Incident]:
        """Incidents opened, changed or closed since this was last asked."""
        return self._life.drain()

    def counts(self, families: Collection[Family]) -> list[CountStream]:
        """The streams of counts of some families."""
        return [stream for (family, _), stream in self._counts.items() if family in families]

    def known_incidents(self) -> list[Incident]:
        """Every incident it knows of, each as it is now; the open one comes last."""
        newest = [*self._past, *([self._life.open] if self._life.open else [])]
        return list({i.id: i for i in newest}.values())
