"""Laws 2 and 3: what counts as failing, whose trouble it is, and what follows from it. One table."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Layer


class Fault(StrEnum):
    """Every way a try can fail; the member flows unchanged to health, log, metric, header, signal and journal."""

    __hash__ = str.__hash__

    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    RESET = "reset"
    """The connection broke before an answer began."""
    REQUEST_TIMEOUT = "request_timeout"
    """408."""
    CONFLICT = "conflict"
    """409 that says to try again."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    """Credit, plan or key limit used up: a retry cannot help."""
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    UNAUTHORIZED = "unauthorized"
    """401 or 403."""
    BAD_REQUEST = "bad_request"
    """400, 404, 405, 413, 422 and the like."""
    TOO_LONG = "too_long"
    """The request passes the model's context or the upstream's size limit."""
    FILTERED = "filtered"
    """A content filter refused it: the client's to see."""
    NOT_API = "not_api"
    """HTML with 200, or a content type no answer of this protocol has."""
    EMPTY = "empty"
    MALFORMED = "malformed"
    ERROR_EVENT = "error_event"
    """An error inside the stream of a kind we do not know better."""
    SLOW_FIRST_TOKEN = "slow_first_token"  # noqa: S105 - no password
    """Silence for longer than the usual time to first token allows: a hang looks like this."""
    STALL = "stall"
    CUT = "cut"
    """The answer ended without its end marker, or broke off."""
    UNSUPPORTED = "unsupported"
    """It was not asked: what the client wants cannot be said in its protocol, or it has no such thing."""
    DEADLINE = "deadline"
    """The time the client was given is over."""

    @property
    def says(self) -> str:
        """A few words for a person, to stand behind the name of an upstream."""
        return _WORDS[self]


_WORDS: dict[Fault, str] = {
    Fault.REFUSED: "the connection was refused",
    Fault.DNS: "its name was not found",
    Fault.TLS: "no secure connection",
    Fault.CONNECT_TIMEOUT: "no connection in time",
    Fault.RESET: "the connection broke",
    Fault.REQUEST_TIMEOUT: "it gave up waiting for the request",
    Fault.CONFLICT: "it was busy with something else",
    Fault.RATE_LIMITED: "a rate limit",
    Fault.QUOTA: "the key's credit or plan is used up",
    Fault.SERVER_ERROR: "a server error",
    Fault.OVERLOADED: "it was overloaded",
    Fault.UNAUTHORIZED: "the key was refused",
    Fault.BAD_REQUEST: "it refused the request",
    Fault.TOO_LONG: "the request was too long for it",
    Fault.FILTERED: "a content filter refused it",
    Fault.NOT_API: "a page in place of an answer",
    Fault.EMPTY: "an empty answer",
    Fault.MALFORMED: "a broken answer",
    Fault.ERROR_EVENT: "an error inside the answer",
    Fault.SLOW_FIRST_TOKEN: "no first token in time",
    Fault.STALL: "it fell silent in its answer",
    Fault.CUT: "its answer broke off",
    Fault.UNSUPPORTED: "it cannot take what is asked",
    Fault.DEADLINE: "no answer before the time was over",
}


class Whose(StrEnum):
    """Who can mend it."""

    PROVIDER = "provider"
    KEY = "key"
    """The key's, the plan's or the bill's: never a vote for an outage."""
    REQUEST = "request"
    """The request itself is wrong for this upstream."""
    HERE = "here"
    """This machine or its network may be to blame as well."""


class Meaning(Struct, frozen=True):
    """What follows from a fault.

    ``weight`` is how much it tells against the upstream's health: 1 is conclusive for the moment, 0 nothing.
    ``again`` says that the same upstream may be asked once more. ``whole`` says that it speaks of the whole upstream
    and not of one model. ``moves_on`` says that the next upstream is asked. ``layer`` is where the signal places it.
    """

    whose: Whose
    weight: float
    again: bool
    whole: bool
    moves_on: bool
    layer: Layer


