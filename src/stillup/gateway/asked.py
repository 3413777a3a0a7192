"""The calls of one request to upstreams: composed, signed, sent, and given up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import KeyChoice, Outgoing, Watch
from stillup.gateway.dialects.dialect import Untranslatable, Writer
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.signing import fault_of
from stillup.gateway.sink import TrySink

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.composing import Composed, Composer
    from stillup.gateway.faults.staged import Staging
    from stillup.gateway.handling import Handling
    from stillup.gateway.signing import Signer
    from stillup.gateway.wire.client import Call


class Asked:
    """By the number of the try. What comes back is told to the handling."""

    __slots__ = ("_calls", "_composed", "_composer", "_gateway", "_handling", "_keys")

    def __init__(self, handling: Handling, gateway: Gateway, composer: Composer, keys: Mapping[str, KeyChoice]) -> None:
        self._handling = handling
        self._gateway = gateway
        self._composer = composer
        self._keys = keys
        self._composed: dict[int, Composed] = {}
        self._calls: dict[int, Call | asyncio.Task[None]] = {}

    def send(self, t: Trial, writer: Writer | None) -> None:
        """Ask; ``writer`` is set behind a break, and knows what the client has."""
        if self._composer.is_long:
            self._calls[t.n] = self._gateway.task(self._send_aside(t, writer))
        else:
            self._put(t, self._compose(t, writer))

    async def _send_aside(self, t: Trial, writer: Writer | None) -> None:
        """What takes long is put together beside the loop: all others are served meanwhile."""
        composed = await asyncio.get_running_loop().run_in_executor(self._gateway.aside, self._compose, t, writer)
        self._calls.pop(t.n, None)
        if self._handling.is_over or t.is_over:
            return
        try:
            self._put(t, composed)
        except Exception as exc:  # noqa: BLE001 - no connection waits for this one
            self._handling.broke(exc)

    def _compose(self, t: Trial, writer: Writer | None) -> Composed | Exception:
        try:
            return self._composer.compose(t.turn, self._keys[t.turn.target.upstream], writer)
        except Exception as exc:  # noqa: BLE001 - raised where it is put
            return exc

    def _put(self, t: Trial, composed: Composed | Exception) -> None:
        if isinstance(composed, (Untranslatable, NoJson)):
            t.says = str(composed)
            self._fails(t, Fault.UNSUPPORTED)
        elif isinstance(composed, ValueError):  # not configured so that it could be asked: no project, no usable key
            self._fails(t, Fault.UNAUTHORIZED)
        elif isinstance(composed, Exception):
            raise composed
        else:
            self._composed[t.n] = composed
            t.changes = composed.changes
            signer = self._gateway.lines.signers.get(t.turn.target.upstream)
            self._gateway.outbox.put(self._dispatch, t, composed.outgoing, signer)

    def cancel(self, n: int) -> None:
        """Give it up."""
        call = self._calls.pop(n, None)
        if call is not None:
            call.cancel()

    def call(self, n: int) -> Call | None:
        """What is under way; None where nothing is, or it is still being put together or signed."""
        call = self._calls.get(n)
        return None if isinstance(call, asyncio.Task) else call

    def watch(self, n: int, status: int, headers: Headers) -> Watch | Fault:
        """See :data:`stillup.gateway.core.trial.Reader`."""
        return self._composer.watch(self._composed[n], status, headers)

    def learn(self, n: int, status: int, body: bytes) -> bool:
        """See :data:`stillup.gateway.core.trial.Learn`."""
        return self._composer.learn(self._composed[n], status, body)

    def form(self, n: int) -> str:
        """How it was asked to go on; empty where there was nothing to go on with."""
        form = self._composed[n].form
        return form.value if form else ""

    def _fails(self, t: Trial, fault: Fault) -> None:
        asyncio.get_running_loop().call_soon(self._handling.heard_failure, t.n, fault)

    def _dispatch(self, t: Trial, outgoing: Outgoing, signer: Signer | None) -> None:
        if self._handling.is_over or t.is_over:
            return
        drill = self._gateway.faults.drill(t.turn)
        if drill is not None:
            t.drill = drill.name
        if signer is None:
            self._calls[t.n] = self._gateway.lines.send(outgoing, TrySink(self._handling, t.n), drill=drill)
        else:
            self._calls[t.n] = self._gateway.task(self._sign_and_send(t.n, outgoing, signer, drill))

    async def _sign_and_send(self, n: int, outgoing: Outgoing, signer: Signer, drill: Staging | None) -> None:
        try:
            signature = await signer.headers(outgoing)
        except Exception as exc:  # noqa: BLE001 - the vendors' libraries raise what they like
            self._calls.pop(n, None)
            self._handling.heard_failure(n, fault_of(exc))
            return
        self._calls[n] = self._gateway.lines.send(outgoing, TrySink(self._handling, n), signature, drill=drill)
