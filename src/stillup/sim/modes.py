"""How a target of the world answers."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How a target answers. What concerns streams or JSON shows on a provider's API; a page is whole meanwhile."""

    OK = "ok"
    DNS = "dns"
    """Its name does not resolve. Part of the address, so it must last the whole scenario."""
    TLS = "tls"
    """Plain bytes where TLS should be. Part of the address, so it must last the whole scenario."""
    REFUSED = "refused"
    """Nobody listens on the port."""
    RESET = "reset"
    """The connection is accepted and reset at once."""
    HANG = "hang"
    """The connection is accepted, then silence."""
    SLOW_HEADERS = "slow_headers"
    """The answer's head drips, a byte at a time."""
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    NO_CREDIT = "no_credit"
    """402."""
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"
    """408."""
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    """413."""
    TOO_LONG = "too_long"
    """400: longer than the model's context."""
    FILTERED = "filtered"
    """400 from a content filter."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    """429: used up for the day, or the credit is."""
    SERVER_ERROR = "server_error"
    """500 with the provider's error body."""
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    """503 with the provider's error body."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    OVERLOADED = "overloaded"
    """529 with the provider's error body."""
    HTML = "html"
    """200 with a page of HTML, whatever was asked for."""
    CAPTIVE = "captive"
    """200 with a captive portal's sign-in page."""
    WRONG_TYPE = "wrong_type"
    """200 under a content type that no API has."""
    EMPTY = "empty"
    """200 and nothing."""
    ERROR_FIRST = "error_first"
    """200 with an error in it, and nothing else."""
    BROKEN_JSON = "broken_json"
    """An answer, or an event of a stream, whose JSON stops in the middle."""
    WRONG_LENGTH = "wrong_length"
    """A Content-Length that promises more than comes."""
    SLOW_FIRST_TOKEN = "slow_first_token"  # noqa: S105 - of a stream
    """The first token comes after twenty seconds."""
    PINGS = "pings"
    """An answer that is kept alive and never comes."""
    DRIP = "drip"
    """A byte at a time."""
    STREAM_CUT = "stream_cut"
    """A stream that ends in the middle; other answers are whole."""
    STREAM_RESET = "stream_reset"
    """A stream whose connection is reset in the middle; other answers are whole."""
    STREAM_STALL = "stream_stall"
    """A stream that falls silent in the middle; other answers are whole."""
    STREAM_ERROR = "stream_error"
    """A stream with an error event after 200; other answers are whole."""
    STREAM_SHORT = "stream_short"
    """A stream that ends in order, too early; other answers are whole."""
    STREAM_NO_END = "stream_no_end"
    """A stream without its end marker; other answers are whole."""
    STALE = "stale"
    """A source's site goes on saying what it said when this began; nothing else can be stale."""


LASTING = frozenset({Mode.DNS, Mode.TLS})
STATUS = {
    Mode.BAD_REQUEST: 400,
    Mode.TOO_LONG: 400,
    Mode.FILTERED: 400,
    Mode.UNAUTHORIZED: 401,
    Mode.NO_CREDIT: 402,
    Mode.FORBIDDEN: 403,
    Mode.NOT_FOUND: 404,
    Mode.TIMEOUT: 408,
    Mode.CONFLICT: 409,
    Mode.TOO_LARGE: 413,
    Mode.RATE_LIMITED: 429,
    Mode.QUOTA: 429,
    Mode.SERVER_ERROR: 500,
    Mode.BAD_GATEWAY: 502,
    Mode.UNAVAILABLE: 503,
    Mode.GATEWAY_TIMEOUT: 504,
    Mode.OVERLOADED: 529,
}
"""The statuses there are modes for."""
ONLY_STREAMS = frozenset(
    {
        Mode.STREAM_CUT,
        Mode.STREAM_RESET,
        Mode.STREAM_STALL,
        Mode.STREAM_ERROR,
        Mode.STREAM_SHORT,
        Mode.STREAM_NO_END,
    }
)
ONLY_APIS = ONLY_STREAMS | {
    Mode.WRONG_TYPE,
    Mode.EMPTY,
    Mode.ERROR_FIRST,
    Mode.BROKEN_JSON,
    Mode.WRONG_LENGTH,
    Mode.SLOW_FIRST_TOKEN,
    Mode.PINGS,
    Mode.DRIP,
}
"""What a page does not show."""


OF_SITES = frozenset(STATUS) | {
    Mode.RESET,
    Mode.HANG,
    Mode.HTML,
    Mode.CAPTIVE,
    Mode.WRONG_TYPE,
    Mode.EMPTY,
    Mode.BROKEN_JSON,
    Mode.STALE,
}
"""How one source's site can fail while all others answer from the same server."""


def mode_of_status(status: int) -> Mode:
    """The mode that answers with a status; 500's for one that has none."""
    return next((mode for mode, known in STATUS.items() if known == status), Mode.SERVER_ERROR)
