"""The pages people look at: all services, one service, the form for a report, the method."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery  # noqa: TC002  litestar reads them at run time
from litestar.response import Redirect, Response

from stillup.board import Board, ServiceBoard
from stillup.catalog.load import Service, capabilities
from stillup.hub.values import Admission
from stillup.model.service import Family, Problem, State
from stillup.sources.decode import clean
from stillup.web import draw
from stillup.web.phrases import able, capability, summary
from stillup.web.regions import choices
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site


_STATES = (
    (State.OPERATIONAL, "Every side that could be read is calm."),
    (State.DEGRADED, "It works, but slowly or with errors."),
    (State.PARTIAL_OUTAGE, "Some parts, models or regions are down."),
    (State.MAJOR_OUTAGE, "All or nearly all of it is down."),
    (State.MAINTENANCE, "The provider has announced work, and nobody reports a fault."),
    (State.UNKNOWN, "No source could be read that would tell. Not the same as being up."),
)
_FAMILIES = (
    (Family.OFFICIAL, "The provider's own status page, and whatever only mirrors it. Sure, and often late."),
    (Family.CROWD, "People who report a problem, here or at services that collect such reports."),
    (Family.SOCIAL, "Posts on Reddit, Bluesky, Mastodon, Hacker News and others that say so."),
    (Family.SEARCH, "Searches for whether it is down."),
    (Family.PROBE, "Our own tries, step by step: name, connection, sign-in page, API, answer."),
    (Family.TRAFFIC, "How real requests fare, counted where people chose to let them be counted."),
)
_PROBLEMS = {
    Problem.SIGN_IN: "Can’t sign in",
    Problem.NO_RESPONSE: "No answer",
    Problem.SERVER_ERROR: "Error message",
    Problem.OVERLOADED: "Says it is overloaded",
    Problem.SLOW: "Very slow",
    Problem.STREAM_CUT: "Answer breaks off",
    Problem.HISTORY_MISSING: "History is missing",
    Problem.APP_CRASH: "App crashes",
    Problem.CONNECTION: "Can’t connect",
    Problem.QUALITY: "Answers are bad",
    Problem.BILLING: "Billing or plan",
    Problem.OTHER: "Something else",
}
_NEAR = 3


class NoSuchService(NotFoundException):
    """Nobody is watched under that name; ``near`` are the services that were perhaps meant, with their names."""

    def __init__(self, board: Board, service: str) -> None:
        super().__init__(detail=f"There is no service called “{clean(service, 40)}” here.")
        self.near: list[tuple[str, str]] = _near(board, service)


def index_page(site: Site, task: str | None = None) -> bytes:
    """All services at a glance; ``task`` shows those alone that can stand in for it."""
    board = site.board()
    tasks = sorted(capabilities().values(), key=lambda c: c.title)
    return render(
        "index.html", site=site, board=board, summary=summary(board), services=able(board, task), tasks=tasks,
        task=capability(task), draw=draw,
    )  # fmt: skip


def service_page(site: Site, service: str) -> bytes:
    """One service.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    return render("service.html", site=site, board=board, shown=_of(board, service), draw=draw)


def report_page(site: Site, service: str) -> bytes:
    """The form for a report.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    shown = _of(board, service)
    token = site.desk.token(site.clock.now()) if site.desk else None
    problems = [(p.value, words) for p, words in _PROBLEMS.items()]
    return render(
        "report.html", site=site, board=board, shown=shown, token=token, problems=problems, regions=choices()
    )  # fmt: skip


def reported_page(site: Site, service: str, admission: Admission) -> bytes:
    """What became of a report.

    :raises NoSuchService: it is not watched here.
    """
    board = site.board()
    return render("reported.html", site=site, board=board, shown=_of(board, service), admission=admission)


def method_page(site: Site) -> bytes:
    """How it is judged."""
    return render("method.html", site=site, states=_STATES, families=_FAMILIES)


def _of(board: Board, service: str) -> ServiceBoard:
    shown = board.services.get(service)
    if shown is None:
        raise NoSuchService(board, service)
    return shown


def _near(board: Board, service: str) -> list[tuple[str, str]]:
    known = {name.lower(): s for s in board.services.values() for name in _names(s.service)}
    found = [known[n].service for n in get_close_matches(service[:80].lower(), known, n=_NEAR * 3, cutoff=0.6)]
    return list(dict.fromkeys((s.id, s.name) for s in found))[:_NEAR]


def _names(service: Service) -> tuple[str, ...]:
    return (service.id, service.name, *service.aliases)


def _html(page: bytes, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(page, media_type=MediaType.HTML, headers=headers)


def _meant(board: Board, word: str) -> str | None:
    """The id of the service that goes by another name."""
    if word in board.services:
        return None
    word = word.strip().lower()
    return next((i for i, s in board.services.items() if word in map(str.lower, _names(s.service))), None)


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/`` · ``/{service}`` · ``/{service}/report`` (the form) · ``/method``."""

    @get("/", sync_to_thread=False)
    def index(task: FromQuery[str | None] = None) -> Response[bytes]:
        return _html(index_page(site, task))

    @get("/method", sync_to_thread=False)
    def method() -> Response[bytes]:
        return _html(method_page(site))

    @get("/{service:str}", sync_to_thread=False)
    def one(service: FromPath[str]) -> Response[bytes] | Redirect:
        meant = _meant(site.board(), service)
        return Redirect(f"/{meant}") if meant else _html(service_page(site, service))

    @get("/{service:str}/report", sync_to_thread=False)
    def report(service: FromPath[str]) -> Response[bytes] | Redirect:
        meant = _meant(site.board(), service)
        return (
            Redirect(f"/{meant}/report") if meant else _html(report_page(site, service), {"Cache-Control": "no-store"})
        )

    return [index, method, one, report]
