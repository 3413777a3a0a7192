"""What stands behind the ``?``: only what is known, once each, and not too much of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from stillup.sources.decode import clean
from stillup.web.problems import Refusal

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers.base import BaseRouteHandler

MOST_BYTES = 2000

Guard = Callable[["ASGIConnection[Any, Any, Any, Any]", "BaseRouteHandler"], Awaitable[None]]
"""Asynchronous, though none waits: Litestar runs others in a thread, at the cost of one for each request."""


def only(*names: str) -> Guard:
    """A guard that refuses other parameters, the same one twice, and more than two thousand bytes."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        raw = bounded(connection)
        seen: set[str] = set()
        for name, _value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
            if name not in names:
                allowed = names or ("no parameters",)
                raise Refusal(400, "unknown-parameter", f"There is no parameter {clean(name, 40)!r} here.", allowed)
            if name in seen:
                raise Refusal(400, "repeated-parameter", f"The parameter {name!r} stands there twice.", ("it, once",))
            seen.add(name)

    return guard


def bounded(connection: ASGIConnection[Any, Any, Any, Any]) -> bytes:
    """The query, refused where it is too long."""
    raw: bytes = connection.scope["query_string"]
    if len(raw) > MOST_BYTES:
        detail = f"The query is {len(raw)} bytes long."
        raise Refusal(400, "long-query", detail, (f"at most {MOST_BYTES} bytes",))
    return raw


async def short(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard that refuses a long query and lets unknown parameters be, as foreign clients send them."""
    bounded(connection)
