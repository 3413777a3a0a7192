"""Which HTTP proxy stands before an upstream, as the environment says."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.request import getproxies_environment
from urllib.request import proxy_bypass_environment as is_bypassed  # type: ignore[attr-defined] # typeshed forgot it

from stillup.gateway.wire.dial import Place


class Proxies:
    """The proxies of an environment; None stands for this process's own."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._proxies = getproxies_environment() if environ is None else _of(environ)

    def before(self, place: Place) -> str:
        """The proxy's URL, or empty. What is on this machine is asked directly."""
        proxy = self._proxies.get(place.scheme, "")
        if proxy and (is_loopback(place.host) or is_bypassed(place.host, self._proxies)):
            return ""
        return proxy


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own. No name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except OSError:
        return host in ("::1", "0:0:0:0:0:0:0:1")


def _of(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in environ.items():
        lower = name.lower()
        if lower.endswith("_proxy") and value:
            found[lower.removesuffix("_proxy")] = value
    return found
