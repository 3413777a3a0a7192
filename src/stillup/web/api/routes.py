"""The native API's routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec
from litestar import Request, Response, Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from stillup.board import Board, ServiceBoard
from stillup.model.service import Capability
from stillup.sources.decode import clean
from stillup.web.api import cursor as cursors
from stillup.web.api import kept, told, told_more, values, values_more
from stillup.web.api.openapi import PREFIX, TAG
from stillup.web.api.page import docs
from stillup.web.api.query import only
from stillup.web.problems import HANDLERS, MOST_LIMIT, Refusal, spec
from stillup.web.reply import base_of, reply

if TYPE_CHECKING:
    from litestar.openapi.datastructures import ResponseSpec
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

_KEPT_S = 300
"""An answer about the past, or from the catalogue, may be kept longer than one about now."""
_T = TypeVar("_T")

_Request = Request[Any, Any, Any]
_ID = "^[a-z0-9][a-z0-9-]{0,39}$"
_Service = Annotated[
    str,
    PathParameter(
        description="A service that is watched here: its id", pattern=_ID, examples=[Example(value="claude")]
    ),
]
_Incident = Annotated[
    str,
    PathParameter(
        description="An incident's id", pattern="^[A-Za-z0-9._-]{1,100}$", examples=[Example(value="9f3a61c07d2e")]
    ),
]
_Of = Annotated[str | None, QueryParameter(description="Only of this service", pattern=_ID, required=False)]
_Cursor = Annotated[
    str | None, QueryParameter(description="`next` of the answer before; absent: from the newest", required=False)
]
_Limit = Annotated[int, QueryParameter(description="How many at most", ge=1, le=MOST_LIMIT, required=False)]
_Task = Annotated[
    Capability | None, QueryParameter(description="What is to be done; absent: what is usual", required=False)
]

_PAGED = ("service", "cursor", "limit")
_BAD = {400: spec("A parameter is not allowed; `allowed` says what is")}
_NO_SERVICE = {404: spec("No such service is watched here; `allowed` names those that are")}
_UNREADABLE = {503: spec("What was kept cannot be read at the moment")}


def _json(request: _Request, value: _T, *, max_age_s: int = 15, link: str = "") -> Response[_T]:
    headers = {"Link": link} if link else None
    made = reply(request, msgspec.json.encode(value), "application/json", max_age_s=max_age_s, headers=headers)
    return cast("Response[_T]", made)


def find(board: Board, service: str) -> ServiceBoard:
    """A service of the board.

    :raises Refusal: it is not watched here.
    """
    shown = board.services.get(service)
    if shown is None:
        detail = f"No service called {clean(service, 40)!r} is watched here."
        raise Refusal(404, "unknown-service", detail, tuple(board.services))
    return shown


def _next(request: _Request, base: str, cursor: str | None) -> str:
    """The ``Link`` header to what is older."""
    if cursor is None:
        return ""
    kept_params = {k: v for k, v in request.query_params.items() if k in ("service", "limit")}
    query = "&".join(f"{k}={v}" for k, v in {**kept_params, "cursor": cursor}.items())
    return f'<{base}{request.url.path}?{query}>; rel="next"'


def _get(
    path: str,
    name: str,
    summary: str,
    responses: dict[int, ResponseSpec],
    *,
    takes: tuple[str, ...] = (),
) -> get:
    """A call of the API; ``takes`` are all the parameters it knows."""
    return get(
        path,
        operation_id=name,
        summary=summary,
        responses=responses,
        guards=[only(*takes)],
    )


def _about_now(site: Site) -> list[ControllerRouterHandler]:
    """What the board answers."""

    @_get("/services", "services", "All services", _BAD)
    async def services(request: _Request) -> Response[values.ServicesValue]:
        """Every service that is watched, at a glance."""
        return _json(request, told.services(site.board()))

    @_get("/services/{service:str}", "service", "One service", _BAD | _NO_SERVICE)
    async def service(request: _Request, service: _Service) -> Response[values.ServiceValue]:
        """A service with its components, what it stands on, planned maintenance, and what to do now."""
        board = site.board()
        return _json(request, told.service(board, find(board, service)))

    @_get("/services/{service:str}/verdict", "verdict", "Is it down?", _BAD | _NO_SERVICE)
    async def verdict(request: _Request, service: _Service) -> Response[values.VerdictTold]:
        """The verdict: state, confidence, since when, what and who is hit, why, with the rule behind it."""
        board = site.board()
        return _json(request, told.verdict(board, find(board, service)))

    @_get("/services/{service:str}/evidence", "evidence", "How is that known?", _BAD | _NO_SERVICE)
    async def evidence(request: _Request, service: _Service) -> Response[values.EvidencesValue]:
        """What each family of sources says, with its numbers and age, and how each source fares."""
        board = site.board()
        return _json(request, told.evidences(board, find(board, service)))

    @_get("/services/{service:str}/forecast", "forecast", "When will it be back?", _BAD | _NO_SERVICE)
    async def forecast(request: _Request, service: _Service) -> Response[values_more.ForecastValue]:
        """Time to recovery as a distribution; null while nothing is wrong, or where none can be made."""
        board = site.board()
        return _json(request, told_more.forecast(board, find(board, service)))

    @_get("/services/{service:str}/reports", "reports", "Who reports what?", _BAD | _NO_SERVICE)
    async def reports(request: _Request, service: _Service) -> Response[values_more.ReportsValue]:
        """The last day of reports beside what is usual, and where from and what about in the last hour."""
        board = site.board()
        return _json(request, told_more.reports(board, find(board, service)))

    @_get(
        "/services/{service:str}/alternatives",
        "alternatives",
        "What to use instead?",
        _BAD | _NO_SERVICE,
        takes=("task",),
    )
    async def alternatives(
        request: _Request, service: _Service, task: _Task = None
    ) -> Response[values_more.AlternativesValue]:
        """Parts of the service that still work, and services that could stand in: never one known to be down."""
        board = site.board()
        return _json(request, told_more.instead(board, find(board, service), task))

    @_get("/capabilities", "capabilities", "All capabilities", _BAD)
    async def capabilities(request: _Request) -> Response[values_more.CapabilitiesValue]:
        """What people use services for, and which services can do it."""
        return _json(request, told_more.capabilities(), max_age_s=_KEPT_S)

    return [services, service, verdict, evidence, forecast, reports, alternatives, capabilities]


def _about_then(site: Site) -> list[ControllerRouterHandler]:
    """What the archive answers."""

    @_get(
        "/incidents",
        "incidents",
        "Incidents",
        _BAD | _NO_SERVICE | _UNREADABLE,
        takes=_PAGED,
    )
    async def incidents(
        request: _Request, service: _Of = None, cursor: _Cursor = None, limit: _Limit = 20
    ) -> Response[values_more.IncidentsValue]:
        """Incidents, newest first, a page at a time."""
        if service is not None:
            find(site.board(), service)
        base = base_of(site, request)
        before = cursors.read(cursor, "incidents", service)
        found = await kept.incidents(site, service, before, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        after = cursors.write("incidents", service, last.opened_at, last.id) if last else None
        shown = tuple(told_more.incident(i, base) for i in found[:limit])
        return _json(request, values_more.IncidentsValue(incidents=shown, next=after), link=_next(request, base, after))

    @_get(
        "/incidents/{incident:str}",
        "incident",
        "One incident",
        _BAD | _UNREADABLE | {404: spec("No incident has that id")},
    )
    async def incident(request: _Request, incident: _Incident) -> Response[values_more.StoryValue]:
        """An incident told from its beginning: its timeline, who saw it first, what was right and wrong."""
        found = await kept.story(site, incident)
        if found is None:
            raise Refusal(404, "unknown-incident", f"No incident has the id {clean(incident, 40)!r}.")
        return _json(request, told_more.story(found, base_of(site, request)), max_age_s=60)

    @_get(
        "/changes",
        "changes",
        "Changes of verdict",
        _BAD | _UNREADABLE | {404: spec("No such service, or no history is kept here")},
        takes=_PAGED,
    )
    async def changes(
        request: _Request, service: _Of = None, cursor: _Cursor = None, limit: _Limit = 20
    ) -> Response[values_more.ChangesValue]:
        """Changes of verdict, newest first, a page at a time: of services as a whole and of their components."""
        if service is not None:
            find(site.board(), service)
        before = cursors.read(cursor, "changes", service)
        found = await kept.changes(site, service, before, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        key = f"{last.service}/{last.component or ''}" if last else ""
        after = cursors.write("changes", service, last.at, key) if last else None
        shown = tuple(told_more.change(v) for v in found[:limit])
        link = _next(request, base_of(site, request), after)
        return _json(request, values_more.ChangesValue(changes=shown, next=after), link=link)

    return [incidents, incident, changes]


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/api/v1/…`` and its page, ``/api``."""
    handlers = [*_about_now(site), *_about_then(site)]
    return [
        Router(PREFIX, route_handlers=handlers, exception_handlers=HANDLERS, include_in_schema=True, tags=[TAG]),
        docs(site),
    ]
