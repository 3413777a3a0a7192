"""Where a climb goes, and whether a proxy of this machine's environment stands in between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from msgspec import Struct
from yarl import URL

from stillup.errors import NotConfigured
from stillup.net import is_loopback, route
from stillup.secret import Secret

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[0-9a-z_.:%-]+")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._?"


class Target(Struct, frozen=True):
    """An origin and what to ask it for; ``path`` has the query in it."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def is_loopback(self) -> bool:
        """This machine itself, by its name or its address."""
        return is_loopback(self.host)

    @property
    def place(self) -> str:
        """Host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them: without the scheme's own port."""
        return self.place.removesuffix(f":{_PORTS[self.scheme]}")


class Proxy(Struct, frozen=True):
    """A proxy of the environment; ``auth`` is the whole value of ``Proxy-Authorization``."""

    scheme: str
    host: str
    port: int
    auth: Secret | None = None


def parse_target(url: str, what: str) -> Target:
    """The target of an ``http`` or ``https`` address; ``what`` names it in the error.

    :raises NotConfigured: not such an address. The address itself is not repeated: it could hold a password.
    """
    target = _parse(url)
    if target is None:
        msg = f"probe: the address of {what} must be http://HOST… or https://HOST… without a user name"
        raise NotConfigured(msg)
    return target


def _parse(url: str) -> Target | None:
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):  # a name that cannot be encoded is a ValueError too
        return None
    if parts.username is not None or not _HOST.fullmatch(host):
        return None
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    query = f"?{quote(parts.query, safe=_PATH_SAFE)}" if parts.query else ""
    return Target(parts.scheme, host, port, path + query)


def proxy_for(target: Target, proxies: Mapping[str, Secret]) -> Proxy | None:
    """The proxy that ``proxies`` (by scheme, as the environment gives them) ask for.

    :raises NotConfigured: the environment names something else than an HTTP proxy.
    """
    if not proxies:
        return None
    shown = {scheme: address.reveal() for scheme, address in proxies.items()}
    url = route.proxy_for(URL(f"{target.scheme}://{target.place}"), shown)
    if url is None:
        return None
    return Proxy(url.scheme, url.raw_host or "", url.port or _PORTS[url.scheme], _basic(url))


def _basic(url: URL) -> Secret | None:
    if url.user is None:
        return None
    from base64 import b64encode

    pair = f"{url.user}:{url.password or ''}"
    return Secret("Basic " + b64encode(pair.encode()).decode("ascii"))
