"""The one table that turns the network's exceptions into :class:`~stillup.errors.SourceError`.

Loaded only once the network is used: it imports the HTTP client. The messages are our own words; what an exception
says of itself may hold a URL with a key in it, or a request's headers.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
from aiohttp import http_exceptions as http

from stillup.errors import NotConfigured, SourceError, Unreachable

FOREIGN: tuple[type[Exception], ...] = (
    aiohttp.ClientError,
    http.HttpProcessingError,
    OSError,  # with it: timeouts, ssl.SSLError, socket.gaierror
    EOFError,
    asyncio.LimitOverrunError,
    UnicodeError,  # a host name that cannot be encoded
)
"""Everything a request may raise that is a finding and not a mistake of ours."""

_DNS = {
    socket.EAI_NONAME: "DNS: name not found",
    socket.EAI_NODATA: "DNS: name has no address",
    socket.EAI_AGAIN: "DNS: no answer",
}
_CERTIFICATE = {  # OpenSSL's X509_V_ERR_ numbers
    9: "TLS: certificate not valid yet",
    10: "TLS: certificate expired",
    18: "TLS: certificate signed by itself",
    19: "TLS: certificate not trusted",
    20: "TLS: certificate not trusted",
    21: "TLS: certificate not trusted",
    62: "TLS: certificate is for another host",
    64: "TLS: certificate is for another host",
}
_ERRNO = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "connection reset",
    errno.ECONNABORTED: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ENETUNREACH: "no route",
    errno.EHOSTUNREACH: "no route",
    errno.ENETDOWN: "no route",
    errno.EADDRNOTAVAIL: "no route",
    errno.EAFNOSUPPORT: "no route",
    errno.EMFILE: "this machine has too many files open",
    errno.ENFILE: "this machine has too many files open",
}


class Row(NamedTuple):
    """One line of the table; ``words`` is a text or makes one from the exception and the seconds it took."""

    exception: type[Exception]
    words: str | Callable[[Exception, float], str]
    kind: type[SourceError] = Unreachable


def _beneath(exc: Exception, after_s: float) -> str:
    """The words for the system's error that aiohttp wrapped."""
    return words_of(getattr(exc, "os_error", OSError()), after_s)


def _system(exc: Exception, _after_s: float = 0.0) -> str:
    if isinstance(exc, ConnectionError) and exc.errno is None:
        return "connection reset"
    return _ERRNO.get(getattr(exc, "errno", None) or 0, "no connection")


def _dns(exc: Exception, _after_s: float) -> str:
    inner = getattr(exc, "os_error", exc)
    return _DNS.get(getattr(inner, "errno", None) or 0, "DNS: look-up failed")


def _certificate(exc: Exception, _after_s: float) -> str:
    inner = getattr(exc, "certificate_error", exc)
    return _CERTIFICATE.get(getattr(inner, "verify_code", 0), "TLS: certificate not accepted")


def _tls(exc: Exception, _after_s: float) -> str:
    inner = getattr(exc, "os_error", exc)
    reason = getattr(inner, "reason", None) or "handshake failed"
    return f"TLS: {str(reason).replace('_', ' ').lower()[:60]}"


def _proxy(exc: Exception, after_s: float) -> str:
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        return f"proxy answered {exc.status}"
    return f"proxy: {_beneath(exc, after_s)}"


def _not_http(exc: Exception, _after_s: float) -> str:
    """The parser's narrower complaint is somewhere among the causes."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, http.LineTooLong):
            return "its headers are too long"
        if isinstance(cause, http.ContentEncodingError):
            return "its compression cannot be read"
        cause = cause.__cause__
    return "what it answered is not HTTP"


def _timeout(_exc: Exception, after_s: float) -> str:
    return f"timed out after {after_s:.1f} s"


_UNCONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, socket.gaierror)
"""What happens before there is a connection: nothing can have arrived."""

_BAD_REDIRECT = "redirects to something that is no web address"
_BAD_ADDRESS = "the address cannot be used"
_CUT = "the answer was cut short"

# The first row that matches is used: subclasses stand before their bases.
TABLE: tuple[Row, ...] = (
    Row(aiohttp.ClientProxyConnectionError, _proxy),
    Row(aiohttp.ClientHttpProxyError, _proxy),
    Row(aiohttp.ClientConnectorCertificateError, _certificate),
    Row(ssl.SSLCertVerificationError, _certificate),
    Row(aiohttp.ClientConnectorDNSError, _dns),
    Row(socket.gaierror, _dns),
    Row(aiohttp.ClientSSLError, _tls),
    Row(ssl.SSLError, _tls),
    Row(aiohttp.ServerFingerprintMismatch, "TLS: certificate not the expected one"),
    Row(TimeoutError, _timeout),
    Row(aiohttp.ClientConnectorError, _beneath),
    Row(aiohttp.ServerDisconnectedError, "closed the connection without an answer"),
    Row(aiohttp.RedirectClientError, _BAD_REDIRECT),
    Row(aiohttp.NonHttpUrlClientError, _BAD_ADDRESS, NotConfigured),
    Row(aiohttp.InvalidURL, _BAD_ADDRESS, NotConfigured),
    Row(UnicodeError, _BAD_ADDRESS, NotConfigured),
    Row(aiohttp.TooManyRedirects, "redirects without end"),
    Row(aiohttp.ClientPayloadError, _CUT),
    Row(asyncio.IncompleteReadError, _CUT),
    Row(EOFError, _CUT),
    Row(aiohttp.ClientResponseError, _not_http),
    Row(http.HttpProcessingError, _not_http),
    Row(asyncio.LimitOverrunError, "a line of its answer is too long"),
    Row(OSError, _system),
    Row(aiohttp.ClientConnectionError, "connection lost"),
    Row(aiohttp.ClientError, "no answer that can be used"),
)


def row_of(exc: Exception) -> Row | None:
    """The table's row for an exception; None for one that is not of the network."""
    return next((row for row in TABLE if isinstance(exc, row.exception)), None)


def words_of(exc: Exception, after_s: float) -> str:
    """What happened, in a few words."""
    row = row_of(exc)
    words = row.words if row else "no connection"
    return words if isinstance(words, str) else words(exc, after_s)


def translate(exc: Exception, host: str, after_s: float) -> SourceError:
    """Our error for one of :data:`FOREIGN`, met when asking ``host``, after so many real seconds."""
    row = row_of(exc)
    kind = row.kind if row else Unreachable
    error = kind(f"{host}: {words_of(exc, after_s)}")
    if isinstance(error, Unreachable):
        error.was_sent = not isinstance(exc, _UNCONNECTED)
    return error
