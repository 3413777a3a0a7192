"""``stillup alert``: try the channels, see what was sent, say that somebody knows, ask for silence."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import UNAVAILABLE, clock_time, color_option, config_option, console, json_option, load, span
from stillup.cli.say import put
from stillup.cli.spans import Span

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.config import Config
    from stillup.response.alerts.values import AlertState, Event
    from stillup.store.outbox import Queued


@click.group(
    name="alert",
    help="The alerts that `stillup up` and `stillup watch --notify` send: try the channels, see what was sent, say "
    "that you know, ask for silence.",
)
def command() -> None:
    """Nothing by itself."""


@command.command(
    name="test",
    short_help="Send a test message now.",
    help="Send a test message to a CHANNEL of the configuration, or to all of them, and say how it went. "
    "Exit code 69 when one took nothing.",
)
@click.argument("channel", required=False, metavar="[CHANNEL]")
@config_option
def test(channel: str | None, config_path: Path | None) -> int:
    """Send it past the outbox: once, at once."""
    import asyncio

    from stillup.daemon.alerts.trial import try_channels

    config = load(config_path)
    tried = asyncio.run(try_channels(config, os.environ, channel))
    for name, kind, delivery in tried:
        says = f": {delivery.says}" if delivery.says else ""
        click.echo(f"{name} ({kind}): {delivery.sent.replace('_', ' ')}{says}")
    return 0 if all(d.ok for _, _, d in tried) else UNAVAILABLE


@command.command(
    name="list",
    short_help="What is open, what was sent, and what could not be.",
    help="What is open and what was said of it; the newest messages and how far each is; what was given up and why.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many messages.")
@json_option
@color_option
@config_option
def list_(limit: int, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Print both."""
    from stillup.clock import SystemClock
    from stillup.store import is_kept, open_store

    where = load(config_path).store_at(os.environ)
    if not is_kept(where):
        click.echo("Nothing was decided yet: alerts run in `stillup up`.", err=True)
        return 0
    with open_store(where, create=False) as store:
        queued = store.outbox.listed(limit=limit)
        states = {party: store.outbox.state(party) for party in store.outbox.parties()}
    if as_json:
        for row in queued:
            put(msgspec.json.encode(row))
        return 0
    out, now = console(color=color), SystemClock().now()
    for party, state in states.items():
        for line in _open(party, state, now):
            out.print(line)
    out.print(_table(queued, now) if queued else "No messages yet.")
    return 0


@command.command(
    name="silence",
    short_help="Say nothing of a service for a while.",
    help="Say nothing of a SERVICE for a while. What still lasts afterwards is told then.",
)
@click.argument("service", metavar="SERVICE")
@click.option("--for", "length", type=Span(), required=True, metavar="SPAN", help="How long, as 30min, 2h or 1d.")
@click.option("--component", help="Only of one of its components.")
@config_option
def silence(service: str, length: timedelta, component: str | None, config_path: Path | None) -> int:
    """Note it for every set of rules."""
    from stillup.catalog.load import find_service
    from stillup.clock import SystemClock
    from stillup.errors import UsageError
    from stillup.response.alerts.values import Silence, Silenced

    known, now = find_service(service), SystemClock().now()
    if component is not None and known.component(component) is None:
        msg = f"{known.id} has no component {component!r}; it has {', '.join(c.id for c in known.components)}"
        raise UsageError(msg)
    wanted = Silence(service=known.id, component=component, starts=now, ends=now + length)
    _note(load(config_path), Silenced(wanted), now)
    click.echo(f"Silent about {known.name} until {clock_time(now + length, now)}.")
    return 0


@command.command(
    name="ack",
    short_help="Say that somebody knows.",
    help="Say that somebody knows of what is open, of one SERVICE or of all: it is not escalated.",
)
@click.argument("service", required=False, metavar="[SERVICE]")
@config_option
def ack(service: str | None, config_path: Path | None) -> int:
    """Note it for every set of rules."""
    from stillup.catalog.load import find_service
    from stillup.clock import SystemClock
    from stillup.response.alerts.values import Acked

    name = find_service(service).id if service else None
    count = _note(load(config_path), Acked(name), SystemClock().now())
    click.echo(f"Noted: somebody knows of {count} open {'alert' if count == 1 else 'alerts'}.")
    return 0


@command.command(
    name="retry", short_help="Try again what was given up.", help="Try every message again that was given up."
)
@config_option
def retry(config_path: Path | None) -> int:
    """Put it back to what waits; whoever sends looks within a minute."""
    from stillup.clock import SystemClock
    from stillup.store import is_kept, open_store

    now = SystemClock().now()
    where = load(config_path).store_at(os.environ)
    count = 0
    if is_kept(where):
        with open_store(where, create=False) as store:
            count = sum(store.outbox.revive(party, now) for party in store.outbox.parties())
    click.echo(f"{count} {'message waits' if count == 1 else 'messages wait'} again.")
    return 0


def _note(config: Config, event: Event, now: datetime) -> int:
    """Decide on an event for every set of rules there is; how many alerts are open and known of afterwards."""
    from stillup.daemon.alerts.rules import settings_of
    from stillup.response.alerts.decide import decide
    from stillup.store import open_store

    known = 0
    with open_store(config.store_at(os.environ)) as store:
        for party in dict.fromkeys(("main", *store.outbox.parties())):
            with store.outbox.deciding(party) as deciding:
                state = decide(settings_of(config.alerts), deciding.state, event, now).state
                deciding.save(state, deciding.cursor)
                known += sum(t.acked for t in state.threads.values())
    return known


def _open(party: str, state: AlertState | None, now: datetime) -> list[str]:
    from stillup.catalog.load import catalogue

    lines = []
    for key, thread in sorted(state.threads.items()) if state else ():
        rule, _, service = key.partition("/")
        if thread.said is None:
            continue
        name = catalogue()[service].name if service in catalogue() else service
        since = f" since {clock_time(thread.broke_at, now)}" if thread.broke_at else ""
        known = ", somebody knows" if thread.acked else ""
        what = thread.said.state.replace("_", " ")
        lines.append(f"Open: {name}, {what}{since} (rule {rule}{known}; last: {thread.why.replace('_', ' ')})")
    for one in state.silences if state else ():
        if one.ends is not None and one.ends > now:
            what = one.service or "everything"
            lines.append(
                f"Silent: {what}{f'/{one.component}' if one.component else ''} until {clock_time(one.ends, now)}"
            )
    return [f"{line} [{party}]" if party != "main" else line for line in lines]


def _table(queued: list[Queued], now: datetime) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Decided", "Channel", "What", "How far", "Tries", "Why"):
        table.add_column(title, overflow="fold")
    for row in reversed(queued):
        late = (
            f", in {span((row.due_at - now).total_seconds())}" if row.status == "waiting" and row.due_at > now else ""
        )
        table.add_row(
            clock_time(row.message.at, now),
            row.channel,
            row.message.title,
            f"{row.status}{late}",
            str(row.tries),
            row.why,
        )
    return table
