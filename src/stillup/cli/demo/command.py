"""``stillup demo``: an outage on this machine's own loopback, found, explained, worked through, followed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import click
from msgspec import structs

from stillup.cli.common import MARKS, STYLES, Finite, color_option, console
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table as RichTable
    from rich.text import Text

    from stillup.cli.demo.page import Screen
    from stillup.daemon.demo.play import Moment, Outcome
    from stillup.daemon.demo.programs import Tally, Turn
    from stillup.model.incident import Incident
    from stillup.model.verdict import Verdict
    from stillup.sim.outcome import Check
    from stillup.sim.scenario import Scenario

_PLAY_S = 60.0
_FASTEST, _FASTEST_FOR_ALL = 150.0, 400.0
"""Times real time, for one service and divided by several, unless told otherwise: faster, and a reading would not be
done before the next is due."""


@click.command(
    name="demo",
    help="Play a simulated outage on this machine's loopback, sped up: the sources' sites stand on it, the monitor "
    "polls them over real connections, the verdict grows, and a program keeps asking through the gateway beside one "
    "that goes without. Needs no key and no internet.",
)
@click.option("--scenario", "name", default="2026-04-07", show_default=True, help="A name of --list, or a TOML file.")
@click.option("--speed", type=Finite(1, 2000), help="Times real time (default: the whole in a minute, at most 150).")
@click.option("--headless", is_flag=True, help="Print the timeline only; exit 1 unless the story came out right.")
@click.option("--list", "list_only", is_flag=True, help="The scenarios there are.")
@click.option(
    "--page/--no-page", default=None, help="Show it on a web page of this machine too (default: unless --headless)."
)
@click.option(
    "--open/--no-open",
    "opens",
    default=None,
    help="Open the page in a browser (default: on a terminal with a display).",
)
@click.option(
    "--stay/--no-stay", default=None, help="Keep the page at the end, until Enter or Ctrl-C (default: on a terminal)."
)
@color_option
def command(
    name: str,
    speed: float | None,
    headless: bool,
    list_only: bool,
    page: bool | None,
    opens: bool | None,
    stay: bool | None,
    color: bool | None,
) -> int:
    """Play one scenario."""
    from stillup.cli.demo.page import Screen, wishes
    from stillup.sim.load import load, names

    out = console(color=color)
    if list_only:
        out.print(_listed(map(load, names())))
        return 0
    on_page = Screen(out, wishes(headless=headless, page=page, opens=opens, stay=stay))
    return _play(load(name), speed, out, on_page, headless=headless)


def _listed(scenarios: Iterable[Scenario]) -> RichTable:
    """Every scenario: its name, how long it lasts, whom it tells of, and what it is."""
    from rich.table import Table as RichTable

    from stillup.verdict.telling.units import span

    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("scenario", "lasts"):
        table.add_column(title, no_wrap=True)
    table.add_column("services", overflow="fold", max_width=22)
    table.add_column("what happens", overflow="fold")
    for one in scenarios:
        lasts = span((one.ends - one.starts).total_seconds())
        table.add_row(one.id, lasts, " ".join(one.services), clean(one.title, 200))
    return table


def _play(scenario: Scenario, speed: float | None, out: Console, on_page: Screen, *, headless: bool) -> int:
    from stillup.daemon.demo.play import first_minute, last_minute, play
    from stillup.sim.outcome import judged

    until = last_minute(scenario)
    length_s = (until - first_minute(scenario)).total_seconds()
    speed = speed or min(max(1.0, length_s / _PLAY_S), _FASTEST, _FASTEST_FOR_ALL / len(scenario.services))
    _opening(out, scenario, speed)
    stage = Timeline(out, scenario) if headless or not out.is_terminal else Stage(out, scenario)
    found: list[Check] = []

    async def ended(outcome: Outcome) -> None:
        stage.__exit__()
        _summary(out, scenario, outcome)
        found.extend([*judged(scenario, outcome.changes, until), *_kept_working(outcome)])
        if found:
            out.print("\nDid the story come out right?", style="bold")
        for check in found:
            out.print(f"  {'✓' if check.ok else '✗'} {check.says}", style="green" if check.ok else "red")
        await on_page.stay()

    with stage:
        asyncio.run(play(scenario, speed, stage.tell, on_page.page, ended))
    return 0 if all(check.ok for check in found) else 1


def _opening(out: Console, scenario: Scenario, speed: float) -> None:
    from stillup.daemon.demo.play import first_minute, last_minute
    from stillup.sim.configure import asked_by_programs
    from stillup.verdict.telling.units import span

    out.print(f"SIMULATED: {clean(scenario.title, 200)} ({scenario.id}).", style="bold")
    out.print(f"Every site, report and text is made up on this machine; {speed:.0f} times real time.")
    until = last_minute(scenario)
    if until < scenario.ends:
        played = span((until - first_minute(scenario)).total_seconds())
        out.print(f"It lasts {span((scenario.ends - scenario.starts).total_seconds())}; the first {played} are played.")
    if asked_by_programs(scenario) is not None and speed > 1:
        # Its seconds of caution would else look like a gateway that is slow to go back.
        out.print(
            f"Only the gateway's own waits are real, and a second of them is {span(speed)} here: when a fault is over, "
            "the few seconds until it goes back look long."
        )
    out.print()


def _summary(out: Console, scenario: Scenario, outcome: Outcome) -> None:
    out.print("\nWhat was found", style="bold")
    if not outcome.incidents:
        out.print("  No outage.")
    for incident in outcome.incidents:
        state = incident.state.value.replace("_", " ")
        onset = f"{incident.confidence.value}, onset put at {incident.since:%H:%M} UTC"
        out.print(f"  {_whose(scenario, incident.service)}{state}, {onset}")
        for family, at in sorted(incident.first_seen, key=lambda seen: seen[1]):
            out.print(f"    {at:%H:%M}  {family.value} saw it")
        lead = incident.lead()
        if lead is not None:
            out.print(f"    {lead.total_seconds() / 60:.0f} min before the official page")
        if incident.recovered_at is not None:
            out.print(f"    {incident.recovered_at:%H:%M}  recovered{_after_truth(scenario, incident)}")
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
    from stillup.daemon.demo.programs import ALONE, THROUGH
    from stillup.sim.outcome import Check

    by_name = {tally.name: tally for tally in outcome.programs}
    through, alone = by_name.get(THROUGH), by_name.get(ALONE)
    if through is not None and alone is not None:
        says = "a program behind the gateway got every answer that anybody could give"
        says += f" (lost: {through.lost} of {through.asked}; without it {alone.lost} of {alone.asked})"
        yield Check(through.lost == 0 and through.asked > 0, says)


def _after_truth(scenario: Scenario, incident: Incident) -> str:
    at = incident.recovered_at
    faults = [f for part in scenario.parts if part.service == incident.service for f in part.faults]
    ended = [f.to for f in faults if at is not None and incident.since < f.to <= at]
    if at is None or not ended:
        return ""
    return f", {(at - max(ended)).total_seconds() / 60:.0f} min after the true end"


def _whose(scenario: Scenario, service: str) -> str:
    """The service's name before what is said of it, where a scenario tells of several."""
    from stillup.catalog.load import catalogue

    return f"{catalogue()[service].name}: " if scenario.also else ""


