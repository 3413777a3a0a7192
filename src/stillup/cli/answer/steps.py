"""The playbook on a terminal: what is done is ticked off, what is left has a number."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from stillup.catalog.offers import alternatives
from stillup.daemon.advice import other_parts
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.playbook import Helpers, steps_for
from stillup.model.service import Capability, State
from stillup.response.playbook import Done, Step

_MARKS = {Done.DONE: "✓", Done.CANNOT: "–"}
_STYLES = {Done.DONE: "green", Done.CANNOT: "dim", Done.TO_DO: ""}


def steps_of(answer: FirstAnswer, task: Capability | None) -> tuple[Step, ...]:
    """The steps for one look at one service; ``task`` is what a stand-in would be needed for."""
    verdict = answer.verdict
    return steps_for(
        answer.service,
        verdict,
        answer.at,
        reports=answer.reports,
        parts_up=other_parts(answer.service, verdict, answer.components, answer.reports).up,
        choices=alternatives(answer.service, task, answer.elsewhere, answer.by_page),
        back_in_s=verdict.forecast.p50_s if verdict.forecast else None,
        helpers=Helpers(gateway=answer.gateway, team=answer.team) if answer.gateway or answer.team else None,
        state_of=lambda s: answer.elsewhere.get(s, State.UNKNOWN),
    )


def table_of(steps: Sequence[Step]) -> Table:
    """One row a step."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    left = 0
    for step in steps:
        left += step.done is Done.TO_DO
        mark = Text(_MARKS.get(step.done) or f"{left}.", style=_STYLES[step.done])
        words = Text(step.says)
        if step.team and not step.note:  # what comes from a plan says which
            words.append(" (your team)", style="dim")
        if step.note:
            words.append(f" ({step.note})", style="dim")
        table.add_row(mark, words)
    return table
