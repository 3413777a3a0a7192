"""From the state of all streams to evidence: one line a family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import inf

from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.service import Family, Layer, Problem, State, worst
from stillup.registry import SOURCES
from stillup.verdict.counts.stream import CountStream
from stillup.verdict.official.book import Entry
from stillup.verdict.official.chronicle import PageIncident
from stillup.verdict.outcomes.stream import OutcomeStream

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
        self._failing_models: set[str] = set()
        """Of tries; the empty one stands for tries that ask no model."""
        self._log_e = 0.0
        self._rates: tuple[float, float, str, float] | None = None  # observed, usual, of what, in how many seconds
        self._numbers: list[Numbers] = []
        self._page: PageIncident | None = None
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

    def told(self, incidents: Sequence[PageIncident]) -> None:
        """Take in what the page tells of its open incidents; the newest one's stage is shown."""
        self._page = incidents[-1] if incidents else None

    def note(self, text: str) -> None:
        """Add a remark for a person."""
        self._notes.append(text)

    def counted(self, stream: CountStream) -> None:
        """Take in one stream of counts."""
        x, mean, seconds = stream.rates()
        unit = _UNITS.get(self.family, "reports")
        if seconds and (self._rates is None or x / seconds * 60.0 > self._rates[0]):
            self._rates = (x / seconds * 60.0, mean / seconds * 60.0, f"{unit} a minute", seconds)
        if seconds and stream.is_warm:
            self._numbers.append(
                Numbers(
                    source=stream.source,
                    observed=x,
                    usual=mean,
                    window_s=seconds,
                    what=unit,
                    log_e=round(stream.log_e, 3),
                )
            )
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
            self.calm = self.calm or now_s <= calm_until(stream)
            return
        seconds = max(now_s - stream.alarm_since_s, 1.0)
        if stream.problem is Problem.SLOW and stream.latency_ms is not None:
            self._rates = (*stream.latency_ms, f"ms to an answer ({key.layer.value})", seconds)
        else:
            self._failures(stream, seconds)
        self._place([key.component] if key.component else [], stream.state)
        self._since.append(stream.alarm_since_s)
        self._problems.add((stream.problem or _PROBLEM_OF_ERROR.get(key.layer, Problem.OTHER)).value)
        self._regions.update([key.region] if key.region else [])
        self._failing_models.add(key.model or "")

    def _which_models(self) -> set[str]:
        """Tries name models only while none fails that asks no model: then it is more than them."""
        return self._models | (set() if "" in self._failing_models else self._failing_models)

    def _failures(self, stream: OutcomeStream, seconds: float) -> None:
        ok, failed = stream.tally()
        tries, usual = ok + failed, (ok + failed) * stream.usual
        self._rates = (float(failed), usual, f"failures of {tries} tries ({stream.key.layer.value})", seconds)
        key = stream.key
        part = tuple(word for word in (key.component, key.layer.value, key.model, key.region) if word)
        self._numbers.append(
            Numbers(
                source=key.source, observed=float(failed), usual=usual, window_s=seconds, what="failures",
                tries=tries, part=part, log_e=round(stream.log_e, 3),
            )
        )  # fmt: skip

    def _place(self, components: Iterable[str], state: State) -> None:
        named = tuple(components)
        if not named:
            self._unplaced.append(state)
        for component in named:
            self._components[component] = worst((state, self._components.get(component, State.UNKNOWN)))

    def evidence(self) -> Evidence:
        """The family's word."""
        observed, usual, unit, window_s = self._rates or (None, None, "", None)
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
            models=tuple(sorted(self._which_models())),
            note="; ".join(self._notes)[:300],
            numbers=tuple(self._numbers),
            window_s=window_s,
            stage=self._page.stage if self._page else None,
            stage_since=when(self._page.stage_since_s) if self._page else None,
        )


def is_mirror(source: str) -> bool:
    """Whether this source only repeats an official page."""
    spec = SOURCES.get(source)
    return spec is not None and spec.mirror


def calm_until(stream: OutcomeStream) -> float:
    """Until when tries that work are calm evidence; long past where they do not."""
    return stream.last_s + _RECENT_S if stream.works and stream.alarm_since_s is None else -inf


def calm_counts(source: str) -> bool:
    """Whether this source's silence says anything."""
    spec = SOURCES.get(source)
    return spec is None or spec.calm_counts
