"""Decisions put into words for each channel that hears them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from stillup.board import Board, ServiceBoard
from stillup.catalog.load import Service, catalogue
from stillup.daemon.playbook import Helpers, steps_for
from stillup.model.evidence import Evidence
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.response.alerts.reasons import Kind
from stillup.response.alerts.text import Text, Voice, digest, words
from stillup.response.alerts.values import Decision, Message
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import STATE_WORDS, because, headline, page_is_read, rule, side, who
from stillup.verdict.telling.units import span
from stillup.web.regions import region_name

_TITLE, _SHORT, _LINE, _LINES = 200, 600, 600, 100

Grounds = Callable[[Verdict], Sequence[Evidence]]
"""What a verdict rested on, where that was kept."""


def messages(
    decision: Decision, board: Board | None, grounds: Grounds, known: Iterable[str], page: str | None
) -> list[Message]:
    """One message for each channel that is to hear it and is ``known``."""
    channels = [c for c in decision.channels if c in set(known)]
    if not channels or decision.kind is None:
        return []
    text = text_of(decision, board, grounds, page)
    if board is not None and board.simulated:
        text = replace(text, title=f"(simulated) {text.title}", long=(f"This is played: {board.simulated}", *text.long))
    link = _link(decision, page)
    return [
        Message(
            key=decision.key(channel),
            channel=channel,
            kind=decision.kind,
            reason=decision.reason,
            rule=decision.rule,
            service=decision.service,
            incident=decision.incident,
            revision=decision.revision,
            at=decision.at,
            title=clean(text.title, _TITLE),
            short=clean(text.short, _SHORT),
            long="\n".join(clean(line, _LINE) for line in text.long[:_LINES]),
            link=link,
            verdict=decision.verdict,
        )
        for channel in channels
    ]


def text_of(decision: Decision, board: Board | None, grounds: Grounds, page: str | None) -> Text:
    """The words, not clean yet."""
    link = _link(decision, page)
    if decision.kind is Kind.DIGEST:
        return digest(decision, _name, voice_for(None), link)
    shown = _shown(decision, board, grounds)
    return words(decision, shown, voice_for(shown.service), link)


def voice_for(service: Service | None) -> Voice:
    """The judgement's words, with a service's own names for its parts."""
    names = {c.id: c.name for c in service.components} if service else {}
    return Voice(
        state=lambda state: STATE_WORDS[state],
        side=lambda evidence, now: side(evidence, now, lambda c: names.get(c, c)),
        headline=headline,
        span=span,
        place=region_name,
    )


def _name(service: str) -> str:
    known = catalogue().get(service)
    return known.name if known else service


def _link(decision: Decision, page: str | None) -> str:
    if page is None:
        return ""
    return f"{page}/{decision.service}" if decision.service else page


def _shown(decision: Decision, board: Board | None, grounds: Grounds) -> ServiceBoard:
    """What is shown of the service, if that is what was decided on; else what was kept of it."""
    verdict = decision.verdict
    shown = board.services.get(decision.service) if board else None
    if shown is not None and (verdict is None or _agree(shown, verdict)):
        return shown
    service = catalogue().get(decision.service)
    if service is None:  # it was taken out of the catalogue meanwhile
        service = Service(id=decision.service, name=decision.service, vendor="", home="")
    if verdict is None:
        verdict = Verdict(at=decision.at, service=service.id, state=State.UNKNOWN)
    evidence = tuple(grounds(verdict))
    names = {c.id: c.name for c in service.components}
    return ServiceBoard(
        service=service,
        verdict=verdict,
        evidence=evidence,
        headline=headline(verdict, service.name),
        because=because(verdict, page_is_read=page_is_read(evidence) if evidence else None),
        rule=rule(verdict, evidence, decision.at),
        who=who(verdict, lambda c: names.get(c, c), region_name),
        steps=steps_for(service, verdict, decision.at, helpers=Helpers(alerts=True, told_at=lambda _: decision.at)),
    )


def _agree(shown: ServiceBoard, verdict: Verdict) -> bool:
    told = shown.components.get(verdict.component) if verdict.component else shown.verdict
    return told is not None and told.essence == verdict.essence
