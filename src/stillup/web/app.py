"""The web application put together: every module of routes has a line in :data:`_ROUTES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.datastructures import State

from stillup.web import mishaps, pages

if TYPE_CHECKING:
    from stillup.web.site import Routes, Site

_ROUTES: tuple[Routes, ...] = (pages.routes,)


def build(site: Site) -> Litestar:
    """The application, not served yet."""
    handlers = [handler for routes in _ROUTES for handler in routes(site)]
    return Litestar(
        handlers, state=State({"site": site}), openapi_config=None, exception_handlers=dict(mishaps.HANDLERS)
    )
