"""``/sla``: what was promised beside what was measured, and the same as one file. Behind the token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromQuery  # noqa: TC002  litestar reads them at run time
from litestar.response import Response
from markupsafe import Markup

from stillup.catalog.load import catalogue
from stillup.errors import StillupError
from stillup.risk import sla_words
from stillup.risk.sla import month as month_of
from stillup.risk.sla_report import Report
from stillup.risk.switch_words import TITLES, sections
from stillup.web.draw import sla as draw_sla
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

_NO_STORE = {"cache-control": "no-store"}
_MONTHS = 13
_LONGEST_ID = 80
_STYLES = ("style.css", "draw.css", "sla.css")


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/sla`` · ``/sla/report`` (of a ``service`` and ``month``) · ``/sla/switch`` (and ``incident``)."""

    @get("/sla")
    async def shown(service: FromQuery[str] = "", month: FromQuery[str] = "") -> Response[bytes]:
        return _html(await asyncio.to_thread(sla_page, site, service, month))

    @get("/sla/report")
    async def report(service: FromQuery[str] = "", month: FromQuery[str] = "") -> Response[bytes]:
        name, body = await asyncio.to_thread(_file, site, service, month)
        # To be kept: shown here, its own style would be refused by this page's policy.
        return Response(body, media_type=MediaType.HTML, headers=_NO_STORE | {"content-disposition": _saved(name)})

    @get("/sla/switch")
    async def switch(service: FromQuery[str] = "", incident: FromQuery[str] = "") -> Response[bytes]:
        return _html(await asyncio.to_thread(switch_page, site, service, incident[:_LONGEST_ID] or None))

    return [shown, report, switch]


def sla_page(site: Site, service: str, month: str) -> bytes:
    """One service and month.

    :raises NotFoundException: it is not watched here, or there is no such month.
    """
    chosen, month = _chosen(site, service, month)
    reports, trouble = [], ""
    try:
        reports = [_told(site, chosen, month)]
    except StillupError as exc:
        trouble = str(exc)
    services = [(i, s.service.name) for i, s in site.board().services.items()]
    return render(
        "sla.html", site=site, services=services, chosen=chosen, month=month, months=_months(site.clock.now()),
        reports=reports, trouble=trouble, w=sla_words, draw_sla=draw_sla,
    )  # fmt: skip


def switch_page(site: Site, service: str, incident: str | None) -> bytes:
    """Stay or switch.

    :raises NotFoundException: it is not watched here.
    """
    chosen, _ = _chosen(site, service, "")
    told, trouble = None, ""
    if site.switch is None:
        trouble = "Nothing is known here of what you depend on: that belongs to `stillup up` and `stillup run web`."
    else:
        try:
            told = site.switch(chosen, incident)
        except StillupError as exc:
            trouble = str(exc)
    parts = list(sections(told)) if told is not None else []
    return render("switch.html", site=site, told=told, trouble=trouble, parts=parts, titles=TITLES)


def report_file(reports: Sequence[Report]) -> bytes:
    """Some reports as one HTML page that needs nothing else: no script, no address, its own style."""
    css = "\n".join((files("stillup.web") / "static" / name).read_text("utf-8") for name in _STYLES)
    title = ", ".join(dict.fromkeys(f"{r.service.name} in {sla_words.named(r.period)}" for r in reports))
    made = datetime.fromtimestamp(max(r.now_s for r in reports), UTC) if reports else None
    # Ours, and the one text in the page that is not escaped: a style has no entities.
    style = Markup(css)  # noqa: S704
    return render(
        "sla_report.html", reports=reports, title=title, css=style, made=made, w=sla_words, draw_sla=draw_sla
    )  # fmt: skip


def _saved(name: str) -> str:
    return f'attachment; filename="stillup-sla-{name}.html"'


def _file(site: Site, service: str, month: str) -> tuple[str, bytes]:
    """What to call it, and the report."""
    chosen, month = _chosen(site, service, month)
    try:
        return f"{chosen}-{month}", report_file([_told(site, chosen, month)])
    except StillupError as exc:
        raise NotFoundException(detail=str(exc)) from exc


def _told(site: Site, service: str, month: str) -> Report:
    if site.sla is None:
        raise NotFoundException(detail="Nothing is measured here: that belongs to `stillup up` and `stillup run web`.")
    return site.sla(service, month)


def _chosen(site: Site, service: str, month: str) -> tuple[str, str]:
    known = site.board().services
    chosen = service or next(iter(known), "")
    if chosen not in known or chosen not in catalogue():
        raise NotFoundException(detail="There is no such service here.")
    name = month or f"{site.clock.now():%Y-%m}"
    try:
        month_of(name)
    except ValueError as exc:
        raise NotFoundException(detail="There is no such month.") from exc
    return chosen, name


def _months(now: datetime) -> list[str]:
    """This month and those before it, newest first."""
    first = now.year * 12 + now.month - 1
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, first - _MONTHS, -1)]


def _html(page: bytes) -> Response[bytes]:
    return Response(page, media_type=MediaType.HTML, headers=_NO_STORE)
