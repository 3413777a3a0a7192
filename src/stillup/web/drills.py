"""``/drills``: what was practised, how it went, and what is next. Behind the token; nothing is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath  # noqa: TC002  litestar reads it at run time
from litestar.response import Response
from msgspec import Struct

from stillup.drill.book import Book
from stillup.drill.plan import command
from stillup.drill.plot import scores
from stillup.drill.report import headline, markdown, page, point_of, shown
from stillup.drill.score import worth_of
from stillup.drill.values import Drill, Where
from stillup.drill.words import count, seconds, title
from stillup.errors import StillupError
from stillup.web.render import render

if TYPE_CHECKING:
    from datetime import datetime

    from litestar.types import ControllerRouterHandler

    from stillup.drill.book import Practice
    from stillup.web.site import Site

_NO_STORE = {"cache-control": "no-store"}
_SCENES = 4


class Row(Struct, frozen=True, kw_only=True):
    """One line of the list."""

    id: str
    at: datetime
    says: str
    scenes: str
    took: str
    is_real: bool


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/drills`` (the list, the scores, what is next) · ``/drills/{id}`` · ``…/report.html`` · ``…/report.md``."""

    @get("/drills")
    async def listed() -> Response[bytes]:
        return await asyncio.to_thread(_listed, site)

    @get("/drills/{key:str}")
    async def one(key: FromPath[str]) -> Response[bytes]:
        return await asyncio.to_thread(_one, site, key)

    @get("/drills/{key:str}/report.html")
    async def as_html(key: FromPath[str]) -> Response[bytes]:
        return await asyncio.to_thread(_as_html, site, key)

    @get("/drills/{key:str}/report.md")
    async def as_markdown(key: FromPath[str]) -> Response[bytes]:
        return await asyncio.to_thread(_as_markdown, site, key)

    return [listed, one, as_html, as_markdown]


def _listed(site: Site) -> Response[bytes]:
    book, trouble = Book(), ""
    try:
        book = _practice(site).book()
    except StillupError as exc:
        trouble = str(exc)
    whole = [point_of(drill) for drill in book.drills if not drill.aborted]
    body = render(
        "drills.html", site=site, book=book, trouble=trouble, drill_now=_practice(site).now(), command=command,
        rows=[_row(drill) for drill in book.drills], picture=scores(whole),
    )  # fmt: skip
    return _html(body)


def _row(drill: Drill) -> Row:
    titles = [title(scene) for scene in drill.scenes]
    more = f" and {count(len(titles) - _SCENES, 'more', 'more')}" if len(titles) > _SCENES else ""
    return Row(
        id=drill.id,
        at=drill.at,
        says=headline(worth_of(drill), aborted=drill.aborted),
        scenes=", ".join(titles[:_SCENES]) + more,
        took=seconds(drill.took_s),
        is_real=drill.where is Where.GATEWAY,
    )


def _one(site: Site, key: str) -> Response[bytes]:
    drill = _find(site, key)
    return _html(render("drill.html", site=site, drill=drill, body=shown(drill), drill_now=_practice(site).now()))


def _as_html(site: Site, key: str) -> Response[bytes]:
    """As a file to keep: this page's content policy would show it without its own style."""
    drill = _find(site, key)
    return _file(page(drill).encode("utf-8", "replace"), f"drill-{drill.id}.html", "text/html; charset=utf-8")


def _as_markdown(site: Site, key: str) -> Response[bytes]:
    drill = _find(site, key)
    return _file(markdown(drill).encode("utf-8", "replace"), f"drill-{drill.id}.md", "text/markdown; charset=utf-8")


def _find(site: Site, key: str) -> Drill:
    try:
        drill = _practice(site).find(key)
    except StillupError as exc:
        raise NotFoundException(detail="The drills that were kept cannot be read.") from exc
    if drill is None:
        raise NotFoundException(detail="There is no such drill here.")
    return drill


def _practice(site: Site) -> Practice:
    if site.practice is None:
        raise NotFoundException(detail="There are no drills here: they belong to `stillup up` and `stillup run web`.")
    return site.practice


def _file(body: bytes, name: str, kind: str) -> Response[bytes]:
    headers = {**_NO_STORE, "content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=kind, headers=headers)


def _html(body: bytes) -> Response[bytes]:
    return Response(body, media_type=MediaType.HTML, headers=_NO_STORE)
