"""What Statuspage's clients read: ``/api/v2/….json`` of all services, ``/{service}/api/v2/….json`` of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import FromPath  # noqa: TC002  litestar reads it at run time

from stillup.model.service import Stage
from stillup.web import statuspage_shapes as shapes
from stillup.web.api import kept
from stillup.web.api.query import short
from stillup.web.api.routes import find
from stillup.web.problems import HANDLERS, ProblemDetails, answer
from stillup.web.reply import base_of, reply
from stillup.web.statuspage_view import MOST_INCIDENTS, NothingKnown, View

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

_Request = Request[Any, Any, Any]
_Told = msgspec.Struct
_Page = Callable[["Site", str | None, View], Awaitable[_Told]]


async def _summary(_: Site, __: str | None, view: View) -> _Told:
    return shapes.SummaryAnswer(
        page=view.page,
        components=view.components,
        incidents=view.open,
        scheduled_maintenances=view.maintenances(*_NOT_OVER),
        status=view.status,
    )


async def _status(_: Site, __: str | None, view: View) -> _Told:
    return shapes.StatusAnswer(page=view.page, status=view.status)


async def _components(_: Site, __: str | None, view: View) -> _Told:
    return shapes.ComponentsAnswer(page=view.page, components=view.components)


async def _incidents(site: Site, service: str | None, view: View) -> _Told:
    found = await kept.incidents(site, service, None, MOST_INCIDENTS)
    return shapes.IncidentsAnswer(page=view.page, incidents=view.incidents(found))


async def _unresolved(_: Site, __: str | None, view: View) -> _Told:
    return shapes.IncidentsAnswer(page=view.page, incidents=view.open)


def _maintenances(*stages: Stage) -> _Page:
    async def told(_: Site, __: str | None, view: View) -> _Told:
        return shapes.MaintenancesAnswer(page=view.page, scheduled_maintenances=view.maintenances(*stages))

    return told


_UNDER_WAY = (Stage.IN_PROGRESS, Stage.VERIFYING)
_NOT_OVER = (Stage.SCHEDULED, *_UNDER_WAY)
_PAGES: dict[str, _Page] = {
    "summary": _summary,
    "status": _status,
    "components": _components,
    "incidents": _incidents,
    "incidents/unresolved": _unresolved,
    "scheduled-maintenances": _maintenances(),
    "scheduled-maintenances/upcoming": _maintenances(Stage.SCHEDULED),
    "scheduled-maintenances/active": _maintenances(*_UNDER_WAY),
}


async def _answer(site: Site, request: _Request, page: _Page, service: str | None) -> Response[Any]:
    board = site.board()
    only = None if service is None else find(board, service)
    try:
        told = await page(site, service, View(board, base_of(site, request), only))
    except NothingKnown:
        # Without Retry-After: clients poll anyway, and some would hold up all else they watch until then.
        return answer(request, _NOTHING)
    return reply(request, msgspec.json.encode(told), "application/json; charset=utf-8")


_NOTHING = ProblemDetails(
    type="/api#nothing-known",
    title="Service unavailable",
    status=503,
    detail="Nothing is known at the moment, and this format has no word for that. Ask again in a minute.",
)


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/api/v2/….json`` and ``/{service}/api/v2/….json``."""

    def of_all(path: str, page: _Page) -> HTTPRouteHandler:
        @get(f"/api/v2/{path}.json", name=f"v2 {path}")
        async def handler(request: _Request) -> Response[Any]:
            return await _answer(site, request, page, None)

        return handler

    def of_one(path: str, page: _Page) -> HTTPRouteHandler:
        @get(f"/{{service:str}}/api/v2/{path}.json", name=f"v2 of one {path}")
        async def handler(request: _Request, service: FromPath[str]) -> Response[Any]:
            return await _answer(site, request, page, service)

        return handler

    handlers = [make(path, page) for path, page in _PAGES.items() for make in (of_all, of_one)]
    return [Router("/", route_handlers=handlers, exception_handlers=HANDLERS, guards=[short])]
