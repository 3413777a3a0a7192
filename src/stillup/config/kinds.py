"""What a piece of text in the configuration can be, what is allowed there, and how it is read.

A reader gives the text in its settled form, or a :class:`Wrong`. No word of it repeats a text that could hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from stillup.config.words import near_service, show


class Kind(StrEnum):
    """The kinds of text."""

    BASE_URL = "base_url"
    URL = "url"
    LISTEN = "listen"
    PATH = "path"
    KEY_FILE = "key_file"
    VARIABLE = "variable"
    SERVICE = "service"
    COUNTRY = "country"
    ID = "id"
    PLAIN = "plain"
    HOP = "hop"
    CONTROL = "control"
    NETWORK = "network"
    CHANNEL = "channel"
    HOURS = "hours"
    TIME = "time"
    ZONE = "zone"
    REGION = "region"
    BUS = "bus"


class Wrong(Struct, frozen=True):
    """Why a text was refused, as the end of a sentence."""

    says: str


Reader = Callable[[str, Path], str | Wrong]
"""From the text and the folder that relative paths start from."""


class Rule(Struct, frozen=True):
    """How one kind is described and read."""

    allowed: str
    read: Reader


_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PLAIN = re.compile(r"[A-Za-z0-9-]{1,40}")
_HOP = re.compile(_ID.pattern + r"(/[^\s/][^\s]{0,199})?")
_NAME_ONLY = re.compile(r"dns:[A-Za-z0-9._-]{1,253}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_HOURS = re.compile(rf"({_DAY}(-{_DAY})? )?{_TIME.pattern}-({_TIME.pattern}|24:00)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:")


def stays_here(url: str) -> bool:
    """Whether nobody else is asked: a loopback address, or a name that never resolves. No name is looked up."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".invalid")):  # RFC 6761
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _url(text: str, _folder: Path) -> str | Wrong:
    from urllib.parse import urlsplit

    if not text.isascii() or not text.isprintable() or " " in text:
        return Wrong("has a character in it that no URL has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return Wrong("is not a URL")
    if parts.scheme not in ("http", "https"):
        return Wrong("does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        return Wrong("has credentials in it; a key belongs where `key_env` or `key_file` says")
    if not parts.hostname or port == 0:
        return Wrong("names no host and port to connect to")
    return text


def _control(text: str, folder: Path) -> str | Wrong:
    return text if _NAME_ONLY.fullmatch(text) else _url(text, folder)


def _base_url(text: str, folder: Path) -> str | Wrong:
    found = _url(text, folder)
    if isinstance(found, Wrong):
        return found
    if "?" in text or "#" in text:
        return Wrong("has a query or a fragment in it")
    return text.rstrip("/")


def _listen(text: str, _folder: Path) -> str | Wrong:
    from ipaddress import ip_address

    found = _LISTEN.fullmatch(text)
    if not found or int(found[2]) > 65_535:
        return Wrong(f"is {show(text)}")
    host = found[1].strip("[]")
    if ":" in host or host.replace(".", "").isdigit():
        try:
            ip_address(host)
        except ValueError:
            return Wrong(f"is {show(text)}, and {show(host)} is no address")
    return text


def _bus(text: str, _folder: Path) -> str | Wrong:
    from urllib.parse import urlsplit

    if not text.isascii() or not text.isprintable() or " " in text:
        return Wrong("has a character in it that no address has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return Wrong("is not an address")
    if parts.scheme not in ("nats", "tls"):
        return Wrong("does not begin with nats:// or tls://")
    if parts.username is not None or parts.password is not None:
        return Wrong("has credentials in it; they belong where `cluster.password_env` or `cluster.token_env` says")
    if not parts.hostname or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        return Wrong("is more or less than a host and a port")
    return text.rstrip("/")


def _path(text: str, folder: Path) -> str | Wrong:
    if not text or "\0" in text:
        return Wrong("is not a path")
    try:
        return str((folder / Path(text).expanduser()).absolute())
    except RuntimeError:
        return Wrong("begins with a ~ for which there is no home folder")


def _key_file(text: str, folder: Path) -> str | Wrong:
    path = _path(text, folder)
    if isinstance(path, str) and not Path(path).is_file():
        return Wrong("names no file")
    return path


def _service(text: str, _folder: Path) -> str | Wrong:
    from stillup.catalog.load import catalogue

    return text if text in catalogue() else Wrong(f"is {show(text)}{near_service(text)}")


def _network(text: str, _folder: Path) -> str | Wrong:
    from ipaddress import ip_network

    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        return Wrong(f"is {show(text)}")


def _matching(pattern: re.Pattern[str]) -> Reader:
    def read(text: str, _folder: Path) -> str | Wrong:
        return text if pattern.fullmatch(text) else Wrong(f"is {show(text)}")

    return read


def _variable(text: str, _folder: Path) -> str | Wrong:
    # What does not look like a name may be the key itself, pasted here by mistake: it is not repeated.
    return text if _VARIABLE.fullmatch(text) else Wrong("is not a variable's name")


def _channel(text: str, _folder: Path) -> str | Wrong:
    # It is never repeated: most of such addresses hold what opens the channel.
    if not text.isprintable() or " " in text or len(text) > 4_000:
        return Wrong("has a character in it that no address has")
    return text if text == "desktop" or _SCHEME.match(text) else Wrong("is no address of a channel")


def _zone(text: str, _folder: Path) -> str | Wrong:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Wrong(f"is {show(text)}, and this machine knows no such zone")
    return text


RULES: dict[Kind, Rule] = {
    Kind.BASE_URL: Rule("an http or https URL without credentials, query or fragment", _base_url),
    Kind.URL: Rule("an http or https URL without credentials", _url),
    Kind.LISTEN: Rule("`host:port`, as `127.0.0.1:8780` or `[::1]:8780`", _listen),
    Kind.PATH: Rule("a path; a relative one starts at the file's own folder", _path),
    Kind.KEY_FILE: Rule("the path of a file that exists", _key_file),
    Kind.VARIABLE: Rule("the name of an environment variable, never the key itself", _variable),
    Kind.SERVICE: Rule("a service of the catalogue", _service),
    Kind.COUNTRY: Rule("a country as two capital letters (ISO 3166-1), as `US`", _matching(_COUNTRY)),
    Kind.ID: Rule("letters, digits, `.`, `_` and `-`", _matching(_ID)),
    Kind.PLAIN: Rule("1 to 40 letters, digits and `-`", _matching(_PLAIN)),
    Kind.HOP: Rule("`upstream/model` or `upstream`", _matching(_HOP)),
    Kind.NETWORK: Rule("an address or a network, as `10.0.0.0/8` or `2001:db8::/32`", _network),
    Kind.BUS: Rule("`nats://host:port`, or `tls://host:port` for an encrypted connection", _bus),
    Kind.CONTROL: Rule("an http or https URL without credentials, or `dns:NAME` to look up a name only", _control),
    Kind.CHANNEL: Rule(
        "`https://…` (a webhook), `mailto:…`, `smtp://…` or `smtps://…` (mail), `desktop`, or an Apprise URL", _channel
    ),
    Kind.HOURS: Rule("hours, with or without days, as `22:00-07:00` or `sat-sun 00:00-24:00`", _matching(_HOURS)),
    Kind.TIME: Rule("a time of day, as `08:00`", _matching(_TIME)),
    Kind.ZONE: Rule("a time zone by its IANA name, as `Europe/Berlin`", _zone),
    Kind.REGION: Rule("a country or a part of one (ISO 3166), as `US` or `US-CA`", _matching(_REGION)),
}
