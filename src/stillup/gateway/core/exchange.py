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

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.limits import retry_after_s
from stillup.gateway.core.retry import Again, ContextOf, End, Failed, GiveUp, MoveOn, decide
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.turn import Choice, Facts, Turn
from stillup.gateway.core.values import Ask, Headers, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import CONTENT, END, ERROR, KeyChoice, KeyKind, Watch

_MAX_ERROR_BYTES = 1_048_576
_MAX_HELD_BYTES = 4 * 1024 * 1024
"""Before the first content; it is pings and the head of an answer."""
_AFTER_END_S = 2.0
"""A body that does not end after its end marker is taken for ended."""
_LAST_PATIENCE_S = 60.0
"""With nobody else to ask, silence is borne at least so long."""
_NO_USAGE = Usage()
_NO_KEY = KeyChoice()

Reader = Callable[[Ask, Turn, int, Headers], "Watch | Fault"]
"""Who reads an answer with this head; a fault where no answer of the protocol has such a head."""
Classify = Callable[[Turn, int, Headers, bytes], Fault]
"""What an error answer means."""


class Send(Struct, frozen=True, gc=False):
    """Ask this turn's target; what comes back belongs to try ``n``."""

    n: int
    turn: Turn


class Cancel(Struct, frozen=True, gc=False):
    """Give try ``n`` up."""

    n: int


class Open(Struct, frozen=True, gc=False):
    """The gate is open: the client gets try ``n``'s status and headers, and these first bytes."""

    n: int
    status: int
    headers: Headers
    data: bytes


class Whole(Struct, frozen=True, gc=False):
    """Try ``n`` gave a whole answer; the client gets it in one go."""

    n: int
    status: int
    headers: Headers
    data: bytes


class Finish(Struct, frozen=True, gc=False):
    """The answer is over, after these last bytes. ``broken`` names what broke it, where something did."""

    data: bytes = b""
    broken: Fault | None = None


class Ping(Struct, frozen=True, gc=False):
    """Tell the client that somebody is still there (law 4 allows it: a ping is no content)."""


class Settled(Struct, frozen=True, gc=False):
    """Try ``n`` is over, and this came of it. ``taken`` says that the client was given its answer, or a part."""

    n: int
    result: Try
    taken: bool


class Refuse(Struct, frozen=True, gc=False):
    """Law 2: the client gets an error. ``status``, ``headers`` and ``body`` are an upstream's where it gave one."""

    end: End
    fault: Fault
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    retry_after_s: float | None = None


Action = Send | Cancel | Open | Whole | Finish | Ping | Settled | Refuse
Actions = tuple[Action, ...]


class Patience(Struct, frozen=True):
    """How long one request may take. ``ping_s`` is the silence after which a streaming client is pinged."""

    deadline_s: float = 600.0
    ping_s: float = 15.0


