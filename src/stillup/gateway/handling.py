"""One request under way: performs what its exchange decides, and tells what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stillup.gateway.alarm import Alarm
from stillup.gateway.asked import Asked
from stillup.gateway.core.actions import (
    Action,
    Actions,
    Cancel,
    Finish,
    GoOn,
    More,
    Open,
    Patience,
    Ping,
    Refuse,
    Send,
    Settled,
    Whole,
)
from stillup.gateway.core.exchange import Exchange
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.turn import Choice, Facts, Turn
from stillup.gateway.core.values import Ask, Headers, Operation
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import KeyChoice
from stillup.gateway.dialects.errors import error_answer, ping
from stillup.gateway.dialects.needs import Needs, needs
from stillup.gateway.reading import classified, head_for_client
from stillup.gateway.record import Record
from stillup.gateway.seen.passage import Ending, Passage
from stillup.gateway.telling import (
    continued_lines,
    id_lines,
    reason_of,
    refusal,
    refusal_in_stream,
    route_lines,
)

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.composing import Composer
    from stillup.gateway.journal import Entry
    from stillup.gateway.outlet import Outlet
    from stillup.gateway.wire.client import Call

_STREAM_HEAD: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
_SLACK_S = 0.005
"""A timer that fires so much too early is close enough."""


class Handling:
    """Between a client's connection, the upstreams' calls and the exchange. Everything happens on the event loop."""

    def __init__(self, gateway: Gateway, connection: Outlet, ask: Ask, passage: Passage, entry: Entry | None) -> None:
        self.ask = ask
        self.needs = needs(ask) if ask.operation is Operation.GENERATE else Needs(0)
        self._gateway = gateway
        self._connection = connection
        self._record = Record(gateway, passage, entry)
        self._why = Why.FIRST_CHOICE
        self._exchange: Exchange | None = None
        self._asked: Asked | None = None
        self._alarm = Alarm(gateway.now)
        self._continued: list[str] = []
        self._is_paused = False
        self._head_sent = False
        self.is_over = False
        """Nothing more comes of it."""

    @property
    def passage(self) -> Passage:
        """What is noted of it: its id, whose it is."""
        return self._record.passage

    def start(
        self, composer: Composer, facts: Facts, choice: Choice, keys: Mapping[str, KeyChoice], patience: Patience
    ) -> None:
        """Ask the first upstream."""
        gateway = self._gateway
        self._alarm.off()  # it may have waited for room
        asked = self._asked = Asked(self, gateway, composer, keys)
        self._why = choice.why
        self._record.chosen(choice)
        now = gateway.now()
        self._exchange = Exchange(
            self.ask,
            facts,
            choice,
            keys,
            gateway.desk,
            patience,
            reader=asked.watch,
            classify=classified,
            context_of=gateway.plan.context_of,
            learn=asked.learn,
            continuable=composer.continuable,
            now=now,
            can_ping=bool(ping(self.ask.protocol)),
        )
        self._perform(self._exchange.start(now))

    def refuse(self, fault: Fault, says: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        """Answer without asking anybody."""
        is_full = fault in (Fault.OVERLOADED, Fault.RATE_LIMITED)
        self._record.ending = Ending.TURNED_AWAY if is_full else Ending.REFUSED
        self._answer_error(fault, says, status=status, retry_after_s=retry_after_s)
        self._end()

    def tell(self, ending: Ending, reason: str, status: int, headers: Headers, body: bytes) -> None:
        """Answer it ourselves: nobody is asked."""
        self._record.ending, self._record.reason = ending, reason
        self._answer(status, (*headers, *route_lines((), None, reason, self._record.passage.id)), body)
        self._end()

    def wait_at_most(self, seconds: float, says: str) -> None:
        """It waits for room; after so long it is refused."""
        self._alarm.set(self._gateway.now() + seconds, partial(self.refuse, Fault.OVERLOADED, says))

    # --- the client's connection

    def client_gone(self) -> None:
        """See :class:`stillup.gateway.wire.server.Exchange`."""
        if self.is_over:
            return
        self._give_up()
        self._record.ending, self._record.status = Ending.ABANDONED, None
        self._end()

    def stop(self, says: str, retry_after_s: float) -> None:
        """The gateway stops: the client gets an error that it can try again after."""
        if self.is_over:
            return
        ending = self._exchange.ending(Fault.OVERLOADED, says) if self._exchange and self._head_sent else b""
        self._give_up()
        if self._head_sent:
            self._record.ending, self._record.status = Ending.BROKEN, 200
            self._finish(ending)
        else:
            self._record.ending = Ending.TURNED_AWAY
            self._answer_error(Fault.OVERLOADED, says, retry_after_s=retry_after_s)
        self._end()

    def broke(self, exc: Exception) -> None:
        """A mistake of ours, met in a callback: whoever reads the log is told, and no client waits for ever."""
        told = {"message": "a request could not be handled", "exception": exc}
        asyncio.get_running_loop().call_exception_handler(told)
        if self.is_over:
            return
        if self._head_sent:
            self._connection.abort()
            self.client_gone()
        else:
            self._give_up()
            self.refuse(Fault.SERVER_ERROR, "The gateway made a mistake; its log says more.")

    def pause(self) -> None:
        """The client is slow: what it cannot take is left with the upstream."""
        self._is_paused = True
        if self._exchange is not None:
            self._exchange.paused()
        if (call := self._winners_call()) is not None:
            call.pause()

    def resume(self) -> None:
        """Go on reading."""
        self._is_paused = False
        if self._exchange is not None:
            self._exchange.resumed(self._gateway.now())
        if (call := self._winners_call()) is not None:
            call.resume()

    def _winners_call(self) -> Call | None:
        winner = self._exchange.winner if self._exchange and not self.is_over else None
        return self._asked.call(winner.n) if winner and self._asked else None

    # --- the upstreams' answers

    def heard_head(self, n: int, status: int, headers: Headers) -> None:
        """The head of try ``n``'s answer."""
        if self._exchange is not None:
            self._perform(self._exchange.head(n, status, headers, self._gateway.now(), self._gateway.clock.now()))

    def heard_data(self, n: int, chunk: bytes) -> None:
        """A piece of try ``n``'s body."""
        exchange = self._exchange
        if exchange is None:
            return
        passed = exchange.data(n, chunk, self._gateway.now())
        if isinstance(passed, bytes):
            if passed:
                self._send_on(passed)
        elif passed:
            self._perform(passed)
            return
        # Also where nothing is to be done: what is held back has a winner, whose silence is a stall.
        if exchange.wake_at < self._alarm.at_s and not exchange.is_over:
            self._alarm.set(exchange.wake_at, self._wake)

    def heard_end(self, n: int) -> None:
        """The end of try ``n``'s body."""
        if self._exchange is not None:
            self._perform(self._exchange.end(n, self._gateway.now(), self._gateway.clock.now()))

    def heard_failure(self, n: int, fault: Fault) -> None:
        """Try ``n``'s connection failed."""
        if self._exchange is not None:
            self._perform(self._exchange.failed(n, fault, self._gateway.now()))

    # --- performing

    def _perform(self, actions: Actions) -> None:
        for action in actions:
            self._do(action)
        exchange = self._exchange
        if exchange is None or self.is_over:
            return
        if exchange.is_over:
            self._end()
        elif exchange.wake_at < self._alarm.at_s:
            self._alarm.set(exchange.wake_at, self._wake)

    def _do(self, action: Action) -> None:
        match action:
            case Send():
                self._send(action.n, action.turn, beside=action.beside)
            case Settled():
                self._record.settled(action, self._tries[action.n].turn)
            case Cancel():
                if self._asked is not None:
                    self._asked.cancel(action.n)
            case Refuse():
                self._refuse(action)
            case _:
                self._tell(action)

    def _tell(self, action: Whole | Open | More | GoOn | Finish | Ping) -> None:
        """What goes to the client."""
        match action:
            case Whole():
                self._whole(action)
            case Open():
                self._open(action)
            case More():
                self._send_on(action.data)
            case GoOn():
                self._go_on(action)
            case Finish():
                self._record.ending = Ending.BROKEN if action.broken else Ending.ANSWERED
                self._record.status = 200
                self._finish(action.data)
            case Ping():
                self._ping()

    def _send(self, n: int, turn: Turn, *, beside: bool) -> None:
        if beside:
            self._record.hedged(turn)
        exchange = self._exchange
        if exchange is not None and self._asked is not None:
            going_on = exchange.going_on
            given = going_on.given if going_on.broken is not None else None
            self._asked.send(exchange.tries[n], given.writer() if given else None)

    # --- answering

    def _open(self, action: Open) -> None:
        head = self._told(action.n, action.headers)
        self._record.answering(action.n, self._tries[action.n].turn, action.status, head)
        raw = b"" if self._head_sent else self._connection.begin(action.status, head)
        self._head_sent = True
        self._record.forwarded(action.data)
        self._gateway.outbox.put(self._connection.send, raw + self._connection.frame(action.data))
        if self._is_paused:
            self.pause()

    def _go_on(self, action: GoOn) -> None:
        """Law 4: the same answer, from another upstream."""
        turn = self._tries[action.n].turn
        form = self._asked.form(action.n) if self._asked else ""
        self._record.going_on(action, turn, self._tries[action.broken], form)
        self._continued.append(f"{turn.name}@{action.at}")
        self._send_on(action.data)
        if self._is_paused:
            self.pause()

    def _whole(self, action: Whole) -> None:
        head = self._told(action.n, action.headers)
        self._record.answering(action.n, self._tries[action.n].turn, action.status, head)
        self._record.ending = Ending.ANSWERED
        self._answer(action.status, head, action.data)

    def _finish(self, data: bytes) -> None:
        self._record.forwarded(data)
        told = continued_lines(self._continued)
        self._gateway.outbox.put(self._connection.end, self._connection.frame(data), told)

    def _send_on(self, data: bytes) -> None:
        self._record.forwarded(data)
        self._gateway.outbox.put(self._connection.send, self._connection.frame(data), size=len(data))

    def _answer(self, status: int, headers: Headers, body: bytes) -> None:
        self._record.status = status
        self._record.forwarded(body)
        self._gateway.outbox.put(self._connection.answer, status, headers, body)

    def _ping(self) -> None:
        head = (*_STREAM_HEAD, *id_lines(self._record.passage.id))
        raw = b"" if self._head_sent else self._connection.begin(200, head)
        self._head_sent = True
        self._gateway.outbox.put(self._connection.send, raw + self._connection.frame(ping(self.ask.protocol)))

    def _refuse(self, action: Refuse) -> None:
        self._record.ending = Ending.DEADLINE if action.end is End.DEADLINE else Ending.FAILED
        lines = self._route_lines(action.n, action.fault.value)
        later = self._gateway.later.put_off(self.ask, action, self._tries, self._record.passage)
        if later is not None:
            self._record.ending = Ending.DEFERRED
        if self._head_sent:  # pings went out, so the status is sent already
            self._record.status = 200
            self._finish(later.event if later else refusal_in_stream(self.ask.protocol, action, self._tries))
        elif later is not None:
            self._answer(later.status, (*later.headers, *lines), later.body)
        else:
            self._answer(*refusal(self.ask.protocol, action, self._tries, lines, self._record.passage.id))

    def _answer_error(
        self, fault: Fault, says: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        status, head, body = error_answer(
            self.ask.protocol,
            fault,
            says,
            status=status,
            retry_after_s=retry_after_s,
            request_id=self._record.passage.id,
        )
        self._answer(status, (*head, *self._route_lines(None, fault.value)), body)

    @property
    def _tries(self) -> Sequence[Trial]:
        return self._exchange.tries if self._exchange else ()

    def _told(self, n: int, headers: Headers) -> Headers:
        """Law 8: the answer says who gave it."""
        return (*head_for_client(self._tries[n].watch, headers), *self._route_lines(n, self._why.value))

    def _route_lines(self, n: int | None, why: str) -> Headers:
        """The same lines for errors; the reason in them is the one that is noted everywhere."""
        record = self._record
        record.reason = reason_of(self._tries, n, why)
        return route_lines(self._tries, n, record.reason, record.passage.id)

    # --- time and the end

    def _wake(self) -> None:
        exchange = self._exchange
        if exchange is None or exchange.is_over or self.is_over:
            return
        now = self._gateway.now()
        if exchange.wake_at - now > _SLACK_S:  # bytes came meanwhile
            self._alarm.set(exchange.wake_at, self._wake)
            return
        try:
            self._perform(exchange.tick(now))
        except Exception as exc:  # noqa: BLE001 - no timer would look at it again
            self.broke(exc)

    def _give_up(self) -> None:
        if self._exchange is not None:
            for action in self._exchange.client_gone():
                self._do(action)

    def _end(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self._alarm.off()
        if self._exchange is not None and not self._record.reason:  # the client left first
            self._record.reason = reason_of(self._tries, None, self._why.value)
        try:
            self._record.ended()
        finally:  # whatever could not be noted, its place is free
            self._asked = self._exchange = None  # they hold this: it would be left for the collector
            self._gateway.over(self, self._record.passage)
