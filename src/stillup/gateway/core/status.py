"""What a person is shown of one target; also the JSON of ``GET /stillup/status``."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.health import Cell, Host
from stillup.gateway.core.lane import Lane
from stillup.gateway.core.pace import FirstTokens
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why
from stillup.model.service import State


class Condition(StrEnum):
    """How a target is, as the desk sees it."""

    WELL = "well"
    SUSPICIOUS = "suspicious"
    OPEN = "open"
    TRICKLE = "trickle"
    OUT = "out"
    LIMITED = "limited"
    KEY_BLOCKED = "key_blocked"
    UNTRIED = "untried"


_SAYS = {
    Condition.WELL: "It answers.",
    Condition.SUSPICIOUS: "It failed, but not often enough to leave it alone.",
    Condition.OPEN: Why.BREAKER_OPEN.says,
    Condition.TRICKLE: "One request at a time looks whether it is well again.",
    Condition.OUT: Why.OUTAGE_CONFIRMED.says,
    Condition.LIMITED: "A limit of every key it was asked with is reached.",
    Condition.KEY_BLOCKED: Why.KEY_BLOCKED.says,
    Condition.UNTRIED: "It was not asked yet.",
}


class Left(Struct, frozen=True):
    """What is left of one limit of one key; ``key`` is its fingerprint."""

    key: str
    of: str
    limit: float | None
    remaining: float
    reset_in_s: float


class TargetStatus(Struct, frozen=True, kw_only=True):
    """One model of one upstream, for one kind of operation. Times are seconds from now, forwards or backwards.

    ``evidence`` is the log likelihood ratio of the breaker, which opens at ``ln 20``. ``open_for_s`` is how long it
    still will not be asked, None when it may be. Times to first token are of streams, of whole answers where there were
    no streams.
    """

    upstream: str
    model: str
    operation: Operation
    condition: Condition
    says: str
    evidence: float
    prior: State
    prior_probability: float | None
    prior_says: str
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    ok: int
    failed: int
    last_fault: Fault | None
    last_fault_ago_s: float | None
    open_for_s: float | None
    headroom: tuple[Left, ...] = ()


def statuses(host: Host, now: float) -> list[TargetStatus]:
    """Every model of one upstream as it stands."""
    lanes: dict[tuple[str, Operation], dict[str, Lane]] = {}
    for (model, operation, key), lane in host.lanes.items():
        lanes.setdefault((model, operation), {})[key] = lane
    return [_status_of(host, cell, lanes.get(at, {}), now) for at, cell in host.cells.items()]


def _status_of(host: Host, cell: Cell, lanes: dict[str, Lane], now: float) -> TargetStatus:
    condition, until = _condition(host, cell, list(lanes.values()), now)
    pace = cell.streams or cell.wholes
    prior = cell.outage.prior
    return TargetStatus(
        upstream=host.id,
        model=cell.model,
        operation=cell.operation,
        condition=condition,
        says=_SAYS[condition],
        evidence=max(cell.breaker.evidence, host.breaker.evidence),
        prior=prior.state,
        prior_probability=prior.probability,
        prior_says=prior.says,
        first_token_p50_s=_quantile(pace, 0.5),
        first_token_p95_s=_quantile(pace, 0.95),
        ok=cell.ok,
        failed=cell.failed,
        last_fault=cell.last_fault,
        last_fault_ago_s=now - cell.last_fault_at if isfinite(cell.last_fault_at) else None,
        open_for_s=until - now if until > now else None,
        headroom=tuple(
            Left(key, of, bucket.limit, bucket.remaining, bucket.until - now)
            for key, lane in lanes.items()
            for of, bucket in lane.buckets.items()
            if bucket.until > now
        ),
    )


def _condition(host: Host, cell: Cell, lanes: list[Lane], now: float) -> tuple[Condition, float]:
    breakers = [each for each in (cell.breaker, host.breaker) if not each.closed]
    until = max((each.until for each in breakers), default=now)
    if cell.outage.blocks(now):
        return Condition.OUT, max(until, cell.outage.until)
    shut = [lane for lane in lanes if lane.until > now]
    if shut and len(shut) == len(lanes):  # as in the order of a chain: no trickle goes where no key may
        first = min(shut, key=lambda lane: lane.until)
        return (Condition.KEY_BLOCKED if first.why is Why.KEY_BLOCKED else Condition.LIMITED), max(until, first.until)
    if breakers:
        return (Condition.OPEN if until > now else Condition.TRICKLE), until
    if cell.breaker.evidence or host.breaker.evidence:
        return Condition.SUSPICIOUS, now
    return (Condition.WELL if cell.ok or cell.failed else Condition.UNTRIED), now


def _quantile(pace: FirstTokens | None, share: float) -> float | None:
    return None if pace is None else pace.samples.at(share)
