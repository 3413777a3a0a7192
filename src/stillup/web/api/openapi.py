"""``/api/v1/openapi.json``: the API's description, OpenAPI 3.1, made by Litestar from the routes and their values."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License, Server, Tag
from litestar.serialization import encode_json

from stillup import __version__
from stillup.web import problems
from stillup.web.api import values, values_more
from stillup.web.api.query import bounded
from stillup.web.problems import HANDLERS, Refusal
from stillup.web.reply import reply

PREFIX = "/api/v1"
TAG = "stillup"

_ABOUT = """\
What stillup knows of AI services: whether one is down, how that is known, when it may be back, what to use instead.

Times are ISO 8601 in UTC with `Z`; lengths of time are seconds and end in `_s`; places are ISO 3166-1 or 3166-2. What
is not known is null, or the state `unknown`; it is never 0. Every answer has a strong `ETag`: send it back as
`If-None-Match` and an unchanged answer costs 304 and nothing more. Answers change once a minute at most; asking more
often than every 15 s brings nothing new. Lists are paged: hand `next` in as `cursor`. Errors are RFC 9457 problem
details that say what is allowed. Texts are plain: escape them before you show them in HTML. Within v1 fields are added
and never taken away or changed in meaning.
"""


def described() -> OpenAPIConfig:
    """For :class:`~litestar.Litestar`; a new one for each application."""
    return OpenAPIConfig(
        title="stillup",
        version=__version__,
        description=_ABOUT,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        tags=[Tag(name=TAG, description="What is known now, and what was kept")],
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            PREFIX,
            route_handlers=[],
            include_in_schema=False,
            before_request=_Description().answer,
            exception_handlers=HANDLERS,
        ),
    )


def description(app: Litestar) -> dict[str, Any]:
    """The description as it is told: Litestar's, with the shapes' own words for what they are."""
    told = app.openapi_schema.to_schema()
    for name, schema in told["components"]["schemas"].items():
        about = _words(name)
        if about and "description" not in schema:
            schema["description"] = about
    return told


def _words(name: str) -> str:
    """A shape's docstring, where it is one of ours."""
    modules = (values, values_more, problems)
    shape = next((found for m in modules if (found := getattr(m, name, None)) is not None), None)
    return " ".join((shape.__doc__ or "").split()) if isinstance(shape, type) else ""


class _Description:
    """Answers in place of Litestar's own handlers, which know no ETag and say *not found* in HTML."""

    def __init__(self) -> None:
        self._body: bytes | None = None

    async def answer(self, request: Request[Any, Any, Any]) -> Response[Any]:
        bounded(request)
        if request.scope["path"].rstrip("/") not in (PREFIX, f"{PREFIX}/openapi.json"):
            raise Refusal(404, "unknown-path", "There is nothing at that path.", tuple(_paths(request)))
        if self._body is None:
            self._body = encode_json(description(request.app))
        return reply(request, self._body, "application/json", max_age_s=300)


def _paths(request: Request[Any, Any, Any]) -> list[str]:
    return sorted(request.app.openapi_schema.paths or ())
