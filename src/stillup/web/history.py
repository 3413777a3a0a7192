"""The pages of what was: incidents, one incident, the history of a service, services side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery  # noqa: TC002  litestar reads them at run time
from litestar.response import Response

from stillup.board import Archive
from stillup.catalog.load import catalogue
from stillup.errors import StoreError
from stillup.model.evidence import Standing
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import FAMILY_WORDS, side
from stillup.web import draw
from stillup.web.mishaps import NO_HISTORY
from stillup.web.pages import NoSuchService
from stillup.web.past import bearing, cursor_of, lately, months_of, read_cursor, side_by_side
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.board import Story
    from stillup.web.site import Site

T = TypeVar("T")

DAYS = 90
_SPANS = (7, 30, DAYS, 365)
"""Days that a history goes back; any other number would read the database anew."""
_PAGE = 25
_MOST_COMPARED = 8
_PRESET = 3
_LONGEST_QUERY = 1_000


class Refused(HTTPException):
    """What was asked for is not there, or not so; ``detail`` says what would do."""

    near: ClassVar[list[tuple[str, str]]] = []
    """Nothing like it is known; the page of errors shows ``detail`` of what has this."""


def incidents_page(site: Site, service: str | None = None, before: str | None = None) -> bytes:
    """All incidents, or one service's, newest first.

    :raises Refused: no cursor of ours; nothing is kept here. :raises NoSuchService: that service is not watched here.
    """
    board, archive = site.board(), _archive(site)
    if service is not None and service not in board.services:
        raise NoSuchService(board, service)
    cursor = None
    if before is not None and (cursor := read_cursor(before[:_LONGEST_QUERY])) is None:
        raise Refused(status_code=400, detail="That place in the list is not one this page gave. Begin at the top.")
    found = _asked(lambda: list(archive.incidents(service, before=cursor, limit=_PAGE + 1)))
    shown = found[:_PAGE]
    return render(
        "incidents.html",
        site=site,
        board=board,
        service=service,
        of=_name(site, service) if service else "",
        incidents=[(i, _name(site, i.service), bearing(i, board)) for i in shown],
        later=before is not None,
        next=cursor_of(shown[-1]) if len(found) > _PAGE else None,
    )


def incident_page(site: Site, incident_id: str) -> bytes:
    """One incident, told.

    :raises Refused: no incident has that id; nothing is kept here.
    """
    archive = _archive(site)
    story = _asked(lambda: archive.story(incident_id)) if 0 < len(incident_id) <= 80 else None
    if story is None:
        raise Refused(status_code=404, detail=f"There is no incident “{clean(incident_id, 40)}” here.")
    board = site.board()
    name = _name(site, story.incident.service)
    return render(
        "incident.html",
        site=site,
        board=board,
        i=story.incident,
        story=story,
        of=name,
        is_watched=story.incident.service in board.services,
        bearing=bearing(story.incident, board),
        grounds=_grounds(story),
        chart=draw.story_chart(story, name),
        leads=draw.lead_times(story),
        # A public page says nothing of what its owner depends on.
        may_compare=site.switch is not None and not site.settings.public,
    )


def history_page(site: Site, service: str, days: int = DAYS) -> bytes:
    """How a service and its parts were, by month and by day.

    :raises NoSuchService: it is not watched here. :raises Refused: nothing is kept here.
    """
    board, now, archive = site.board(), site.clock.now(), _archive(site)
    shown = board.services.get(service)
    if shown is None:
        raise NoSuchService(board, service)
    records = _asked(lambda: list(archive.record(service, now, days)))
    past = _asked(lambda: lately(archive, service, now, days))
    return render(
        "history.html",
        site=site,
        board=board,
        shown=shown,
        days=days,
        spans=_SPANS,
        months=months_of(records, now),
        strips=[(r.component, draw.calendar_strip(r)) for r in records],
        incidents=[(i, bearing(i, board)) for i in past],
        lasted=draw.duration_histogram(past),
    )


def compare_page(site: Site, services: Sequence[str] = ()) -> bytes:
    """Services side by side over ninety days; without a choice the first few that are watched.

    :raises NoSuchService: one is not watched here. :raises Refused: more than eight; nothing is kept here.
    """
    board, now, archive = site.board(), site.clock.now(), _archive(site)
    chosen = list(dict.fromkeys(services)) or list(board.services)[:_PRESET]
    if len(chosen) > _MOST_COMPARED:
        raise Refused(status_code=400, detail=f"At most {_MOST_COMPARED} services can stand side by side.")
    for service in chosen:
        if service not in board.services:
            raise NoSuchService(board, service)
    told = _asked(lambda: side_by_side(archive, board, chosen, now, DAYS))
    strips = {s: draw.calendar_strip(record) for s, record in told.records.items()}
    return render("compare.html", site=site, board=board, chosen=chosen, told=told, days=DAYS, strips=strips)


def _grounds(story: Story) -> list[tuple[str, Standing, str]]:
    """What each side said when it was worst: its name, its standing, its words."""
    known = catalogue().get(story.incident.service)
    names = {c.id: c.name for c in known.components} if known else {}
    out = []
    for evidence in story.grounds:
        says = side(evidence, story.grounds_at, lambda c: names.get(c) or clean(c, 80))
        says = says.removeprefix(f"{FAMILY_WORDS[evidence.family]}: ")
        out.append((FAMILY_WORDS[evidence.family], evidence.standing, clean(says, 300)))
    return out


def _name(site: Site, service: str) -> str:
    shown = site.board().services.get(service)
    known = shown.service if shown is not None else catalogue().get(service)
    return known.name if known is not None else clean(service, 80)


def _archive(site: Site) -> Archive:
    if site.archive is None:
        raise Refused(status_code=404, detail="Nothing is kept here: this watch runs without a database.")
    return site.archive


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except StoreError as exc:
        raise Refused(status_code=503, detail=NO_HISTORY) from exc


def _chosen(told: Sequence[str]) -> list[str]:
    """Ids from one list with commas or from several parameters; a form sends the latter."""
    words = ",".join(told)[:_LONGEST_QUERY].split(",")
    return [clean(w, 80).lower() for w in words if w.strip()]


def _html(page: bytes) -> Response[bytes]:
    return Response(page, media_type=MediaType.HTML)


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/incidents`` · ``/incidents/{id}`` · ``/{service}/history`` · ``/compare``."""

    @get("/incidents")
    async def incidents(service: FromQuery[str | None] = None, before: FromQuery[str | None] = None) -> Response[bytes]:
        return _html(await asyncio.to_thread(incidents_page, site, service or None, before))

    @get("/incidents/{incident_id:str}")
    async def incident(incident_id: FromPath[str]) -> Response[bytes]:
        return _html(await asyncio.to_thread(incident_page, site, incident_id))

    @get("/{service:str}/history")
    async def history(service: FromPath[str], days: FromQuery[int] = DAYS) -> Response[bytes]:
        if days not in _SPANS:
            raise Refused(status_code=400, detail=f"The history goes back so many days: {', '.join(map(str, _SPANS))}.")
        return _html(await asyncio.to_thread(history_page, site, service, days))

    @get("/compare")
    async def compare(services: FromQuery[list[str] | None] = None) -> Response[bytes]:
        return _html(await asyncio.to_thread(compare_page, site, _chosen(services or ())))

    return [incidents, incident, history, compare]
