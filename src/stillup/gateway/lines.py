"""The lines to the upstreams: who signs, through which proxy, over which pool of connections."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from stillup.errors import UsageError
from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import Outgoing, UpstreamSpec
from stillup.gateway.dialects.bases import base_of
from stillup.gateway.faults.staged import Staging
from stillup.gateway.proxies import Proxies
from stillup.gateway.signing import Signer, signer_for
from stillup.gateway.wire.client import Call, Place, Pool, Sink


class Lines:
    """One pool for each place; made when it is first needed."""

    def __init__(
        self, now: Callable[[], float], *, tls: ssl.SSLContext | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.signers: dict[str, Signer] = {}
        """By the upstream's id; none for those that take a key or nothing."""
        self._now = now
        self._tls = tls
        self._proxies = Proxies(environ)
        self._pools: dict[str, Pool] = {}

    def check(self, upstreams: Sequence[UpstreamSpec]) -> None:
        """Find out before the first request whether each can be asked at all.

        :raises stillup.errors.UsageError: one needs a library that is not installed, or has no usable address.
        """
        for upstream in upstreams:
            try:
                base_of(upstream)
            except ValueError as exc:
                msg = f"upstream {upstream.id!r} cannot be asked: {exc}"
                raise UsageError(msg) from exc
            signer = signer_for(upstream)
            if signer is not None:
                self.signers[upstream.id] = signer

    def send(self, outgoing: Outgoing, sink: Sink, more: Headers = (), drill: Staging | None = None) -> Call:
        """Send a request; what comes back goes to the sink. In a drill it may not be sent at all."""
        if drill is not None:
            return drill.call(lambda through: self._ask(_plain(outgoing), through, more), sink)
        return self._ask(outgoing, sink, more)

    def _ask(self, outgoing: Outgoing, sink: Sink, more: Headers) -> Call:
        pool = self._pools.get(outgoing.origin)
        if pool is None:
            place = Place.of(outgoing.origin)
            proxy = self._proxies.before(place)
            pool = self._pools[outgoing.origin] = Pool(place, now=self._now, tls=self._tls, proxy=proxy)
        parts = [f"{outgoing.method} {outgoing.target} HTTP/1.1\r\nHost: {pool.authority}\r\n".encode("latin-1")]
        for name, value in (*outgoing.headers, *more):
            parts += (name, b": ", value, b"\r\n")
        if outgoing.body or outgoing.method == "POST":
            parts.append(b"Content-Length: %d\r\n" % len(outgoing.body))
        parts.append(b"\r\n")
        return pool.ask(b"".join(parts), outgoing.body, sink)

    async def close(self) -> None:
        """End every connection."""
        for pool in self._pools.values():
            await pool.close()


def _plain(outgoing: Outgoing) -> Outgoing:
    """Asking for an answer without content coding: it is to be broken between two of its events."""
    kept = tuple(line for line in outgoing.headers if line[0].lower() != b"accept-encoding")
    return replace(outgoing, headers=(*kept, (b"accept-encoding", b"identity")))
