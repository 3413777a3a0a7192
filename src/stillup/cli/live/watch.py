"""``stillup watch``, and ``stillup SERVICE --watch``: stay, and say what changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.catalog.load import catalogue
from stillup.cli.common import (
    MARKS,
    STYLES,
    Finite,
    clock_time,
    color_option,
    config_option,
    console,
    json_option,
    load,
    services,
)
from stillup.cli.live.notify import notified, notify_option, told_too
from stillup.cli.say import put, warn
from stillup.clock import Clock, SystemClock
from stillup.daemon.advice import usual_task
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.claims import claimed, told_only
from stillup.daemon.jobs import jobs_for
from stillup.daemon.live import Listener, Listeners, Live
from stillup.daemon.state import KeptState, begin
from stillup.model.verdict import Verdict
from stillup.net import Net
from stillup.sources.decode import clean
from stillup.sources.poller import Poller, Report
from stillup.store import open_store
from stillup.verdict.telling.explain import because, headline, moved, who
from stillup.web.regions import region_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live as Screen

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.verdict.monitor import Monitor


_OF_TODAY = timedelta(hours=12)


class View(StrEnum):
    """How a watch shows itself."""

    LINES = "lines"
    TABLE = "table"
    JSON = "json"


@click.command(
    name="watch",
    help="Say it when a SERVICE breaks and when it is back. Without names: the services of the configuration. "
    "Everything heard is kept, so `stillup history` and `stillup replay` can tell it again.",
)
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@click.option("--for", "minutes", type=Finite(min=0, max=5_256_000, min_open=True), help="Stop after so many minutes.")
@notify_option
@json_option
@color_option
@config_option
def command(
    names: tuple[str, ...],
    minutes: float | None,
    notify: tuple[str, ...],
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Watch until interrupted."""
    config = load(config_path)
    view = View.JSON if as_json else View.LINES
    return watch(services(names, config), config, view, color=color, minutes=minutes, notify=notify)


def watch(
    wanted: Sequence[Service],
    config: Config,
    view: View,
    *,
    color: bool | None = None,
    minutes: float | None = None,
    notify: Sequence[str] = (),
) -> int:
    """Watch services until interrupted, or for so many minutes; ``notify`` are addresses to tell."""
    out, clock = console(color=color), SystemClock()
    with (
        open_store(config.store_at(os.environ)) as store,
        claimed(config.data_folder, [s.id for s in wanted]) as kept,
        notified(notify, wanted, config, clock) as alerting,
        _listener(view, wanted, config, out) as listener,
    ):
        others = [s.name for s in wanted if s.id not in kept]
        if others:
            warn(told_only(others))
        monitor, standing = begin(config, wanted, store, clock.now(), warn)
        state = KeptState(monitor, config, wanted, warn, is_ours=not others)
        if isinstance(listener, Table):
            listener.monitor = monitor
        told = listener
        if alerting is not None:
            told = told_too(listener, alerting, monitor, wanted, resumed=bool(standing))
        keep = timedelta(days=config.store.retention_days)
        live = Live(monitor, clock, Listeners(told, state), store, keep, standing=standing, kept=kept)
        try:
            asyncio.run(drive(live, wanted, config, clock, minutes))
        finally:
            state.keep()
    return 0


async def drive(live: Live, wanted: Sequence[Service], config: Config, clock: Clock, minutes: float | None) -> None:
    """Read the services' sources and judge them, for so many minutes or until cancelled."""
    jobs = jobs_for(config, wanted, os.environ, clock.now())
    async with Net(clock, cache_dir=config.data_folder / "cache") as net:
        poller = Poller(jobs, net, clock, Random(), live.hear)  # noqa: S311 - jitter, not secrets
        try:
            async with asyncio.timeout(minutes * 60 if minutes else None):
                await live.run(poller)
        except TimeoutError:
            return


@contextmanager
def _listener(view: View, wanted: Sequence[Service], config: Config, out: Console) -> Iterator[Listener]:
    if view is View.JSON:
        yield JsonLines()
    elif view is View.LINES:
        yield Lines(out, opening(wanted, config))
    else:
        from rich.live import Live as Screen

        with Screen(console=out, screen=out.is_terminal, auto_refresh=False) as screen:
            yield Table(wanted[0], screen)


