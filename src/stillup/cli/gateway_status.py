"""``stillup gateway status``: what the running gateway says of itself, as a table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from stillup.cli.common import console, span
from stillup.cli.gateway import UNAVAILABLE
from stillup.cli.gateway_address import TOKEN_ENV, ask, gateway_url
from stillup.cli.say import put, say
from stillup.gateway.core.status import Condition, TargetStatus
from stillup.gateway.statuspage import PATH, GatewayStatus
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.config import Config

_CLOSED = (401, 403)
_STYLES = {Condition.WELL: "green", Condition.UNTRIED: "dim"}


def show_status(config: Config, *, as_json: bool, color: bool | None) -> int:
    """Ask and print; 69 when no gateway answers there."""
    url = gateway_url(config)
    answer = ask(url, PATH, token=os.environ.get(TOKEN_ENV, "").strip())
    if answer is None:
        say(f"stillup: no gateway answers at {url}; start one with `stillup gateway`")
        return UNAVAILABLE
    code, body = answer
    try:
        found = msgspec.json.decode(body, type=GatewayStatus)
    except msgspec.DecodeError:
        why = (
            f"it asks for a token; set {TOKEN_ENV} to yours" if code in _CLOSED else "it is no gateway of this version"
        )
        say(f"stillup: {url} does not tell its status: {why}")
        return UNAVAILABLE
    if as_json:
        put(msgspec.json.encode(found))
        return 0
    out = console(color=color)
    out.print(_head(found, url))
    out.print(_table(found) if found.targets else "Nothing was asked yet.")
    for sentence in found.missing:
        out.print(clean(sentence, 300), style="dim")
    return 0


def _head(found: GatewayStatus, url: str) -> str:
    kept = f"kept in {found.journal.folder}" if found.journal.on else "not kept"
    trouble = f" ({found.journal.trouble})" if found.journal.trouble else ""
    return clean(
        f"stillup {found.version} at {url}: {found.in_flight} in flight, {found.waiting} waiting; "
        f"exchanges are {kept}{trouble}.",
        500,
    )


def _table(found: GatewayStatus) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Asked", overflow="fold")
    table.add_column("Health, and why", overflow="fold", min_width=20)
    table.add_column("Outside", overflow="fold")
    table.add_column("First token", overflow="fold")
    table.add_column("Ok/failed", justify="right")
    table.add_column("Cost", justify="right")
    for target in found.targets:
        name = f"{target.upstream}/{target.model}" if target.model else target.upstream
        cost = found.spent_usd.get(name)
        table.add_row(
            clean(name, 300),
            Text(_health(target), style=_STYLES.get(target.condition, "yellow")),
            _outside(target),
            _pace(target),
            f"{target.ok}/{target.failed}",
            "" if cost is None else f"${cost:.4f}",
        )
    return table


def _health(target: TargetStatus) -> str:
    wait = f" Not asked for {span(target.open_for_s)}." if target.open_for_s else ""
    left = [f"{n.remaining:g} {n.of}" for n in target.headroom]
    room = f" Left: {', '.join(left)}." if left else ""
    return clean(f"{target.says}{wait}{_fault(target)}{room}", 400)


def _outside(target: TargetStatus) -> str:
    sure = "" if target.prior_probability is None else f" ({target.prior_probability:.0%})"
    return clean(f"{target.prior.value}{sure}", 100)


def _pace(target: TargetStatus) -> str:
    """The usual time, and that of the slowest twentieth."""
    usual, slow = target.first_token_p50_s, target.first_token_p95_s
    if usual is None:
        return ""
    return f"{usual:.2f} s" if slow is None else f"{usual:.2f}–{slow:.2f} s"


def _fault(target: TargetStatus) -> str:
    if target.last_fault is None:
        return ""
    ago = "" if target.last_fault_ago_s is None else f" {span(target.last_fault_ago_s)} ago"
    return f" Last fault: {target.last_fault.value}{ago}."
