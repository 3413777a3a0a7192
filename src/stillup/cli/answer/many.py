"""``stillup all``, ``stillup claude chatgpt …``: one look at many services, a line each, worst first."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from stillup.catalog.load import Service, capabilities
from stillup.catalog.offers import ability, alternatives
from stillup.cli.answer.ask import put_reasons, uncollected
from stillup.cli.answer.glance import Glance, fewer, glance, just_seen, onset, rank, shortened, worst_code
from stillup.cli.answer.steps import steps_of
from stillup.cli.answer.which import Which
from stillup.cli.answer.yours import own_words
from stillup.cli.common import console, exit_code, pretty
from stillup.cli.say import put
from stillup.cli.terminal.columns import Cell, Column, cut, lines
from stillup.clock import SystemClock
from stillup.daemon.advice import usual_task
from stillup.daemon.ask import FirstAnswer, ask_many
from stillup.model.service import Capability, Confidence, Scope, State
from stillup.model.verdict import iso
from stillup.registry import SOURCES
from stillup.sources.report import Failure, FailureKind
from stillup.verdict.telling.explain import because

if TYPE_CHECKING:
    from stillup.config import Config

_SHOWN_NAMES = 4
_NOT_ASKED = "not asked: "
_CODES = "0 up, 1 degraded or suspected, 2 outage confirmed, 3 unknown, 4 only you"
_SHORT, _NARROW, _WIDE, _BROAD = 70, 44, 100, 130
"""Columns of a terminal: below the first states are shortened, from the third on it is told who says so."""
_Seen = Sequence[tuple[FirstAnswer, Glance]]
"""Each answer with its line."""
_Cell = Callable[[FirstAnswer, Glance], str]


class Many(Struct, frozen=True, kw_only=True):
    """One look at many, in the order it is shown."""

    answers: tuple[FirstAnswer, ...]
    at: datetime
    which: Which

    @property
    def task(self) -> Capability | None:
        """What they were chosen for, None where for nothing."""
        return self.which.task

    @property
    def mute(self) -> tuple[FirstAnswer, ...]:
        """Those that no source can be asked about."""
        return tuple(a for a in self.answers if not a.reports)

    @property
    def only_you(self) -> bool:
        """Whether nothing can be said of any of them because this machine or its network fails."""
        asked = [a.verdict for a in self.answers if a.reports]
        return len(asked) > 1 and all(v.scope is Scope.YOU and v.state is State.UNKNOWN for v in asked)

    @property
    def code(self) -> int:
        """The exit code: the worst of all.

        A service that nothing can be asked about is unknown when it was named; among everything it counts for nothing.
        """
        counted = [a for a in self.answers if a.reports or not self.which.everything]
        return worst_code([exit_code(a.verdict) for a in counted])


def ordered(answers: Iterable[FirstAnswer], task: Capability | None) -> tuple[FirstAnswer, ...]:
    """Worst first; for a task in the order of preference, as they come."""
    return tuple(answers) if task else tuple(sorted(answers, key=lambda a: (rank(a.verdict), a.service.id)))


def look_at(services: Which, config: Config, *, explain: bool, as_json: bool, color: bool | None) -> int:
    """Look once and print; the exit code.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    clock = SystemClock()
    at = clock.now()
    with uncollected():
        answers = asyncio.run(ask_many(services.can, config, os.environ, clock, task=services.task))
    many = Many(answers=ordered(answers, services.task), at=at, which=services)
    if as_json:
        put(many_json(many))
        return many.code
    out = console(color=color)
    out.print(render(many, out.width))
    if explain:
        put_reasons(many.answers, out)
    return many.code


# -- for a terminal ---------------------------------------------------------------------------------------------------


def render(many: Many, width: int) -> Group:
    """The table with a line of summary before it and what could not be read below, for so many columns."""
    if many.only_you:
        return _cut_off(many)
    seen = [(a, glance(a.service, a.verdict, a.evidence, own_words(a))) for a in many.answers]
    parts: list[RenderableType] = [_summary(many, seen)]
    if many.task:
        parts.append(_usable(many, many.task))
    table: list[RenderableType] = [*lines(_columns(many, seen, width), width, header=width >= 60)]
    footer = [Text(words, style="dim") for words in _footer(many, short=width < _SHORT)]
    return Group(*parts, *(["", *table] if table else []), "", *footer)


def _cut_off(many: Many) -> Group:
    """What is the same of all of them is said once, and what each source did not answer says no more."""
    number = len(many.answers)
    return Group(
        Text(f"? It is you, not {'them' if number > 1 else many.answers[0].service.name}", style="bold yellow"),
        Text(f"  {because(many.answers[0].verdict)}; of {number} services nothing can be seen from here"),
        "",
        *(Text(f"  {step.says}") for step in steps_of(many.answers[0], None)),
        "",
        Text(f"Exit code {many.code} ({_CODES}). `stillup SERVICE` has the evidence.", style="dim"),
    )


