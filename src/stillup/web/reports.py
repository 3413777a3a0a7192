"""Where reports come in: the form of the page, the API for programs, and what other hubs are told of them.

A report is somebody's word and nothing else: no address of a sender is stored or logged here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.enums import MediaType
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter
from msgspec import Meta, Struct

from stillup.hub.desk import refused
from stillup.hub.values import Admission, CrowdReport, Desk, Minute, Reason
from stillup.hub.windows import WINDOW_S, K
from stillup.model.service import Problem
from stillup.sources.decode import clean
from stillup.web.access import Access, client_address
from stillup.web.api.openapi import PREFIX, TAG
from stillup.web.api.query import only
from stillup.web.api.routes import find
from stillup.web.pages import NoSuchService, reported_page
from stillup.web.problems import HANDLERS, Refusal, problem_of, spec
from stillup.web.problems import refused as refused_as
from stillup.web.regions import US_STATES, countries
from stillup.web.reply import reply
from stillup.web.swift import report_of, swift

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler, Scope

    from stillup.board import Board
    from stillup.web.site import Site
    from stillup.web.swift import Taken

MOST_BYTES = 4_096
_MOST_FIELDS = 10
_MINUTE_S = 60
_UNKEPT_S = 5.0
_REGIONS = ("a country (ISO 3166-1), as DE", "a state of the USA (ISO 3166-2), as US-CA", "nothing")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_Request = Request[Any, Any, Any]
_Of = Annotated[str, QueryParameter(description="The service", pattern="^[a-z0-9][a-z0-9-]{0,39}$")]


class ReportIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A problem that somebody has."""

    service: Annotated[str, Meta(min_length=1, max_length=40, description="A service that is watched here: its id")]
    problem: Annotated[Problem, Meta(description="What is wrong")]
    component: Annotated[
        str | None, Meta(description="The part of the service it is in; absent: all of it, or not known")
    ] = None
    region: Annotated[
        str | None, Meta(description="Where: a country (ISO 3166-1) or a state of the USA (ISO 3166-2)")
    ] = None


class ReportTaken(Struct, frozen=True, kw_only=True):
    """What became of a report."""

    reason: Annotated[str, Meta(description="`admitted`, or `folded`: the same was said a moment ago")]
    says: str


class HubCounts(Struct, frozen=True, kw_only=True):
    """How many reports counted in each minute of the last quarter of an hour."""

    service: str
    until: Annotated[datetime, Meta(description="The end of the newest minute; what ended before never changes")]
    window_s: Annotated[int, Meta(description="Seconds that one count covers")] = WINDOW_S
    k: Annotated[int, Meta(description="A region is named only where so many reports bear it")] = K
    minutes: Annotated[tuple[Minute, ...], Meta(description="Oldest first; minutes without reports are left out")]


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``POST /{service}/report`` · ``POST /api/v1/reports`` · ``GET /api/v1/hub/counts``."""
    access = Access(site.settings, site.token)

    @post("/{service:str}/report", status_code=200)
    async def sent(request: _Request, service: FromPath[str]) -> Response[bytes]:
        check_origin(access, request)
        fields = _form(request, await bounded_body(request))
        admission = await _kept(site, await _by_form(site, request, service, fields))
        headers = {"Cache-Control": "no-store"}
        if admission.retry_after_s is not None:
            headers["Retry-After"] = f"{admission.retry_after_s:.0f}"
        page = reported_page(site, service, admission)
        status = 200 if admission.ok else admission.status
        return Response(page, status_code=status, media_type=MediaType.HTML, headers=headers)

    handled = {**HANDLERS, RecursionError: too_deep}
    return [sent, Router(PREFIX, route_handlers=_api(site, access), exception_handlers=handled, tags=[TAG])]


_REFUSED = "stillup.refused"
"""Where the short way leaves the desk's refusal for the long one."""


def _taker(site: Site, access: Access) -> Callable[[Scope, bytes], Taken]:
    """Takes the reports that are all in order, without the machinery of a route; None leaves one to it."""

    def take(scope: Scope, body: bytes) -> Taken:
        said = report_of(body)
        if said is None or site.desk is None or not _is_known(site.board(), said) or not _is_ours(access, scope):
            return None
        sender = client_address(scope, site.settings.trusted_proxies)
        admission = site.desk.hand_in(said, sender, None, site.clock.now())
        if not admission.ok:
            scope["state"][_REFUSED] = admission  # said by the route, and not asked of the desk again
            return None
        return admission.reason, msgspec.json.encode(_told(admission))

    return take


