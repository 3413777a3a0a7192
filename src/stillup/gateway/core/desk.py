"""Who is asked: own outcomes, the keys' limits and what is known from outside, put together.

The exchange calls, for each request::

    choice = desk.choose(chain, facts, keys, now)
    for turn in choice.turns:            # retry.decide says when to go on
        desk.begin(turn, now)
        ...                              # desk.hedge_after_s, desk.stall_after_s
        desk.answered_headers(turn, headers, at, now)
        desk.late(turn, now)             # when its silence makes the exchange start the next one beside it
        desk.answering(turn, now)        # at its first content
        desk.settled(turn, result, now)  # however it ended, or
        desk.abandoned(turn)             # when nobody can say (the client left; a hedge that lost and was not late)

Every turn that was begun ends in ``settled`` or ``abandoned``; both may be called again without harm. A first turn
that is a trickle holds its slot from :meth:`Desk.choose` on, so it is ended too when it is never begun.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from random import Random

from msgspec import Struct

from stillup.gateway.core.breaker import LONGEST_HERE_S, LONGEST_S, OPENS_AT, Breaker
from stillup.gateway.core.budget import RetryBudget
from stillup.gateway.core.fault import MEANINGS, Fault, Whose
from stillup.gateway.core.health import Book
from stillup.gateway.core.limits import headroom
from stillup.gateway.core.order import arrange
from stillup.gateway.core.pace import Gaps
from stillup.gateway.core.status import TargetStatus, statuses
from stillup.gateway.core.turn import Choice, Facts, Skipped, Turn
from stillup.gateway.core.values import Operation, Target
from stillup.gateway.core.views import HealthView, NoView, Try
from stillup.gateway.core.why import Why

_LANE_FAULTS = (Fault.RATE_LIMITED, Fault.QUOTA, Fault.UNAUTHORIZED)
_NO_SILENCE_S = 0.1
"""Nobody is called late for less."""


class DeskSettings(Struct, frozen=True, kw_only=True):
    """What the configuration says; None for what is learned."""

    hedge_after_s: float | None = None
    stall_after_s: float = 20.0


class Desk:
    """Health of every upstream, model and key, and what follows from it. Times are monotonic seconds."""

    def __init__(
        self, settings: DeskSettings | None = None, view: HealthView | None = None, random: Random | None = None
    ) -> None:
        self.settings = settings or DeskSettings()
        self.view = view or NoView()
        self.random = random or Random()  # noqa: S311 - jitter, no secret
        self.budget = RetryBudget()
        self.news: Callable[[], None] = _nobody
        """Called when an upstream or a key was shut or is open again; it must not block or raise."""
        self._book = Book()

    @property
    def book(self) -> Book:
        """All that is remembered: what other replicas tell is entered there."""
        return self._book

    def choose(
        self,
        chain: Sequence[Target],
        facts: Facts,
        keys: Mapping[str, str],
        now: float,
        *,
        only: Collection[Target] | None = None,
    ) -> Choice:
        """Whom to ask, best first; every target of the chain is among the turns.

        ``keys`` maps an upstream's id to the fingerprint of the key it would be asked with. ``only`` keeps to some
        targets of the whole chain, for a request that has been here before: it pays into the retry budget once, and its
        turns keep their places in the chain.
        """
        if only is None:
            self.budget.deposit()
        return arrange(self._book, self.view, chain, facts, keys, now, only)

    def begin(self, turn: Turn, now: float, *, why: Why | None = None) -> None:
        """The try starts now; ``why`` says so when it is a hedge or a second round."""
        turn.began = now
        if why is not None:
            turn.why = why
        turn.hurried = turn.trickle or not turn.cell.breaker.closed
        if not turn.held:
            turn.cell_epoch = turn.cell.breaker.epoch
            turn.host_epoch = turn.host.breaker.epoch
            turn.outage_epoch = turn.cell.outage.epoch
        lane = turn.host.known_lane(turn.cell, turn.key)
        if lane is not None:
            lane.sent()

    def hedge_after_s(self, turn: Turn, body_bytes: int | None = None) -> float:
        """Silence after which the next turn is started beside this one; soon, where it is known to be ailing.

        ``body_bytes`` where what is sent is not of the size that was chosen for.
        """
        pace, size = turn.cell.pace(turn.stream), turn.body_bytes if body_bytes is None else body_bytes
        configured_s = self.settings.hedge_after_s
        if turn.hurried:
            return pace.trickle_after_s(size, turn.cell.breaker.lost, configured_s)
        return pace.hedge_after_s(size) if configured_s is None else configured_s

    def stall_after_s(self, turn: Turn) -> float:
        """Silence inside its answer that is a stall."""
        gaps = turn.cell.gaps
        configured = self.settings.stall_after_s
        return configured if gaps is None else gaps.stall_after_s(configured)

    def may_spend(self) -> bool:
        """Take a hedge, or a retry at the same upstream, out of the budget of law 5; False when there is none left.

        An exchange that may not hedge moves on instead: that is free.
        """
        return self.budget.spend()

    def answered_headers(self, turn: Turn, headers: Iterable[tuple[bytes, bytes]], at: datetime, now: float) -> None:
        """An answer's headers came, of whatever status: what they say is left of limits is read."""
        buckets = headroom(headers, at, now)
        if buckets:
            turn.host.lane(turn.cell, turn.key).told(buckets)

    def late(self, turn: Turn, now: float) -> None:
        """The turn has been silent for so long that the next one is started beside it.

        That opens the breaker at once, so that nobody else waits for it; if content comes after all, it is taken back.
        A trickle's short patience says nothing yet.
        """
        if turn.done or turn.content or turn.hurried or _lateness(turn, now) < 1:
            return
        breaker, fault = turn.cell.breaker, Fault.SLOW_FIRST_TOKEN
        if self._tell(breaker, turn.cell_epoch, turn, fault, MEANINGS[fault].weight, now, None):
            turn.late_epoch = breaker.epoch

    def answering(self, turn: Turn, now: float) -> None:
        """First content came; a trickle behind it may go."""
        if turn.content:
            return
        turn.content = True
        for owner, epoch in turn.held:
            if owner.epoch == epoch:
                owner.slots.content()
        breaker = turn.cell.breaker
        if turn.late_epoch == breaker.epoch:
            turn.cell_epoch = breaker.take_back(turn.late_epoch, now)
            self.news()

    def settled(
        self,
        turn: Turn,
        result: Try,
        now: float,
        *,
        retry_after_s: float | None = None,
        longest_gap_s: float | None = None,
    ) -> None:
        """The try ended: well, or with the fault that the exchange found.

        ``longest_gap_s`` is the longest silence inside a whole stream. A trickle whose hedge won ended with
        ``SLOW_FIRST_TOKEN``, and so did a first turn that was late and lost.
        """
        if turn.done:
            return
        if retry_after_s is not None and retry_after_s <= 0:
            retry_after_s = None  # "at once" is no plan for one who has just failed
        if result.ok:
            self.answering(turn, now)
        self._release(turn)
        cell = turn.cell
        if result.ok:
            cell.ok += 1
            self._good(turn, result, now, longest_gap_s)
        elif result.fault is not None:
            cell.failed += 1
            cell.last_fault = result.fault
            cell.last_fault_at = now
            weight = MEANINGS[result.fault].weight
            was_lost = result.fault is Fault.SLOW_FIRST_TOKEN and turn.hurried
            if result.fault is Fault.SLOW_FIRST_TOKEN and not turn.hurried:
                weight *= _lateness(turn, now)
            self._bad(turn, result, result.fault, weight, now, retry_after_s)
            cell.breaker.lost += was_lost

    def abandoned(self, turn: Turn) -> None:
        """The try was given up and says nothing of the upstream; a trickle's slot is free again."""
        if not turn.done:
            self._release(turn)

    def status(self, now: float, targets: Iterable[Target] = ()) -> tuple[TargetStatus, ...]:
        """Every model of every upstream that was asked of late, and these targets, for a person."""
        for target in targets:
            if target.model:
                cell = self._book.host(target.upstream).cell(target.model, Operation.GENERATE)
                if target.service:
                    cell.outage.refresh(self.view, target.service, target.component, target.model, now)
        return tuple(status for host in self._book.hosts.values() for status in statuses(host, now))

    def _release(self, turn: Turn) -> None:
        turn.done = True
        for owner, epoch in turn.held:
            if owner.epoch == epoch:
                owner.slots.release(waited=not turn.content)
        turn.held = ()

    def _good(self, turn: Turn, result: Try, now: float, longest_gap_s: float | None) -> None:
        cell, host = turn.cell, turn.host
        silence = result.first_token_s if turn.stream else result.total_s
        if silence is not None:
            cell.pace(turn.stream).add(silence)
        if longest_gap_s is not None and turn.stream:
            if cell.gaps is None:
                cell.gaps = Gaps()
            cell.gaps.samples.add(longest_gap_s)
        was_shut = not (cell.breaker.closed and host.breaker.closed)
        cell.breaker.good(turn.cell_epoch, now)
        host.breaker.good(turn.host_epoch, now)
        cell.outage.good(turn.outage_epoch, now)
        if was_shut and (cell.breaker.closed or host.breaker.closed):
            self.news()
        lane = host.known_lane(cell, turn.key)
        if lane is not None:
            lane.worked(turn.began)

    def _bad(
        self, turn: Turn, result: Try, fault: Fault, weight: float, now: float, retry_after_s: float | None
    ) -> None:
        meaning = MEANINGS[fault]
        cell, host = turn.cell, turn.host
        if meaning.whole:
            self._tell(host.breaker, turn.host_epoch, turn, fault, weight, now, retry_after_s)
        else:
            self._tell(cell.breaker, turn.cell_epoch, turn, fault, weight, now, retry_after_s)
            if result.status is not None:
                # Whatever it said, it is there and it speaks.
                self._speaks(turn, now)
        if weight > 0:
            cell.outage.bad(turn.outage_epoch, now)
        # A client's own key that is refused is the client's to see, now and the next time: nothing is remembered.
        clients = result.borrowed_key and fault is Fault.UNAUTHORIZED
        if (fault in _LANE_FAULTS and not clients) or retry_after_s is not None:
            host.lane(cell, turn.key).refused(fault, turn.began, now, self.random, retry_after_s)
            self.news()

    def _speaks(self, turn: Turn, now: float) -> None:
        breaker = turn.host.breaker
        was_closed = breaker.closed
        breaker.good(turn.host_epoch, now)
        if breaker.closed is not was_closed:
            self.news()

    def _tell(
        self,
        breaker: Breaker,
        epoch: int,
        turn: Turn,
        fault: Fault,
        weight: float,
        now: float,
        retry_after_s: float | None,
    ) -> bool:
        has_opened = breaker.bad(
            epoch,
            weight,
            now,
            self.random,
            opens_at=OPENS_AT / 2 if turn.cell.outage.suspected else OPENS_AT,
            longest_s=LONGEST_HERE_S if MEANINGS[fault].whose is Whose.HERE else LONGEST_S,
            retry_after_s=retry_after_s,
        )
        if has_opened:
            breaker.fault = fault
            self.news()
        return has_opened


def _nobody() -> None:
    """There is nobody to be told."""


def _lateness(turn: Turn, now: float) -> float:
    """How much its silence so far tells against it, 1 for conclusive.

    The configured patience may be a racer's: who lost a race by no more than it usually takes is hardly suspicious.
    """
    silence_s = now - turn.began
    return 0.0 if silence_s < _NO_SILENCE_S else turn.cell.pace(turn.stream).surprise(silence_s)


__all__ = ["Choice", "Desk", "DeskSettings", "Facts", "Skipped", "TargetStatus", "Turn"]