class _Line(NamedTuple):
    """A line of the timeline; ``text`` begins with its time."""

    at: datetime
    text: str
    style: str


class Timeline:
    """Who said what when, a line each; what follows on from a line stands below its words, not below its time."""

    def __init__(self, out: Console, scenario: Scenario) -> None:
        from stillup.daemon.demo.play import first_minute

        self._out = out
        self._scenario = scenario
        self._begins = first_minute(scenario)
        self._truth = _truth(scenario)
        self._said: dict[str, Verdict] = {}
        self._held: list[_Line] = []
        """What the programs told after the minute that was judged: minutes are judged when they are over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._print(self._held)
        self._held = []

    def tell(self, moment: Moment) -> None:
        """Print what this minute brought."""
        self._print(self.lines(moment))

    def _print(self, lines: Iterable[_Line]) -> None:
        from rich.table import Table

        for _, line, style in lines:
            row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
            row.add_column(no_wrap=True)
            row.add_column(overflow="fold")
            time, _, text = line.partition("  ")
            row.add_row(time, text, style=style)
            self._out.print(row)

    def lines(self, moment: Moment) -> list[_Line]:
        """What happened in truth, which side turned, and how the verdict changed, in the order of time."""
        from stillup.verdict.telling.explain import says

        found = self._held
        while self._truth and self._truth[0][0] <= moment.at:
            at, text = self._truth.pop(0)
            found.append(_Line(at, f"{at:%H:%M}    {text}", "dim"))
        for service, side in moment.turned:
            said = f"{moment.at:%H:%M}  · {_whose(self._scenario, service)}{says(side)}"
            found.append(_Line(moment.at, said, ""))
        found += [_turn_line(turn) for turn in moment.turns]
        for change in (self._in_play(c) for c in moment.changes if c.component is None):
            found.append(_Line(change.at, self._change(change), STYLES[change.state]))
            self._said[change.service] = change
        found.sort(key=lambda line: line.at)
        self._held = [line for line in found if line.at > moment.at]
        return [line for line in found if line.at <= moment.at]

    def _in_play(self, change: Verdict) -> Verdict:
        """What was so from the past that sources tell of is so from the beginning of the play."""
        return structs.replace(change, at=max(change.at, self._begins))

    def _change(self, change: Verdict) -> str:
        from stillup.cli.live.watch import change_line

        return change_line(change, self._said.get(change.service))


def _turn_line(turn: Turn) -> _Line:
    told = turn.told
    if not told.ok:
        says = f"✗ {turn.name}, a program gets no answer: {clean(told.says, 80)}"
        return _Line(told.at, f"{told.at:%H:%M}  {says}", "red")
    by = f" by {told.upstream} ({_reason(told.reason)})" if told.upstream else ""
    return _Line(told.at, f"{told.at:%H:%M}  ↪ {turn.name}, a program is answered{by}", "cyan")


def _reason(word: str) -> str:
    from stillup.cli.gateway.words import fault_words
    from stillup.gateway.core.fault import Fault as TryFault
    from stillup.gateway.core.why import Why

    if word == Why.TRICKLE:
        return "asked to see whether it is well again"
    return f"after {fault_words(word)}" if word in set(TryFault) else word.replace("_", " ")


def _truth(scenario: Scenario) -> list[tuple[datetime, str]]:
    """In the order of time; what ends stands before what begins in the same minute."""
    ends, begins, posts = [], [], []
    for part in scenario.parts:
        whose = _whose(scenario, part.service)
        for fault in part.faults:
            which = f": {fault.id.replace('-', ' ')}" if len(part.faults) > 1 else ""
            hit = ", ".join((*fault.models, *fault.components)) or "this machine"
            ends.append((fault.to, f"in truth: {whose}the fault is over{which}"))
            begins.append((fault.from_, f"in truth: {whose}the fault begins{which} ({hit})"))
        posts += [(o.posted_at, f"in truth: {whose}the page posts “{o.stage.value}”") for o in part.official]
    for broken in scenario.sources:
        of = f" about {broken.service}" if broken.service else ""
        ends.append((broken.to, f"in truth: {broken.source} answers again{of}"))
        begins.append((broken.from_, f"in truth: {broken.source} fails{of} ({broken.mode.value.replace('_', ' ')})"))
    return sorted((*ends, *begins, *posts), key=lambda happened: happened[0])


class Stage(Timeline):
    """The timeline with the clock, the verdict and every side's word kept in view below it."""

    def __init__(self, out: Console, scenario: Scenario) -> None:
        from rich.live import Live

        super().__init__(out, scenario)
        self._live = Live(console=out, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._live.__exit__(None, None, None)

    def tell(self, moment: Moment) -> None:
        """Print above, redraw below."""
        super().tell(moment)
        self._live.update(self._panel(moment), refresh=True)

    def _panel(self, moment: Moment) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        from stillup.daemon.demo.play import first_minute, last_minute

        begin = first_minute(self._scenario)
        whole, done = (last_minute(self._scenario) - begin).total_seconds(), (moment.at - begin).total_seconds()
        lines = [Text(f"\n{moment.at:%H:%M} UTC (simulated)", style="bold"), *self._sides(moment)]
        lines += [Text(f"  {_tally_line(t)}{_last(t)}", style=_style(t)) for t in moment.programs]
        return Group(*lines, ProgressBar(total=whole, completed=done, width=min(60, self._out.width - 4)))

    def _sides(self, moment: Moment) -> Iterator[Text]:
        """The verdict on every service; the word of every side where there is only one service, or it is in alarm."""
        from rich.text import Text

        from stillup.verdict.telling.explain import headline, says

        for side in moment.sides:
            if side.verdict is not None:
                said = f"{MARKS[side.verdict.state]} {headline(side.verdict, side.service)}"
                yield Text(said, style=STYLES[side.verdict.state])
            for evidence in side.evidence:
                if evidence.since or len(moment.sides) == 1:
                    yield Text(f"  {says(evidence)}", style="red" if evidence.since else "dim")


def _last(tally: Tally) -> str:
    if tally.last is None:
        return ""
    by = f" ({tally.last.upstream})" if tally.last.upstream else ""
    return f" · {clean(tally.last.says, 60)}{by}"


def _style(tally: Tally) -> str:
    return "red" if tally.last is not None and not tally.last.ok else "dim"
