"""What can be said of one service beside others: how it answers, costs, what it can do, stands on and promises. Pure.

What is not known is None or empty here, and is said to be unknown where it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import prod
from statistics import median

from msgspec import Struct

from stillup.catalog.load import Ability, Dependency, Promise, Service
from stillup.catalog.models import Model, Tier, models
from stillup.catalog.providers import providers
from stillup.daemon.ask import FirstAnswer
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Layer
from stillup.model.signal import Outcome
from stillup.registry import SOURCES

HISTORY = timedelta(days=30)


class Rung(Struct, frozen=True, kw_only=True):
    """How one layer answered the probe: the median time of what worked, or None with the newest error."""

    layer: Layer
    ms: float | None
    error: str = ""


class Past(Struct, frozen=True, kw_only=True):
    """What was kept on this machine of the last days; ``since`` is when that begins, within them."""

    since: datetime
    incidents: int
    suspected: int
    """Incidents that never were more than suspected; they are not among ``incidents``."""
    down_s: float
    longest_s: float


class PageLag(Struct, frozen=True, kw_only=True):
    """How far the official page trails: by ``measured`` incidents here, else (0 of them) as pages of its kind do."""

    seconds: float
    measured: int


class Compared(Struct, frozen=True, kw_only=True):
    """One service with all that it is compared by."""

    answer: FirstAnswer
    rungs: tuple[Rung, ...]
    lag: PageLag | None
    models: tuple[Model, ...]
    """The newest model of each tier that the vendor makes itself."""
    past: Past | None

    @property
    def service(self) -> Service:
        """Which one it is."""
        return self.answer.service

    @property
    def abilities(self) -> tuple[Ability, ...]:
        """What it can do."""
        return self.service.abilities

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it stands on, the surest first."""
        return tuple(sorted(self.service.dependencies, key=lambda d: -d.confidence))

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What its vendor promises."""
        return self.service.promises


def compare(answer: FirstAnswer, incidents: Sequence[Incident] = (), kept_since: datetime | None = None) -> Compared:
    """Put together what is known of one service; ``kept_since`` is when the record here begins, None without one."""
    past = [i for i in incidents if i.service == answer.service.id]
    return Compared(
        answer=answer,
        rungs=_rungs(answer),
        lag=_lag(answer.service, past),
        models=_models(answer.service),
        past=None if kept_since is None else _past(past, answer.at, kept_since),
    )


def shared(compared: Sequence[Compared]) -> list[tuple[str, tuple[tuple[str, float], ...]]]:
    """What several of them stand on, or one of them is to another, with who stands on it and how sure that is."""
    on: dict[str, list[tuple[str, float]]] = {}
    for one in compared:
        for dependency in one.dependencies:
            on.setdefault(dependency.service, []).append((one.service.id, dependency.confidence))
    here = {one.service.id for one in compared}
    common = [(base, tuple(those)) for base, those in on.items() if len(those) > 1 or base in here]
    return sorted(common, key=lambda pair: (-len(pair[1]), -prod(sure for _, sure in pair[1]), pair[0]))


def _rungs(answer: FirstAnswer) -> tuple[Rung, ...]:
    tries: dict[Layer, list[Outcome]] = {}
    for report in answer.reports:
        if report.source == "probe" and report.reading is not None:
            for line in report.reading.signals:
                if isinstance(line, Outcome):
                    tries.setdefault(line.layer, []).append(line)
    return tuple(_rung(layer, tries[layer]) for layer in Layer if layer in tries and layer is not Layer.LOCAL)


def _rung(layer: Layer, tries: Sequence[Outcome]) -> Rung:
    worked = [t.latency_ms for t in tries if t.ok and t.latency_ms is not None]
    errors = [t.error for t in tries if not t.ok and t.error]
    return Rung(layer=layer, ms=median(worked) if worked else None, error=errors[-1] if errors else "")


def _lag(service: Service, past: Sequence[Incident]) -> PageLag | None:
    leads = [lead.total_seconds() for i in past if (lead := i.lead()) is not None]
    if leads:
        return PageLag(seconds=median(leads), measured=len(leads))
    page = next((spec for spec in SOURCES.values() if spec.page and spec.id in service.sources), None)
    return None if page is None else PageLag(seconds=float(page.delay_s), measured=0)


def _models(service: Service) -> tuple[Model, ...]:
    makers = {p.id for p in providers().values() if p.service == service.id and p.kind == "maker"}
    newest: dict[Tier, Model] = {}
    for model in models().values():  # each maker's newest first
        if model.maker in makers and not model.legacy:
            newest.setdefault(model.tier, model)
    return tuple(newest[tier] for tier in Tier if tier in newest)


def _past(incidents: Sequence[Incident], now: datetime, kept_since: datetime) -> Past:
    begins = max(now - HISTORY, kept_since)
    sure = [i for i in incidents if i.confidence is Confidence.CONFIRMED and (i.recovered_at or now) > begins]
    lasted = [((i.recovered_at or now) - max(i.since, begins)).total_seconds() for i in sure]
    return Past(
        since=begins,
        incidents=len(sure),
        suspected=sum(i.confidence is Confidence.SUSPECTED and (i.recovered_at or now) > begins for i in incidents),
        down_s=sum(lasted),
        longest_s=max(lasted, default=0.0),
    )