def _api(site: Site, access: Access) -> list[ControllerRouterHandler]:
    no_query = only()

    async def is_ours(connection: Any, handler: Any) -> None:  # noqa: ANN401 - as Litestar calls guards
        # Async, for what is not would be run in a thread: half of what a report costs.
        await no_query(connection, handler)
        check_json(access, connection)

    unkept_says = msgspec.json.encode(problem_of(refusal_of(refused(Reason.UNKEPT))))

    async def unkept() -> Taken:
        return None if site.kept is None or await site.kept() else (Reason.UNKEPT, unkept_says)

    @post(
        "/reports",
        middleware=[swift(_taker(site, access), MOST_BYTES, unkept)],
        operation_id="report",
        summary="I have a problem",
        status_code=202,
        guards=[is_ours],
        responses=_REFUSALS,
        include_in_schema=True,
    )
    async def report(
        request: _Request, data: Annotated[ReportIn, Body(examples=[Example(value=_EXAMPLE)])]
    ) -> Response[ReportTaken]:
        """Hand in a report. One of the same sender about the same is taken and counts once for half an hour."""
        said = _checked(site.board(), data.service, data.problem, data.component, data.region)
        admission = await _kept(site, _handed_in(site, request, said, None))
        if not admission.ok:
            raise refusal_of(admission)
        return Response(_told(admission), status_code=202, headers={"Cache-Control": "no-store"})

    @get(
        "/hub/counts",
        operation_id="hub_counts",
        summary="How many reports came?",
        guards=[only("service")],
        responses=_COUNTS,
        sync_to_thread=False,
        include_in_schema=True,
    )
    def counts(request: _Request, service: _Of) -> Response[HubCounts]:
        """The reports that counted here, minute by minute, for other installations that read this one as a hub."""
        find(site.board(), service)
        if site.desk is None:
            raise _CLOSED
        now = site.clock.now()
        until, minutes = site.desk.minutes(service, now)
        body = msgspec.json.encode(HubCounts(service=service, until=until, minutes=minutes))
        left_s = max(1, _MINUTE_S - int(now.timestamp() % _MINUTE_S))
        return cast("Response[HubCounts]", reply(request, body, _JSON, max_age_s=min(15, left_s)))

    return [report, counts]


_EXAMPLE = {"service": "claude", "problem": "sign_in", "component": "web", "region": "US-CA"}
_REFUSALS = {
    400: spec("Something in it is not allowed; `allowed` says what is"),
    403: spec("It comes from a page of another site, or no reports are taken here"),
    404: spec("No such service is watched here; `allowed` names those that are"),
    413: spec("It is longer than any report"),
    415: spec("It is not sent as application/json"),
    503: spec("It was taken and cannot be kept just now: send it again after `Retry-After`, it counts once"),
    429: spec("The sender, or its network, has reported a lot just now; `Retry-After` says how long to wait"),
}
_COUNTS = {
    400: spec("A parameter is missing or not allowed; `allowed` says what is"),
    404: spec("No such service is watched here, or no reports are taken"),
}
_CLOSED = Refusal(404, "closed", "No reports are taken here.")


# -- a form -----------------------------------------------------------------------------------------------------------


async def _by_form(site: Site, request: _Request, service: str, fields: dict[str, str]) -> Admission:
    board = site.board()
    if service not in board.services:
        raise NoSuchService(board, service)
    try:
        problem = Problem(fields.get("problem", ""))
    except ValueError:
        raise _unknown(fields.get("problem", ""), "problem", tuple(Problem)) from None
    said = _checked(board, service, problem, fields.get("component") or None, fields.get("region") or None)
    return _handed_in(site, request, said, fields.get("token", ""))


def _form(request: _Request, body: bytes) -> dict[str, str]:
    """The fields of a form, each once.

    :raises Refusal: it is not sent as a form is, or has too many fields or one twice.
    """
    if _media_type(request) != _FORM:
        raise Refusal(415, "not-a-form", "That is not sent as a form is.", (_FORM,))
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        pairs = []
    if not pairs or len(dict(pairs)) != len(pairs):
        raise Refusal(400, "bad-form", "That is no whole form.", ("token, problem, component and region, once each",))
    return dict(pairs)


