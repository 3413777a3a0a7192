"""A decision in words: title, short, long. The same sentences and steps as the page and the command line have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.model.evidence import Evidence
from stillup.model.service import OutageClass, State
from stillup.model.verdict import Forecast, Verdict
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Decision, Note
from stillup.response.playbook import Done

if TYPE_CHECKING:
    from stillup.board import ServiceBoard

_MARKS = {Done.DONE: "[x]", Done.TO_DO: "[ ]", Done.CANNOT: "[!]"}
_MOST_CHOICES = 3
_CHANGED = {
    Reason.WORSE: "It is worse than was said.",
    Reason.SURER: "What was suspected is confirmed.",
    Reason.PARTS_CHANGED: "Other parts are hit than was said.",
    Reason.SETTLED: "It went on and off; now it has stood still for a while.",
}


class Voice(Struct, frozen=True):
    """The judgement's own words, handed in: this package and that one do not know each other."""

    state: Callable[[State], str]
    side: Callable[[Evidence, datetime], str]
    headline: Callable[[Verdict, str], str]
    span: Callable[[float], str]
    place: Callable[[str], str] = str


class Text(Struct, frozen=True, kw_only=True):
    """A message's words. Not clean yet: names and titles in it come from the network."""

    title: str
    short: str
    long: tuple[str, ...]
    """Line by line."""


def words(decision: Decision, board: ServiceBoard, voice: Voice, link: str = "") -> Text:
    """What is said of one service. ``board`` is as new as the decision."""
    name = board.service.name
    title = _title(decision, board, name, voice)
    short = " ".join(s for s in (_news(decision, voice), _since(decision, voice), _hit(decision, board, voice)) if s)
    lines = [title, "", short] if short else [title]
    lines += _body(decision, board, voice)
    if link:
        lines += ["", f"More: {link}"]
    return Text(title=title, short=short or title, long=tuple(lines))


def _title(decision: Decision, board: ServiceBoard, name: str, voice: Voice) -> str:
    verdict = decision.verdict or board.verdict
    match decision.kind:
        case Kind.BACK if verdict.state is State.OPERATIONAL:
            return f"{name} is back"
        case Kind.BACK:
            return f"{name}: over what this rule watches; now {voice.state(verdict.state)}"
        case Kind.FLAPPING:
            return f"{name} goes on and off"
        case Kind.ESCALATED:
            return f"Still: {voice.headline(verdict, name)}"
        case Kind.TEST:
            return f"A test from stillup: {name}"
        case _:
            return voice.headline(verdict, name)


def _news(decision: Decision, voice: Voice) -> str:
    if decision.kind is Kind.FLAPPING:
        return "Nothing more is said of it until it has stood still for a while."
    if decision.kind is Kind.BACK and decision.since is not None:
        lasted = voice.span(((decision.until or decision.at) - decision.since).total_seconds())
        return f"It lasted {lasted}, as far as stillup saw."
    return _CHANGED.get(decision.reason, "")


def _since(decision: Decision, voice: Voice) -> str:
    verdict = decision.verdict
    if verdict is None or decision.kind in (Kind.BACK, Kind.DIGEST) or verdict.since is None:
        return ""
    for_ = voice.span((decision.at - verdict.since).total_seconds())
    return f"Since {_clock(verdict.since, decision.at)} ({for_})."


def _hit(decision: Decision, board: ServiceBoard, voice: Voice) -> str:
    verdict = decision.verdict
    if verdict is None or not verdict.state.is_fault:
        return ""
    names = {c.id: c.name for c in board.service.components}
    parts = [f"Broken: {', '.join(names.get(c, c) for c in decision.components)}."] if decision.components else []
    parts += [f"Models: {', '.join(verdict.models)}."] if verdict.models else []
    parts += [f"Where: {', '.join(voice.place(r) for r in verdict.regions)}."] if verdict.regions else []
    left = board.left or verdict.forecast
    if left is not None:
        parts.append(_left(left, voice))
    return " ".join(parts)


def _left(forecast: Forecast, voice: Voice) -> str:
    p10, p50, p90 = (voice.span(s) for s in (forecast.p10_s, forecast.p50_s, forecast.p90_s))
    return f"About {p50} to go (8 of 10 such end in {p10} to {p90})."


def _body(decision: Decision, board: ServiceBoard, voice: Voice) -> Iterator[str]:
    verdict = decision.verdict
    if board.because:
        yield from ("", f"Why: {board.because}.")
    if board.evidence:
        yield from ("", "What each side says:")
        yield from (f"- {voice.side(e, decision.at)}" for e in board.evidence)
    if verdict is None or not verdict.state.is_fault:
        return
    if board.likely is not None and board.likely_p is not None:
        named = f"Probably: {board.likely.title} ({board.likely_p * 100:.0f} %)."
        yield from ("", named if board.likely.class_ is not OutageClass.UNKNOWN else "What it is, is not clear yet.")
    if board.steps:
        yield from ("", "What to do now:")
        for step in board.steps:
            note = f" ({step.note})" if step.note else ""
            yield f"{_MARKS[step.done]} {step.says}{note}"
    if board.up_parts:
        yield from ("", f"Still up: {', '.join(board.up_parts)}.")
    if board.choices:
        yield from ("", "Use instead:")
        for choice in board.choices[:_MOST_CHOICES]:
            yield f"- {choice.offer.name} ({choice.why}): {choice.offer.link}"


def digest(decision: Decision, names: Callable[[str], str], voice: Voice, link: str = "") -> Text:
    """What a day's digest says."""
    notes = sorted(decision.notes, key=lambda n: (n.began, n.service))
    lines = [_line(n, names, voice, decision.at) for n in notes]
    title = f"{len(notes)} {'thing' if len(notes) == 1 else 'things'} that were not told at once"
    long = [title, "", *(f"- {line}" for line in lines), *(("", f"More: {link}") if link else ())]
    return Text(title=title, short=". ".join(lines[:3]) + ("." if len(lines) <= 3 else " …"), long=tuple(long))


def _line(note: Note, names: Callable[[str], str], voice: Voice, now: datetime) -> str:
    parts = f" ({', '.join(note.components)})" if note.components else ""
    what = f"{names(note.service)}: {voice.state(note.state)}{parts}, {_clock(note.began, now)}"
    if note.ended is None:
        return f"{what}, still"
    return f"{what}, for {voice.span((note.ended - note.began).total_seconds())}"


def _clock(at: datetime, now: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at:%Y-%m-%d %H:%M} UTC"
