"""``stillup gateway status``: what the running gateway says of itself, upstream by upstream."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from stillup.cli.common import UNAVAILABLE, console, indented
from stillup.cli.gateway.address import ask, gateway_url, nobody_at, token_from, why_not
from stillup.cli.gateway.words import fault_words, length, operation_words
from stillup.cli.say import put, warn
from stillup.gateway.core.status import Condition, TargetStatus
from stillup.gateway.core.values import Operation
from stillup.gateway.faults.drill import DrillStatus
from stillup.gateway.statuspage import PATH, GatewayStatus, JournalStatus, LaterStatus, ReplicaStatus
from stillup.model.service import State
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.config import Config

_STYLES = {Condition.WELL: "green", Condition.UNTRIED: "dim"}


def show_status(config: Config, *, as_json: bool, color: bool | None) -> int:
    """Ask and print; 69 when no gateway answers there."""
    url = gateway_url(config)
    answer = ask(url, PATH, token=token_from(os.environ))
    if answer is None:
        warn(nobody_at(url))
        return UNAVAILABLE
    code, body = answer
    try:
        found = msgspec.json.decode(body, type=GatewayStatus)
    except msgspec.DecodeError:
        warn(f"{url} does not tell its status: {why_not(code)}")
        return UNAVAILABLE
    if as_json:
        put(msgspec.json.encode(found))
        return 0
    out = console(color=color)
    out.print(_head(found, url))
    out.print(_kept(found.journal))
    if found.replica is not None:
        out.print(_replica(found.replica))
    _tell_what_is_not_usual(out, found)
    for target in found.targets:
        if target.condition is not Condition.UNTRIED or target.operation is Operation.GENERATE:
            _tell(out, target, found.spent_usd.get(_name(target)))
    if not found.targets:
        out.print("Nothing was asked yet.")
    if found.missing:
        out.print()
    for sentence in found.missing:
        out.print(clean(sentence, 300), style="dim")
    return 0


def _head(found: GatewayStatus, url: str) -> str:
    return clean(f"stillup {found.version} at {url}: {found.in_flight} in flight, {found.waiting} waiting", 500)


def _kept(journal: JournalStatus) -> str:
    if not journal.on:
        return "Exchanges are not kept."
    if journal.trouble:
        return clean(f"Exchanges are not kept now: {journal.trouble} ({journal.folder}).", 500)
    return clean(f"Exchanges are kept in {journal.folder}.", 500)


def _replica(replica: ReplicaStatus) -> str:
    beside = f"beside {', '.join(replica.others)}" if replica.others else "and knows of no other"
    if not replica.hears:
        beside = "cut off from the bus: it goes on by what it knows itself"
    leaving = "; it is being stopped" if replica.leaving else ""
    return clean(f"It is the replica {replica.name} {beside}{leaving}.", 500)


def _tell_what_is_not_usual(out: Console, found: GatewayStatus) -> None:
    for drill in found.drills:
        out.print(_drill(drill), style="bold magenta")
    if found.later != LaterStatus():
        out.print(_put_off(found.later))


def _drill(drill: DrillStatus) -> str:
    share = "" if drill.share >= 1 else f" ({drill.share:.0%} of its requests)"
    what = f"DRILL: {drill.upstream} is made to fail with {drill.mode} for {length(drill.left_s)} more{share}"
    return clean(f"{what}; `stillup gateway fault --off` ends it.", 500)


def _put_off(later: LaterStatus) -> str:
    if later.trouble:
        return clean(f"No request can be put off now: {later.trouble}.", 500)
    failed = f", {later.failed} failed" if later.failed else ""
    failed += f", {later.unsure} unsure" if later.unsure else ""
    return f"Put off: {later.waiting} waiting, {later.answered} answered{failed} (`stillup later list`)."


def _tell(out: Console, target: TargetStatus, cost: float | None) -> None:
    """One target: its name, how it is and why, and its numbers."""
    from rich.text import Text

    what = operation_words(target.operation)
    out.print(f"\n{clean(_name(target), 300)}{f' ({what})' if what else ''}", style="bold")
    out.print(indented(Text(_health(target), style=_STYLES.get(target.condition, "yellow"))))
    numbers = [_counts(target), _pace(target), "" if cost is None else f"${cost:.4f}", _left(target)]
    if target.condition is not Condition.UNTRIED:
        out.print(indented(Text(clean(" · ".join(filter(None, numbers)), 600), style="dim")))


def _name(target: TargetStatus) -> str:
    return f"{target.upstream}/{target.model}" if target.model else target.upstream


def _health(target: TargetStatus) -> str:
    wait = f" It is asked again in {length(target.open_for_s)}." if target.open_for_s else ""
    return clean(f"{target.says}{wait}{_outside(target)}", 600)


def _outside(target: TargetStatus) -> str:
    if target.prior is State.UNKNOWN:
        return ""
    sure = "" if target.prior_probability is None else f", a fault is {target.prior_probability:.0%} likely"
    says = f" ({target.prior_says})" if target.prior_says else ""
    return f" The monitor: {target.prior.value.replace('_', ' ')}{sure}{says}."


def _counts(target: TargetStatus) -> str:
    if target.last_fault is None:
        return f"{target.ok} answered, {target.failed or 'none'} failed"
    ago = "" if target.last_fault_ago_s is None else f", {length(target.last_fault_ago_s)} ago"
    return f"{target.ok} answered, {target.failed} failed (last: {fault_words(target.last_fault)}{ago})"


def _pace(target: TargetStatus) -> str:
    """The usual time, and that of the slowest twentieth."""
    usual, slow = target.first_token_p50_s, target.first_token_p95_s
    if usual is None:
        return ""
    slowest = "" if slow is None else f" (slow: {length(slow)})"
    return f"first token after {length(usual)}{slowest}"


def _left(target: TargetStatus) -> str:
    left = [f"{n.remaining:,.0f} {n.of.removeprefix('all-').replace('-', ' ')}" for n in target.headroom]
    return f"left: {', '.join(left)}" if left else ""
