"""How many connections each peer holds, so that one alone cannot take all there are. In the page's own loop only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address

from stillup.hub.address import Own, origin_of

MOST_EACH, MOST_NEAR = 500, 2_000
"""Connections of one address (IPv6: one /64), and of one /24 or /48 around it."""


class Peers:
    """Counts them. ``exempt`` are networks of proxies, through which many come; private addresses are too."""

    def __init__(self, exempt: Sequence[str] = (), *, most_each: int = MOST_EACH, most_near: int = MOST_NEAR) -> None:
        self._exempt = Own(exempt)
        self._most = (most_each, most_near)
        self._held: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def enter(self, host: str) -> tuple[bytes, ...] | None:
        """What to :meth:`leave` by; None where the peer holds as many as it may."""
        keys = self._keys(host)
        if any(self._held[key] >= most for key, most in zip(keys, self._most, strict=False)):
            return None
        self._held.update(keys)
        return keys

    def leave(self, keys: tuple[bytes, ...]) -> None:
        """One connection less."""
        for key in keys:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def _keys(self, host: str) -> tuple[bytes, ...]:
        try:
            at = ip_address(host.partition("%")[0])
        except ValueError:  # no address, as of a socket of the file system
            return ()
        at = getattr(at, "ipv4_mapped", None) or at
        if at.is_private or at in self._exempt:
            return ()
        origin = origin_of(str(at))
        return (origin.sender, origin.near)
