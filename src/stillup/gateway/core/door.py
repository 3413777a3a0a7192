"""Law 11 and who may come in: Host, Origin and token, decided from a request's headers alone.

On loopback anyone on this machine may ask, but no web page: a name that a stranger's DNS points here (DNS rebinding)
and a browser's call from another site are refused. Beyond loopback every request needs a user's token.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Struct

from stillup.gateway.core.values import Headers
from stillup.secret import Secret

TOKEN_HEADER = b"x-stillup-token"
_CREDENTIALS = frozenset({b"x-api-key", b"authorization", b"x-goog-api-key", b"api-key"})
_BEARER = b"bearer "
_TELLING_SIZES = frozenset({len("host"), len("origin"), len("sec-fetch-site")})
"""Most headers of a request are told by their names' lengths to be none of these."""
_EDITORS = ("vscode-webview", "vscode-file")
"""Origins that no web page can have: extensions of an editor on this machine."""
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII)


class User(Struct, frozen=True):
    """Somebody with a token."""

    id: str
    token: Secret


class Reason(StrEnum):
    """Why a request is let in or not."""

    __hash__ = str.__hash__

    LOCAL = "local"
    TOKEN = "token"  # noqa: S105 - a reason's name
    NO_HOST = "no_host"
    FOREIGN_HOST = "foreign_host"
    FOREIGN_ORIGIN = "foreign_origin"
    NO_TOKEN = "no_token"  # noqa: S105 - a reason's name
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a reason's name


SAYS = {
    Reason.NO_HOST: "the request has no Host header, or more than one",
    Reason.FOREIGN_HOST: "the Host header names another machine; the gateway answers to this machine's own names only",
    Reason.FOREIGN_ORIGIN: "the request comes from a web page of another site; those are refused",
    Reason.NO_TOKEN: "a token of this gateway is needed, as the API key or in the header x-stillup-token",
    Reason.WRONG_TOKEN: "that token is not one of this gateway's",
}


class Entry(Struct, frozen=True):
    """The decision. ``key_is_token`` says that our token is among the client's API keys: they are never passed on."""

    reason: Reason
    user: str = ""
    key_is_token: bool = False

    @property
    def is_open(self) -> bool:
        """Let in."""
        return self.reason in _OPENS


_ELSEWHERE = (b"cross-site", b"same-site")
"""Another site, or another port of this machine: both are web pages."""
_OPENS = frozenset({Reason.LOCAL, Reason.TOKEN})
_LOCAL = Entry(Reason.LOCAL)


class Door:
    """Checks every request. ``hosts`` are names it answers to besides loopback's; none matter beyond loopback.

    Without users nobody comes in from beyond loopback.
    """

    def __init__(self, *, is_loopback: bool, users: Sequence[User] = (), hosts: Sequence[str] = ()) -> None:
        self._is_loopback = is_loopback
        self._tokens = tuple((user.id, user.token.reveal().encode()) for user in users if user.token.reveal())
        self._needs_token = bool(users) or not is_loopback
        self._hosts = frozenset(h.lower() for h in hosts)

    def __repr__(self) -> str:
        return f"Door(is_loopback={self._is_loopback}, users={len(self._tokens)})"

    def admit(self, headers: Headers, query: str = "") -> Entry:
        """Decide on one request. ``query`` is as it stood on the wire."""
        telling = [(name.lower(), value) for name, value in headers if len(name) in _TELLING_SIZES]
        hosts = [value for name, value in telling if name == b"host"]
        if len(hosts) != 1 or not hosts[0].strip():
            return Entry(Reason.NO_HOST)
        host = hosts[0].decode("latin-1").strip().lower()
        if self._is_loopback and not self._is_ours(host):
            return Entry(Reason.FOREIGN_HOST)
        origins = [value for name, value in telling if name == b"origin"]
        if not all(_may_come_from(value, host) for value in origins):
            return Entry(Reason.FOREIGN_ORIGIN)
        if not origins and any(n == b"sec-fetch-site" and v.strip().lower() in _ELSEWHERE for n, v in telling):
            return Entry(Reason.FOREIGN_ORIGIN)  # with an origin that may come it is an editor's
        return self._known(headers, query) if self._needs_token else _LOCAL

    def _is_ours(self, host: str) -> bool:
        name = _name_in(host)
        return name == "localhost" or name.endswith(".localhost") or name in self._hosts or _is_loopback(name)

    def _known(self, headers: Headers, query: str) -> Entry:
        # Our own header goes before API keys, but the keys are looked at too: a client may send the token in both
        # places, and as a key it must not travel to a provider.
        own = [value.strip() for name, value in headers if name.lower() == TOKEN_HEADER]
        keys = list(_keys(headers, query))
        by_key = next(filter(None, map(self._user, keys)), None)
        offered = any(own)
        user = (self._user(own[0]) if len(own) == 1 else None) if offered else by_key
        if user is not None:
            return Entry(Reason.TOKEN, user, by_key is not None)
        return Entry(Reason.WRONG_TOKEN if offered or keys else Reason.NO_TOKEN)

    def _user(self, token: bytes) -> str | None:
        return next((user for user, known in self._tokens if hmac.compare_digest(token, known)), None)


def _keys(headers: Headers, query: str) -> Iterator[bytes]:
    """What stands where API keys stand, and is not empty."""
    for name, value in headers:
        if name.lower() in _CREDENTIALS:
            bare = value.strip()
            key = bare[len(_BEARER) :].strip() if bare[: len(_BEARER)].lower() == _BEARER else bare
            if key:
                yield key
    for part in query.split("&"):
        name_of, _, text = part.partition("=")
        if name_of == "key" and text:  # written so and not otherwise: whoever takes it off again looks for that
            yield unquote_to_bytes(text.replace("+", " "))


def _may_come_from(origin: bytes, host: str) -> bool:
    try:
        parts = urlsplit(origin.decode("latin-1").strip())
    except ValueError:
        return False
    return parts.scheme in _EDITORS or parts.netloc.lower() == host


@lru_cache(maxsize=64)
def _name_in(host: str) -> str:
    """The name or address in a Host header, without its port; empty where it is none."""
    match = _HOST.fullmatch(host)
    return "" if match is None else match["v6"] or match["name"]


@lru_cache(maxsize=64)
def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