class _Told:
    """What every listener here does about trouble: say it on stderr."""

    def trouble(self, why: str) -> None:
        """Say it."""
        warn(f"not kept for now: {why}")


def opening(wanted: Sequence[Service], config: Config, *, with_gateway: bool = False) -> str:
    """What a watch says first: of what, or that there is nothing that it could go by."""
    if config.reads_any(s.id for s in wanted):
        names = ", ".join(s.name for s in wanted)
        return f"Watching {names}. The first judgement comes with the next full minute; Ctrl-C ends."
    meanwhile = "; only what your own requests meet is seen" if with_gateway else ""
    return f"Nothing is watched: every source is switched off in the configuration{meanwhile}. Ctrl-C ends."


class JsonLines(_Told):
    """Every change as one JSON line, as ``stillup replay --json`` writes them."""

    def heard(self, report: Report) -> None:
        """Say nothing: only changes are written."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:  # noqa: ARG002
        """Write the changes."""
        for change in changes:
            put(msgspec.json.encode(change.wire()))


class Lines(_Told):
    """One line when a service breaks, is confirmed, or is back."""

    def __init__(self, out: Console, opening: str) -> None:
        self._out = out
        self._said: dict[str, Verdict] = {}
        out.print(opening)

    def heard(self, report: Report) -> None:
        """Say nothing: `stillup doctor` tells how the sources fare."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """Print what changed of the services themselves."""
        for change in changes:
            if change.component is None:
                line = change_line(change, self._said.get(change.service))
                day = f"{change.at:%d %b} " if now - change.at > _OF_TODAY else ""  # the past that a source tells
                self._out.print(f"{day}{line}", style=STYLES[change.state])
                self._said[change.service] = change


def change_line(change: Verdict, before: Verdict | None = None) -> str:
    """A change in one line: when, what, since when, who is hit, why; beside ``before`` only what is new."""
    service = catalogue().get(change.service)
    names = {c.id: c.name for c in service.components} if service else {}
    name = names.get(change.component, change.component) if change.component else None
    subject = name or (service.name if service else change.service)
    news = moved(before, change, lambda c: names.get(c, c), region_name) if before is not None else None
    said = f"{subject}: {news}"
    if news is None:
        onset = f"since {clock_time(change.since, change.at)}" if change.since and change.state.is_fault else ""
        # *Only you* is in the headline.
        hit = who(change, lambda c: names.get(c, c), region_name) if change.state.is_fault else ""
        parts = [headline(change, subject), onset, hit, because(change)]
        said = "; ".join(p for p in parts if p)
    return f"{change.at:%H:%M}  {MARKS[change.state]} {clean(said, 2000)}"  # names may come from a file


class Table(_Told):
    """The first answer, redrawn as it moves."""

    def __init__(self, service: Service, screen: Screen) -> None:
        self.monitor: Monitor | None = None
        self._service = service
        self._screen = screen
        self._reports: dict[str, Report] = {}

    def heard(self, report: Report) -> None:
        """Redraw with the newest word of a source."""
        self._reports[report.source] = report
        self._draw(report.started_at)

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:  # noqa: ARG002
        """Redraw with the newest verdict."""
        self._draw(now)

    def _draw(self, now: datetime) -> None:
        from stillup.cli.answer.one import render_answer

        if self.monitor is None:
            return
        said = self.monitor.verdicts(self._service.id)
        if not said:
            self._screen.update(
                f"{self._service.name}: the first judgement comes with the next full minute.", refresh=True
            )
            return
        answer = FirstAnswer(
            service=self._service,
            at=now,
            verdict=said.get(None) or Verdict(at=now, service=self._service.id),
            components={c: v for c, v in said.items() if c is not None},
            evidence=tuple(self.monitor.evidence(self._service.id)),
            reports=tuple(self._reports.values()),
        )
        self._screen.update(render_answer(answer, usual_task(self._service), self._screen.console.width), refresh=True)
