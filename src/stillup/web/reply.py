"""Answers that a client may keep: a strong ETag, how long they stay fresh, and who may read them.

Every read of the API, the compatible pages, the feeds and the badge leaves through :func:`reply`.
"""

from __future__ import annotations

import re
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from litestar.response import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.connection import Request

    from stillup.web.site import Site

ANYBODY = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Link, Retry-After"}
"""Scripts of any site may read: only what is answered to everybody is answered so, and never what changes something."""

_ELSEWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}

_TAG = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')
_MOST_TAGS = 4096
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


def reply(
    request: Request[Any, Any, Any],
    body: bytes,
    media_type: str,
    *,
    max_age_s: int = 15,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The body as an answer, or 304 where the client has it already."""
    tag = f'"{blake2s(body, digest_size=12).hexdigest()}"'
    told = {**shared(request), "ETag": tag, "Cache-Control": f"max-age={max_age_s}", **(headers or {})}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, headers=told, media_type=media_type)
    return Response(body, headers=told, media_type=media_type)


def shared(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The headers that let pages of any site read an answer, where the page is public; none where it is not.

    A browser on this machine reaches what listens on loopback: a stranger's page in it must not read what is watched
    here.
    """
    return ANYBODY if request.app.state.site.settings.public else {}


def shown_elsewhere(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The header that lets pages of any site show an image, where the page is public: its width says a state, too."""
    return _ELSEWHERE if request.app.state.site.settings.public else {}


def _has(held: str, tag: str) -> bool:
    """Whether the client holds that very answer; compared weakly, as the standard says for this header."""
    return held.strip() == "*" or tag in _TAG.findall(held[:_MOST_TAGS])


def base_of(site: Site, request: Request[Any, Any, Any]) -> str:
    """What absolute links begin with, without a slash at the end: as configured, else as the client called us."""
    if site.settings.base_url:
        return site.settings.base_url.rstrip("/")
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        host = site.settings.listen
    return f"{request.scope['scheme']}://{host}"
