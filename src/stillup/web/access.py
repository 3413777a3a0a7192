"""Who may come in: the names this page answers to, where a request comes from, and who has the token.

On this machine anybody may read, but no other web page may: a name that a stranger's DNS points here (DNS rebinding)
and a form that another site sends are refused. Beyond this machine everything is behind the token, unless
``web.public`` opens what can be read; the chat spends money, the vault is private: both are behind it everywhere.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from stillup.config.kinds import stays_here

if TYPE_CHECKING:
    from litestar.types import Scope

    from stillup.config.schema import Web
    from stillup.secret import Secret

NOBODY = "0.0.0.0"  # noqa: S104 - an address that is nobody's, nothing is bound to it
"""Stands for a sender that has no address: all those are then one sender."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_HOST = re.compile(rb"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_USUAL = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
_MOST_HOPS = 20
_OPEN_EVERYWHERE = frozenset({"static", "healthz", "readyz", "robots.txt", "favicon.ico", "favicon.svg"})
_PRIVATE = frozenset({"chat", "drills", "risk", "sla", "vault"})


class Reason(StrEnum):
    """Why a request is let in or not; flows unchanged to answer and metric."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - a reason's name
    NO_HOST = "no_host"
    FOREIGN_HOST = "foreign_host"
    FOREIGN_ORIGIN = "foreign_origin"
    NO_TOKEN = "no_token"  # noqa: S105 - a reason's name
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a reason's name

    @property
    def is_open(self) -> bool:
        """Let in."""
        return self in (Reason.OPEN, Reason.TOKEN)


class Access:
    """The decisions, for one page as it is configured. Without a token nobody gets where one is needed.

    ``metrics`` is a token that opens the metrics, and nothing else.
    """

    def __init__(self, settings: Web, token: Secret | None, metrics: Secret | None = None) -> None:
        self._is_here = stays_here(f"http://{settings.listen}")
        self._is_public = settings.public
        base = urlsplit(settings.base_url or "")
        self._base_origin = f"{base.scheme}://{base.netloc}".lower().encode() if settings.base_url else None
        listens_on = settings.listen.rpartition(":")[0].strip("[]")
        names = (*settings.hosts, base.hostname or "", listens_on)
        self._names = frozenset(name.lower().rstrip(".") for name in names if name)
        self._token = token.reveal().encode() if token is not None else b""
        self._metrics = metrics.reveal().encode() if metrics is not None else b""
        # A cookie is kept on a disk by the browser: it opens this page, and does not say the token itself.
        self._cookie = sha256(b"stillup cookie " + self._token).hexdigest().encode() if self._token else b""
        self.cookie_name = f"stillup-{sha256(b'stillup name ' + self._token).hexdigest()[:8]}"
        """One of its own for each token: cookies do not tell the ports of a machine apart."""
        self.is_secure = base.scheme == "https"

    def __repr__(self) -> str:
        return f"Access(here={self._is_here}, public={self._is_public})"

    @property
    def is_private(self) -> bool:
        """Whether all that is read is behind the token, and so nothing for a cache between us and the reader."""
        return not (self._is_here or self._is_public)

    @property
    def is_for_all(self) -> bool:
        """Whether pages are the same for everybody, so that a cache between us and the readers may keep them.

        Only under one name: links begin with it, and whoever asks by another must not leave theirs to all who follow.
        """
        return self._is_public and self._base_origin is not None

    def host(self, host: bytes) -> Reason:
        """Whether a request is meant for us, by its ``Host`` header."""
        return _host(self._names, host)

    def is_named(self, name: bytes) -> bool:
        """Whether a host is one of the few names that are sure to be this page's."""
        return name in _USUAL or name.decode("latin-1").lower() in self._names

    def origin(self, host: bytes, origin: bytes | None, site: bytes | None) -> Reason:
        """Whether a request that changes something comes from our own pages, or from no page at all."""
        if origin is not None:
            origin = origin.lower()
            is_ours = origin in (b"http://" + host.lower(), b"https://" + host.lower(), self._base_origin)
            return Reason.OPEN if is_ours else Reason.FOREIGN_ORIGIN
        return Reason.OPEN if site in (None, b"same-origin", b"none") else Reason.FOREIGN_ORIGIN

    def needs_token(self, first: str) -> bool:
        """Whether what lies below a path's first part is behind the token."""
        if first in _PRIVATE:
            return True
        if self._is_here:
            # `public` says that others come in, through a proxy: what the gateway spends is not for them.
            return self._is_public and first == "metrics"
        return first not in _OPEN_EVERYWHERE and (not self._is_public or first == "metrics")

    def token(self, offered: bytes) -> bool:
        """Whether that is the token; takes as long for a wrong one."""
        return bool(self._token) and compare_digest(offered, self._token)

    def _may_count(self, offered: bytes) -> bool:
        return bool(self._metrics) and compare_digest(offered, self._metrics)

    def is_shown(self, authorization: bytes | None, cookie: bytes | None) -> bool:
        """Whether a request carries anything in a token's place, right or wrong."""
        return authorization is not None or (cookie is not None and self.cookie_name.encode() in cookie)

    def known(self, authorization: bytes | None, cookie: bytes | None, first: str = "") -> Reason:
        """Whether a request carries the token for what lies below ``first``, as a bearer or in our cookie."""
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            offered = authorization[7:].strip()
            is_right = self.token(offered) or (first == "metrics" and self._may_count(offered))
            return Reason.TOKEN if is_right else Reason.WRONG_TOKEN
        name = self.cookie_name.encode()
        for part in (cookie or b"").split(b";"):
            key, _, value = part.strip().partition(b"=")
            if key == name and self._cookie and compare_digest(value, self._cookie):
                return Reason.TOKEN
        return Reason.NO_TOKEN

    def set_cookie(self) -> bytes:
        """The header that lets a browser in from now on."""
        secure = "; Secure" if self.is_secure else ""
        text = f"{self.cookie_name}={self._cookie.decode()}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict{secure}"
        return text.encode()


