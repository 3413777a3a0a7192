"""``stillup gateway status``: what the running gateway says of itself, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stillup.cli.common import console, span
from stillup.cli.gateway import UNAVAILABLE
from stillup.cli.gateway_address import ask, gateway_url
from stillup.cli.say import put, say
from stillup.gateway.core.status import Condition, TargetStatus
from stillup.gateway.statuspage import PATH, GatewayStatus
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.config import Config

_STYLES = {Condition.WELL: "green", Condition.UNTRIED: "dim"}


def show_status(config: Config, *, as_json: bool, color: bool | None) -> int:
    """Ask and print; 69 when no gateway answers there."""
    url = gateway_url(config)
    answer = ask(url, PATH)
    if answer is None:
        say(f"stillup: no gateway answers at {url}; start one with `stillup gateway`")
        return UNAVAILABLE
    code, body = answer
    try:
        found = msgspec.json.decode(body, type=GatewayStatus)
    except msgspec.DecodeError:
        say(f"stillup: what listens at {url} is no gateway of this version (status {code})")
        return UNAVAILABLE
    if as_json:
        put(msgspec.json.encode(found))
        return 0
    out = console(color=color)
    out.print(_head(found, url))
    out.print(_table(found) if found.targets else "Nothing was asked yet.")
    return 0


def _head(found: GatewayStatus, url: str) -> str:
    kept = "kept" if found.journal else "not kept"
    return (
        f"Gateway {clean(found.version, 40)} at {url}, up {span(found.up_s)}: {found.requests} requests, "
        f"{found.in_flight} in flight, {found.waiting} waiting; exchanges are {kept}.\n"
    )


def _table(found: GatewayStatus) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "Upstream",
        "Model",
        "Health, and why",
        "Outside",
        "First token",
        "Ok",
        "Failed",
        "Last fault",
        "Cost",
    ):
        table.add_column(title, overflow="fold")
    for target in found.targets:
        cost = found.spent_usd.get(f"{target.upstream}/{target.model}")
        table.add_row(
            clean(target.upstream, 80),
            clean(target.model, 200),
            Text(_health(target), style=_STYLES.get(target.condition, "yellow")),
            _outside(target),
            _pace(target),
            str(target.ok),
            str(target.failed),
            _fault(target),
            "" if cost is None else f"${cost:.4f}",
        )
    return table


def _health(target: TargetStatus) -> str:
    wait = f"; not asked for {span(target.open_for_s)}" if target.open_for_s else ""
    left = [f"{n.remaining:g} {n.of}" for n in target.headroom]
    return clean(target.says + wait + (f"; left: {', '.join(left)}" if left else ""), 300)


def _outside(target: TargetStatus) -> str:
    sure = "" if target.prior_probability is None else f" ({target.prior_probability:.0%})"
    return clean(f"{target.prior.value}{sure}", 100)


def _pace(target: TargetStatus) -> str:
    if target.first_token_p50_s is None:
        return ""
    slow = "" if target.first_token_p95_s is None else f", 95 % in {target.first_token_p95_s:.2f} s"
    return f"{target.first_token_p50_s:.2f} s{slow}"


def _fault(target: TargetStatus) -> str:
    if target.last_fault is None:
        return ""
    ago = "" if target.last_fault_ago_s is None else f", {span(target.last_fault_ago_s)} ago"
    return f"{target.last_fault.value}{ago}"
