"""From the values inside to the API's words. Texts from elsewhere are cleaned here once more."""

from __future__ import annotations

from stillup.board import Board, Maintenance, ServiceBoard, SourceLine
from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.service import State, worst
from stillup.model.verdict import Diagnosis, Forecast, Verdict
from stillup.sources.decode import clean, http_url
from stillup.verdict.telling.explain import headline
from stillup.web.api import values as v

_LINE, _TEXT = 300, 4000
_NAME = 120


def line(text: str) -> str:
    """One clean line."""
    return clean(text, _LINE)


def names(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Several short words."""
    return tuple(clean(t, _NAME) for t in texts)


def span(forecast: Forecast | None) -> v.SpanValue | None:
    """A forecast."""
    if forecast is None:
        return None
    return v.SpanValue(p10_s=forecast.p10_s, p50_s=forecast.p50_s, p90_s=forecast.p90_s)


def _diagnosis(found: Diagnosis) -> v.DiagnosisValue:
    return v.DiagnosisValue(
        class_=found.class_,
        layer=found.layer,
        p=round(found.p, 3),
        for_=tuple(line(t) for t in found.for_),
        against=tuple(line(t) for t in found.against),
    )


def verdict_fields(verdict: Verdict) -> dict[str, object]:
    """The fields of :class:`~stillup.web.api.values.VerdictValue`."""
    return {
        "at": verdict.at,
        "service": verdict.service,
        "component": verdict.component,
        "state": verdict.state,
        "confidence": verdict.confidence,
        "probability": verdict.probability,
        "families": verdict.families,
        "since": verdict.since,
        "incident": verdict.incident,
        "components": names(verdict.components),
        "regions": names(verdict.regions),
        "problems": names(verdict.problems),
        "scope": verdict.scope,
        "models": names(verdict.models),
        "diagnosis": tuple(_diagnosis(d) for d in verdict.diagnosis),
        "forecast": span(verdict.forecast),
        "reason": verdict.reason,
    }


def verdict(board: Board, shown: ServiceBoard) -> v.VerdictTold:
    """The verdict on a service as a whole."""
    told = verdict_fields(shown.verdict)
    return v.VerdictTold(
        **told,  # type: ignore[arg-type]
        as_of=board.at,
        headline=line(shown.headline),
        because=line(shown.because),
        rule=clean(shown.rule, _TEXT),
        who=line(shown.who),
    )


def _line_fields(shown: ServiceBoard) -> dict[str, object]:
    return {
        "id": shown.service.id,
        "name": shown.service.name,
        "vendor": shown.service.vendor,
        "state": shown.state,
        "confidence": shown.verdict.confidence,
        "since": shown.verdict.since,
        "incident": shown.verdict.incident,
        "headline": line(shown.headline) or headline(shown.verdict, shown.service.name),
    }


def services(board: Board) -> v.ServicesValue:
    """All services."""
    return v.ServicesValue(
        as_of=board.at,
        state=worst(s.state for s in board.services.values() if s.state is not State.UNKNOWN),
        simulated=line(board.simulated) or None,
        services=tuple(v.ServiceLine(**_line_fields(s)) for s in board.services.values()),  # type: ignore[arg-type]
    )


def service(board: Board, shown: ServiceBoard) -> v.ServiceValue:
    """One service with its parts."""
    return v.ServiceValue(
        **_line_fields(shown),  # type: ignore[arg-type]
        home=shown.service.home,
        as_of=board.at,
        simulated=line(board.simulated) or None,
        components=_components(shown),
        bases=tuple(
            v.BaseValue(service=b.service, name=line(b.name), state=b.state, confidence=b.confidence)
            for b in shown.bases
        ),
        latency_ms=shown.latency_ms,
        maintenances=tuple(_maintenance(m) for m in shown.maintenances),
        steps=tuple(
            v.StepValue(says=clean(s.says, _TEXT), done=s.done, note=line(s.note), team=s.team) for s in shown.steps
        ),
        workarounds=tuple(
            v.WorkaroundValue(title=line(w.title), url=http_url(w.url), source=clean(w.source, _NAME), why=names(w.why))
            for w in shown.workarounds
        ),
    )


def _components(shown: ServiceBoard) -> tuple[v.ComponentValue, ...]:
    """Those of the catalogue, then others that somebody has spoken of."""
    listed = {c.id: c.name for c in shown.service.components}
    listed |= {c: clean(c, _NAME) for c in shown.components if c not in listed}
    return tuple(_component(c, name, shown.components.get(c)) for c, name in listed.items())


def _component(component: str, name: str, verdict: Verdict | None) -> v.ComponentValue:
    return v.ComponentValue(
        id=clean(component, _NAME),
        name=name,
        state=verdict.state if verdict else State.UNKNOWN,
        confidence=verdict.confidence if verdict else None,
        since=verdict.since if verdict else None,
    )


def _maintenance(found: Maintenance) -> v.MaintenanceValue:
    return v.MaintenanceValue(
        id=clean(found.id, _NAME),
        title=line(found.title),
        stage=found.stage,
        starts=found.starts,
        ends=found.ends,
        components=names(found.components),
        body=clean(found.body, _TEXT),
        updated_at=found.updated_at,
    )


def evidences(board: Board, shown: ServiceBoard) -> v.EvidencesValue:
    """All that the verdict rests on."""
    return v.EvidencesValue(
        service=shown.service.id,
        as_of=board.at,
        rule=clean(shown.rule, _TEXT),
        evidence=tuple(evidence(e) for e in shown.evidence),
        sources=tuple(_source(s) for s in shown.sources),
    )


def evidence(found: Evidence) -> v.EvidenceValue:
    """One family's word."""
    return v.EvidenceValue(
        family=found.family,
        standing=found.standing,
        since=found.since,
        heard_at=found.heard_at,
        state=found.state,
        stage=found.stage,
        stage_since=found.stage_since,
        note=line(found.note),
        # Of a family that was not heard nothing was tested: 0 would read as "tested, and calm".
        log_e=None if found.standing is Standing.NO_DATA else found.log_e,
        observed=found.observed,
        usual=found.usual,
        unit=found.unit or None,
        window_s=found.window_s,
        components=tuple(v.PartState(id=clean(c, _NAME), state=s) for c, s in found.components),
        regions=names(found.regions),
        problems=names(found.problems),
        models=names(found.models),
        sources=names(found.sources),
        numbers=tuple(_numbers(n) for n in found.numbers),
    )


def _numbers(found: Numbers) -> v.NumbersValue:
    return v.NumbersValue(
        source=found.source,
        what=found.what,
        observed=found.observed,
        usual=found.usual,
        window_s=found.window_s,
        tries=found.tries,
        part=names(found.part),
        log_e=found.log_e,
    )


def _source(found: SourceLine) -> v.SourceValue:
    return v.SourceValue(
        id=found.id,
        title=line(found.title),
        family=found.family,
        ok=found.ok,
        heard_at=found.heard_at,
        says=line(found.says),
        link=http_url(found.link) or None,
        delay_s=found.delay_s,
        reliability=line(found.reliability) or None,
    )