_HERE, _PROVIDER, _KEY, _REQUEST = Whose.HERE, Whose.PROVIDER, Whose.KEY, Whose.REQUEST

# A weight of 0.77 and more opens a breaker at the first such fault (breaker.py has the arithmetic), 0.5 at the second
# in a row; a stall is nearly conclusive. What a captive portal, a dead network or a stopped local server looks like is
# the whole upstream's; everything that an upstream says itself may concern one model only.
_TABLE: tuple[tuple[Fault, Whose, float, bool, bool, bool, Layer], ...] = (
    # fault, whose, weight, again, whole, moves_on, layer
    (Fault.REFUSED, _HERE, 1.0, True, True, True, Layer.NETWORK),
    (Fault.DNS, _HERE, 1.0, True, True, True, Layer.NETWORK),
    (Fault.TLS, _HERE, 1.0, True, True, True, Layer.EDGE),
    (Fault.CONNECT_TIMEOUT, _HERE, 1.0, True, True, True, Layer.NETWORK),
    (Fault.RESET, _PROVIDER, 0.5, True, False, True, Layer.NETWORK),
    (Fault.REQUEST_TIMEOUT, _PROVIDER, 0.5, True, False, True, Layer.API_GATEWAY),
    (Fault.CONFLICT, _PROVIDER, 0.25, True, False, True, Layer.API_GATEWAY),
    (Fault.RATE_LIMITED, _KEY, 0.0, True, False, True, Layer.API_GATEWAY),
    (Fault.QUOTA, _KEY, 0.0, False, False, True, Layer.API_GATEWAY),
    (Fault.SERVER_ERROR, _PROVIDER, 0.5, True, False, True, Layer.API_GATEWAY),
    (Fault.OVERLOADED, _PROVIDER, 1.0, True, False, True, Layer.INFERENCE),
    # Per model, not per key: 403 is also what a model says that this key may not use, while the others work.
    (Fault.UNAUTHORIZED, _KEY, 0.0, False, False, True, Layer.AUTH),
    (Fault.BAD_REQUEST, _REQUEST, 0.0, False, False, False, Layer.API_GATEWAY),
    (Fault.TOO_LONG, _REQUEST, 0.0, False, False, True, Layer.API_GATEWAY),
    (Fault.FILTERED, _REQUEST, 0.0, False, False, False, Layer.INFERENCE),
    (Fault.NOT_API, _HERE, 1.0, True, True, True, Layer.EDGE),
    (Fault.EMPTY, _PROVIDER, 0.5, True, False, True, Layer.INFERENCE),
    (Fault.MALFORMED, _PROVIDER, 0.5, True, False, True, Layer.INFERENCE),
    (Fault.ERROR_EVENT, _PROVIDER, 0.5, True, False, True, Layer.INFERENCE),
    (Fault.SLOW_FIRST_TOKEN, _PROVIDER, 1.0, True, False, True, Layer.INFERENCE),
    (Fault.STALL, _PROVIDER, 0.7, True, False, True, Layer.INFERENCE),
    (Fault.CUT, _PROVIDER, 0.5, True, False, True, Layer.INFERENCE),
    (Fault.UNSUPPORTED, _REQUEST, 0.0, False, False, True, Layer.LOCAL),
    # The client chose the deadline: one that is too short must not take an upstream away from everybody else.
    (Fault.DEADLINE, _REQUEST, 0.0, False, False, False, Layer.LOCAL),
)

MEANINGS: dict[Fault, Meaning] = {
    fault: Meaning(whose, weight, again, whole, moves_on, layer)
    for fault, whose, weight, again, whole, moves_on, layer in _TABLE
}
"""Laws 2 and 3 as a table, total over :class:`Fault`.

``moves_on`` is what the *first* upstream's fault does; :mod:`stillup.gateway.core.retry` has what differs for a
fallback and for a client's own key.
"""
