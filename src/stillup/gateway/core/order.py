"""The order in which a chain is asked: laws 2, 5 and 6."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import IntEnum

from msgspec import Struct

from stillup.gateway.core.breaker import Breaker
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.health import Book
from stillup.gateway.core.outage import Outage
from stillup.gateway.core.turn import Choice, Facts, Skipped, Turn
from stillup.gateway.core.values import Target
from stillup.gateway.core.views import HealthView
from stillup.gateway.core.why import Why


class _Rank(IntEnum):
    """Reasons to come later, least bad first."""

    SPENT = 0
    SHUT = 1
    KEY = 2
    FORBIDDEN = 3
    """The upstream's own word, or a pace that we owe it."""


class _Obstacle(Struct, frozen=True):
    """What speaks against asking a target in its place, and until when."""

    rank: _Rank
    why: Why
    until: float


def arrange(
    book: Book,
    view: HealthView,
    chain: Sequence[Target],
    facts: Facts,
    keys: Mapping[str, str],
    now: float,
    only: Collection[Target] | None = None,
) -> Choice:
    """All targets of a chain: those that nothing speaks against in chain order, then the others, least bad first.

    One that may be well again goes first, as a trickle, where the chain has it before any usable one: at most one
    trickle a request, so that no request pays for two.
    """
    ready: list[Turn] = []
    later: list[tuple[_Obstacle, Turn]] = []
    first_model = chain[0].model or facts.model if chain else ""
    for place, target in enumerate(chain):
        if only is not None and target not in only:
            continue
        model = target.model or facts.model
        host = book.host(target.upstream)
        cell = host.cell(model, facts.operation)
        turn = Turn(
            target, model, keys.get(target.upstream, ""), place, host, cell, facts.stream, facts.body_bytes, now,
            cell.breaker.epoch, host.breaker.epoch, cell.outage.epoch, first_model=first_model,
        )  # fmt: skip
        if target.service:
            cell.outage.refresh(view, target.service, target.component, model, now)
        obstacle = _limit(turn, facts.tokens, now) if host.lanes else None
        if not (cell.breaker.closed and host.breaker.closed) or cell.outage.out:
            obstacle = _health(turn, obstacle, now, may_trickle=not ready)
        if obstacle is None:
            if turn.trickle:
                turn.why = Why.TRICKLE
            elif place:
                turn.why = Why.NEXT_IN_CHAIN
            ready.append(turn)
        else:
            later.append((obstacle, turn))
    skipped = _put_behind(ready, later) if later else ()
    return Choice(tuple(ready), skipped, chain)


def _limit(turn: Turn, tokens: int, now: float) -> _Obstacle | None:
    """What the key's limits say."""
    lane = turn.host.known_lane(turn.cell, turn.key)
    if lane is None:
        return None
    if now < lane.until:
        return _Obstacle(_Rank.FORBIDDEN if lane.promised else _Rank.KEY, lane.why, lane.until)
    spent_until = lane.spent_until(tokens, now)
    return _Obstacle(_Rank.SPENT, Why.NEARLY_SPENT, spent_until) if spent_until > now else None


def _health(turn: Turn, limit: _Obstacle | None, now: float, *, may_trickle: bool) -> _Obstacle | None:
    """What the breakers and the outside say; makes the turn a trickle where it is time for one."""
    outage = turn.cell.outage
    shut: list[Breaker | Outage] = [each for each in (turn.cell.breaker, turn.host.breaker) if not each.closed]
    if outage.blocks(now):
        shut.append(outage)
    if not shut or (limit is not None and limit.rank > _Rank.SHUT):
        return limit
    if may_trickle and limit is None and all(each.may_trickle(now) for each in shut):
        for each in shut:
            each.take(now)
        turn.held = tuple((each, each.epoch) for each in shut)
        turn.trickle = True
        return None
    until = max(each.until for each in shut)
    if outage in shut:
        return _Obstacle(_Rank.SHUT, Why.OUTAGE_CONFIRMED, until)
    return _Obstacle(_Rank.SHUT, Why.BREAKER_OPEN if until > now else Why.RECOVERING, until)


def _badness(obstacle: _Obstacle, turn: Turn) -> tuple[int, bool, float]:
    """Least bad first; of those that failed, one that fails at once costs less to ask than one that keeps silent."""
    is_silent = obstacle.rank is _Rank.SHUT and turn.cell.last_fault is Fault.SLOW_FIRST_TOKEN
    return obstacle.rank, is_silent, obstacle.until


def _put_behind(ready: list[Turn], later: list[tuple[_Obstacle, Turn]]) -> tuple[Skipped, ...]:
    """Law 2: whatever is left is better than an error."""
    skipped = tuple(Skipped(turn.target, obstacle.why, obstacle.until) for obstacle, turn in later)
    later.sort(key=lambda each: _badness(*each))
    for obstacle, turn in later:
        turn.why = Why.LAST_RESORT
        if obstacle.rank is _Rank.FORBIDDEN:
            turn.not_before = obstacle.until
        ready.append(turn)
    return skipped
