"""From the state of all streams to evidence: one line a family."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, Layer, Problem, State
from stillup.registry import SOURCES
from stillup.verdict.counts import CountStream
from stillup.verdict.official import Entry
from stillup.verdict.outcomes import OutcomeStream

_RECENT_S = 15 * 60

_UNITS = {Family.SOCIAL: "posts", Family.SEARCH: "searches"}

_MILD = {Problem.SLOW.value, Problem.QUALITY.value, Problem.HISTORY_MISSING.value, Problem.BILLING.value}

_PROBLEM_OF_ERROR = {
    Layer.EDGE: Problem.CONNECTION,
    Layer.AUTH: Problem.SIGN_IN,
    Layer.PRESENTATION: Problem.NO_RESPONSE,
    Layer.API_GATEWAY: Problem.SERVER_ERROR,
    Layer.INFERENCE: Problem.SERVER_ERROR,
    Layer.DATABASE: Problem.HISTORY_MISSING,
}


def when(at_s: float | None) -> datetime | None:
    """Seconds since the epoch as an aware time."""
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)


def worst(states: Iterable[State]) -> State:
    """The most severe of some states, unknown when there are none."""
    return max(states, key=lambda s: s.severity, default=State.UNKNOWN)


class Gathering:
    """Collects what the streams of one family say."""

    def __init__(self, family: Family, sources: tuple[str, ...], heard_s: float | None) -> None:
        self.family = family
        self.sources = sources
        self.heard_s = heard_s
        self.calm = False
        self._cold = self._warm = False
        self._since: list[float] = []
        self._components: dict[str, State] = {}
        self._unplaced: list[State] = []
        self._regions: set[str] = set()
        self._problems: set[str] = set()
        self._models: set[str] = set()
        self._log_e = 0.0
        self._rates: tuple[float, float, str] | None = None
        self._notes: list[str] = []

    def declared(self, faults: Iterable[Entry]) -> None:
        """Take in standing declarations of a fault."""
        for entry in faults:
            self._place([entry.component] if entry.component else [], entry.state)
            self._since.append(entry.since_s)
            self._regions.update([entry.region] if entry.region else [])
            self._models.update([entry.model] if entry.model else [])
            if entry.title and entry.title not in self._notes:
                self._notes.append(entry.title)

    def note(self, text: str) -> None:
        """Add a remark for a person."""
        self._notes.append(text)

    def counted(self, stream: CountStream) -> None:
        """Take in one stream of counts."""
        x, mean, seconds = stream.rates()
        if seconds and (self._rates is None or x / seconds * 60.0 > self._rates[0]):
            self._rates = (x / seconds * 60.0, mean / seconds * 60.0, f"{_UNITS.get(self.family, 'reports')} a minute")
        self._log_e = max(self._log_e, stream.log_e)
        if stream.alarm_since_s is None:
            if not stream.is_warm and x > 0:
                self._notes.append("still learning what is usual")
                self._cold = True
            self._warm = self._warm or stream.is_warm
            return
        where = stream.localised()
        mild = bool(where.problems) and set(where.problems) <= _MILD
        self._place(where.components, State.DEGRADED if mild else State.PARTIAL_OUTAGE)
        self._since.append(stream.alarm_since_s)
        self._regions.update(where.regions)
        self._problems.update(where.problems)
        self._models.update(where.models)

    def tried(self, stream: OutcomeStream, now_s: float) -> None:
        """Take in one stream of outcomes; tries that work are calm evidence even of a source whose silence is not."""
        self._log_e = max(self._log_e, stream.log_e)
        key = stream.key
        if stream.alarm_since_s is None:
            self.calm = self.calm or (stream.works and now_s - stream.last_s <= _RECENT_S)
            return
        ok, failed = stream.tally()
        self._rates = (
            float(failed),
            (ok + failed) * stream.usual,
            f"failures of {ok + failed} tries ({key.layer.value})",
        )
        self._place([key.component] if key.component else [], stream.state)
        self._since.append(stream.alarm_since_s)
        self._problems.add(_PROBLEM_OF_ERROR.get(key.layer, Problem.OTHER).value)
        self._regions.update([key.region] if key.region else [])
        self._models.update([key.model] if key.model else [])

    def _place(self, components: Iterable[str], state: State) -> None:
        named = tuple(components)
        if not named:
            self._unplaced.append(state)
        for component in named:
            self._components[component] = worst((state, self._components.get(component, State.UNKNOWN)))

    def evidence(self) -> Evidence:
        """The family's word."""
        observed, usual, unit = self._rates or (None, None, "")
        alarm = bool(self._since)
        standing = (
            Standing.ALARM
            if alarm
            else Standing.CALM
            if self.calm and (self._warm or not self._cold)
            else Standing.NO_DATA
        )
        return Evidence(
            family=self.family,
            standing=standing,
            sources=self.sources,
            since=when(min(self._since, default=None)),
            heard_at=when(self.heard_s),
            state=worst((*self._components.values(), *self._unplaced)),
            log_e=round(self._log_e, 3),
            observed=observed,
            usual=usual,
            unit=unit,
            components=tuple(sorted(self._components.items())),
            regions=tuple(sorted(self._regions)),
            problems=tuple(sorted(self._problems)),
            models=tuple(sorted(self._models)),
            note="; ".join(self._notes)[:300],
        )


def is_mirror(source: str) -> bool:
    """Whether this source only repeats an official page."""
    spec = SOURCES.get(source)
    return spec is not None and spec.mirror


def calm_counts(source: str) -> bool:
    """Whether this source's silence says anything."""
    spec = SOURCES.get(source)
    return spec is None or spec.calm_counts
