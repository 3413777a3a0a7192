"""``/api``: the API's description as a page, made from the same description that machines read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get
from litestar.enums import MediaType
from msgspec import Struct

from stillup.web.api.openapi import description
from stillup.web.api.query import short
from stillup.web.render import render
from stillup.web.reply import base_of

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

    from stillup.web.site import Site


_REFUSALS = (
    ("unknown-service", "No such service is watched here."),
    ("unknown-component", "The service has no such component."),
    ("unknown-incident", "No incident has that id."),
    ("unknown-path", "There is nothing at that path."),
    ("unknown-parameter", "The call does not take that parameter."),
    ("repeated-parameter", "The same parameter stands there twice."),
    ("bad-parameter", "A parameter holds what it may not."),
    ("long-query", "The query is longer than 2,000 bytes."),
    ("bad-cursor", "The cursor is none that this list gave out."),
    ("nothing-kept", "This installation keeps no history."),
    ("nothing-known", "Nothing is known at the moment; ask again later."),
    ("store", "What was kept cannot be read at the moment."),
    ("closed", "Nothing of that kind is taken or given here."),
    ("unknown-problem", "There is no such problem to report."),
    ("unknown-region", "There is no such country or state."),
    ("too-many", "More than one sender, or one network, may say in that time; `Retry-After` says when again."),
    ("forged", "The form's token is not ours, or is missing: open the form anew."),
    ("stale", "The form was opened too long ago: open it anew."),
    ("replayed", "That form was sent before."),
    ("foreign-origin", "The request comes from a page of another site."),
    ("bad-form", "That is no whole form."),
    ("not-a-form", "That is not sent as a form is."),
    ("not-json", "That is not sent as JSON."),
    ("too-deep", "The JSON is nested too deeply."),
    ("too-long", "The body is longer than it can be."),
)


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
    body: str
    gives: str


def docs(site: Site) -> HTTPRouteHandler:
    """The page's route."""

    @get("/api", sync_to_thread=False, guards=[short])
    def api(request: Request[Any, Any, Any]) -> Response[bytes]:
        described = description(request.app)
        page = render(
            "api.html",
            site=site,
            base=base_of(site, request),
            about=described["info"]["description"].strip().split("\n\n"),
            version=described["info"]["version"],
            calls=tuple(_calls(described)),
            shapes=tuple(_shapes(described)),
            names=frozenset(described["components"]["schemas"]),
            refusals=_REFUSALS,
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
                body=_content(told.get("requestBody", {})),
                gives=_gives(told["responses"]),
            )


def _gives(responses: dict[str, Any]) -> str:
    """The name of what a good answer holds."""
    for status, told in responses.items():
        if status.startswith("2"):
            return _content(told)
    return ""


def _content(told: dict[str, Any]) -> str:
    """What a body holds."""
    return next((_kind(content.get("schema", {})) for content in told.get("content", {}).values()), "")


def _shapes(described: dict[str, Any]) -> Iterator[Shape]:
    for name, schema in sorted(described["components"]["schemas"].items()):
        if "enum" in schema:
            yield Shape(name, f"One of: {', '.join(f'`{word}`' for word in schema['enum'])}.", ())
        elif schema.get("type") == "object":
            fields = (Field(f, _kind(s), s.get("description", "")) for f, s in schema.get("properties", {}).items())
            yield Shape(name, schema.get("description", ""), tuple(fields))


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_kind(s) for s in schema.get("oneOf") or schema["anyOf"])
    if "enum" in schema:
        return " · ".join("null" if word is None else str(word) for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return "time" if schema.get("format") == "date-time" else words
