"""Whom a request may be sent to at all, and with whose key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice
from stillup.gateway.dialects.bases import base_of
from stillup.gateway.dialects.dialect import is_same_dialect
from stillup.gateway.dialects.keys import choose_key, may_borrow
from stillup.gateway.reading import is_bound

if TYPE_CHECKING:
    from stillup.gateway.plan import GatewayPlan

_TRANSLATED = (Operation.GENERATE, Operation.COUNT_TOKENS)
"""All that Bedrock and Vertex serve of what Anthropic does, and all that another dialect is asked."""


class Whom:
    """The plan's chains, less those who cannot take a request."""

    def __init__(self, plan: GatewayPlan) -> None:
        self._plan = plan
        self._fixed_keys: dict[tuple[str, Protocol], KeyChoice] = {}

    def chain(self, ask: Ask) -> tuple[Target, ...]:
        """Whom to ask, first choice first; empty where nobody can be."""
        chain = self._plan.chain(ask.protocol, ask.model)
        if ask.operation is Operation.STORED:
            return chain[:1]  # what one upstream keeps no other has
        if ask.protocol is Protocol.RESPONSES and len(chain) > 1 and is_bound(ask):
            host = self._host(chain[0])
            return tuple(t for t in chain if self._host(t) == host)
        if ask.operation not in _TRANSLATED:
            clouds = (Protocol.BEDROCK, Protocol.VERTEX)
            return tuple(t for t in chain if t.protocol not in clouds and is_same_dialect(t.protocol, ask.protocol))
        return chain

    def keys(self, ask: Ask, chain: tuple[Target, ...], *, lend: bool) -> dict[str, KeyChoice]:
        """Law 10: the key for each upstream of a chain; without ``lend`` never the client's."""
        return {target.upstream: self._key(ask, target.upstream, lend=lend) for target in chain}

    def _key(self, ask: Ask, upstream: str, *, lend: bool) -> KeyChoice:
        found = self._fixed_keys.get((upstream, ask.protocol))
        if found is None:
            spec = self._plan.upstream(upstream)
            found = choose_key(ask, spec, lend=lend)
            if not may_borrow(spec, ask.protocol):  # the same for every request
                self._fixed_keys[upstream, ask.protocol] = found
        return found

    def _host(self, target: Target) -> str:
        return base_of(self._plan.upstream(target.upstream)).host
