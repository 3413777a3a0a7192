"""The first answer on a terminal: the verdict first, then why, then what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stillup.catalog.load import ClassFacts, outage_classes
from stillup.catalog.offers import alternatives
from stillup.cli.answer.glance import just_seen
from stillup.cli.answer.rows import Row, grounds, rows
from stillup.cli.answer.steps import steps_of, table_of
from stillup.cli.answer.workarounds import workarounds_block
from stillup.cli.answer.yours import headline_of, sentence
from stillup.cli.common import MARKS, STYLES, clock_time, indented, span
from stillup.daemon.advice import CLEAR, likely_class, other_parts, shaken
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.yours import yours
from stillup.model.evidence import Evidence
from stillup.model.service import Capability, OutageClass, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.alternatives import Choice
from stillup.verdict.telling.explain import STATE_WORDS, because, page_is_read, rule, who
from stillup.verdict.telling.units import chance
from stillup.web.regions import region_name

_NARROW = 60
_OFFERS = 6
"""So many are enough to choose from; all that are up are shown."""


def render_answer(answer: FirstAnswer, task: Capability | None, width: int, *, explain: bool = False) -> Group:
    """All of it, for a terminal ``width`` columns wide; ``task`` is what a stand-in would be needed for.

    Sources that are not set up share a line, unless it is to ``explain``.
    """
    verdict = answer.verdict
    style = "yellow" if verdict.is_yours else STYLES[verdict.state]
    parts: list[RenderableType] = [
        Text(f"{MARKS[verdict.state]} {headline_of(answer)}", style=f"bold {style}"),
        indented(Text(_second_line(verdict, answer.evidence, answer.at))),
    ]
    facts = list(_facts(answer))
    if facts:
        parts += ["", indented(_pairs(facts))]
    parts += _evidence(answer, width, explain=explain)
    if steps := steps_of(answer, task):
        parts += ["", Text("What to do now", style="bold"), indented(table_of(steps))]
    # Where this machine fails others are as far away.
    if task is not None and (verdict.state.is_fault or verdict.scope is Scope.YOUR_QUOTA):
        parts += _alternatives(alternatives(answer.service, task, answer.elsewhere, answer.by_page), task)
    parts += workarounds_block(answer)
    return Group(*parts)


def _second_line(verdict: Verdict, evidence: Sequence[Evidence], now: datetime) -> str:
    parts = [because(verdict, page_is_read=page_is_read(evidence))]
    if verdict.state.is_fault and verdict.since is not None:
        parts.insert(0, f"since {clock_time(verdict.since, now)} ({_ago(verdict.since, now)})")
    if verdict.state.is_fault and verdict.probability is not None:
        parts.append(f"a fault is {chance(verdict.probability)}")
    return "; ".join(parts)


def _ago(since: datetime, now: datetime) -> str:
    """What only says how it is at this moment does not say since when."""
    return "or before; it was seen just now" if just_seen(since, now) else span((now - since).total_seconds())


def _facts(answer: FirstAnswer) -> Iterable[tuple[str, str]]:
    verdict = answer.verdict
    names = {c.id: c.name for c in answer.service.components}
    if verdict.components:
        yield "Broken", ", ".join(f"{names.get(c, c)}{_state_of(answer, c)}" for c in verdict.components)
    others = other_parts(answer.service, verdict, answer.components, answer.reports)
    if others.up:
        yield "Works", ", ".join(others.up)
    if others.page_only:
        yield "Unsure", f"{', '.join(others.page_only)}: no fault seen, but only the page calls them well"
    if verdict.scope is not None:
        yield "Who", who(verdict, places=region_name)
    for line in yours(answer.reports, answer.at):
        yield "Yours", sentence(line, verdict, answer.at)
    below = shaken(answer.service, verdict, answer.elsewhere, answer.by_page)
    if below:
        told = (f"{b.name}: {STATE_WORDS[b.state]}{' by its page' if b.page_only else ''}" for b in below)
        yield "Stands on", "; ".join(told)
    facts = likely_class(verdict)
    if facts is not None:
        yield "Likely", f"{_classes(verdict)}: {facts.impact}"
    if verdict.forecast is not None:
        left = verdict.forecast
        most = f"four times in five between {span(left.p10_s)} and {span(left.p90_s)}"
        yield "Back", f"in about {span(left.p50_s)}, {most}. {facts.recovery if facts else ''}".rstrip()
    elif facts is not None:
        yield "Usually", f"{_range(facts)} (rule of thumb). {facts.recovery}"


def _classes(verdict: Verdict) -> str:
    """The likeliest class, and the next when it is not clear."""
    named = [(d.class_, f"{outage_classes()[d.class_].title} ({d.p:.0%})") for d in verdict.diagnosis[:3]]
    if verdict.diagnosis[0].p >= CLEAR:
        return named[0][1]
    return "not clear, maybe " + " or ".join([words for c, words in named if c is not OutageClass.UNKNOWN][:2])


def _state_of(answer: FirstAnswer, component: str) -> str:
    said = answer.components.get(component)
    return f" ({STATE_WORDS[said.state]})" if said else ""


def _range(facts: ClassFacts) -> str:
    return f"{span(facts.usual_min_s)} to {span(facts.usual_max_s)}"


def _evidence(answer: FirstAnswer, width: int, *, explain: bool) -> list[RenderableType]:
    parts: list[RenderableType] = ["", Text("Evidence", style="bold")]
    told = rows(answer)
    unset = [] if explain else [row for row in told if row.is_unset]
    for row in told:
        if row in unset:
            continue
        mark, style = ("•", "") if row.ok else ("–", "dim")
        if width < _NARROW:
            parts.append(indented(Text(f"{mark} {row.title}: {row.says}", style=style)))
            continue
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(width=17, overflow="fold")
        table.add_column(overflow="fold")
        table.add_row(Text(mark, style=style), Text(row.title, style=style), Text(row.says, style=style))
        table.add_row("", "", Text(_small_print(row), style="dim"))
        parts.append(indented(table))
    if unset:
        parts.append(indented(Text(_not_asked(answer, unset), style="dim")))
    parts.append(indented(Text(f"Rule: {rule(answer.verdict, grounds(answer))}", style="italic")))
    return parts


def _not_asked(answer: FirstAnswer, unset: Sequence[Row]) -> str:
    """For a newcomer these are many, and none of them is needed."""
    names = ", ".join(row.title for row in unset)
    return f"– Not asked, not set up: {names} (`stillup doctor {answer.service.id}` says how to add them)"


def _small_print(row: Row) -> str:
    age = [] if row.age_s is None else ["just now" if row.age_s < 5 else f"{span(row.age_s)} old"]
    delay = f"usually {span(row.usual_delay_s)} behind"
    return " · ".join([*age, delay, row.reliability, *([row.link] if row.link else [])])


def _alternatives(choices: list[Choice], task: Capability) -> list[RenderableType]:
    return ["", Text(f"Use instead for {task.value}", style="bold"), *offers(choices)]


def offers(choices: Sequence[Choice]) -> list[RenderableType]:
    """A line for each that is enough to choose from, those that are up first."""
    parts: list[RenderableType] = []
    if not choices:
        parts.append(indented(Text("Nothing in the catalogue is known to stand in for this.", style="dim")))
    for choice in choices[: max(_OFFERS, sum(c.state is State.OPERATIONAL for c in choices))]:
        offer = choice.offer
        mark = "✓" if choice.state is State.OPERATIONAL else "?"
        cost = "free tier" if offer.free else "paid"
        words = f"{mark} {offer.name} ({choice.why}): {offer.advantage}; {offer.access}, {cost}; {offer.link}"
        parts.append(indented(Text(words)))
    return parts


def _pairs(pairs: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(value))
    return table
