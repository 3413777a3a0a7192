"""Every exception the network can raise has a row in the one table, and no row says more than our own words."""

from __future__ import annotations

import asyncio
import errno
import inspect
import itertools
import socket
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions

from stillup.errors import NotConfigured, SourceError, Unreachable
from stillup.net.failures import FOREIGN, TABLE, row_of, translate, words_of

KEY = SimpleNamespace(host="hunter2", port=443, ssl=True, is_ssl=True)
INFO = SimpleNamespace(real_url="https://host/?key=hunter2", headers={"x-api-key": "hunter2"})
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "hunter2")


def family_of(kind):
    return {kind}.union(*(family_of(sub) for sub in kind.__subclasses__()))


def defined_in(*modules):
    found = (value for module in modules for value in vars(module).values())
    return {v for v in found if inspect.isclass(v) and issubclass(v, Exception)}


AIOHTTP = {
    kind
    for kind in defined_in(aiohttp, client_exceptions, http_exceptions)
    | family_of(aiohttp.ClientError)
    | family_of(http_exceptions.HttpProcessingError)
    if kind.__module__.startswith("aiohttp.") and not issubclass(kind, Warning)
} - {aiohttp.WSMessageTypeError, aiohttp.WebSocketError, aiohttp.EofStream}  # nothing a GET can raise


def make(kind):
    """One of a kind, as aiohttp makes it, with a key wherever a foreign text can be."""
    if issubclass(kind, aiohttp.ClientConnectorCertificateError):
        return kind(KEY, ssl.SSLCertVerificationError(1, "hunter2"))
    if issubclass(kind, client_exceptions.UnixClientConnectorError):
        return kind("/hunter2", KEY, REFUSED)
    if issubclass(kind, aiohttp.ClientConnectorError):
        return kind(KEY, REFUSED)
    if issubclass(kind, aiohttp.ClientResponseError):
        return kind(INFO, (), status=400, message="hunter2")
    if kind is aiohttp.ServerFingerprintMismatch:
        return kind(b"hunter2", b"hunter2", "hunter2", 443)
    if kind is http_exceptions.HttpProcessingError:
        return kind(message="hunter2")
    return kind("hunter2")


@pytest.mark.parametrize("kind", sorted(AIOHTTP, key=lambda k: k.__name__))
def test_every_exception_aiohttp_defines_becomes_a_source_error_in_our_own_words(kind):
    exc = make(kind)
    assert isinstance(exc, FOREIGN)
    error = translate(exc, "status.test", 1.25)
    assert isinstance(error, Unreachable | NotConfigured)
    assert str(error).startswith("status.test: ")
    assert "hunter2" not in str(error)
    assert len(str(error)) < 80


VAGUE = {aiohttp.ClientError, aiohttp.ClientConnectionError}
"""Rows for what a newer aiohttp may bring; what it defines today has a narrower one, but for these."""


def test_what_aiohttp_defines_today_is_named_more_narrowly_than_no_answer():
    vague = {kind.__name__ for kind in AIOHTTP if row_of(make(kind)).exception in VAGUE}
    assert vague <= {"ClientError", "ClientConnectionError", "ServerConnectionError", "UploadAbortedError"}


SYSTEM = family_of(OSError) | defined_in(ssl, socket) | {asyncio.IncompleteReadError, asyncio.LimitOverrunError}


@pytest.mark.parametrize("kind", sorted({k for k in SYSTEM if issubclass(k, FOREIGN)}, key=lambda k: k.__name__))
def test_every_exception_of_sockets_tls_and_streams_has_a_row(kind):
    row = next((row for row in TABLE if issubclass(kind, row.exception)), None)
    assert row is not None
    assert issubclass(row.kind, SourceError)


def test_every_foreign_kind_has_a_row_of_its_own():
    assert {kind for kind in FOREIGN if not any(issubclass(kind, row.exception) for row in TABLE)} == set()


def test_no_row_is_hidden_behind_an_earlier_one():
    pairs = itertools.combinations(TABLE, 2)
    assert [(a.exception, b.exception) for a, b in pairs if issubclass(b.exception, a.exception)] == []


def verification(code):
    exc = ssl.SSLCertVerificationError(1, "hunter2")
    exc.verify_code = code
    return exc


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "x")), "DNS: name not found"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "x")), "DNS: no answer"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(5, "x")), "DNS: look-up failed"),
        (aiohttp.ClientConnectorError(KEY, REFUSED), "refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "x")), "no route"),
        (aiohttp.ClientConnectorError(KEY, OSError(None, "Multiple exceptions: x")), "no connection"),
        (aiohttp.ClientConnectorError(KEY, TimeoutError()), "timed out after 3.0 s"),
        (aiohttp.ClientProxyConnectionError(KEY, REFUSED), "proxy: refused"),
        (aiohttp.ClientHttpProxyError(INFO, (), status=407), "proxy answered 407"),
        (aiohttp.ClientConnectorCertificateError(KEY, verification(10)), "TLS: certificate expired"),
        (aiohttp.ClientConnectorCertificateError(KEY, verification(62)), "TLS: certificate is for another host"),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("x")), "TLS: certificate not accepted"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "connection reset"),
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), "connection reset"),
        (aiohttp.ServerDisconnectedError(), "closed the connection without an answer"),
        (aiohttp.SocketTimeoutError(), "timed out after 3.0 s"),
        (TimeoutError(), "timed out after 3.0 s"),
        (OSError(errno.EMFILE, "x"), "this machine has too many files open"),
        (aiohttp.TooManyRedirects(INFO, ()), "redirects without end"),
        (aiohttp.NonHttpUrlRedirectClientError("ftp://x"), "redirects to something that is no web address"),
    ],
)
def test_the_words_are_short_and_plain(exc, words):
    assert words_of(exc, 3.0) == words
