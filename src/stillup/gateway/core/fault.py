"""Laws 2 and 3: what counts as failing, whose trouble it is, and what follows from it. One table."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Layer


class Fault(StrEnum):
    """Every way a try can fail; the member flows unchanged to health, log, metric, header, signal and journal."""

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
    SLOW_FIRST_TOKEN = "slow_first_token"
    """Silence for longer than the usual time to first token allows: a hang looks like this."""
    STALL = "stall"
    CUT = "cut"
    """The answer ended without its end marker, or broke off."""
    DEADLINE = "deadline"
    """The time the client was given is over."""


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
