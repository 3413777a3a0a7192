"""From the values inside to the API's words, continued: forecast, reports, alternatives, incidents, changes."""

from __future__ import annotations

from collections.abc import Sequence

from stillup.board import Bar, Board, ServiceBoard, Story
from stillup.catalog.load import capabilities as known_capabilities
from stillup.catalog.load import catalogue
from stillup.catalog.offers import able, alternatives
from stillup.model.incident import Incident
from stillup.model.service import Capability
from stillup.model.verdict import Verdict
from stillup.response.alternatives import Choice
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import headline
from stillup.web.api import values_more as m
from stillup.web.api.told import evidence, line, names, span, verdict_fields


def forecast(board: Board, shown: ServiceBoard) -> m.ForecastValue:
    """When the service may be back."""
    verdict = shown.verdict
    return m.ForecastValue(
        service=shown.service.id,
        as_of=board.at,
        state=verdict.state,
        since=verdict.since,
        made_at=verdict.at if verdict.forecast else None,
        left=span(verdict.forecast),
        curve=tuple(m.ChanceValue(within_s=c.within_s, p=round(c.p, 4)) for c in shown.recovery),
        likely=_likely(shown),
        pattern=line(shown.pattern) or None,
    )


def _likely(shown: ServiceBoard) -> m.LikelyValue | None:
    facts = shown.likely
    if facts is None:
        return None
    return m.LikelyValue(
        class_=facts.class_,
        title=facts.title,
        p=shown.likely_p,
        usual_min_s=facts.usual_min_s,
        usual_max_s=facts.usual_max_s,
        impact=facts.impact,
        recovery=facts.recovery,
    )


def windows(bars: Sequence[Bar]) -> tuple[m.WindowValue, ...]:
    """The chart's windows."""
    return tuple(m.WindowValue(ends_at=b.at, count=b.count, usual=b.usual, low=b.low, high=b.high) for b in bars)


def reports(board: Board, shown: ServiceBoard) -> m.ReportsValue:
    """The chart of reports."""
    told = windows(shown.reports)
    apart = shown.reports[-1].at - shown.reports[-2].at if len(told) > 1 else None
    return m.ReportsValue(
        service=shown.service.id,
        as_of=board.at,
        window_s=int(apart.total_seconds()) if apart else None,
        windows=told,
        places=tuple(m.PlaceValue(region=clean(p.region, 40), count=p.count, usual=p.usual) for p in shown.places),
        problems=tuple(m.ShareValue(problem=clean(s.problem, 40), count=s.count) for s in shown.problems),
    )


def instead(board: Board, shown: ServiceBoard, task: Capability | None) -> m.AlternativesValue:
    """What to use instead, for the task that was asked for, else for the one the board has chosen."""
    task = task or shown.task
    choices: Sequence[Choice] = shown.choices
    if task is not shown.task:
        states = {s.service.id: s.state for s in board.services.values()}
        choices = alternatives(shown.service, task, states)
    return m.AlternativesValue(
        service=shown.service.id,
        as_of=board.at,
        task=task,
        up_parts=names(shown.up_parts),
        choices=tuple(_choice(c) for c in choices),
    )


def _choice(choice: Choice) -> m.ChoiceValue:
    offer = choice.offer
    return m.ChoiceValue(
        service=offer.service,
        name=offer.name,
        state=choice.state,
        why=choice.why,
        advantage=offer.advantage,
        access=offer.access,
        free=offer.free,
        link=offer.link,
    )


def incident(found: Incident, base: str) -> m.IncidentValue:
    """One incident; ``base`` is what links begin with."""
    lead = found.lead()
    return m.IncidentValue(
        id=found.id,
        service=found.service,
        title=line(found.title) if found.title else None,
        state=found.state,
        confidence=found.confidence,
        since=found.since,
        opened_at=found.opened_at,
        confirmed_at=found.confirmed_at,
        recovered_at=found.recovered_at,
        components=names(found.components),
        first_seen=tuple(m.SeenValue(family=f, at=at) for f, at in sorted(found.first_seen, key=lambda s: s[1])),
        lead_s=lead.total_seconds() if lead is not None else None,
        link=f"{base}/incidents/{found.id}",
    )


def story(found: Story, base: str) -> m.StoryValue:
    """An incident told from its beginning."""
    return m.StoryValue(
        incident=incident(found.incident, base),
        timeline=tuple(
            m.MomentValue(at=t.at, kind=t.kind, says=line(t.says), family=t.family, state=t.state)
            for t in found.timeline
        ),
        leads=tuple(m.LeadValue(family=f, lead_s=s) for f, s in found.leads),
        right=tuple(line(t) for t in found.right),
        wrong=tuple(line(t) for t in found.wrong),
        reports=windows(found.reports),
        grounds=tuple(evidence(e) for e in found.grounds),
    )


def change(verdict: Verdict) -> m.ChangeValue:
    """One change of verdict."""
    told = verdict_fields(verdict)
    return m.ChangeValue(**told, headline=headline(verdict, title(verdict)))  # type: ignore[arg-type]


def title(verdict: Verdict) -> str:
    """What a verdict is about, for a person: ``Claude``, or ``Claude (claude.ai)``."""
    known = catalogue().get(verdict.service)
    name = known.name if known else clean(verdict.service, 80)
    if verdict.component is None:
        return name
    part = known.component(verdict.component) if known else None
    return f"{name} ({part.name if part else clean(verdict.component, 80)})"


def capabilities() -> m.CapabilitiesValue:
    """All capabilities, and who has them."""
    return m.CapabilitiesValue(
        capabilities=tuple(
            m.CapabilityValue(id=c.id, title=c.title, services=tuple(s.id for s in able(c.id)))
            for c in known_capabilities().values()
        )
    )
