"""What goes wrong, as a page for people and as JSON for programs. Nothing from the inside is told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Response

from stillup.errors import StoreError
from stillup.web import problems
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar import Request

    from stillup.web.site import Site

_LATER = {"Retry-After": "10"}
_log = logging.getLogger(__name__)
_SAYS = {
    400: ("That request cannot be understood.", "Something in the address or the form is not as it should be."),
    401: ("This part is private.", "Add ?token= and the page's token to the address, once."),
    403: ("This is not allowed from there.", "The request came from another site, or without what it needs."),
    404: ("There is no such page.", "Look it up from the list of all services."),
    405: ("That cannot be done here.", "The address is right, the way it was asked is not."),
    413: ("That is too much at once.", "The request is larger than anything that belongs here."),
    429: ("That is too often.", "Wait a little and try again."),
    503: ("Not now.", "What stands behind this page cannot be reached; try again in a moment."),
}
NO_HISTORY = (
    "The history cannot be read right now: the database that keeps it does not answer. How things stand now is on the "
    "first page, which does not need it. Try again in a moment."
)
"""What is missing where what was kept cannot be read."""
_OURS = ("Something went wrong here.", "It is this page that failed, which says nothing about the service.")


def error_page(status: int, says: str = "", site: Site | None = None, **rest: object) -> bytes:
    """What went wrong: a title that belongs to the status, and one sentence, ours where ``says`` is empty."""
    title, usual = _SAYS.get(status, _OURS if status >= 500 else _SAYS[400])
    told = {"near": (), **rest}
    return render("error.html", site=site, status=status, title=title, says=says or usual, **told)


def _refused(request: Request[Any, Any, Any], exc: HTTPException) -> Response[Any]:
    status = exc.status_code
    if request.url.path.startswith("/api/"):
        return problems.refused(request, exc)
    if not _wants_page(request):
        detail = _OURS[0] if status == 500 else exc.detail  # what is said at 500 was not written for readers
        return Response(
            {"status_code": status, "detail": detail}, status_code=status, headers=exc.headers,
            media_type=MediaType.JSON,
        )  # fmt: skip
    near = getattr(exc, "near", ())
    site = None if status >= 500 else request.app.state.site  # what failed may be what a page is made from
    page = error_page(status, exc.detail if near != () else "", site, near=near)
    return Response(page, status_code=status, headers=exc.headers, media_type=MediaType.HTML)


def _unread(request: Request[Any, Any, Any], exc: StoreError) -> Response[Any]:
    _log.warning("%s %s: %s", request.method, request.url.path, exc)
    if request.url.path.startswith("/api/") or not _wants_page(request):
        return _refused(request, HTTPException(status_code=503, detail=NO_HISTORY, headers=_LATER))
    page = error_page(503, NO_HISTORY)
    return Response(page, status_code=503, headers=_LATER, media_type=MediaType.HTML)


def _broken(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
    return _refused(request, HTTPException(status_code=500))


def _wants_page(request: Request[Any, Any, Any]) -> bool:
    """Programs that say nothing get JSON; browsers name HTML."""
    return "text/html" in request.headers.get("accept", "")


HANDLERS: dict[int | type[Exception], Any] = {HTTPException: _refused, StoreError: _unread, Exception: _broken}
