"""``stillup demo``: an outage on this machine's own loopback, found, explained, worked through, followed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Self

import click

from stillup.cli.common import MARKS, STYLES, Finite, color_option, console
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.console import Console, Group

    from stillup.daemon.demo import Moment, Outcome
    from stillup.daemon.demo_programs import Tally, Turn
    from stillup.model.verdict import Verdict
    from stillup.sim.outcome import Check
    from stillup.sim.scenario import Fault, Scenario

_PLAY_S = 60.0


@click.command(
    name="demo",
    help="Play a simulated outage on this machine's loopback, sped up: the sources' sites stand on it, the monitor "
    "polls them over real connections, the verdict grows, and a program keeps asking through the gateway beside one "
    "that goes without. Needs no key and no internet.",
)
@click.option("--scenario", "name", default="2026-04-07", show_default=True, help="A name of --list, or a TOML file.")
@click.option("--speed", type=Finite(1, 2000), help="Times real time (default: the whole in a minute).")
@click.option("--headless", is_flag=True, help="Print the timeline only; exit 1 unless the story came out right.")
@click.option("--list", "list_only", is_flag=True, help="The scenarios there are.")
@color_option
def command(name: str, speed: float | None, headless: bool, list_only: bool, color: bool | None) -> int:
    """Play one scenario."""
    from stillup.sim.load import load, names

    out = console(color=color)
    if list_only:
        for one in names():
            out.print(f"{one:14} {clean(load(one).title, 200)}")
        return 0
    return _play(load(name), speed, out, headless=headless)


def _play(scenario: Scenario, speed: float | None, out: Console, *, headless: bool) -> int:
    from stillup.daemon.demo import first_minute, play
    from stillup.sim.outcome import checks

    length_s = (scenario.ends - first_minute(scenario)).total_seconds()
    speed = speed or max(1.0, length_s / _PLAY_S)
    _opening(out, scenario, speed)
    stage = Timeline(out, scenario) if headless or not out.is_terminal else Stage(out, scenario)
    with stage:
        outcome = asyncio.run(play(scenario, speed, stage.tell))
    _summary(out, scenario, outcome)
    judged = [*checks(scenario.expect, outcome.changes), *_kept_working(outcome)]
    if not judged:
        return 0
    out.print("\nDid the story come out right?", style="bold")
    for check in judged:
        out.print(f"  {'✓' if check.ok else '✗'} {check.says}", style="green" if check.ok else "red")
    return 0 if all(check.ok for check in judged) else 1


def _opening(out: Console, scenario: Scenario, speed: float) -> None:
    from stillup.catalog.load import catalogue
    from stillup.sim.configure import asked_by_programs
    from stillup.verdict.telling.units import span

    out.print(f"SIMULATED: {clean(scenario.title, 200)} ({scenario.id}).", style="bold")
    out.print(f"Every site, report and text is made up on this machine; {speed:.0f} times real time.")
    if asked_by_programs(catalogue()[scenario.service]) is not None and speed > 1:
        # Its seconds of caution would else look like a gateway that is slow to go back.
        out.print(
            f"Only the gateway's own waits are real, and a second of them is {span(speed)} here: when a fault is over, "
            "the few seconds until it goes back look long."
        )
    out.print()


def _summary(out: Console, scenario: Scenario, outcome: Outcome) -> None:
    out.print("\nWhat was found", style="bold")
    if not outcome.incidents:
        out.print("  No outage of the service.")
    for incident in outcome.incidents:
        out.print(f"  {incident.state.value.replace('_', ' ')}, {incident.confidence.value}, onset put at "
                  f"{incident.since:%H:%M} UTC")  # fmt: skip
        for family, at in sorted(incident.first_seen, key=lambda seen: seen[1]):
            out.print(f"    {at:%H:%M}  {family.value} saw it")
        lead = incident.lead()
        if lead is not None:
            out.print(f"    {lead.total_seconds() / 60:.0f} min before the official page")
        if incident.recovered_at is not None:
            out.print(f"    {incident.recovered_at:%H:%M}  recovered{_after_truth(scenario, incident.recovered_at)}")
    if outcome.programs:
        out.print(f"\nA program that kept asking ({outcome.programs[0].client})", style="bold")
    for tally in outcome.programs:
        out.print(f"  {_tally_line(tally)}{_who_answered(tally)}", style="red" if tally.failed else "green")


def _tally_line(tally: Tally) -> str:
    failed = f"{tally.failed} failed" if tally.failed else "none failed"
    return f"{tally.name:19} {tally.asked} asked, {tally.answered} answered, {failed}"


def _who_answered(tally: Tally) -> str:
    named = [f"{count} by {upstream}" for upstream, count in tally.by_upstream.items() if upstream]
    return f" ({', '.join(named)})" if named else ""


def _kept_working(outcome: Outcome) -> Iterator[Check]:
    """Whether the program behind the gateway got every answer that anybody could give."""
    from stillup.daemon.demo_programs import ALONE, THROUGH
    from stillup.sim.outcome import Check

    by_name = {tally.name: tally for tally in outcome.programs}
    through, alone = by_name.get(THROUGH), by_name.get(ALONE)
    if through is not None and alone is not None:
        says = "a program behind the gateway got every answer that anybody could give"
        says += f" (lost: {through.lost} of {through.asked}; without it {alone.lost} of {alone.asked})"
        yield Check(through.lost == 0 and through.asked > 0, says)


def _after_truth(scenario: Scenario, at: datetime) -> str:
    ended = [f.to for f in scenario.faults if f.to <= at]
    return f", {(at - max(ended)).total_seconds() / 60:.0f} min after the true end" if ended else ""


class Timeline:
    """Who said what when, a line each; what follows on from a line stands below its words, not below its time."""

    def __init__(self, out: Console, scenario: Scenario) -> None:
        self._out = out
        self._truth = _truth(scenario)
        self._said: Verdict | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, moment: Moment) -> None:
        """Print what this minute brought."""
        from rich.table import Table

        for line, style in self.lines(moment):
            row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
            row.add_column(no_wrap=True)
            row.add_column(overflow="fold")
            time, _, text = line.partition("  ")
            row.add_row(time, text, style=style)
            self._out.print(row)

    def lines(self, moment: Moment) -> list[tuple[str, str]]:
        """What happened in truth, which side turned, and how the verdict changed."""
        from stillup.cli.watch import change_line
        from stillup.verdict.telling.explain import says

        found = []
        while self._truth and self._truth[0][0] <= moment.at:
            at, text = self._truth.pop(0)
            found.append((f"{at:%H:%M}    {text}", "dim"))
        found += [(f"{moment.at:%H:%M}  · {says(e)}", "") for e in moment.turned]
        found += [_turn_line(turn) for turn in moment.turns]
        for change in (c for c in moment.changes if c.component is None):
            found.append((change_line(change, self._said), STYLES[change.state]))
            self._said = change
        return found


def _turn_line(turn: Turn) -> tuple[str, str]:
    told = turn.told
    if not told.ok:
        return f"{told.at:%H:%M}  ✗ {turn.name}, a program gets no answer: {clean(told.says, 80)}", "red"
    by = f" by {told.upstream} ({_reason(told.reason)})" if told.upstream else ""
    return f"{told.at:%H:%M}  ↪ {turn.name}, a program is answered{by}", "cyan"


def _reason(word: str) -> str:
    from stillup.cli.gateway_words import fault_words
    from stillup.gateway.core.fault import Fault as TryFault
    from stillup.gateway.core.why import Why

    if word == Why.TRICKLE:
        return "asked to see whether it is well again"
    return f"after {fault_words(word)}" if word in set(TryFault) else word.replace("_", " ")


def _truth(scenario: Scenario) -> list[tuple[datetime, str]]:
    """In the order of time; what ends stands before what begins in the same minute."""
    ends = [(fault.to, f"in truth: the fault is over{_which(scenario, fault)}") for fault in scenario.faults]
    begins = [
        (f.from_, f"in truth: the fault begins{_which(scenario, f)} ({', '.join(f.components) or 'this machine'})")
        for f in scenario.faults
    ]
    posts = [(o.posted_at, f"in truth: the page posts “{o.stage.value}”") for o in scenario.official]
    return sorted((*ends, *begins, *posts), key=lambda happened: happened[0])


def _which(scenario: Scenario, fault: Fault) -> str:
    return f": {fault.id.replace('-', ' ')}" if len(scenario.faults) > 1 else ""


class Stage(Timeline):
    """The timeline with the clock, the verdict and every side's word kept in view below it."""

    def __init__(self, out: Console, scenario: Scenario) -> None:
        from rich.live import Live

        super().__init__(out, scenario)
        self._live = Live(console=out, auto_refresh=False, transient=True)
        self._scenario = scenario

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def tell(self, moment: Moment) -> None:
        """Print above, redraw below."""
        super().tell(moment)
        self._live.update(self._panel(moment), refresh=True)

    def _panel(self, moment: Moment) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        from stillup.daemon.demo import first_minute
        from stillup.verdict.telling.explain import headline, says

        begin = first_minute(self._scenario)
        whole, done = (self._scenario.ends - begin).total_seconds(), (moment.at - begin).total_seconds()
        verdict = moment.verdict
        title = Text(f"\n{moment.at:%H:%M} UTC (simulated)  ", style="bold")
        if verdict is not None:
            title.append(f"{MARKS[verdict.state]} {headline(verdict, self._scenario.service)}", STYLES[verdict.state])
        sides = [Text(f"  {says(e)}", style="red" if e.since else "dim") for e in moment.evidence]
        asking = [Text(f"  {_tally_line(t)}{_last(t)}", style=_style(t)) for t in moment.programs]
        return Group(
            title, *sides, *asking, ProgressBar(total=whole, completed=done, width=min(60, self._out.width - 4))
        )


def _last(tally: Tally) -> str:
    if tally.last is None:
        return ""
    by = f" ({tally.last.upstream})" if tally.last.upstream else ""
    return f" · {clean(tally.last.says, 60)}{by}"


def _style(tally: Tally) -> str:
    return "red" if tally.last is not None and not tally.last.ok else "dim"
