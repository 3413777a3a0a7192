"""What goes wrong, told as RFC 9457 problem details: what was not right, and what is allowed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from msgspec import Meta, Struct

from stillup.errors import StoreError
from stillup.model.service import Capability
from stillup.sources.decode import clean
from stillup.web.reply import shared

if TYPE_CHECKING:
    from litestar.connection import Request

PROBLEM = "application/problem+json"
_MOST_TEXT = 400
MOST_LIMIT = 100
_ALLOWED = {
    "limit": (f"a whole number from 1 to {MOST_LIMIT}",),
    "task": tuple(Capability),
    "service": ("a service's id: lower case, digits and -, at most 40 of them",),
    "incident": ("an incident's id",),
    "cursor": ("the text that an earlier answer gave as `next`",),
}
"""What a parameter may hold, where its type alone refuses it."""


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details."""

    type: Annotated[str, Meta(description="Which kind of problem; explained there", examples=["/api#unknown-service"])]
    title: Annotated[str, Meta(description="The kind in words", examples=["Not found"])]
    status: Annotated[int, Meta(description="The HTTP status", examples=[404])]
    detail: Annotated[str, Meta(description="What was not right with this request")] = ""
    allowed: Annotated[tuple[str, ...], Meta(description="What is allowed in its place")] = ()


class Refusal(HTTPException):
    """A request that cannot be answered; ``kind`` names the rule, ``allowed`` says what would do."""

    def __init__(self, status: int, kind: str, detail: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(detail=detail, status_code=status)
        self.kind = kind
        self.allowed = allowed


def answer(
    request: Request[Any, Any, Any], problem: ProblemDetails, headers: dict[str, str] | None = None
) -> Response[Any]:
    """The problem as an answer."""
    told = {**shared(request), "Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=PROBLEM, headers=told)


def problem_of(exc: HTTPException) -> ProblemDetails:
    """What Litestar or a route refused, in our words; nothing from inside is told of our own faults."""
    status = exc.status_code
    title = HTTPStatus(status).phrase.capitalize()
    if isinstance(exc, Refusal):
        return ProblemDetails(
            type=f"/api#{exc.kind}",
            title=title,
            status=status,
            detail=clean(exc.detail, _MOST_TEXT),
            allowed=exc.allowed,
        )
    wrong = [e for e in exc.extra or () if isinstance(e, dict)] if isinstance(exc.extra, list) else []
    names = [clean(str(e.get("key", "")), 40) for e in wrong]
    if status == HTTPStatus.BAD_REQUEST and names:
        detail = f"Not allowed: {', '.join(names)}."
        allowed = tuple(word for name in names for word in _ALLOWED.get(name, ()))
        return ProblemDetails(type="/api#bad-parameter", title=title, status=status, detail=detail, allowed=allowed)
    return ProblemDetails(type="about:blank", title=title, status=status)


def refused(request: Request[Any, Any, Any], exc: HTTPException) -> Response[Any]:
    """The answer to what Litestar or a route refused."""
    return answer(
        request, problem_of(exc), {k: v for k, v in (exc.headers or {}).items() if k.lower() != "content-type"}
    )


def _store_failed(request: Request[Any, Any, Any], __: StoreError) -> Response[Any]:
    detail = "What was kept cannot be read at the moment. Try again in a minute."
    problem = ProblemDetails(type="/api#store", title="Service unavailable", status=503, detail=detail)
    return answer(request, problem, {"Retry-After": "60"})


HANDLERS: dict[int | type[Exception], Any] = {HTTPException: refused, StoreError: _store_failed}
"""For a router of the API."""


def spec(description: str) -> ResponseSpec:
    """An error answer, for the description of the API."""
    return ResponseSpec(
        data_container=ProblemDetails, media_type=PROBLEM, description=description, generate_examples=False
    )
