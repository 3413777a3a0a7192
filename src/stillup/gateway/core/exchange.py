"""One request's life, without I/O: what happened goes in, what to do comes out.

::

    start ─► Send ─► head, data … ─► the gate opens at the first content ─► Open, bytes … ─► Finish
                │ fault before it, or silence: the next turn (law 4: the client has seen nothing)
                │ fault after it: Finish with the protocol's own error (a later stage may go on there instead)
                └ nothing left: Refuse, with the first upstream's error (law 2)

Times are seconds of a steady clock and always handed in. The caller performs the actions in order, and calls
:meth:`Exchange.tick` at :attr:`Exchange.wake_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from stillup.gateway.core.actions import Action, Actions, Cancel, Finish, Open, Patience, Ping, Whole
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.limits import retry_after_s
from stillup.gateway.core.retry import ROUNDS, Again, ContextOf, End, GiveUp, MoveOn, decide
from stillup.gateway.core.trial import MAX_ERROR_BYTES, Classify, Reader, Trial
from stillup.gateway.core.tries import Tries
from stillup.gateway.core.turn import Choice, Facts
from stillup.gateway.core.values import Ask, Headers
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import CONTENT, END, ERROR, KeyChoice, Watch

_MAX_HELD_BYTES = 4 * 1024 * 1024  # before the first content; it is pings and the head of an answer
_AFTER_END_S = 2.0  # a body that does not end after its end marker is taken for ended
_LAST_PATIENCE_S = 60.0
"""With nobody else to ask, silence is borne at least so long before the silent are asked once more."""
_LOOK_AGAIN_S = 1.0
_AT_ONCE = (End.REQUEST_WRONG, End.FILTERED, End.CLIENTS_KEY)  # ends a request though others are still asked


class Exchange:
    """See the module. ``keys`` are those that each upstream would be asked with, ``choice`` is of the whole chain."""

    def __init__(
        self,
        ask: Ask,
        facts: Facts,
        choice: Choice,
        keys: Mapping[str, KeyChoice],
        desk: Desk,
        patience: Patience,
        *,
        reader: Reader,
        classify: Classify,
        context_of: ContextOf,
        now: float,
        can_ping: bool,
    ) -> None:
        self.ask = ask
        self._tries = Tries(facts, choice, keys, desk)
        self.tries = self._tries.all
        self._desk = desk
        self._patience = patience
        self._reader, self._classify, self._context_of = reader, classify, context_of
        self._can_ping = can_ping and ask.stream
        self.started_s = now
        self._waiting: MoveOn | Again | None = None
        self._waits_until = 0.0
        self.winner: Trial | None = None
        self.is_over = False
        self.is_open = False
        """The client has been sent a head."""
        self._is_paused = False
        self._pinged_s = now
        self.wake_at = now

    # --- what happens

    def start(self, now: float) -> Actions:
        """Ask the first turn."""
        return self._reckoned(self._next_step(now), now)

    def head(self, n: int, status: int, headers: Headers, now: float, at: datetime) -> Actions:
        """Try ``n``'s head came; ``at`` is the wall clock, which dates in headers need."""
        t = self.tries[n]
        if t.is_over:
            return ()
        t.status, t.headers, t.last_s = status, headers, now
        self._desk.answered_headers(t.turn, headers, at, now)
        if 200 <= status < 300:
            watch = self._reader(self.ask, t.turn, status, headers)
            if isinstance(watch, Fault):
                return self._reckoned(self._fail(t, watch, now, cancel=True), now)
            t.watch = watch
        return ()

    def data(self, n: int, chunk: bytes, now: float) -> Actions | bytes:
        """Bytes of try ``n``'s body came. After the gate is open, the bytes to pass on are handed back bare."""
        t = self.tries[n]
        watch = t.watch
        if t.is_over:
            return ()
        if watch is None:
            t.body += chunk[: MAX_ERROR_BYTES - len(t.body)]
            return ()
        flags, ready = watch.feed(chunk)
        if t is not self.winner:
            if not flags and not ready:  # a whole answer, or half an event
                t.last_s = now
                return ()
            return self._reckoned(self._before_gate(t, watch, flags, ready, now), now)
        gap_s = now - t.last_s
        t.last_s = now
        t.longest_gap_s = max(t.longest_gap_s, gap_s)
        if flags & (END | ERROR) and t.ended_s is None:
            if flags & END:  # whatever follows its end is not missed
                t.ended_s = now
                self.wake_at = now + _AFTER_END_S
            else:
                return self._break(t, watch, watch.fault or Fault.MALFORMED, now, ready, cancel=True)
        return ready

    def end(self, n: int, now: float, at: datetime) -> Actions:
        """Try ``n``'s body ended cleanly."""
        t = self.tries[n]
        if t.is_over:
            return ()
        watch = t.watch
        if watch is None:
            body = t.readable()
            fault = self._classify(t.turn, t.status or 0, t.headers, body)
            return self._reckoned(self._fail(t, fault, now, wait_s=retry_after_s(t.headers, body, at)), now)
        fault_, rest = watch.finish()
        if t is self.winner:
            return self._break(t, watch, fault_, now, rest) if fault_ else self._finish(t, now, rest)
        if fault_ is None and self.is_open:
            fault_ = Fault.MALFORMED  # no stream, for a client that was pinged and has begun to read one
        if fault_:
            return self._reckoned(self._fail(t, fault_, now), now)
        return self._take_whole(t, now, rest)

    def failed(self, n: int, fault: Fault, now: float) -> Actions:
        """Try ``n``'s connection broke, or there was none."""
        t = self.tries[n]
        if t.is_over:
            return ()
        if t is not self.winner or t.watch is None:
            return self._reckoned(self._fail(t, fault, now), now)
        if t.ended_s is not None:  # it had said all
            return self._finish(t, now, t.watch.finish()[1])
        return self._break(t, t.watch, Fault.CUT, now)

    def paused(self) -> None:
        """The client is slow and its upstream is not read from: silence is no stall now."""
        self._is_paused = True

    def resumed(self, now: float) -> None:
        """It is read from again."""
        self._is_paused = False
        if self.winner is not None:
            self.winner.last_s = now

    def client_gone(self) -> Actions:
        """Nobody listens any more: that says nothing of any upstream."""
        if self.is_over:
            return ()
        self.is_over = True
        actions: list[Action] = []
        for t in tuple(self._tries.live):
            t.is_late = False
            actions += self._tries.drop(t, t.last_s)
        self._tries.let_go()
        return tuple(actions)

    def tick(self, now: float) -> Actions:
        """The time is :attr:`wake_at` or later."""
        if self.is_over:
            return ()
        winner = self.winner
        if winner is not None and winner.watch is not None:
            return self._reckoned(self._mind_the_winner(winner, winner.watch, now), now)
        if now - self.started_s >= self._patience.deadline_s:
            return self._past_deadline(now)
        actions: list[Action] = []
        if self._waiting is not None and now >= self._waits_until:
            actions += self._take_step(self._waiting, now)
        actions += self._mind_the_silent(now)
        if self._can_ping and not self.is_over and now - self._pinged_s >= self._patience.ping_s:
            self._pinged_s, self.is_open = now, True
            actions.append(Ping())
        return self._reckoned(actions, now)

    # --- whom to ask

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
        )
        if isinstance(step, GiveUp):
            return self._give_up(step, now)
        if step.after_s > 0:
            self._waiting, self._waits_until = step, now + step.after_s
            return []
        return self._take_step(step, now)

    def _take_step(self, step: MoveOn | Again, now: float) -> list[Action]:
        self._waiting = None
        if isinstance(step, MoveOn):
            return [self._tries.send(step.turn, now, why=Why.AGAIN if self._tries.has_asked(step.turn) else None)]
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
        if silent_s >= _last_patience_s(usual_s) and self._tries.rounds < ROUNDS and self._tries.may_hedge(newest.turn):
            self._tries.choose_again([t.turn.target for t in self._tries.live], now)
            turn = self._tries.next_up(now)
        return [] if turn is None else [self._tries.send(turn, now, why=Why.AGAIN)]

    # --- before the gate

    def _before_gate(self, t: Trial, watch: Watch, flags: int, ready: bytes, now: float) -> list[Action]:
        t.last_s = now
        if ready:
            t.held.append(ready)
            t.held_bytes += len(ready)
        if flags & CONTENT:
            return self._open(t, watch, flags, now)
        if flags & ERROR:
            return self._fail(t, watch.fault or Fault.MALFORMED, now, cancel=True)
        if t.held_bytes > _MAX_HELD_BYTES:
            return self._fail(t, Fault.MALFORMED, now, cancel=True)
        return []

    def _open(self, t: Trial, watch: Watch, flags: int, now: float) -> list[Action]:
        """The commit point (law 4): the first content. From here on this is the try whose answer the client gets."""
        held = t.held[0] if len(t.held) == 1 else b"".join(t.held)
        t.held = []
        actions = self._win(t, now)
        actions.append(Open(t.n, t.status or 200, t.headers, held))
        if flags & END:
            t.ended_s = now
        elif flags & ERROR:
            actions += self._break(t, watch, watch.fault or Fault.MALFORMED, now, cancel=True)
        return actions

    def _take_whole(self, t: Trial, now: float, data: bytes) -> Actions:
        actions = self._win(t, now)
        self.is_over = True
        body = b"".join([*t.held, data])
        return (*actions, Whole(t.n, t.status or 200, t.headers, body), self._tries.settle(t, None, now))

    def _win(self, t: Trial, now: float) -> list[Action]:
        self.winner = self._tries.winner = t
        self._waiting, t.first_s = None, now
        self._desk.answering(t.turn, now)
        self._tries.let_go()
        actions: list[Action] = []
        for other in tuple(self._tries.live):
            if other is not t:
                actions += self._tries.drop(other, now)
        return actions

    # --- failing

    def _fail(
        self, t: Trial, fault: Fault, now: float, *, cancel: bool = False, wait_s: float | None = None
    ) -> list[Action]:
        """Before the gate: the client has seen nothing, so the next turn begins from scratch."""
        actions: list[Action] = [Cancel(t.n)] if cancel else []
        actions.append(self._tries.fail(t, fault, now, wait_s))
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
        return [*actions, self._tries.refusal(step)]

    def _past_deadline(self, now: float) -> Actions:
        actions: list[Action] = []
        for t in tuple(self._tries.live):
            fault = Fault.SLOW_FIRST_TOKEN if t.is_late else Fault.DEADLINE
            actions += [Cancel(t.n), self._tries.fail(t, fault, now)]
        self._waiting = None
        return (*actions, *self._next_step(now))

    # --- after the gate

    def _mind_the_winner(self, t: Trial, watch: Watch, now: float) -> Actions:
        if t.ended_s is not None:
            over = now - t.ended_s >= _AFTER_END_S
            return (Cancel(t.n), *self._finish(t, now, watch.finish()[1])) if over else ()
        if self._is_paused or now - t.last_s < self._desk.stall_after_s(t.turn):
            return ()
        fault, rest = watch.finish()  # silent after all was said, its end marker forgotten
        if fault is None:
            return (Cancel(t.n), *self._finish(t, now, rest))
        return self._break(t, watch, Fault.STALL, now, cancel=True)

    def _finish(self, t: Trial, now: float, data: bytes) -> Actions:
        self.is_over = True
        return (Finish(data), self._tries.settle(t, None, now))

    def _break(
        self, t: Trial, watch: Watch, fault: Fault, now: float, data: bytes = b"", *, cancel: bool = False
    ) -> Actions:
        """After the gate nothing can be taken back: the answer ends with the protocol's own error, never cleanly.

        The client stands between two events here, so this is where an answer can be gone on with instead.
        """
        self.is_over = True
        t.fault = fault
        cancelled = (Cancel(t.n),) if cancel else ()
        ending = t.ending(watch, self.ask.protocol, fault)
        return (*cancelled, Finish(data + ending, fault), self._tries.settle(t, fault, now))

    # --- when to be woken

    def _reckoned(self, actions: list[Action] | Actions, now: float) -> Actions:
        if not self.is_over:
            self.wake_at = self._next_wake(now)
        return tuple(actions)

    def _next_wake(self, now: float) -> float:
        winner = self.winner
        if winner is not None:
            if winner.ended_s is not None:
                return winner.ended_s + _AFTER_END_S
            return (now if self._is_paused else winner.last_s) + self._desk.stall_after_s(winner.turn)
        wake = self.started_s + self._patience.deadline_s
        if self._waiting is not None:
            wake = min(wake, self._waits_until)
        if self._tries.live:
            wake = min(wake, self._silence_ends(self._tries.live[-1], now))
        if self._can_ping:
            wake = min(wake, self._pinged_s + self._patience.ping_s)
        return wake

    def _silence_ends(self, newest: Trial, now: float) -> float:
        usual_s = self._desk.hedge_after_s(newest.turn)
        if not newest.is_late:
            return newest.started_s + usual_s
        ends = [turn.not_before for turn in self._tries.left if turn.not_before is not None]
        soonest = min([newest.started_s + _last_patience_s(usual_s), *ends])
        return soonest if soonest > now else now + _LOOK_AGAIN_S


def _last_patience_s(usual_s: float) -> float:
    return max(_LAST_PATIENCE_S, 6 * usual_s)
