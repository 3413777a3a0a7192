"""A network of its own for each of some servers, that can be cut: between it and everybody, or it and the others.

Linux's network namespaces, joined by a bridge; they need root. A link that is down says nothing to anybody, as a cable
that was pulled; a wire of :mod:`cluster.proxy` does the same for the connections of one part, and needs no rights.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

_NET = "198.18.{net}.{host}"
"""Addresses for tests of networks (RFC 2544)."""


class Networks:
    """So many of them; ``is_there``: whether they could be made. Else all is on loopback."""

    def __init__(self, size: int) -> None:
        self._net, self._size = os.getpid() % 200 + 1, size
        self._bridge = f"su{os.getpid()}b"
        self.is_there = False

    def make(self) -> None:
        """Make them, or nothing at all."""
        try:
            self._make()
            self.is_there = True
        except (OSError, subprocess.CalledProcessError):
            self.remove()

    def _make(self) -> None:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{_NET.format(net=self._net, host=1)}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for n in range(self._size):
            space, inside = self._space(n), self._link(n, "i")
            _ip("netns", "add", space)
            _ip("link", "add", self._link(n), "type", "veth", "peer", "name", inside)
            _ip("link", "set", inside, "netns", space)
            _ip("link", "set", self._link(n), "master", self._bridge, "up")
            _ip("-n", space, "address", "add", f"{self._address(n)}/24", "dev", inside)
            _ip("-n", space, "link", "set", inside, "up")
            _ip("-n", space, "link", "set", "lo", "up")

    def host(self, n: int) -> str:
        """The address of a server in the ``n``-th."""
        return self._address(n) if self.is_there else "127.0.0.1"

    def front(self, n: int) -> Sequence[str]:
        """What stands before the command of a server that runs there."""
        return ("ip", "netns", "exec", self._space(n)) if self.is_there else ()

    def cut(self, n: int) -> None:
        """Nobody reaches it, and it nobody."""
        _ip("link", "set", self._link(n), "down")

    def mend(self, n: int) -> None:
        """As it was."""
        _ip("link", "set", self._link(n), "up")

    def split(self, n: int, word: str = "add") -> None:
        """It and the others do not reach each other; everybody else reaches all of them. ``del`` mends it."""
        for other in range(self._size):
            if other != n:
                _ip("-n", self._space(n), "route", word, "blackhole", self.host(other))
                _ip("-n", self._space(other), "route", word, "blackhole", self.host(n))

    def remove(self) -> None:
        """All of it; whoever ran there has ended."""
        for n in range(self._size):
            subprocess.run(["ip", "netns", "delete", self._space(n)], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self._bridge], check=False, capture_output=True)
        self.is_there = False

    def _address(self, n: int) -> str:
        return _NET.format(net=self._net, host=n + 10)

    def _space(self, n: int) -> str:
        return f"su{os.getpid()}n{n}"

    def _link(self, n: int, end: str = "o") -> str:
        return f"su{os.getpid()}{end}{n}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
