"""Hosts and addresses: which are this machine, which are public, and looking a name up without blocking the exit."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Thread
from urllib.parse import urlsplit

from msgspec import Struct


class Address(Struct, frozen=True):
    """One address of a name; ``family`` is the socket module's."""

    family: int
    ip: str


# IPv6 addresses that end in an IPv4 one: what a translator at the border makes of them is that one.
_TRANSLATED = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/96", "::/96")))
# The rest of it is for translators, too, but where in an address they look for the IPv4 one is their own affair.
_LOCAL_TRANSLATION = IPv6Network("64:ff9b:1::/48")
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Host and port to addresses, best first; raises :class:`OSError` when there are none."""


def host_of(url: str) -> str:
    """The host of an address in lower case, without a port; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address a host is written as; None for a name. An IPv4 address inside an IPv6 one comes out."""
    try:
        ip = ip_address(host.strip("[]"))
    except ValueError:
        return None
    if not isinstance(ip, IPv6Address):
        return ip
    inside = ip.ipv4_mapped or ip.sixtofour
    if inside is None and int(ip) > 1 and any(ip in network for network in _TRANSLATED):
        inside = IPv4Address(int(ip) & 0xFFFFFFFF)
    return inside or ip


def is_loopback(host: str) -> bool:
    """Whether a host is, by its very name, this machine."""
    name = host.lower().rstrip(".")
    ip = literal(name)
    return ip.is_loopback if ip is not None else name == "localhost" or name.endswith(".localhost")


def is_public(ip: str) -> bool:
    """Whether an IP address is one that anyone on the internet could reach; False for what is no address."""
    address = literal(ip)
    if address is None or address.is_multicast:
        return False
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _LOCAL_TRANSLATION):
        return False
    return address.is_global


def is_numeric(host: str) -> bool:
    """Whether a host is made of digits and dots: an address, or an odd spelling of one (``127.1``)."""
    return host.replace(".", "").isdigit()


async def look_up(host: str, port: int) -> list[Address]:
    """Ask the machine's own resolver, IPv4 and IPv6, in a thread of its own.

    Not in the event loop's pool: a resolver that hangs (no network is this program's busiest hour) would hold up the
    end of the program until it gave up, often 20 s. A daemon thread is simply left behind.

    :raises OSError: no such name, or nobody to ask.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def settle(result: list[Address] | Exception) -> None:
        if found.done():  # cancelled meanwhile
            return
        if isinstance(result, Exception):
            found.set_exception(result)
        else:
            found.set_result(result)

    def ask() -> None:
        result = _getaddrinfo(host, port)
        with suppress(RuntimeError):  # the loop has closed: nobody waits for it any more
            loop.call_soon_threadsafe(settle, result)

    Thread(target=ask, name="stillup-dns", daemon=True).start()
    return await found


def _getaddrinfo(host: str, port: int) -> list[Address] | Exception:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        return exc
    return [Address(family, _ip(sockaddr)) for family, _, _, _, sockaddr in rows]


def _ip(sockaddr: tuple[object, ...]) -> str:
    scope = sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{sockaddr[0]}%{scope}" if scope else str(sockaddr[0])
