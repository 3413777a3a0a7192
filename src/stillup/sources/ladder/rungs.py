"""One climb: DNS, TCP, TLS and HTTP in turn, over one connection, each timed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import h11

from stillup.clock import Clock
from stillup.net import Address, Resolver
from stillup.net.names import literal
from stillup.sources.ladder.dial import connect
from stillup.sources.ladder.exchange import Receipt, Wire, answer_to_connect, body_fault, exchange, request, send
from stillup.sources.ladder.faults import FOREIGN, Fault, ProxyRefused, Stage, fault_of
from stillup.sources.ladder.plan import Ask
from stillup.sources.ladder.result import Climb, Mark
from stillup.sources.ladder.target import Proxy, Target

# A proxy that answers CONNECT with one of these is well itself and could not reach the host.
_GATEWAY_STATUSES = (502, 503, 504)


class _Log:
    """What a climb writes down on its way, so that running out of time loses nothing."""

    def __init__(self, clock: Clock, dialect: str) -> None:
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._entered_s = self._started_s
        self._marks: list[Mark] = []
        self.stage = Stage.DNS
        self.notes: list[str] = []
        self.receipt = Receipt(dialect, lambda: self._ms_since(self._entered_s))

    def enter(self, stage: Stage) -> None:
        self.stage, self._entered_s = stage, self._clock.monotonic_s()

    def passed(self) -> None:
        self._marks.append(Mark(self.stage, self._ms_since(self._entered_s)))

    def climb(self, fault: str = "") -> Climb:
        reply = self.receipt.reply(body_fault(fault) if fault else "")
        return Climb(
            marks=tuple(self._marks),
            stage=self.stage,
            fault="" if reply else fault,
            total_ms=self._ms_since(self._started_s),
            reply=reply,
            notes=tuple(self.notes),
        )

    def _ms_since(self, start_s: float) -> float:
        return round(max(0.0, self._clock.monotonic_s() - start_s) * 1000, 1)


class Climber:
    """Climbs. ``tls`` says which certificates are believed, ``clock`` times the stages, ``resolver`` looks names up."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock, resolver: Resolver) -> None:
        self._tls = tls
        self._clock = clock
        self._resolver = resolver

    async def climb(self, ask: Ask, patience_s: float) -> Climb:
        """Climb once. Whatever the network does is a finding in the result, never an exception.

        :raises NotConfigured: the request cannot be sent as it is.
        """
        log = _Log(self._clock, ask.dialect)
        try:
            async with asyncio.timeout(patience_s), AsyncExitStack() as stack:
                await self._up(ask, log, stack)
        except FOREIGN as exc:
            return log.climb(fault_of(exc, log.stage))
        return log.climb()

    async def _up(self, ask: Ask, log: _Log, stack: AsyncExitStack) -> None:
        if ask.proxy:
            wire = await self._through(ask.proxy, ask, log, stack)
        else:
            addresses = await self._addresses(ask.target, log)
            if ask.is_dns_only:
                return
            log.enter(Stage.TCP)
            wire = await stack.enter_async_context(_connection(addresses, ask.target.port, log))
            log.passed()
        if ask.target.is_tls:
            log.enter(Stage.TLS)
            await wire[1].start_tls(self._tls, server_hostname=ask.target.host)
            log.passed()
        log.enter(Stage.HTTP)
        await exchange(wire, ask, log.receipt)

    async def _addresses(self, target: Target, log: _Log) -> Sequence[Address]:
        """The target's addresses; only a name is a stage of its own."""
        if literal(target.host) is not None:
            return await self._look_up(target.host, target.port)
        log.enter(Stage.DNS)
        found = await self._look_up(target.host, target.port)
        log.passed()
        return found

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        if literal(host) is None:
            return await self._resolver(host, port)
        return [Address(socket.AF_INET6 if ":" in host else socket.AF_INET, host)]

    async def _through(self, proxy: Proxy, ask: Ask, log: _Log, stack: AsyncExitStack) -> Wire:
        """A connection to the proxy and, for TLS, its tunnel; plain HTTP needs none, its address is absolute."""
        log.enter(Stage.PROXY)
        addresses = await self._look_up(proxy.host, proxy.port)
        wire = await stack.enter_async_context(_connection(addresses, proxy.port, log))
        if proxy.scheme == "https":
            await wire[1].start_tls(self._tls, server_hostname=proxy.host)
        if ask.target.is_tls:
            status = await _open_tunnel(wire, proxy, ask)
            if status in _GATEWAY_STATUSES:
                log.enter(Stage.TCP)
                raise OSError(Fault.UNREACHABLE)
            if not 200 <= status < 300:
                raise ProxyRefused(status)
        log.passed()
        return wire


async def _open_tunnel(wire: Wire, proxy: Proxy, ask: Ask) -> int:
    """Ask the proxy for a tunnel to the target; its answer's status."""
    auth = (("proxy-authorization", proxy.auth),) if proxy.auth else ()
    connection = h11.Connection(h11.CLIENT)
    await send(wire, connection, request("CONNECT", ask.target.place, (("host", ask.target.place), *auth)))
    return await answer_to_connect(wire, connection)


@asynccontextmanager
async def _connection(addresses: Sequence[Address], port: int, log: _Log) -> AsyncIterator[Wire]:
    dialled = await connect(addresses, port)
    try:
        reader, writer = await asyncio.open_connection(sock=dialled.sock)
    except BaseException:
        dialled.sock.close()
        await dialled.notes()
        raise
    try:
        yield reader, writer
    finally:
        # Aborting drops unsent bytes, which is fine: everything of ours was sent, or the peer does not read it.
        writer.transport.abort()
        log.notes += await dialled.notes()
