"""One row a source: what it says, how old that is, how far to trust it, and where to look oneself."""

from __future__ import annotations

from msgspec import Struct

from stillup.daemon.ask import FirstAnswer
from stillup.daemon.lines import link_of, order_of, words_of
from stillup.model.evidence import Evidence
from stillup.registry import SOURCES, SourceSpec
from stillup.sources.report import FailureKind
from stillup.verdict.telling.narrate import Telling


class Row(Struct, frozen=True, kw_only=True):
    """A row of the evidence table."""

    source: str
    title: str
    family: str
    ok: bool
    is_unset: bool = False
    """It was not asked, for something has to be set up first."""
    says: str
    age_s: float | None
    usual_delay_s: int
    reliability: str
    link: str


def rows(answer: FirstAnswer) -> list[Row]:
    """A row for each source that was asked and each number the user read, in the registry's order."""
    asked = [_asked(answer, i) for i in range(len(answer.reports))]
    claimed = [
        Row(
            source=claim.source,
            title=f"{SOURCES[claim.source].title} (read by you)",
            family=evidence.family.value,
            ok=evidence.observed is not None,
            says=_claim_says(claim.count, claim.window_s, claim.usual),
            age_s=0.0,
            usual_delay_s=SOURCES[claim.source].delay_s,
            reliability="your word: suspected at most",
            link=link_of(answer.service, claim.source),
        )
        for claim, evidence in answer.claims
    ]
    return sorted([*asked, *claimed], key=lambda row: order_of(row.source))


def _asked(answer: FirstAnswer, index: int) -> Row:
    report = answer.reports[index]
    spec: SourceSpec = SOURCES[report.source]
    reading = report.reading
    newest = max((s.at for s in reading.signals), default=None) if reading else None
    return Row(
        source=spec.id,
        title=spec.title,
        family=spec.family.value,
        ok=report.ok,
        is_unset=report.error is not None and report.error.kind is FailureKind.NOT_CONFIGURED,
        says=words_of(report),
        age_s=(answer.at - newest).total_seconds() if newest else None,
        usual_delay_s=spec.delay_s,
        reliability=spec.reliability,
        link=link_of(answer.service, spec.id, reading),
    )


def _claim_says(count: int, window_s: int, usual: float | None) -> str:
    hours = window_s / 3600
    period = f"{hours:g} h" if hours >= 1 else f"{window_s / 60:g} min"
    return f"{count} reports in {period}" + (f", about {usual:.0f} usual" if usual is not None else ", usual unknown")


def grounds(answer: FirstAnswer) -> list[Evidence]:
    """What the rule weighs: what the families say, and the numbers the user read."""
    return [*answer.evidence, *(evidence for _, evidence in answer.claims)]


def telling(answer: FirstAnswer) -> Telling:
    """What the answer can be explained with."""

    def name(component: str) -> str:
        known = answer.service.component(component)
        return known.name if known else component

    return Telling(verdict=answer.verdict, evidence=grounds(answer), name=answer.service.name, naming=name)
