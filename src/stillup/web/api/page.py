"""``/api``: the API's description as a page, made from the same description that machines read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get
from litestar.enums import MediaType
from msgspec import Struct

from stillup.web.api.query import short
from stillup.web.render import render
from stillup.web.reply import base_of

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

    from stillup.web.site import Site


class Field(Struct, frozen=True):
    """A parameter, or a field of an answer."""

    name: str
    kind: str
    says: str


class Shape(Struct, frozen=True):
    """An answer's shape."""

    name: str
    says: str
    fields: tuple[Field, ...]


class Call(Struct, frozen=True):
    """One way to call the API."""

    method: str
    path: str
    title: str
    says: str
    takes: tuple[Field, ...]
    gives: str


def docs(site: Site) -> HTTPRouteHandler:
    """The page's route."""

    @get("/api", sync_to_thread=False, guards=[short])
    def api(request: Request[Any, Any, Any]) -> Response[bytes]:
        described = request.app.openapi_schema.to_schema()
        page = render(
            "api.html",
            site=site,
            base=base_of(site, request),
            about=[part.split("`") for part in described["info"]["description"].strip().split("\n\n")],
            version=described["info"]["version"],
            calls=tuple(_calls(described)),
            shapes=tuple(_shapes(described)),
        )
        return Response(page, media_type=MediaType.HTML)

    return api


def _calls(described: dict[str, Any]) -> Iterator[Call]:
    for path, item in sorted(described["paths"].items()):
        for method, told in item.items():
            if not isinstance(told, dict) or "responses" not in told:
                continue
            yield Call(
                method=method.upper(),
                path=path,
                title=told.get("summary", ""),
                says=told.get("description", ""),
                takes=tuple(
                    Field(p["name"], _kind(p.get("schema", {})), p.get("description", ""))
                    for p in told.get("parameters", ())
                ),
                gives=_gives(told["responses"]),
            )


def _gives(responses: dict[str, Any]) -> str:
    """The name of what a good answer holds."""
    for status, told in responses.items():
        if status.startswith("2"):
            for content in told.get("content", {}).values():
                return _kind(content.get("schema", {}))
    return ""


def _shapes(described: dict[str, Any]) -> Iterator[Shape]:
    for name, schema in sorted(described["components"]["schemas"].items()):
        if schema.get("type") == "object":
            fields = (Field(f, _kind(s), s.get("description", "")) for f, s in schema.get("properties", {}).items())
            yield Shape(name, schema.get("description", ""), tuple(fields))


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_kind(s) for s in schema.get("oneOf") or schema["anyOf"])
    if "enum" in schema:
        return " · ".join("null" if word is None else str(word) for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return "time" if schema.get("format") == "date-time" else words