def _columns(many: Many, seen: _Seen, width: int) -> list[Column]:
    """What there is room for, most needed first: state, since, what is broken, who says so, what to use."""
    short, wide, broad = width < _SHORT, width >= _WIDE, width >= _BROAD

    def column(title: str, say: _Cell, style: Callable[[Glance], str] = lambda _: "", *, soft: bool = False) -> Column:
        cells = tuple(Cell(say(a, g), style(g)) for a, g in seen)
        return Column(title=title, cells=cells, shrinks=soft, most=width)

    columns = [
        column("", lambda _, g: g.mark, lambda g: g.style),
        column("Service", lambda _, g: cut(g.name, 14 if short else 24), lambda g: g.name_style),
        column("State", lambda _, g: shortened(g.state) if short else g.state, lambda g: g.style),
    ]
    if many.task:
        columns.append(column("Cost", lambda a, _: _cost(a.service, many.task, short=short)))
    columns.append(column("Since", lambda _, g: _since(g.since, many.at, short=not broad), soft=width < _NARROW))
    if not short:
        columns.append(column("Broken", lambda a, g: g.broken or _why_unknown(a), soft=True))
    if wide:
        columns.append(column("Who says so", lambda _, g: g.sides if broad else fewer(g.sides), soft=True))
        columns.append(column("Use instead", lambda a, _: _instead(a, many.task), soft=True))
    return columns


def _since(since: datetime | None, now: datetime, *, short: bool) -> str:
    return "just seen" if since is not None and just_seen(since, now) else onset(since, now, short=short)


def _cost(service: Service, task: Capability | None, *, short: bool = False) -> str:
    how = ability(service, task) if task else None
    if how is None:
        return ""
    return ("free" if short else "free tier") if how.free else "paid"


def _why_unknown(answer: FirstAnswer) -> str:
    if answer.verdict.state is not State.UNKNOWN or answer.verdict.scope:
        return ""
    if not answer.reports:
        return "no source to ask"
    read = sum(r.ok for r in answer.reports)
    return "too little to tell" if read else "no source answered"


def _instead(answer: FirstAnswer, task: Capability | None) -> str:
    need = usual_task(answer.service, task)
    if need is None or not answer.verdict.state.is_fault:
        return ""
    choices = alternatives(answer.service, need, answer.elsewhere)
    up = [c.offer.name for c in choices if c.state is State.OPERATIONAL][:2]
    return ", ".join(up) or (f"{choices[0].offer.name}?" if choices else "")


def _summary(many: Many, seen: _Seen) -> Text:
    """``21 services at 14:41 UTC: 1 partial outage, confirmed; 2 degraded, suspected; 18 operational``."""
    number = len(many.answers)
    said = Text(f"{number} service{'s' if number != 1 else ''} at {many.at.astimezone(UTC):%H:%M} UTC: ")
    worst_first = (g for _, g in sorted(seen, key=lambda one: rank(one[0].verdict)))
    for place, ((state, style), n) in enumerate(Counter((g.state, g.style) for g in worst_first).items()):
        said.append("; " if place else "").append(f"{n} {state}", style=style)
    return said


def _usable(many: Many, task: Capability) -> Text:
    title = capabilities()[task].title.lower()
    up = [f"{a.service.name} ({_cost(a.service, task)})" for a in many.answers if a.verdict.state is State.OPERATIONAL]
    return Text(f"Up now for {title}: ").append(", ".join(up) or "none that is known to be", style="bold")


def _footer(many: Many, *, short: bool) -> list[str]:
    notes = [*_unread(many)]
    if many.mute:
        names = ", ".join(a.service.name for a in many.mute)
        notes.append(f"No source to ask about: {names} (`stillup doctor` says which could be switched on).")
    if many.which.cannot and many.task:
        notes.append(f"Not for {many.task.value}: {', '.join(s.name for s in many.which.cannot)}.")
    if short and any(a.verdict.confidence is Confidence.SUSPECTED for a in many.answers):
        notes.append("? = suspected: one side alone says so.")
    notes.append(f"Exit code {many.code}, the worst of them ({_CODES}). `stillup SERVICE` has the evidence.")
    return notes


def _unread(many: Many) -> list[str]:
    """What could not be read, a line for each reason; sources without a key in one line."""
    keyless: dict[str, None] = {}
    failed: dict[str, dict[str, list[str]]] = {}
    for answer in many.answers:
        for report in answer.reports:
            if report.error is None:
                continue
            title = SOURCES[report.source].title
            if report.error.kind is FailureKind.NOT_CONFIGURED:
                keyless[title] = None
            else:
                why = _reason_of(report.error)
                failed.setdefault(why, {}).setdefault(title, []).append(answer.service.name)
    notes = [
        f"{why}: {'; '.join(f'{title} of {_few(names)}' for title, names in sides.items())}."
        for why, sides in failed.items()
    ]
    if keyless:
        notes.append(f"Not asked, not set up: {', '.join(keyless)} (`stillup doctor` says what is missing).")
    return notes


def _reason_of(error: Failure) -> str:
    """Why a source was not read, without the host: the same reason of many hosts is one line."""
    if error.kind is FailureKind.LATE:
        return "Not read (no answer in time)"
    if error.says.startswith(_NOT_ASKED):
        return f"Not asked ({error.says.removeprefix(_NOT_ASKED)})"
    host, told, why = error.says.partition(": ")
    return f"Not read ({why if told and '.' in host and ' ' not in host else error.says})"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _SHOWN_NAMES else f"{len(names)} services"


# -- for programs -----------------------------------------------------------------------------------------------------


def many_json(many: Many) -> str:
    """One JSON object: ``services`` has for each the object that a look at it alone gives, in the table's order."""
    from stillup.cli.answer.as_json import answer_object

    whole = {
        "at": iso(many.at),
        "exit_code": many.code,
        "task": many.task,
        "services": {a.service.id: answer_object(a, usual_task(a.service, many.task)) for a in many.answers},
        "no_source": [a.service.id for a in many.mute],
        "not_able": [s.id for s in many.which.cannot],
    }
    return pretty(whole)
