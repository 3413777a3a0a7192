"""The pages people look at: all services, one service, the form for a report, the method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery  # noqa: TC002  litestar reads them at run time
from litestar.response import Redirect, Response

from stillup.board import Board, ServiceBoard
from stillup.catalog.load import find_service
from stillup.errors import UsageError
from stillup.hub.values import Admission
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site


class NoSuchService(NotFoundException):
    """Nobody is watched under that name; ``detail`` says who was perhaps meant."""


def index_page(site: Site, task: str | None = None) -> bytes:
    """All services at a glance; ``task`` shows those alone that can stand in for it."""
    return render("index.html", site=site, task=task)


def service_page(site: Site, service: str) -> bytes:
    """One service.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    return render("service.html", site=site, board=board, shown=_of(board, service))


def report_page(site: Site, service: str) -> bytes:
    """The form for a report.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    token = site.desk.token(site.clock.now()) if site.desk else None
    return render("report.html", site=site, board=board, shown=_of(board, service), token=token)


def reported_page(site: Site, service: str, admission: Admission) -> bytes:
    """What became of a report.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    return render("reported.html", site=site, board=board, shown=_of(board, service), admission=admission)


def error_page(status: int, says: str, site: Site | None = None) -> bytes:
    """What went wrong, in one sentence."""
    return render("error.html", site=site, status=status, says=says)


def _of(board: Board, service: str) -> ServiceBoard:
    shown = board.services.get(service)
    if shown is None:
        raise NoSuchService(detail=f"No service called {service[:40]!r} is watched here.")
    return shown


def _html(page: bytes, status: int = 200) -> Response[bytes]:
    return Response(page, status_code=status, media_type=MediaType.HTML)


def _elsewhere(board: Board, service: str) -> str | None:
    """The id of the service that is meant by another name."""
    if service in board.services:
        return None
    try:
        meant = find_service(service).id
    except UsageError:
        return None
    return meant if meant in board.services else None


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/`` · ``/{service}`` · ``/{service}/report`` (the form) · ``/method``."""

    @get("/", sync_to_thread=False)
    def index(task: FromQuery[str | None] = None) -> Response[bytes]:
        return _html(index_page(site, task))

    @get("/method", sync_to_thread=False)
    def method() -> Response[bytes]:
        return _html(render("method.html", site=site))

    @get("/{service:str}", sync_to_thread=False)
    def one(service: FromPath[str]) -> Response[bytes] | Redirect:
        meant = _elsewhere(site.board(), service)
        return Redirect(f"/{meant}") if meant else _html(service_page(site, service))

    @get("/{service:str}/report", sync_to_thread=False)
    def report(service: FromPath[str]) -> Response[bytes] | Redirect:
        meant = _elsewhere(site.board(), service)
        return Redirect(f"/{meant}/report") if meant else _html(report_page(site, service))

    return [index, method, one, report]
