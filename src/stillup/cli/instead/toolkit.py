"""The backup toolkit on a terminal: chosen, shown, tested."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import msgspec

from stillup.catalog.load import catalogue
from stillup.cli.common import console, indented, span
from stillup.cli.say import put, say
from stillup.errors import UsageError
from stillup.kit.toolkit import FRESH, LOCAL, Backup, Toolkit, chosen, load_toolkit, save_toolkit
from stillup.model.service import Capability
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.config import Config


def toolkit_path(config: Config) -> Path:
    """Where it is kept."""
    return config.data_folder / "toolkit.json"


def choose(config: Config, words: str, task: Capability, instead_of: Service) -> int:
    """Keep a choice for a task.

    :raises UsageError: it is none.
    """
    names, warnings = chosen(words, task, instead_of)
    save_toolkit(toolkit_path(config), load_toolkit(toolkit_path(config)).with_choice(task, names))
    if not names:
        say(f"No backup is kept for {task.value} any more.")
        return 0
    say(f"Your backups for {task.value}: {', '.join(map(_title, names))}. `stillup alternatives --test` tests them.")
    for warning in warnings:
        say(f"! {warning}")
    return 0


def try_toolkit(config: Config, *, as_json: bool, color: bool | None) -> int:
    """Test every backup now; 0 when each task has one that works, else 1.

    :raises UsageError: none is chosen.
    """
    from stillup.cli.answer.ask import uncollected
    from stillup.clock import SystemClock
    from stillup.daemon.toolkit import try_backups

    toolkit = load_toolkit(toolkit_path(config))
    if not toolkit.tasks:
        msg = "no backup is chosen yet: `stillup alternatives --task coding --choose chatgpt,gemini`"
        raise UsageError(msg)
    clock = SystemClock()
    with uncollected():
        toolkit = asyncio.run(try_backups(toolkit, config, os.environ, clock))
    save_toolkit(toolkit_path(config), toolkit)
    if as_json:
        put(msgspec.json.encode(toolkit))
    else:
        out = console(color=color)
        for task, backups in toolkit.tasks.items():
            print_backups(out, task, backups, clock.now())
    return 0 if all(any(_works(b) for b in backups) for backups in toolkit.tasks.values()) else 1


def print_backups(out: Console, task: Capability, backups: tuple[Backup, ...], now: datetime) -> None:
    """A heading and a line for each."""
    from rich.text import Text

    from stillup.catalog.load import capabilities

    out.print(Text(f"Your backups for {capabilities()[task].title.lower()}", style="bold"))
    for backup in backups:
        trial = backup.trial
        mark = "?" if trial is None or trial.works is None else "✓" if trial.works else "✗"
        style = {"✓": "green", "✗": "red"}.get(mark, "yellow")
        line = Text.assemble((f"{mark} ", style), f"{_title(backup.service)}: {_when(backup, now)}")
        out.print(indented(line))


def _when(backup: Backup, now: datetime) -> str:
    if backup.trial is None:
        return "never tested (`stillup alternatives --test`)"
    age = now - backup.trial.at
    stale = ", which is long ago" if age > FRESH else ""
    ago = span(age.total_seconds())
    return f"{clean(backup.trial.says, 300)} (tested {'now' if ago == 'now' else f'{ago} ago'}{stale})"


def _works(backup: Backup) -> bool:
    return backup.trial is not None and backup.trial.works is True


def _title(name: str) -> str:
    if name == LOCAL:
        return "a model on this machine"
    return catalogue()[name].name if name in catalogue() else name


def backups_for(config: Config, task: Capability) -> tuple[Backup, ...]:
    """What is chosen for a task."""
    toolkit: Toolkit = load_toolkit(toolkit_path(config))
    return toolkit.tasks.get(task, ())