# -- what both ways share ---------------------------------------------------------------------------------------------


def check_origin(access: Access, request: Any) -> None:  # noqa: ANN401 - a request, or what guards are given
    """Refuse what a page of another site sends.

    :raises Refusal: it is.
    """
    if not _is_ours(access, request.scope):
        raise Refusal(403, "foreign-origin", "The request comes from a page of another site.", ("no Origin, or ours",))


def _is_ours(access: Access, scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return access.origin(headers.get(b"host", b""), headers.get(b"origin"), headers.get(b"sec-fetch-site")).is_open


def check_json(access: Access, request: Any, most: int = MOST_BYTES) -> None:  # noqa: ANN401 - a request, or what guards are given
    """Refuse what a page of another site could send: only JSON that says to be JSON is taken, and no foreign origin.

    :raises Refusal: it is such.
    """
    check_origin(access, request)
    if _media_type(request) != _JSON:
        raise Refusal(415, "not-json", "That is not sent as JSON.", (_JSON,))
    size = request.headers.get("content-length", "")
    if size.isdigit() and len(size) < 20 and int(size) > most:
        raise _too_long(most)


async def bounded_body(request: _Request, most: int = MOST_BYTES) -> bytes:
    """The body.

    :raises Refusal: it is longer than ``most``.
    """
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > most:
            raise _too_long(most)
    return bytes(parts)


def too_deep(request: _Request, _: RecursionError) -> Response[Any]:
    """The answer to JSON that is nested without end."""
    return refused_as(request, Refusal(400, "too-deep", "That is nested too deeply.", ("a flat JSON object",)))


def _too_long(most: int) -> Refusal:
    return Refusal(413, "too-long", "That is longer than it can be.", (f"at most {most} bytes",))


def _media_type(request: Any) -> str:  # noqa: ANN401 - a request, or what guards are given
    kind: str = request.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _checked(board: Board, service: str, problem: Problem, component: str | None, region: str | None) -> CrowdReport:
    """A report whose names are all known.

    :raises Refusal: one of them is not; it says what is allowed.
    """
    shown = find(board, service)
    if component is not None and shown.service.component(component) is None:
        raise _unknown(component, "component", tuple(c.id for c in shown.service.components) or ("nothing",))
    if region is not None and region not in US_STATES and region not in countries():
        raise _unknown(region, "region", _REGIONS)
    return CrowdReport(service=service, problem=problem, component=component, region=region)


def _unknown(value: str, name: str, allowed: tuple[str, ...]) -> Refusal:
    return Refusal(400, f"unknown-{name}", f"There is no {name} {clean(value, 40)!r}.", allowed)


def _handed_in(site: Site, request: _Request, report: CrowdReport, token: str | None) -> Admission:
    known: Admission | None = request.scope["state"].pop(_REFUSED, None)
    if known is not None:
        return known
    desk: Desk | None = site.desk
    if desk is None:
        return refused(Reason.CLOSED)
    sender = client_address(request.scope, site.settings.trusted_proxies)
    return desk.hand_in(report, sender, token, site.clock.now())


async def _kept(site: Site, admission: Admission) -> Admission:
    """The same once it cannot be lost any more; else that it may be, and to come again: it counts once all the same."""
    if not admission.ok or site.kept is None or await site.kept():
        return admission
    return refused(Reason.UNKEPT, _UNKEPT_S)


def _is_known(board: Board, said: CrowdReport) -> bool:
    """Whether a report names nothing that is not there."""
    shown = board.services.get(said.service)
    if shown is None or not (said.component is None or shown.service.component(said.component)):
        return False
    return said.region is None or said.region in US_STATES or said.region in countries()


def _told(admission: Admission) -> ReportTaken:
    return ReportTaken(reason=admission.reason.value, says=admission.says)


def refusal_of(admission: Admission, says: str = "") -> Refusal:
    """What was not taken, as the API says it."""
    refusal = Refusal(admission.status, admission.reason.value.replace("_", "-"), says or admission.says)
    if admission.retry_after_s is not None:
        refusal.headers = {"Retry-After": f"{admission.retry_after_s:.0f}"}
    return refusal
