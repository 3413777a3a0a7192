"""One request's passage through the gateway: what is noted of it while it lives, and told when it ends."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stillup.gateway.core.values import Operation, Protocol, Usage
from stillup.gateway.core.views import Try

MOST_TRIES = 64
"""Tries of one request that are told one by one; a request has a handful."""


class Ending(StrEnum):
    """How a request ended, as its client saw it."""

    __hash__ = str.__hash__

    ANSWERED = "answered"
    FAILED = "failed"
    """Every upstream failed: the client got the first one's error."""
    BROKEN = "broken"
    """The answer had begun and could not be finished: it ends with the protocol's own error."""
    REFUSED = "refused"
    """The gateway refused it and asked nobody: not understood, no such path, not allowed."""
    DEADLINE = "deadline"
    """The time it was given was over before an answer began."""
    TURNED_AWAY = "turned_away"
    """No room: too many requests at once, or its user's limit was reached."""
    DEFERRED = "deferred"
    """Every upstream failed, and it was kept to be asked again later: the client got its id."""
    ABANDONED = "abandoned"
    """The client went away first."""


class Passage(Struct, eq=False):
    """Facts of one request. Made by :meth:`Seen.begin`, handed back with every later call; never shown to a client.

    ``id`` is the gateway's own, a plain word.
    """

    id: str
    protocol: Protocol
    operation: Operation
    asked_model: str
    stream: bool
    body_bytes: int
    user: str
    started_s: float
    traceparent: bytes = b""
    tries: list[tuple[float, Try]] = []
    """Every try with the moment it ended, on the steady clock."""
    hedges: int = 0
    seams: int = 0
    """How often its answer broke off and was gone on with."""
    reason: str = ""
    """As in ``x-stillup-reason``: why whoever answered was asked, or what the first that was asked failed with."""
    earlier_usd: float = 0.0
    """What the parts of it cost that broke off and were gone on with: in ``usd``, by an estimate."""
    winner: Try | None = None
    """The try whose answer the client got, whole or in part."""
    ending: Ending = Ending.ABANDONED
    status: int | None = None
    sent_bytes: int = 0
    first_token_s: float | None = None
    total_s: float = 0.0
    usd: float | None = None
    made_tokens: int | None = None
    """An estimate of what was made of an answer that broke off; None where it did not."""
    due_usd: float | None = None
    """What its user's allowance pays: the price, estimated where the upstream was given no time to count."""

    @property
    def usage(self) -> Usage:
        """The tokens of the answer the client got; failed tries are not counted (S16).

        Of an answer that broke off the output is an estimate, where that is more than was counted until then: upstreams
        count at the end, and Anthropic's begin with one token.
        """
        usage = _NONE if self.winner is None else self.winner.usage
        if self.made_tokens is None or self.made_tokens <= (usage.output_tokens or 0):
            return usage
        return replace(usage, output_tokens=self.made_tokens)

    @property
    def upstream(self) -> str:
        """Who answered, or was asked last; empty when nobody was asked."""
        told = self.winner or (self.tries[-1][1] if self.tries else None)
        return "" if told is None else told.target.upstream

    @property
    def model(self) -> str:
        """The model that answered or was asked last, as it was asked for on the wire."""
        told = self.winner or (self.tries[-1][1] if self.tries else None)
        return self.asked_model if told is None else told.model


_NONE = Usage()
