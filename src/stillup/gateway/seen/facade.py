"""Everything that is seen of the gateway's requests, behind one door: metrics, the access log, traces."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from stillup.clock import Clock
from stillup.gateway.core.values import Ask, Target
from stillup.gateway.core.views import Try
from stillup.gateway.seen.access import AccessLog
from stillup.gateway.seen.cost import Labels, Price, unpriced, used_by
from stillup.gateway.seen.metrics import Breakers, Drills, Journal, Metrics, PutOff
from stillup.gateway.seen.passage import MOST_TRIES, Ending, Passage
from stillup.gateway.seen.spans import Spans

FLUSH_S = 1.0
_STOP_S = 5.0


class Seen:
    """Told of every request by the shell, from the event loop; costs some eight microseconds a request, log included.

    Nothing here sees a body's content or a key. ``price`` tells what tokens cost, ``labels`` under which names models
    appear in metrics. ``access`` and ``spans`` are optional and owned from here on.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        price: Price = unpriced,
        labels: Labels | None = None,
        access: AccessLog | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._clock = clock
        self._price = price
        self._access = access
        self._spans = spans
        self._running: asyncio.Task[None] | None = None
        self.metrics = Metrics(labels or Labels())

    def show(
        self,
        *,
        breakers: Breakers | None = None,
        journal: Journal | None = None,
        drills: Drills | None = None,
        put_off: PutOff | None = None,
    ) -> None:
        """Say where the numbers come from that others keep; they are asked only when metrics are."""
        self.metrics.breakers = breakers or self.metrics.breakers
        self.metrics.journal = journal or self.metrics.journal
        self.metrics.drills = drills or self.metrics.drills
        self.metrics.put_off = put_off or self.metrics.put_off

    def tell(self, *, access: AccessLog | None = None, spans: Spans | None = None) -> None:
        """Tell requests to these too, before it is started; they are owned from here on."""
        self._access = access or self._access
        self._spans = spans or self._spans

    # -- on the way of a request --------------------------------------------------------------------------------------

    def begin(self, ask: Ask, request_id: str, user: str = "") -> Passage:
        """A request was understood; keep the passage and hand it back with what follows."""
        passage = Passage(
            request_id,
            ask.protocol,
            ask.operation,
            ask.model,
            ask.stream,
            len(ask.body),
            user,
            self._clock.monotonic_s(),
        )
        if self._spans is not None:
            passage.traceparent = next((v for k, v in ask.headers if k.lower() == b"traceparent"), b"")
        self.metrics.begin(passage)
        return passage

    def tried(self, passage: Passage, result: Try) -> None:
        """A try ended: every one, the one that answered too.

        Neither ``ok`` nor a fault: it was given up because another one was quicker, or the client went away.
        """
        self.metrics.tried(result)
        if len(passage.tries) < MOST_TRIES:
            passage.tries.append((self._clock.monotonic_s(), result))
        if result.ok:
            passage.winner = result

    def hedged(self, passage: Passage, target: Target) -> None:
        """This target is asked beside one that is late."""
        passage.hedges += 1
        self.metrics.hedged(target.upstream)

    def continued(self, passage: Passage, broken: Try, target: Target) -> None:
        """The answer of a try broke off, of which the client has a part, and this target goes on with it."""
        usd = self._price(broken.model, broken.usage) or 0.0
        passage.seams += 1
        passage.earlier_usd += usd
        self.metrics.continued(broken, usd, target.upstream)

    def rerouted(self, target: Target, reason: str) -> None:
        """This target was passed over, or left for the next one, and why (a member of ``Why`` or ``Fault``)."""
        self.metrics.rerouted(target.upstream, reason)

    def ended(
        self,
        passage: Passage,
        ending: Ending,
        *,
        status: int | None = None,
        sent_bytes: int = 0,
        first_token_s: float | None = None,
        by: Try | None = None,
        reason: str = "",
        made_tokens: int | None = None,
    ) -> None:
        """The request is over: its status, the bytes of the body that were sent, when the first content went out.

        ``first_token_s`` is counted from the request's beginning, unlike a try's own. ``by`` is the try whose answer
        the client got a part of, where none was answered whole: its tokens are paid for all the same.
        ``reason`` is the one that the client was told, ``made_tokens`` an estimate of what a part came to.
        """
        passage.winner = passage.winner or by
        passage.ending, passage.status, passage.sent_bytes = ending, status, sent_bytes
        passage.total_s = self._clock.monotonic_s() - passage.started_s
        passage.first_token_s = first_token_s
        passage.reason, passage.made_tokens = reason, made_tokens
        if passage.winner is not None:
            passage.usd = _sum(self._price(passage.winner.model, passage.usage), passage.earlier_usd)
        if passage.user:
            used = used_by(passage)
            passage.due_usd = _sum(None if used is None else self._price(passage.model, used), passage.earlier_usd)
        self.metrics.ended(passage)
        if self._access is not None:
            self._access.ended(passage, self._clock.now().timestamp())
        if self._spans is not None:
            self._spans.ended(passage, self._clock.now().timestamp())

    # -- beside the requests ------------------------------------------------------------------------------------------

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        if self._access is not None:
            self.metrics.log_dropped = self._access.dropped
        return self.metrics.render()

    def spent_usd(self) -> dict[str, float]:
        """What answers have cost since the start, by ``upstream/model``; what has no price is not there."""
        return self.metrics.spent_usd()

    async def start(self) -> None:
        """Begin to write the access log, each second, in a thread: a slow disk or a full pipe delays no request."""
        if self._access is not None and self._running is None:
            self._running = asyncio.create_task(self._flush(self._access))

    async def stop(self) -> None:
        """Write and send what is still held, for a few seconds at most."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
            self._running = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.to_thread(self._close)

    async def _flush(self, access: AccessLog) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await asyncio.to_thread(access.flush)

    def _close(self) -> None:
        if self._access is not None:
            self._access.close()
        if self._spans is not None:
            self._spans.close()


def _sum(usd: float | None, earlier_usd: float) -> float | None:
    """None where neither is known to have cost anything."""
    return usd if not earlier_usd else (usd or 0.0) + earlier_usd
