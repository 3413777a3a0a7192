"""Whom an exchange asks next: the part of its life in which nobody answers yet, or nobody goes on yet."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from stillup.gateway.core.actions import Action, Actions, Cancel, Finish, Patience, Ping
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.going_on import Continuable, GoingOn
from stillup.gateway.core.retry import ROUNDS, Again, ContextOf, End, GiveUp, MoveOn, decide
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.tries import Tries
from stillup.gateway.core.turn import Choice, Facts
from stillup.gateway.core.values import Ask
from stillup.gateway.core.waking import Waking, last_patience_s
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import HELD, KeyChoice
from stillup.gateway.dialects.errors import error_event

_AT_ONCE = (End.REQUEST_WRONG, End.FILTERED, End.CLIENTS_KEY)  # ends a request though others are still asked


class Asking:
    """State and steps; :class:`~stillup.gateway.core.exchange.Exchange` says when they are taken."""

    def __init__(
        self,
        ask: Ask,
        facts: Facts,
        choice: Choice,
        keys: Mapping[str, KeyChoice],
        desk: Desk,
        patience: Patience,
        *,
        context_of: ContextOf,
        continuable: Continuable | None,
        now: float,
        can_ping: bool,
    ) -> None:
        self.ask = ask
        self._tries = Tries(facts, choice, keys, desk)
        self.tries = self._tries.all
        self._desk = desk
        self._patience = patience
        self._context_of = context_of
        self.going_on = GoingOn(ask.protocol, continuable)
        self.started_s = now
        self._waiting: MoveOn | Again | None = None
        self._waits_until = inf
        self.winner: Trial | None = None
        """Whose answer comes; the client has something of it once it is open."""
        self.is_over = False
        self.is_open = False
        """The client has been sent a head."""
        self._waking = Waking(self._tries, desk, patience, now, can_ping=can_ping and ask.stream)
        self.wake_at = now

    def ending(self, fault: Fault, says: str) -> bytes:
        """What ends an answer that has begun with an error of ours."""
        if self.going_on.broken is not None and self.going_on.given is not None:
            return self.going_on.given.writer().error(fault, says)
        watch = self.winner.watch if self.winner else None
        return watch.error_ending(fault, says) if watch else error_event(self.ask.protocol, fault, says)

    def _next_step(self, now: float) -> list[Action]:
        """Ask on, wait, or give up: :func:`decide` knows the laws."""
        step = decide(
            self._tries.failed,
            self._tries.left,
            rounds=self._tries.rounds,
            now=now,
            deadline_left_s=self._patience.deadline_s - (now - self.started_s),
            spend=self._desk.may_spend,
            random=self._desk.random,
            context_of=self._context_of,
            has_begun=self.going_on.broken is not None,
        )
        if isinstance(step, GiveUp):
            return self._give_up(step, now)
        if step.after_s > 0:
            self._waits_for(step, now + step.after_s)
            return []
        return self._take_step(step, now)

    def _waits_for(self, step: MoveOn | Again | None, until: float = inf) -> None:
        self._waiting, self._waits_until = step, until

    def _take_step(self, step: MoveOn | Again, now: float) -> list[Action]:
        self._waits_for(None)
        if isinstance(step, MoveOn):
            again = Why.AGAIN if self._tries.has_asked(step.turn) else None
            return [self._tries.send(step.turn, now, why=Why.GOES_ON if self.going_on.broken else again)]
        self._tries.choose_again(step.targets, now)
        return self._next_step(now)

    def _mind_the_silent(self, now: float) -> list[Action]:
        """Law 3: silence longer than usual. The next turn is asked beside the silent one, or instead of it."""
        if not self._tries.live:
            return []
        newest = self._tries.live[-1]
        silent_s, usual_s = now - newest.started_s, self._desk.hedge_after_s(newest.turn)
        if silent_s < usual_s:
            return []
        if not newest.is_late:
            newest.is_late = True
            self._desk.late(newest.turn, now)
        turn = self._tries.next_up(now)
        if turn is not None:
            if self._tries.may_hedge(turn):
                return [self._tries.send(turn, now, why=Why.HEDGE)]
            return self._fail(newest, Fault.SLOW_FIRST_TOKEN, now, cancel=True)  # moving along is free
        # Nobody else is left. A lost connection looks like this, but so does long thought: it is not given up.
        if silent_s >= last_patience_s(usual_s) and self._tries.rounds < ROUNDS and self._tries.may_hedge(newest.turn):
            own = [t.turn.target for t in self._tries.live if not t.key.subscription]  # law 10
            self._tries.choose_again(own, now)
            turn = self._tries.next_up(now)
        return [] if turn is None else [self._tries.send(turn, now, why=Why.AGAIN)]

    def _fail(
        self, t: Trial, fault: Fault, now: float, *, cancel: bool = False, wait_s: float | None = None
    ) -> list[Action]:
        """Before the gate: the client has seen nothing, so the next turn begins from scratch."""
        actions: list[Action] = [Cancel(t.n)] if cancel else []
        actions.append(self._tries.fail(t, fault, now, wait_s))
        if t is self.winner:  # what came of it was held back
            self.winner = None
            self._tries.begin_anew(now)
        return actions + (self._go_on_beside(now) if self._tries.live else self._next_step(now))

    def _go_on_beside(self, now: float) -> list[Action]:
        """One failed while others are still asked: silent ones for which it was the stand-in get another, for free."""
        step = decide(
            self._tries.failed,
            (),
            rounds=ROUNDS,
            now=now,
            deadline_left_s=1.0,
            spend=lambda: False,
            random=self._desk.random,
            has_begun=self.going_on.broken is not None,
        )
        if isinstance(step, GiveUp) and step.end in _AT_ONCE:
            return self._give_up(step, now)
        turn = self._tries.next_up(now)
        if turn is None or not all(t.is_late for t in self._tries.live):
            return []
        if self._tries.key(turn).subscription:  # law 10: not beside another, so instead of it
            return self._fail(self._tries.live[-1], Fault.SLOW_FIRST_TOKEN, now, cancel=True)
        return [self._tries.send(turn, now)]

    def _give_up(self, step: GiveUp, now: float) -> list[Action]:
        actions: list[Action] = []
        for t in tuple(self._tries.live):
            actions += self._tries.drop(t, now)
        self.is_over = True
        self._tries.let_go()
        broken = self.going_on.broken
        if broken is not None:
            fault = broken.fault or Fault.CUT
            return [*actions, Finish(self.going_on.in_vain(fault, self._tries.failed), fault)]
        return [*actions, self._tries.refusal(step)]

    def _past_deadline(self, now: float) -> Actions:
        actions: list[Action] = []
        for t in tuple(self._tries.live):
            fault = Fault.SLOW_FIRST_TOKEN if t.is_late else Fault.DEADLINE
            actions += [Cancel(t.n), self._tries.fail(t, fault, now)]
        self._waits_for(None)
        return (*actions, *self._next_step(now))

    def _sign_of_life(self, now: float) -> list[Action]:
        """A ping while nothing can be said: nobody has answered yet, or what came is held back."""
        is_quiet = self.winner is None or (self.winner.watch is not None and self.winner.watch.flags & HELD)
        if (
            not is_quiet
            or not self._waking.can_ping
            or self.is_over
            or now - self._waking.quiet_since_s < self._patience.ping_s
        ):
            return []
        self._waking.quiet_since_s, self.is_open = now, True
        return [Ping()]

    def _reckoned(self, actions: list[Action] | Actions, now: float) -> Actions:
        if not self.is_over:
            times = self._waking
            winner = self.winner
            self.wake_at = times.answering(winner, now) if winner else times.asking(self._waits_until, now)
        return tuple(actions)
