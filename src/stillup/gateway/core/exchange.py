"""One request's life, without I/O: what happened goes in, what to do comes out.

::

    start ─► Send ─► head, data … ─► the gate opens at the first content ─► Open, bytes … ─► Finish
                │ fault before it, or silence: the next turn (law 4: the client has seen nothing)
                │ fault after it: the next turn again, asked to go on ─► GoOn, bytes … ─► Finish
                └ nothing left: Refuse, with the first upstream's error (law 2), or Finish with it behind what was said

Times are seconds of a steady clock and always handed in. The caller performs the actions in order, and calls
:meth:`Exchange.tick` at :attr:`Exchange.wake_at`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from stillup.gateway.core.actions import Action, Actions, Cancel, Finish, GoOn, More, Open, Patience, Whole
from stillup.gateway.core.asking import Asking
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.going_on import Continuable
from stillup.gateway.core.limits import retry_after_s
from stillup.gateway.core.retry import ContextOf
from stillup.gateway.core.trial import MAX_ERROR_BYTES, Classify, Learn, Reader, Trial
from stillup.gateway.core.turn import Choice, Facts
from stillup.gateway.core.values import Ask, Headers
from stillup.gateway.core.waking import AFTER_END_S
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import CONTENT, END, ERROR, HELD, KeyChoice, Watch

_MAX_HELD_BYTES = 4 * 1024 * 1024  # before the first content; it is pings and the head of an answer
_MOST_LESSONS = 4
"""So often one request may be sent again at once because it taught what a model does not take."""


def _learns_nothing(n: int, status: int, body: bytes) -> bool:  # noqa: ARG001
    return False


class Exchange(Asking):
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
        learn: Learn = _learns_nothing,
        context_of: ContextOf,
        continuable: Continuable | None = None,
        now: float,
        can_ping: bool,
    ) -> None:
        super().__init__(
            ask, facts, choice, keys, desk, patience,
            context_of=context_of, continuable=continuable, now=now, can_ping=can_ping,
        )  # fmt: skip
        self._reader, self._classify, self._learn = reader, classify, learn
        self._lessons = 0
        self._keep: Callable[[bytes], None] | None = None
        """Takes what the client is given, where nobody else knows what it says."""

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
            watch = self._reader(n, status, headers)
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
        if not t.is_open:
            if not flags and not ready:  # a whole answer, or half an event
                t.last_s = now
                return ()
            return self._reckoned(self._before_gate(t, watch, flags, ready, now), now)
        gap_s = now - t.last_s
        t.last_s = now
        t.longest_gap_s = max(t.longest_gap_s, gap_s)
        if ready:
            self._waking.quiet_since_s = now
            if self._keep is not None:
                self._keep(ready)
        if flags & (END | ERROR) and t.ended_s is None:
            if flags & END:  # whatever follows its end is not missed
                t.ended_s = now
                self.wake_at = now + AFTER_END_S
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
            return self._reckoned(self._refused(t, now, at), now)
        fault, rest = watch.finish()
        if t.is_open:
            return self._break(t, watch, fault, now, rest) if fault else self._finish(t, now, rest)
        if fault is None and self.is_open and not watch.is_stream:
            fault = Fault.MALFORMED  # no stream, for a client that was pinged and has begun to read one
        if fault:
            return self._reckoned(self._fail(t, fault, now), now)
        if watch.is_stream:
            t.held.append(rest)
            return (*self._open(t, watch, 0, now), *self._finish(t, now, b""))
        return self._take_whole(t, now, rest)

    def _refused(self, t: Trial, now: float, at: datetime) -> list[Action]:
        """An error's answer is whole. What it teaches of the model is put right at once, and asked again."""
        body = t.readable()
        fault = self._classify(t.turn, t.status or 0, t.headers, body)
        if fault is Fault.BAD_REQUEST and self._lessons < _MOST_LESSONS and self._learn(t.n, t.status or 0, body):
            self._lessons += 1
            return [self._tries.send(self._tries.once_more(t, now), now, why=Why.AGAIN)]
        return self._fail(t, fault, now, wait_s=retry_after_s(t.headers, body, at))

    def failed(self, n: int, fault: Fault, now: float) -> Actions:
        """Try ``n``'s connection broke, or there was none."""
        t = self.tries[n]
        if t.is_over:
            return ()
        if not t.is_open or t.watch is None:
            return self._reckoned(self._fail(t, fault, now), now)
        broken, rest = t.watch.finish()
        if broken is None:  # it had said all
            return self._finish(t, now, rest)
        return self._break(t, t.watch, Fault.CUT, now)

    def paused(self) -> None:
        """The client is slow and its upstream is not read from: silence is no stall now."""
        self._waking.is_paused = True

    def resumed(self, now: float) -> None:
        """It is read from again."""
        self._waking.is_paused = False
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
            return self._reckoned([*self._mind_the_winner(winner, winner.watch, now), *self._sign_of_life(now)], now)
        if now - self.started_s >= self._patience.deadline_s:
            return self._past_deadline(now)
        actions: list[Action] = []
        if self._waiting is not None and now >= self._waits_until:
            actions += self._take_step(self._waiting, now)
        actions += self._mind_the_silent(now)
        return self._reckoned([*actions, *self._sign_of_life(now)], now)

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
        if flags & HELD and self.winner is None:
            return self._win(t, now)
        if t.held_bytes > _MAX_HELD_BYTES:
            return self._fail(t, Fault.MALFORMED, now, cancel=True)
        return []

    def _open(self, t: Trial, watch: Watch, flags: int, now: float) -> list[Action]:
        """The commit point (law 4): the first content. From here on this is the try whose answer the client gets."""
        held = t.held[0] if len(t.held) == 1 else b"".join(t.held)
        t.held = []
        broken = self.going_on.broken
        actions = self._win(t, now)
        t.is_open = self.is_open = True
        self._waking.quiet_since_s = now
        self._keep = self.going_on.keeper(watch)
        if self._keep is not None:
            self._keep(held)
        if broken is None:
            actions.append(Open(t.n, t.status or 200, t.headers, held))
        else:
            actions.append(GoOn(t.n, broken.n, self.going_on.characters, held))
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
        if self.winner is t:
            return []
        self.winner = self._tries.winner = t
        self._waits_for(None)
        t.first_s = now
        self._desk.answering(t.turn, now)
        self._tries.let_go()
        actions: list[Action] = []
        for other in tuple(self._tries.live):
            if other is not t:
                actions += self._tries.drop(other, now)
        return actions

    # --- after the gate

    def _mind_the_winner(self, t: Trial, watch: Watch, now: float) -> Actions:
        if t.ended_s is not None:
            over = now - t.ended_s >= AFTER_END_S
            return (Cancel(t.n), *self._finish(t, now, watch.finish()[1])) if over else ()
        if self._waking.is_paused or now - t.last_s < self._desk.stall_after_s(t.turn):
            return ()
        if not t.is_open:
            return tuple(self._fail(t, Fault.STALL, now, cancel=True))
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
        """After the gate nothing can be taken back: another goes on, or the answer ends as broken, never cleanly.

        The client stands between two events here. ``data`` are the last whole ones; those of :meth:`data` were noted.
        """
        actions: list[Action] = [Cancel(t.n)] if cancel else []
        standing = self.going_on.after(t, watch, fault)
        if standing.is_over:
            self.is_over, t.fault = True, fault
            settled = self._tries.settle(t, fault, now)
            return (*actions, Finish(data + standing.data, standing.fault), settled)
        actions.append(self._tries.broke(t, fault, now))
        self.winner = None
        if data or standing.data:
            actions.append(More(data + standing.data))
        return self._reckoned([*actions, *self._next_step(now)], now)
