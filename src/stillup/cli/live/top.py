"""``stillup top``: the services as a live table."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from stillup.cli.answer.which import which
from stillup.cli.common import STYLES, Finite, color_option, config_option, console, load
from stillup.cli.live.board import Board
from stillup.cli.live.table import View, render
from stillup.cli.live.watch import change_line, drive
from stillup.cli.terminal.keys import Keys, on_signals
from stillup.clock import SystemClock
from stillup.daemon.claims import claimed
from stillup.daemon.jobs import monitor_of
from stillup.daemon.live import Live
from stillup.model.service import Capability
from stillup.store import open_store

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.store.store import Store

_DRAW_S = 1.0
_ANY_HEIGHT = 10_000
_TOLD = 143
"""The exit code of what was told to end."""


@click.command(
    name="top",
    help="The services as a live table: state, since when, how many reports and failures in the last hours, who is in "
    "alarm. Without names: the services of the configuration; `all` for every one. Keys: q quits, s changes the "
    "order, t goes through the tasks. Where it is no terminal: a table once, then a line for each change.",
)
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="Only services that can do it.")
@click.option("--for", "minutes", type=Finite(min=0, max=5_256_000, min_open=True), help="Stop after so many minutes.")
@color_option
@config_option
def command(
    names: tuple[str, ...], task: str | None, minutes: float | None, color: bool | None, config_path: Path | None
) -> int:
    """Show until interrupted."""
    config = load(config_path)
    need = Capability(task) if task else None
    return top(which(names or config.services, need).can, config, task=need, color=color, minutes=minutes)


def top(
    wanted: Sequence[Service],
    config: Config,
    *,
    task: Capability | None = None,
    color: bool | None = None,
    minutes: float | None = None,
) -> int:
    """Show services until interrupted, told to stop, or for so many minutes; the exit code."""
    out = console(color=color)
    clock = SystemClock()
    with open_store(config.store_at(os.environ)) as store, claimed(config.data_folder, [s.id for s in wanted]) as kept:
        monitor = monitor_of(config, wanted, store, clock.now())
        board = Board(wanted, monitor, clock, View(task=task))
        live = Live(monitor, clock, board, store, timedelta(days=config.store.retention_days), kept=kept)
        run = _on_screen if out.is_terminal else _as_lines
        return asyncio.run(run(board, out, partial(drive, live, wanted, config, clock, minutes), store))


Drive = Callable[[], Coroutine[object, object, None]]


async def _on_screen(board: Board, out: Console, drive_: Drive, store: Store) -> int:
    """Redraw once a second and at each key, until q, a signal, or the end of the time."""
    from rich.live import Live as Screen

    code, ended, pressed = 0, asyncio.Event(), asyncio.Event()

    def press(key: str) -> None:
        if key in "qQ":
            ended.set()
        board.press(key.lower())
        pressed.set()

    def told() -> None:
        nonlocal code
        code = _TOLD
        ended.set()

    taken = Keys(press)
    with Screen(console=out, screen=True, auto_refresh=False, vertical_overflow="crop") as screen:

        def leave() -> None:
            screen.stop()
            taken.stop()

        def again() -> None:
            screen.start(refresh=False)
            taken.start()
            pressed.set()

        async def draw() -> None:
            while True:
                width, height = out.size
                screen.update(render(*board.shown(), width, height), refresh=True)
                pressed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DRAW_S):  # wait_for can swallow the cancellation that comes with a key
                        await pressed.wait()

        taken.start()
        try:
            with on_signals(told, leave, again):
                await _first_to_end(drive_(), board.look_first(), board.recall(store), draw(), ends=ended)
        finally:
            taken.stop()
    return code


async def _as_lines(board: Board, out: Console, drive_: Drive, store: Store) -> int:
    """The table once, as soon as the first look is judged, then a line for each change."""

    async def tell() -> None:
        await board.is_ready.wait()
        seen, now, view = board.shown()
        out.print(render(seen, now, replace(view, keys=False), out.width, _ANY_HEIGHT))
        out.print("From here on a line for each change; Ctrl-C ends.")
        said = {s.service.id: s.verdict for s in seen}
        while True:
            # The first minute brings the whole past that sources tell: only how things stand after it is news.
            for change in {c.service: c for c in board.take_changes()}.values():
                before = said.get(change.service)
                said[change.service] = change
                if before is None or before.essence != change.essence:
                    out.print(change_line(change, before), style=STYLES[change.state])
            await asyncio.sleep(_DRAW_S)

    await _first_to_end(drive_(), board.look_first(), board.recall(store), tell())
    return 0


async def _first_to_end(main: Coroutine[object, object, None], *beside: Coroutine[object, object, None],
                        ends: asyncio.Event | None = None) -> None:  # fmt: skip
    """Run all until the first one ends (but for what ends early and well beside it), or ``ends`` is set."""
    tasks = [asyncio.create_task(c) for c in (main, *beside)]
    stop = asyncio.create_task((ends or asyncio.Event()).wait())
    try:
        running = {stop, *tasks}
        while not {stop, tasks[0]} - running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.gather(stop, *tasks, return_exceptions=True)