class Exchange:
    """See the module. ``keys`` are those that each upstream would be asked with, ``chain`` is the whole of it."""

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
        self._facts = facts
        self._left: list[Turn] = list(choice.turns)
        self._keys = keys
        self._desk = desk
        self._patience = patience
        self._reader = reader
        self._classify = classify
        self._context_of = context_of
        self._can_ping = can_ping and ask.stream
        self.started_s = now
        self.tries: list[Trial] = []
        self._live: list[Trial] = []
        self._failed: list[Failed] = []
        self._rounds = 0
        self._waiting: MoveOn | Again | None = None
        self._waits_until = 0.0
        self.winner: Trial | None = None
        self.is_over = False
        self.is_open = False
        """The client has been sent a head."""
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
            t.body += chunk[: _MAX_ERROR_BYTES - len(t.body)]
            return ()
        flags, ready = watch.feed(chunk)
        if t is not self.winner:
            return self._reckoned(self._before_gate(t, watch, flags, ready, now), now)
        gap_s = now - t.last_s
        t.last_s = now
        t.longest_gap_s = max(t.longest_gap_s, gap_s)
        if flags & (END | ERROR):
            if flags & ERROR:
                return self._break(t, watch, watch.fault or Fault.MALFORMED, now, ready, cancel=True)
            if t.ended_s is None:
                t.ended_s = now
                self.wake_at = now + _AFTER_END_S
        return ready

    def end(self, n: int, now: float, at: datetime) -> Actions:
        """Try ``n``'s body ended cleanly."""
        t = self.tries[n]
        if t.is_over:
            return ()
        watch = t.watch
        if watch is None:
            fault = self._classify(t.turn, t.status or 0, t.headers, t.body)
            return self._reckoned(self._fail(t, fault, now, wait_s=retry_after_s(t.headers, t.body, at)), now)
        fault_, rest = watch.finish()
        if t is self.winner:
            return self._break(t, watch, fault_, now, rest) if fault_ else self._finish(t, now, rest)
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

    def client_gone(self) -> Actions:
        """Nobody listens any more: that says nothing of any upstream."""
        if self.is_over:
            return ()
        self.is_over = True
        actions: list[Action] = []
        for t in tuple(self._live):
            t.is_late = False
            actions += self._drop(t, t.last_s)
        self._let_go()
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
            self._failed,
            self._left,
            rounds=self._rounds,
            now=now,
            deadline_left_s=self._patience.deadline_s - (now - self.started_s),
            spend=self._desk.may_spend,
            random=self._desk.random,
            context_of=self._context_of,
        )
        if isinstance(step, GiveUp):
            return self._give_up(step)
        if step.after_s > 0:
            self._waiting, self._waits_until = step, now + step.after_s
            return []
        return self._take_step(step, now)

    def _take_step(self, step: MoveOn | Again, now: float) -> list[Action]:
        self._waiting = None
        if isinstance(step, MoveOn):
            return [self._send(step.turn, now)]
        self._rounds += 1
        self._let_go()
        prints = {name: key.fingerprint for name, key in self._keys.items()}
        self._left = list(self._desk.choose(step.targets, self._facts, prints, now, only=step.targets).turns)
        if not self._left:
            return self._next_step(now)
        return [self._send(self._left[0], now, why=Why.AGAIN)]

    def _send(self, turn: Turn, now: float, *, why: Why | None = None) -> Send:
        self._left = [other for other in self._left if other is not turn]
        t = Trial(len(self.tries), turn, now)
        self.tries.append(t)
        self._live.append(t)
        self._desk.begin(turn, now, why=why)
        return Send(t.n, turn)

    def _let_go(self) -> None:
        """The turns that are left will not be taken."""
        for turn in self._left:
            self._desk.abandoned(turn)

    def _mind_the_silent(self, now: float) -> list[Action]:
        """Law 3: silence longer than usual. The next turn is asked beside the silent one, or instead of it."""
        if not self._live:
            return []
        newest = self._live[-1]
        silent_s, usual_s = now - newest.started_s, self._hedge_after_s(newest)
        if silent_s < usual_s:
            return []
        if not newest.is_late:
            newest.is_late = True
            self._desk.late(newest.turn, now)
        next_up = next((turn for turn in self._left if turn.not_before is None or turn.not_before <= now), None)
        if next_up is None:
            if silent_s < _last_patience_s(usual_s) or len(self._live) > 1:
                return []
        elif not self._key(next_up).subscription and self._desk.may_spend():  # law 10: never a hedge on those
            return [self._send(next_up, now, why=Why.HEDGE)]
        return self._fail(newest, Fault.SLOW_FIRST_TOKEN, now, cancel=True)  # moving along is free

    def _hedge_after_s(self, t: Trial) -> float:
        return self._desk.hedge_after_s(t.turn, len(self.ask.body))

    def _key(self, turn: Turn) -> KeyChoice:
        return self._keys.get(turn.target.upstream, _NO_KEY)

    # --- before the gate

    def _before_gate(self, t: Trial, watch: Watch, flags: int, ready: bytes, now: float) -> list[Action]:
        t.last_s = now
        if ready:
            t.held.append(ready)
            t.held_bytes += len(ready)
        if flags & CONTENT:
            return self._open(t, watch, flags, now)
        if flags & ERROR:
            t.body = watch.error_event
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
        if flags & ERROR:
            actions += self._break(t, watch, watch.fault or Fault.MALFORMED, now, cancel=True)
        elif flags & END:
            t.ended_s = now
        return actions

    def _take_whole(self, t: Trial, now: float, data: bytes) -> Actions:
        actions = self._win(t, now)
        body = b"".join([*t.held, data])
        self.is_over = True
        given = Finish(body) if self.is_open else Whole(t.n, t.status or 200, t.headers, body)
        return (*actions, given, self._settle(t, None, now))

    def _win(self, t: Trial, now: float) -> list[Action]:
        self.winner, self._waiting, t.first_s = t, None, now
        self._desk.answering(t.turn, now)
        self._let_go()
        actions: list[Action] = []
        for other in tuple(self._live):
            if other is not t:
                actions += self._drop(other, now)
        return actions

    def _drop(self, t: Trial, now: float) -> list[Action]:
        """Cancelled, which is no failure; but one that was silent for longer than usual was late."""
        if t.is_late and t.first_s is None:
            return [Cancel(t.n), self._settle(t, Fault.SLOW_FIRST_TOKEN, now)]
        self._desk.abandoned(t.turn)
        self._forget(t)
        return [Cancel(t.n), Settled(t.n, self._result(t, None, now, ok=False), taken=t is self.winner)]

    # --- failing

    def _fail(
        self, t: Trial, fault: Fault, now: float, *, cancel: bool = False, wait_s: float | None = None
    ) -> list[Action]:
        """Before the gate: the client has seen nothing, so the next turn begins from scratch."""
        t.fault = fault
        borrowed = self._key(t.turn).kind is KeyKind.CLIENT
        self._failed.append(Failed(t.turn, fault, now, t.status, wait_s, borrowed))
        actions: list[Action] = [Cancel(t.n)] if cancel else []
        actions.append(self._settle(t, fault, now, wait_s))
        return actions if self._live or self._waiting else actions + self._next_step(now)

    def _give_up(self, step: GiveUp) -> list[Action]:
        self.is_over = True
        self._let_go()
        shows = step.shows
        if shows is None:
            fault = Fault.DEADLINE if step.end is End.DEADLINE else Fault.RATE_LIMITED
            return [Refuse(step.end, fault, retry_after_s=step.retry_after_s)]
        t = next(t for t in self.tries if t.turn is shows.turn)
        if t.status is None or t.status < 400:
            return [Refuse(step.end, shows.fault, retry_after_s=step.retry_after_s)]
        return [Refuse(step.end, shows.fault, t.status, t.headers, t.body, step.retry_after_s)]

    def _past_deadline(self, now: float) -> Actions:
        actions: list[Action] = []
        for t in tuple(self._live):
            t.fault = Fault.SLOW_FIRST_TOKEN if t.is_late else Fault.DEADLINE
            self._failed.append(Failed(t.turn, t.fault, now, t.status))
            actions += [Cancel(t.n), self._settle(t, t.fault, now)]
        self._waiting = None
        return (*actions, *self._next_step(now))

    # --- after the gate

    def _mind_the_winner(self, t: Trial, watch: Watch, now: float) -> Actions:
        if t.ended_s is not None:
            over = now - t.ended_s >= _AFTER_END_S
            return (Cancel(t.n), *self._finish(t, now, watch.finish()[1])) if over else ()
        if now - t.last_s < self._desk.stall_after_s(t.turn):
            return ()
        fault, rest = watch.finish()  # silent after all was said, its end marker forgotten
        if fault is None:
            return (Cancel(t.n), *self._finish(t, now, rest))
        return self._break(t, watch, Fault.STALL, now, cancel=True)

    def _finish(self, t: Trial, now: float, data: bytes) -> Actions:
        self.is_over = True
        return (Finish(data), self._settle(t, None, now))

    def _break(
        self, t: Trial, watch: Watch, fault: Fault, now: float, data: bytes = b"", *, cancel: bool = False
    ) -> Actions:
        """After the gate nothing can be taken back: the answer ends with the protocol's own error, never cleanly.

        The client stands between two events here, so this is where an answer can be gone on with instead.
        """
        ending = watch.error_event if watch.fault not in (None, Fault.MALFORMED) else b""
        ending = ending or watch.error_ending(fault, f"{t.turn.target.upstream} broke off: {fault.value}")
        self.is_over = True
        t.fault = fault
        cancelled = (Cancel(t.n),) if cancel else ()
        return (*cancelled, Finish(data + ending, fault), self._settle(t, fault, now))

    # --- what came of it

    def _forget(self, t: Trial) -> None:
        t.is_over = True
        if t in self._live:
            self._live.remove(t)

    def _settle(self, t: Trial, fault: Fault | None, now: float, wait_s: float | None = None) -> Settled:
        self._forget(t)
        result = self._result(t, fault, now, ok=fault is None)
        gap_s = t.longest_gap_s if self.ask.stream and fault is None else None
        self._desk.settled(t.turn, result, now, retry_after_s=wait_s, longest_gap_s=gap_s)
        return Settled(t.n, result, taken=t is self.winner)

    def _result(self, t: Trial, fault: Fault | None, now: float, *, ok: bool) -> Try:
        return Try(
            target=t.turn.target,
            model=t.turn.model,
            operation=self.ask.operation,
            ok=ok,
            fault=fault,
            status=t.status,
            first_token_s=None if t.first_s is None else t.first_s - t.started_s,
            total_s=now - t.started_s,
            usage=_NO_USAGE if t.watch is None else t.watch.usage,
            borrowed_key=self._key(t.turn).kind is KeyKind.CLIENT,
        )

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
            return winner.last_s + self._desk.stall_after_s(winner.turn)
        wake = self.started_s + self._patience.deadline_s
        if self._waiting is not None:
            wake = min(wake, self._waits_until)
        if self._live:
            wake = min(wake, self._silence_ends(self._live[-1], now))
        if self._can_ping:
            wake = min(wake, self._pinged_s + self._patience.ping_s)
        return wake

    def _silence_ends(self, newest: Trial, now: float) -> float:
        usual_s = self._hedge_after_s(newest)
        if not newest.is_late:
            return newest.started_s + usual_s
        ends = newest.started_s + _last_patience_s(usual_s)
        return ends if ends > now else now + 1.0


def _last_patience_s(usual_s: float) -> float:
    return max(_LAST_PATIENCE_S, 6 * usual_s)
