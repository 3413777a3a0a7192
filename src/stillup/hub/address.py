"""From a sender's address to whom it stands for: the sender, the network near it, and the wide one around that."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_EMBEDS_IPV4 = IPv6Network("64:ff9b::/96")
"""What a network without IPv4 of its own writes for an IPv4 address (RFC 6052)."""


class Origin(NamedTuple):
    """Where a report comes from, as bytes to be hashed and forgotten.

    IPv4: the address, its /24 and its /16. IPv6: the /64 (one household or machine has all of it), the /48 and the /32.
    """

    sender: bytes
    near: bytes
    wide: bytes

    def __repr__(self) -> str:
        return "Origin(****)"


def origin_of(address: str, own: Own | None = None) -> Origin:
    """Whom an address stands for; all that have none, or nonsense, are one sender together.

    ``own`` are networks whose senders each stand for themselves.
    """
    try:
        at = ip_address(address.partition("%")[0][:60])
    except ValueError:
        return Origin(b"?", b"?", b"?")
    if isinstance(at, IPv6Address):
        # 6to4 too is an IPv4 address written at more length: else one network would be two.
        at = at.ipv4_mapped or at.sixtofour or (IPv4Address(at.packed[12:]) if at in _EMBEDS_IPV4 else at)
    # The first letter keeps 10.0.0.0/24 and a00:: apart.
    full = (b"4" if isinstance(at, IPv4Address) else b"6") + at.packed
    sender, near, wide = (5, 4, 3) if isinstance(at, IPv4Address) else (9, 7, 5)
    if own is not None and at in own:
        return Origin(full[:sender], full[:sender], full[:sender])
    return Origin(full[:sender], full[:near], full[:wide])


class Own:
    """Networks that belong to whoever runs this: nobody there can pretend to be a thousand people."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(text, strict=False) for text in networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, at: IPv4Address | IPv6Address) -> bool:
        return any(at in network for network in self._networks)
