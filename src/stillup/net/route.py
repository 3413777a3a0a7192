"""Where a request goes: the first address, each redirect, and the proxy in between. Decides; asks nobody.

Laws, for addresses come from strangers as soon as there is a redirect:

1. Only ``http`` and ``https``, and never from ``https`` to ``http``.
2. A journey that has been to a public host goes on to public hosts only: a page must not make this machine ask its
   own or its neighbours' services. (Names are held to this when they are looked up, see ``transport``.)
3. Secrets go to the first origin alone.
4. At most five redirects.
"""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from stillup.errors import NotConfigured, Refused
from stillup.net.names import is_loopback, is_numeric, is_public, literal
from stillup.net.values import Request
from stillup.secret import Secret

MAX_REDIRECTS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))
_SCHEMES = frozenset(("http", "https"))
_MAX_ADDRESS = 8000


def target(request: Request) -> URL:
    """The address a request asks, its parameters in it.

    :raises NotConfigured: not a usable address. It is not repeated: it could hold a password.
    """
    try:
        url = URL(request.url).extend_query(request.params).with_fragment(None)
    except ValueError:
        url = URL()
    if url.scheme not in _SCHEMES or not url.raw_host or len(str(url)) > _MAX_ADDRESS:
        msg = "the address to ask must be http://HOST… or https://HOST…"
        raise NotConfigured(msg)
    return url


def headers_for(request: Request, *, secrets: bool) -> dict[str, str | Secret]:
    """The request's own headers; without those that hold a secret unless ``secrets``.

    :raises NotConfigured: a header cannot be sent (a line break at the end of a key file is the usual cause).
    """
    for name, value in request.headers:
        text = value.reveal() if isinstance(value, Secret) else value
        if not (name.isascii() and name.isprintable() and text.isprintable()):
            msg = f"the header {name[:40]!r} has a line break or a control character in it"
            raise NotConfigured(msg)
    return {name: value for name, value in request.headers if secrets or not isinstance(value, Secret)}


def follow(here: URL, location: str, status: int, *, wary: bool) -> URL:
    """The address a redirect leads to; ``wary`` once the journey has been to a public host.

    :raises Refused: it breaks a law above.
    """
    try:
        there = here.join(URL(location[:_MAX_ADDRESS])).with_user(None).with_fragment(None)
    except ValueError:
        there = URL()
    fault = _fault(here, there, wary=wary)
    if fault:
        msg = f"{shown(here)}: {fault}"
        raise Refused(msg, status)
    return there


def _fault(here: URL, there: URL, *, wary: bool) -> str:
    host = there.raw_host
    if there.scheme not in _SCHEMES or not host:
        return "redirects to something that is no web address"
    if here.scheme == "https" and there.scheme == "http":
        return "redirects from https to http"
    if wary and is_closed(host):
        return "redirects to a private address"
    return ""


def is_closed(host: str) -> bool:
    """Whether a host is, as written, one that a stranger must not send us to."""
    if is_loopback(host):
        return True
    if literal(host) is not None:
        return not is_public(host)
    return is_numeric(host)  # `127.1`, `2130706433`: some libraries take these for addresses


def proxy_for(url: URL, proxies: Mapping[str, str]) -> URL | None:
    """The proxy to go through; ``proxies`` is what :func:`urllib.request.getproxies_environment` gives.

    Loopback goes direct, as in Go and in browsers: no proxy can reach our own loopback.

    :raises NotConfigured: the environment names something else than an http proxy.
    """
    from urllib.request import proxy_bypass

    text = proxies.get(url.scheme) or proxies.get("all")
    if not text or is_loopback(url.raw_host or ""):
        return None
    if proxy_bypass(url.host_port_subcomponent or "", dict(proxies)):
        return None
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in _SCHEMES or not proxy.raw_host:
        msg = "the proxy of the environment must be http://HOST:PORT or https://HOST:PORT"
        raise NotConfigured(msg)
    return proxy


def shown(url: URL) -> str:
    """What messages call an address: its host, and nothing that could hold a key."""
    return (url.host or "?")[:80]
