"""What machines ask: does it live, is it ready, what may a crawler read, which picture stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.response import Redirect, Response

from stillup.web.render import asset

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

OLD = timedelta(minutes=5)
"""A board is judged each minute: one that is older than that is no word on now."""
_AHEAD = timedelta(minutes=5)
_NOW = {"cache-control": "no-store"}
_NOT_FOR_ROBOTS = ("chat", "drills", "risk", "sla", "vault", "events", "metrics", "*/report")
_OPEN = "User-agent: *\n" + "".join(f"Disallow: /{part}\n" for part in _NOT_FOR_ROBOTS)
_CLOSED = "User-agent: *\nDisallow: /\n"


def why_not_ready(site: Site) -> str:
    """Why what is shown says nothing about now; empty where it does."""
    board, now = site.board(), site.clock.now()
    if board.seq == 0:
        return "nothing was judged yet"
    if not -_AHEAD <= now - board.at <= OLD:
        return f"the last judged minute is {board.at:%Y-%m-%d %H:%M} UTC"
    return ""


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/healthz`` · ``/readyz`` · ``/robots.txt`` · ``/favicon.ico``."""

    @get("/healthz", media_type=MediaType.TEXT, sync_to_thread=False)
    def healthz() -> Response[str]:
        return Response("ok\n", headers=_NOW, media_type=MediaType.TEXT)

    @get("/readyz", media_type=MediaType.TEXT, sync_to_thread=False)
    def readyz() -> Response[str]:
        why = "it is being ended" if site.is_leaving() else why_not_ready(site)
        if not why:
            return Response("ready\n", headers=_NOW, media_type=MediaType.TEXT)
        return Response(f"not ready: {why}\n", status_code=503, headers=_NOW, media_type=MediaType.TEXT)

    @get("/robots.txt", media_type=MediaType.TEXT, sync_to_thread=False)
    def robots() -> Response[str]:
        return Response(_OPEN if site.settings.public else _CLOSED, media_type=MediaType.TEXT)

    @get("/favicon.ico", sync_to_thread=False)
    def favicon() -> Redirect:
        return Redirect(asset("icon.svg"), status_code=302)

    return [healthz, readyz, robots, favicon]
