"""From a base URL to a connected socket: names looked up, both IP families tried, a proxy's tunnel opened."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from functools import cache
from urllib.parse import unquote, urlsplit

from aiohappyeyeballs import start_connection
from msgspec import Struct

from stillup.gateway.core.fault import Fault

_EYEBALLS_S = 0.25
_MAX_PROXY_HEAD_BYTES = 16 * 1024
_OPENED = re.compile(rb"HTTP/1\.[01] 2\d\d[ \r]")
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}
"""A long silence before an answer outlives what a NAT on the way remembers; the providers' own SDKs do the same."""


class Place(Struct, frozen=True):
    """Where an upstream is: its scheme, host and port, and the path its base URL begins with."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """From a base URL."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """What the Host header says."""
        usual = self.port == (443 if self.scheme == "https" else 80)
        return self._bracketed if usual else f"{self._bracketed}:{self.port}"

    @property
    def address(self) -> str:
        """Host and port, both always there."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


class ProxyRefused(Exception):
    """The proxy did not open the tunnel."""


def fault_of(exc: BaseException) -> Fault:
    """Which fault an exception of connecting is."""
    if isinstance(exc, TimeoutError):
        return Fault.CONNECT_TIMEOUT
    if isinstance(exc, (socket.gaierror, UnicodeError)):  # a name that cannot be written in DNS either
        return Fault.DNS
    if isinstance(exc, (ssl.SSLError, ssl.CertificateError)):
        return Fault.TLS
    if isinstance(exc, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
        return Fault.RESET
    return Fault.REFUSED


@cache
def verified() -> ssl.SSLContext:
    """The system's trust, read once: that takes some 20 ms, which no event loop should spend for each upstream."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connected(place: Place, proxy_url: str) -> socket.socket:
    """A socket that leads to the place, through the proxy unless that is empty.

    :raises OSError: nobody is there, or no such name.
    :raises ProxyRefused: the proxy does not want to, or is of a kind that is not spoken here.
    """
    if not proxy_url:
        return await _reach(place.host, place.port)
    if "://" not in proxy_url:
        proxy_url = f"http://{proxy_url}"
    proxy = Place.of(proxy_url)
    if proxy.scheme != "http":  # asked without TLS it would be shown its password in the clear
        raise ProxyRefused
    sock = await _reach(proxy.host, proxy.port)
    try:
        await _tunnel(sock, place, proxy_url)
    except BaseException:
        sock.close()
        raise
    return sock


async def _reach(host: str, port: int) -> socket.socket:
    """A connected socket; IPv6 and IPv4 race each other (RFC 8305)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sock = await start_connection(found, happy_eyeballs_delay=_EYEBALLS_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not every system has all three
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


async def _tunnel(sock: socket.socket, place: Place, proxy_url: str) -> None:
    """Ask an HTTP proxy for a tunnel to the place."""
    loop = asyncio.get_running_loop()
    proxy = urlsplit(proxy_url)
    lines = [f"CONNECT {place.address} HTTP/1.1", f"Host: {place.address}"]
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        piece = await loop.sock_recv(sock, 1)  # byte by byte: what follows the head belongs to the tunnel
        if not piece or len(head) >= _MAX_PROXY_HEAD_BYTES:
            raise ProxyRefused
        head += piece
    if not _OPENED.match(head):
        raise ProxyRefused
