"""One request under way: performs what its exchange decides, and tells what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.gateway.core.exchange import (
    Action,
    Actions,
    Cancel,
    Exchange,
    Finish,
    Open,
    Patience,
    Ping,
    Refuse,
    Send,
    Settled,
    Whole,
)
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.turn import Choice, Facts, Turn
from stillup.gateway.core.values import Ask, Headers
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.address import address
from stillup.gateway.dialects.base import KeyChoice, Outgoing
from stillup.gateway.dialects.errors import error_answer, error_event, ping
from stillup.gateway.reading import classified, is_decoded, reader
from stillup.gateway.seen.passage import Ending, Passage
from stillup.gateway.wire.hops import end_to_end, header_value

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.views import Try
    from stillup.gateway.journal import Entry
    from stillup.gateway.signing import Signer
    from stillup.gateway.wire.client import Call
    from stillup.gateway.wire.server import Connection

_STREAM_HEAD: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)
_ENDINGS = {End.DEADLINE: Ending.DEADLINE}
_SLACK_S = 0.005
"""A timer that fires so much too early is close enough."""


class Handling:
    """Between a client's connection, the upstreams' calls and the exchange. Everything happens on the event loop."""

    def __init__(
        self, gateway: Gateway, connection: Connection, ask: Ask, passage: Passage, entry: Entry | None
    ) -> None:
        self.ask = ask
        self._gateway = gateway
        self._connection = connection
        self._passage = passage
        self._entry = entry
        self._keys: Mapping[str, KeyChoice] = {}
        self._why = Why.FIRST_CHOICE
        self._exchange: Exchange | None = None
        self._calls: list[Call | asyncio.Task[None] | None] = []
        self._timer: asyncio.TimerHandle | None = None
        self._armed_s = 0.0
        self._is_paused = False
        self._head_sent = False
        self._is_over = False
        self._ending = Ending.ABANDONED
        self._status: int | None = None
        self._sent_bytes = 0
        self._first_s: float | None = None
        self._taken: Try | None = None

    def start(self, facts: Facts, choice: Choice, keys: Mapping[str, KeyChoice], patience: Patience) -> None:
        """Ask the first upstream."""
        gateway = self._gateway
        self._keys, self._why = keys, choice.why
        for skipped in choice.skipped:
            gateway.seen.rerouted(self._passage, skipped.target, skipped.why)
        now = gateway.now()
        self._exchange = Exchange(
            self.ask,
            facts,
            choice,
            keys,
            gateway.desk,
            patience,
            reader=reader,
            classify=classified,
            context_of=gateway.plan.context_of,
            now=now,
            can_ping=bool(ping(self.ask.protocol)),
        )
        self._perform(self._exchange.start(now))

    def refuse(self, fault: Fault, says: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        """Answer without asking anybody."""
        self._ending = Ending.TURNED_AWAY if fault is Fault.OVERLOADED else Ending.REFUSED
        self._answer(
            *error_answer(
                self.ask.protocol,
                fault,
                says,
                status=status,
                retry_after_s=retry_after_s,
                request_id=self._passage.id,
            )
        )
        self._end()

    # --- the client's connection

    def client_gone(self) -> None:
        """See :class:`stillup.gateway.wire.server.Exchange`."""
        if self._is_over:
            return
        if self._exchange is not None:
            for action in self._exchange.client_gone():
                self._do(action)
        self._ending, self._status = Ending.ABANDONED, None
        self._end()

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return self._is_over

    def pause(self) -> None:
        """The client is slow: what it cannot take is left with the upstream."""
        self._is_paused = True
        call = self._winners_call()
        if call is not None:
            call.pause()

    def resume(self) -> None:
        """Go on reading."""
        self._is_paused = False
        call = self._winners_call()
        if call is not None:
            call.resume()

    def _winners_call(self) -> Call | None:
        winner = self._exchange.winner if self._exchange else None
        call = self._calls[winner.n] if winner else None
        return None if isinstance(call, asyncio.Task) else call

    # --- the upstreams' answers

    def heard_head(self, n: int, status: int, headers: Headers) -> None:
        """The head of try ``n``'s answer."""
        gateway = self._gateway
        if self._exchange is not None:
            self._perform(self._exchange.head(n, status, headers, gateway.now(), gateway.clock.now()))

    def heard_data(self, n: int, chunk: bytes) -> None:
        """A piece of try ``n``'s body."""
        exchange = self._exchange
        if exchange is None:
            return
        passed = exchange.data(n, chunk, self._gateway.now())
        if not isinstance(passed, bytes):
            self._perform(passed)
            return
        if passed:
            self._send_on(passed)
        if exchange.wake_at < self._armed_s:
            self._arm(exchange.wake_at)

    def heard_end(self, n: int) -> None:
        """The end of try ``n``'s body."""
        gateway = self._gateway
        if self._exchange is not None:
            self._perform(self._exchange.end(n, gateway.now(), gateway.clock.now()))

    def heard_failure(self, n: int, fault: Fault) -> None:
        """Try ``n``'s connection failed."""
        if self._exchange is not None:
            self._perform(self._exchange.failed(n, fault, self._gateway.now()))

    # --- performing

    def _perform(self, actions: Actions) -> None:
        for action in actions:
            self._do(action)
        exchange = self._exchange
        if exchange is None or self._is_over:
            return
        if exchange.is_over:
            self._end()
        elif self._timer is None or exchange.wake_at < self._armed_s:
            self._arm(exchange.wake_at)

    def _do(self, action: Action) -> None:
        match action:
            case Send():
                self._send(action.n, action.turn)
            case Open():
                self._open(action)
            case Finish():
                self._ending, self._status = (Ending.BROKEN if action.broken else Ending.ANSWERED), 200
                self._keep(action.data)
                self._gateway.outbox.put(self._connection.end, self._connection.frame(action.data))
            case Whole():
                self._whole(action)
            case Settled():
                self._settled(action)
            case Cancel():
                call, self._calls[action.n] = self._calls[action.n], None
                if call is not None:
                    call.cancel()
            case Ping():
                self._ping()
            case Refuse():
                self._refuse(action)

    def _send(self, n: int, turn: Turn) -> None:
        gateway = self._gateway
        name = turn.target.upstream
        if turn.why is Why.HEDGE:
            gateway.seen.hedged(self._passage, turn.target)
        self._calls.append(None)
        try:
            outgoing = address(self.ask, turn.target, gateway.plan.upstream(name), self._keys[name])
        except ValueError:  # it cannot take such a request at all
            asyncio.get_running_loop().call_soon(self.heard_failure, n, Fault.BAD_REQUEST)
            return
        gateway.outbox.put(self._dispatch, n, outgoing, gateway.signers.get(name))

    def _dispatch(self, n: int, outgoing: Outgoing, signer: Signer | None) -> None:
        if self._is_over or self._exchange is None or self._exchange.tries[n].is_over:
            return
        if signer is None:
            self._calls[n] = self._gateway.send(outgoing, _Sink(self, n))
        else:
            self._calls[n] = self._gateway.task(self._sign_and_send(n, outgoing, signer))

    async def _sign_and_send(self, n: int, outgoing: Outgoing, signer: Signer) -> None:
        try:
            signature = await signer.headers(outgoing)
        except Exception:  # noqa: BLE001 - the vendors' libraries raise what they like: there is no usable key
            self._calls[n] = None
            self.heard_failure(n, Fault.UNAUTHORIZED)
            return
        self._calls[n] = self._gateway.send(outgoing, _Sink(self, n), signature)

    def _settled(self, action: Settled) -> None:
        gateway, result = self._gateway, action.result
        gateway.seen.tried(self._passage, result)
        if action.taken:
            self._taken = result
        elif result.fault is not None:
            gateway.seen.rerouted(self._passage, result.target, result.fault)
        if self._entry is not None and self._exchange is not None:
            why = self._exchange.tries[action.n].turn.why
            gateway.journal.tried(self._entry, action.n, result, gateway.wall_s(), why=why)
        if gateway.observer is not None and (result.ok or result.fault is not None):
            gateway.observer.tried(result)

    # --- answering

    def _open(self, action: Open) -> None:
        self._first_s = self._gateway.now() - self._passage.started_s
        head = self._told(action.n, action.headers, decoded=is_decoded(self.ask, action.headers))
        self._answering(action.n, action.status, head)
        raw = b"" if self._head_sent else self._connection.begin(action.status, head)
        self._head_sent = True
        self._keep(action.data)
        self._gateway.outbox.put(self._connection.send, raw + self._connection.frame(action.data))
        if self._is_paused:
            self.pause()

    def _whole(self, action: Whole) -> None:
        self._first_s = self._gateway.now() - self._passage.started_s
        head = self._told(action.n, action.headers)
        self._answering(action.n, action.status, head)
        self._ending = Ending.ANSWERED
        self._answer(action.status, head, action.data)

    def _send_on(self, data: bytes) -> None:
        self._keep(data)
        self._gateway.outbox.put(self._connection.send, self._connection.frame(data))

    def _answer(self, status: int, headers: Headers, body: bytes) -> None:
        self._status = status
        self._keep(body)
        self._gateway.outbox.put(self._connection.answer, status, headers, body)

    def _keep(self, data: bytes) -> None:
        self._sent_bytes += len(data)
        if data and self._entry is not None:
            self._gateway.journal.forwarded(self._entry, data)

    def _ping(self) -> None:
        raw = b"" if self._head_sent else self._connection.begin(200, _STREAM_HEAD)
        self._head_sent = True
        self._gateway.outbox.put(self._connection.send, raw + self._connection.frame(ping(self.ask.protocol)))

    def _refuse(self, action: Refuse) -> None:
        self._ending = _ENDINGS.get(action.end, Ending.FAILED)
        says = self._all_that_failed(action)
        if self._head_sent:  # pings went out, so the status is sent already
            data = error_event(self.ask.protocol, action.fault, says)
            self._status = 200
            self._keep(data)
            self._gateway.outbox.put(self._connection.end, self._connection.frame(data))
        elif action.status is not None:
            waits = any(name.lower() == b"retry-after" for name, _ in action.headers)
            more = () if waits or action.retry_after_s is None else ((b"retry-after", _whole_s(action.retry_after_s)),)
            head = (*end_to_end(action.headers), *more, *self._route_lines(None))
            self._answer(action.status, head, action.body)
        else:
            status, head, body = error_answer(
                self.ask.protocol,
                action.fault,
                says,
                retry_after_s=action.retry_after_s,
                request_id=self._passage.id,
            )
            self._answer(status, (*head, *self._route_lines(None)), body)

    def _all_that_failed(self, action: Refuse) -> str:
        tries = self._exchange.tries if self._exchange else []
        told = dict.fromkeys(f"{t.turn.target.name}: {t.fault.value}" for t in tries if t.fault is not None)
        return f"{action.end.says} ({'; '.join(told)})" if told else action.end.says

    def _told(self, n: int, headers: Headers, *, decoded: bool = False) -> Headers:
        """Law 8: the answer says who gave it."""
        return (*end_to_end(headers, decoded=decoded), *self._route_lines(n))

    def _route_lines(self, n: int | None) -> Headers:
        tries = self._exchange.tries if self._exchange else []
        reason = self._why.value
        if tries and (n is None or n > 0):
            fault = tries[0].fault or (Fault.SLOW_FIRST_TOKEN if tries[0].is_late else None)
            reason = fault.value if fault else reason
        lines = [(b"x-stillup-attempts", b"%d" % len(tries)), (b"x-stillup-reason", reason.encode())]
        if n is not None:
            turn = tries[n].turn
            lines.insert(0, (b"x-stillup-model", header_value(turn.model)))
            lines.insert(0, (b"x-stillup-upstream", header_value(turn.target.upstream)))
        return tuple(lines)

    def _answering(self, n: int, status: int, headers: Headers) -> None:
        if self._entry is None or self._exchange is None:
            return
        named = {name.lower(): value.decode("latin-1") for name, value in headers}
        turn = self._exchange.tries[n].turn
        self._gateway.journal.answering(
            self._entry,
            n,
            turn.target,
            self._gateway.wall_s(),
            status=status,
            model=turn.model,
            content_type=named.get(b"content-type", ""),
            content_encoding=named.get(b"content-encoding", ""),
        )

    # --- time and the end

    def _arm(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_s = at_s
        delay_s = max(0.0, at_s - self._gateway.now())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        exchange = self._exchange
        if exchange is None or exchange.is_over or self._is_over:
            return
        now = self._gateway.now()
        if exchange.wake_at - now > _SLACK_S:  # bytes came meanwhile
            self._arm(exchange.wake_at)
        else:
            self._perform(exchange.tick(now))

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gateway = self._gateway
        gateway.seen.ended(
            self._passage,
            self._ending,
            status=self._status,
            sent_bytes=self._sent_bytes,
            first_token_s=self._first_s,
            by=self._taken,
        )
        if self._entry is not None:
            usage = self._passage.usage
            gateway.journal.ended(self._entry, self._ending.value, gateway.wall_s(), status=self._status, usage=usage)
            gateway.outbox.put(_nothing)  # the end is written too
        gateway.over(self, self._passage)


class _Sink:
    """What one call's answer is told to."""

    __slots__ = ("_handling", "_n")

    def __init__(self, handling: Handling, n: int) -> None:
        self._handling = handling
        self._n = n

    def head(self, status: int, headers: Headers) -> None:
        self._handling.heard_head(self._n, status, headers)

    def data(self, chunk: bytes) -> None:
        self._handling.heard_data(self._n, chunk)

    def end(self) -> None:
        self._handling.heard_end(self._n)

    def failed(self, fault: Fault) -> None:
        self._handling.heard_failure(self._n, fault)


def _whole_s(seconds: float) -> bytes:
    return b"%d" % -(-seconds // 1)


def _nothing() -> None:
    """Stands in the outbox for something that is only to be written."""
