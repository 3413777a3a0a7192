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

OLD = timedelta(minutes=3)
"""A board is judged each minute; from then on every page says in so many words that it is old."""
_NOW = {"cache-control": "no-store"}
_NOT_FOR_ROBOTS = ("chat", "drills", "risk", "sla", "vault", "events", "metrics", "*/report")
_OPEN = "User-agent: *\n" + "".join(f"Disallow: /{part}\n" for part in _NOT_FOR_ROBOTS)
_CLOSED = "User-agent: *\nDisallow: /\n"


def why_not_ready(site: Site) -> str:
    """Why there is nothing to show, or soon nobody who shows it; empty where there is.

    A page that has grown old is ready: it says how old it is, and then that nothing is known. If it were not, all pages
    would be taken out at once in the hour in which the watch behind them is away, and readers would be shown nothing.
    """
    if site.is_leaving():
        return "it is being ended"
    return "" if site.board().is_judged else "nothing was judged yet"


def _ready(site: Site) -> str:
    at = site.board().at
    is_old = abs(site.clock.now() - at) > OLD
    return f"ready, but old: the last judged minute is {at:%Y-%m-%d %H:%M} UTC\n" if is_old else "ready\n"


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/healthz`` · ``/readyz`` · ``/robots.txt`` · ``/favicon.ico``."""

    @get("/healthz", media_type=MediaType.TEXT, sync_to_thread=False)
    def healthz() -> Response[str]:
        return Response("ok\n", headers=_NOW, media_type=MediaType.TEXT)

    @get("/readyz", media_type=MediaType.TEXT, sync_to_thread=False)
    def readyz() -> Response[str]:
        why = why_not_ready(site)
        if not why:
            return Response(_ready(site), headers=_NOW, media_type=MediaType.TEXT)
        return Response(f"not ready: {why}\n", status_code=503, headers=_NOW, media_type=MediaType.TEXT)

    @get("/robots.txt", media_type=MediaType.TEXT, sync_to_thread=False)
    def robots() -> Response[str]:
        return Response(_OPEN if site.settings.public else _CLOSED, media_type=MediaType.TEXT)

    @get("/favicon.ico", sync_to_thread=False)
    def favicon() -> Redirect:
        return Redirect(asset("icon.svg"), status_code=302)

    return [healthz, readyz, robots, favicon]