@lru_cache(maxsize=256)
def _host(names: frozenset[str], host: bytes) -> Reason:
    found = _HOST.fullmatch(host)
    if found is None:
        return Reason.NO_HOST if not host else Reason.FOREIGN_HOST
    name = (found["v6"] or found["name"]).decode().lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return Reason.OPEN
    # An address needs no DNS, so nobody can rebind it.
    return Reason.FOREIGN_HOST if _address(name) is None else Reason.OPEN


# -- where a request comes from ---------------------------------------------------------------------------------------


def client_address(scope: Scope, trusted_proxies: tuple[str, ...]) -> str:
    """The address a request comes from, IPv4 or IPv6, settled: no port, no zone, IPv4 where it is mapped into IPv6.

    ``X-Forwarded-For`` is believed as far as the addresses that added to it are trusted: read from its end, the first
    one that is not is the sender. :data:`NOBODY` where there is none.
    """
    peer = scope.get("client")
    at = _address(peer[0]) if peer else None
    if at is None:
        return NOBODY
    if not trusted_proxies:
        return str(at)
    trusted = _networks(trusted_proxies)
    hops = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    said = b",".join(hops).decode("latin-1").rsplit(",", _MOST_HOPS)
    while said and any(at in network for network in trusted):
        before = _address(_bare(said.pop()))
        if before is None:  # what stands left of nonsense was written by anybody
            break
        at = before
    return str(at)


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(n for text in texts if (n := network(text)) is not None)


def network(text: str) -> Network | None:
    """An address or a network as it is configured; None where it is neither."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _bare(text: str) -> str:
    """An address without the port some proxies add."""
    text = text.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _address(text: str) -> Address | None:
    try:
        at = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return at.ipv4_mapped or at if isinstance(at, IPv6Address) else at
