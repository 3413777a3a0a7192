"""Whom a request may be sent to at all, and with whose key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.catalog.models import find_model
from stillup.gateway.able import able, is_blind, is_doubtful, lack
from stillup.gateway.core.allowance import Allowance, Bounds
from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, KeyKind
from stillup.gateway.dialects.bases import base_of
from stillup.gateway.dialects.dialect import is_same_dialect
from stillup.gateway.dialects.keys import choose_key, may_borrow
from stillup.gateway.dialects.needs import Needs
from stillup.gateway.dialects.needs import needs as needs_of
from stillup.gateway.reading import is_bound

if TYPE_CHECKING:
    from stillup.gateway.plan import GatewayPlan
    from stillup.gateway.seen.passage import Passage

_TRANSLATED = (Operation.GENERATE, Operation.COUNT_TOKENS)
"""All that Bedrock and Vertex serve of what Anthropic does, and all that another dialect is asked."""
_NO_COUNTS = (Protocol.OPENAI, Protocol.CONVERSE)
"""Nobody is asked to count tokens in these."""
_STANDINS = "*stand-ins"  # no user can be called that
_NO_KEY = KeyChoice()


class Whom:
    """The plan's chains, less those who cannot take a request.

    ``now`` tells the time, aware; without it what stand-ins may cost a day is not kept.
    """

    def __init__(self, plan: GatewayPlan, now: Callable[[], datetime] | None = None) -> None:
        self._plan = plan
        self._now = now
        self._fixed_keys: dict[tuple[str, Protocol], KeyChoice] = {}
        self.purse = Allowance([(_STANDINS, Bounds(usd_per_day=plan.standin_usd_per_day))])

    def chain(self, ask: Ask, needs: Needs | None = None) -> tuple[Target, ...]:
        """Whom to ask, first choice first; empty where nobody can be. Cost: that of :func:`needs`, if it is not given.

        A model that is known to lack what the request needs is left out, and one of which that is not known comes after
        the others (of a route's order only for sight). The model that the client itself named and that comes first is
        the client's to judge.
        """
        chain = self._plan.chain(ask.protocol, ask.model)
        if ask.operation is Operation.STORED:
            return chain[:1]  # what one upstream keeps no other has
        if ask.protocol is Protocol.RESPONSES and len(chain) > 1 and is_bound(ask):
            host = self._host(chain[0])
            return tuple(t for t in chain if self._host(t) == host and is_same_dialect(t.protocol, ask.protocol))
        if ask.operation not in _TRANSLATED:
            clouds = (Protocol.BEDROCK, Protocol.VERTEX)
            return tuple(t for t in chain if t.protocol not in clouds and is_same_dialect(t.protocol, ask.protocol))
        if ask.operation is Operation.COUNT_TOKENS:
            chain = tuple(t for t in chain if t.protocol is ask.protocol or t.protocol not in _NO_COUNTS)
        elif chain and not (len(chain) == 1 and _is_own_choice(ask, chain[0])):
            chain = self._able(ask, chain, needs or needs_of(ask))
        return self._affordable(chain) if len(chain) > 1 else chain

    def nobody(self, ask: Ask) -> str:
        """Why nobody can be asked, as a sentence for the client."""
        if ask.operation is not Operation.GENERATE:
            return self._plan.nobody(ask.protocol, ask.model)
        needs = needs_of(ask)
        lacks = [(t.name, lack(needs, t.model or ask.model)) for t in self._plan.chain(ask.protocol, ask.model)]
        because = "; ".join(f"{name}: {found.says}" for name, found in lacks if found)
        if not because:
            return self._plan.nobody(ask.protocol, ask.model)
        return f"No upstream can take this request for the model {ask.model[:100]!r} ({because})."

    def _able(self, ask: Ask, chain: tuple[Target, ...], needs: Needs) -> tuple[Target, ...]:
        is_worse = is_blind if self._plan.routes else is_doubtful
        sure: list[Target] = []
        doubtful: list[Target] = []
        for place, each in enumerate(chain):
            target = self._asked_in(ask, each, needs)
            model = target.model or ask.model
            if place == 0 and _is_own_choice(ask, each):
                sure.append(each)
            elif lack(needs, model) is None:
                # The first is its user's choice, as long as it can at all.
                (doubtful if place and is_worse(needs, model) else sure).append(target)
        return tuple(dict.fromkeys((*sure, *doubtful)))

    def _asked_in(self, ask: Ask, target: Target, needs: Needs) -> Target:
        """Of OpenAI's two dialects the one that has what is needed, where the upstream speaks both.

        Some models take tools in Responses only, or think with them there only; there are no stop sequences in it.
        """
        if target.protocol not in (Protocol.OPENAI, Protocol.RESPONSES):
            return target
        can = able(target.model or ask.model)
        wanted = target.protocol
        if needs.has_tools and not can.chat_tools:
            wanted = Protocol.RESPONSES
        elif needs.has_stop and can.takes_stop and ask.protocol is not Protocol.RESPONSES:
            wanted = Protocol.OPENAI
        return replace(target, protocol=wanted) if self._plan.speaks_both(target.upstream) else target

    def _affordable(self, chain: tuple[Target, ...]) -> tuple[Target, ...]:
        if self._now is None or self._plan.standin_usd_per_day is None:
            return chain
        if self.purse.ask(_STANDINS, 0.0, self._now()) is None:
            return chain
        return (chain[0], *(t for t in chain[1:] if self._plan.is_free(t.upstream)))

    def paid(self, passage: Passage) -> None:
        """A request is over: what somebody else than its first choice has cost counts for the day."""
        if self._now is None or self._plan.standin_usd_per_day is None or passage.winner is None:
            return
        first = next(iter(self._plan.chain(passage.protocol, passage.asked_model)), None)
        if first is not None and _place(passage.winner.target) != _place(first):
            usd = None if passage.usd is None else passage.usd - passage.earlier_usd
            self.purse.spend(_STANDINS, usd, self._now())

    def keys(self, ask: Ask, chain: tuple[Target, ...], *, lend: bool) -> dict[str, KeyChoice]:
        """Law 10: the key for each upstream of a chain; without ``lend`` never the client's."""
        return {target.upstream: self._key(ask, target, lend=lend) for target in chain}

    def _key(self, ask: Ask, target: Target, *, lend: bool) -> KeyChoice:
        upstream = target.upstream
        found = self._fixed_keys.get((upstream, ask.protocol))
        if found is None:
            spec = self._plan.upstream(upstream)
            found = choose_key(ask, spec, lend=lend)
            if not may_borrow(spec, ask.protocol):  # the same for every request
                self._fixed_keys[upstream, ask.protocol] = found
            elif found.kind is KeyKind.CLIENT and not is_same_dialect(ask.protocol, target.protocol):
                # Only where the configuration says that clients' keys are good there, and never a subscription's.
                return found if spec.pass_credentials and not found.subscription else _NO_KEY
        return found

    def _host(self, target: Target) -> str:
        return base_of(self._plan.upstream(target.upstream)).host


def _place(target: Target) -> tuple[str, str]:
    return target.upstream, target.model


def _is_own_choice(ask: Ask, target: Target) -> bool:
    """Whether a target is asked for the very model that the client named, in its own words or another's."""
    if not is_same_dialect(ask.protocol, target.protocol):
        return False
    if not target.model or target.model == ask.model:
        return True
    found = find_model(ask.model)
    return found is not None and find_model(target.model) is found
