"""The web application put together: every module of routes has a line in :data:`_ROUTES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.datastructures import State

from stillup.web import (
    api,
    badge,
    chat,
    drills,
    events,
    feeds,
    health,
    history,
    metrics,
    mishaps,
    pages,
    pool,
    reports,
    risk,
    sla,
    statuspage,
    vault,
)
from stillup.web.events import Events
from stillup.web.render import environment
from stillup.web.traffic import Traffic

if TYPE_CHECKING:
    from stillup.web.site import Routes, Site

_OWN: tuple[Routes, ...] = (events.routes, health.routes, metrics.routes)
"""What every program of this kind has, whatever it shows."""

_ROUTES: tuple[Routes, ...] = (
    api.routes,
    statuspage.routes,
    feeds.routes,
    badge.routes,
    chat.routes,
    vault.routes,
    drills.routes,
    risk.routes,
    sla.routes,
    history.routes,
    reports.routes,
    pool.routes,
    pages.routes,
)


def build(site: Site) -> Litestar:
    """The application, not served yet; :class:`~stillup.web.front.Front` stands before it.

    Its state holds the ``site``, ``events`` (who listens) and ``traffic`` (what was counted).
    """
    environment()
    handlers = [handler for routes in (*_OWN, *_ROUTES) for handler in routes(site)]
    return Litestar(
        handlers,
        state=State({"site": site, "events": Events(site), "traffic": Traffic()}),
        openapi_config=api.described(),
        logging_config=None,  # it would turn on the chatter of every library in the process
        include_in_schema=False,  # what belongs to the API says so itself
        exception_handlers=dict(mishaps.HANDLERS),
    )
