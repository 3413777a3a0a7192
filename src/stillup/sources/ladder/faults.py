"""The words for what can go wrong on the way up, and the one table that turns foreign exceptions into them."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum

import h11

from stillup.sources.decode import clean


class Stage(StrEnum):
    """How far up a climb came. ``PROXY`` is everything up to a proxy's consent, its own DNS and TCP included."""

    DNS = "dns"
    PROXY = "proxy"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"


class Fault(StrEnum):
    """What an outcome's ``error`` says; *tls* and *proxy* are followed by a colon and the detail."""

    DNS = "dns"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    PROXY = "proxy"
    BAD_HTTP = "bad_http"
    WRONG_CONTENT = "wrong_content"
    STREAM_CUT = "stream_cut"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    BILLING = "billing"
    PERMISSION = "permission"
    AUTHENTICATION = "authentication"
    INVALID_REQUEST = "invalid_request"
    OFFLINE = "offline"
    CAPTIVE_PORTAL = "captive_portal"


OURS = frozenset((Fault.RATE_LIMIT, Fault.BILLING, Fault.PERMISSION, Fault.AUTHENTICATION, Fault.INVALID_REQUEST))
"""The user's own limit, bill or key, or our own request: never a vote for an outage, and not worth a second try."""


class ProxyRefused(Exception):
    """The proxy answered CONNECT with an error status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {status}")
        self.status = status


FOREIGN: tuple[type[Exception], ...] = (OSError, h11.RemoteProtocolError, ProxyRefused)
"""Everything a climb may raise that is a finding and not a mistake of ours (TLS and timeouts are ``OSError``)."""

# First match wins: subclasses stand before their bases.
_TABLE: tuple[tuple[type[Exception], Fault], ...] = (
    (socket.gaierror, Fault.DNS),
    (ssl.SSLError, Fault.TLS),
    (TimeoutError, Fault.TIMEOUT),
    (ConnectionRefusedError, Fault.REFUSED),
    (ConnectionError, Fault.RESET),
    (h11.RemoteProtocolError, Fault.BAD_HTTP),
    (ProxyRefused, Fault.PROXY),
    (OSError, Fault.UNREACHABLE),
)

_NO_SUCH_FAMILY = frozenset((errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EHOSTUNREACH))


def fault_of(exc: Exception, stage: Stage) -> str:
    """The error text of one foreign exception: fixed words, and for TLS the library's own fixed reason."""
    fault = next(word for kind, word in _TABLE if isinstance(exc, kind))
    if stage is Stage.PROXY:
        detail = str(exc.status) if isinstance(exc, ProxyRefused) else fault.value
        return f"{Fault.PROXY}: {detail}"
    if isinstance(exc, ssl.SSLError):
        # After the handshake a broken record is a broken connection, not a certificate to look at.
        return f"{Fault.TLS}: {_tls_reason(exc)}" if stage is Stage.TLS else Fault.RESET.value
    return fault.value


def is_missing_family(exc: BaseException) -> bool:
    """Whether this machine simply has no route for that IP version, which is nobody's fault."""
    return isinstance(exc, OSError) and exc.errno in _NO_SUCH_FAMILY


def _tls_reason(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return clean(exc.verify_message, 100).rstrip(".")
    return clean((getattr(exc, "reason", None) or "handshake failed").replace("_", " ").lower(), 60)
