"""A page's signals for one service, a sentence for a person, and links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from stillup.board import Maintenance
from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.registry import SOURCES
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import clean, strip_html
from stillup.sources.pages.board import Board, board_of
from stillup.sources.pages.incident import BODY_LIMIT, PAST, TITLE_LIMIT, Case, case_of, declared, newest, posted
from stillup.sources.pages.page import Incident, Page

_WORK = (Stage.SCHEDULED, Stage.IN_PROGRESS, Stage.VERIFYING)
_MOST_INCIDENTS, _MOST_LINKS, _MOST_NAMED, _MOST_SAID = 100, 5, 3, 300


def reading_of(source: str, page: Page, ctx: Context) -> Reading:
    """What the page says now of the service; at the first reading also what its open incidents said before.

    :raises Malformed: none of the service's components is on the page, or it says nothing of how anything is.
    """
    board = _board(source, page, ctx)
    cases = cases_of((i for i in page.incidents if i.is_open), board, ctx)
    alive = Alive(at=ctx.now, service=ctx.service.id, source=source)
    told = cases if ctx.since is None else []
    past = (line for c in told for line in posted(c, board, ctx, ctx.now - PAST))
    general = board.declared(ctx) if board.states else _of_the_whole(source, page, ctx)
    now = chain(general, *(declared(c, board, ctx) for c in cases))
    return Reading(
        signals=(*newest(past, now), alive),
        says=_says(board, page, cases),
        links=links_of(cases),
        notes=tuple(_notes(board, page, ctx)),
        maintenances=maintenances_of(page, board, ctx),
    )


def maintenances_of(page: Page, board: Board, ctx: Context) -> tuple[Maintenance, ...]:
    """The work on the service that the page announces or is at."""
    listed = (i for i in page.incidents if i.stage in _WORK)
    return tuple(_work(case) for case in cases_of(listed, board, ctx))


def _work(case: Case) -> Maintenance:
    incident = case.incident
    return Maintenance(
        id=clean(incident.id, 80),
        title=clean(incident.title, TITLE_LIMIT),
        stage=incident.stage or Stage.SCHEDULED,
        starts=incident.starts,
        ends=incident.ends,
        components=tuple(part for part in case.parts if part is not None),
        body=strip_html(incident.posts[0].body, BODY_LIMIT) if incident.posts else "",
        updated_at=incident.posts[0].at if incident.posts else None,
    )


def _notes(board: Board, page: Page, ctx: Context) -> Iterator[str]:
    """Where page and catalogue have grown apart, for a page that is the service's alone and its only one."""
    if board.shared or not board.states or len([s for s in ctx.service.sources if SOURCES[s].page]) > 1:
        return
    on_page = {row.id for row in page.rows}
    components = [c for c in ctx.service.components if c.page_ids]
    gone = [c.name for c in components if c.id not in board.states and not on_page & set(c.page_ids)]
    if gone:
        yield f"no longer on the page: {_few(gone)}"
    new = [board.titles[c] for c in board.states if ctx.service.component(c) is None]
    if new and components:
        yield f"on the page and not in the catalogue: {_few(new)}"


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{rest}"


def record_of(source: str, incidents: Iterable[Incident], ctx: Context) -> Reading:
    """What a page's record of incidents said at its time; it says nothing of now."""
    listed = tuple(incidents)
    rows = {row.id: row for incident in listed for row in incident.rows}
    # Some platforms name no rows in their incidents; then each speaks for the service as a whole.
    shared = bool(ctx.hint(source).component)
    board = board_of(source, tuple(rows.values()), ctx) if rows else Board(source=source, shared=shared)
    cases = cases_of(listed, board, ctx)
    signals = newest(line for c in cases for line in posted(c, board, ctx))
    return Reading(signals=signals, says=f"page: {len(cases)} incidents on record", links=links_of(cases))


def _board(source: str, page: Page, ctx: Context) -> Board:
    if page.rows:
        return board_of(source, page.rows, ctx)
    if page.whole is None:
        msg = "the page names no components and does not say how anything is"
        raise Malformed(msg)
    return Board(source=source, shared=bool(ctx.hint(source).component))


def _of_the_whole(source: str, page: Page, ctx: Context) -> tuple[Declared, ...]:
    """The page's word on everything, where it has no rows."""
    state = page.whole or State.UNKNOWN
    return (Declared(at=ctx.now, service=ctx.service.id, source=source, state=state),)


def cases_of(incidents: Iterable[Incident], board: Board, ctx: Context) -> list[Case]:
    """The incidents that are about the service, a bounded number."""
    found = (case_of(i, board, ctx) for i in islice(incidents, _MOST_INCIDENTS))
    return [c for c in found if c is not None]


def _says(board: Board, page: Page, cases: list[Case]) -> str:
    parts = []
    for state in (State.MAJOR_OUTAGE, State.PARTIAL_OUTAGE, State.DEGRADED, State.MAINTENANCE):
        names = [board.titles[c] for c, s in board.states.items() if s is state]
        if names:
            parts.append(f"{_few(names)} {_words(state)}")
    if not board.states and page.whole is not None and page.whole is not State.OPERATIONAL:
        parts.append(_words(page.whole))
    places = sorted({c.incident.region for c in cases if c.incident.region and c.incident.implies.is_fault})
    told = "; ".join(parts) or (f"trouble in {_few(places)} alone" if places else "all operational")
    if cases:
        stages = dict.fromkeys(c.incident.stage.value.replace("_", " ") for c in cases if c.incident.stage)
        many = "incident" if len(cases) == 1 else "incidents"
        told += f", {len(cases)} {many} open" + (f" ({', '.join(stages)})" if stages else "")
    return clean(f"page: {told}", _MOST_SAID)


def _words(state: State) -> str:
    return state.value.replace("_", " ")


def links_of(cases: list[Case]) -> tuple[Link, ...]:
    """Where a person can read on."""
    found = (Link(c.incident.link, clean(c.incident.title, 120)) for c in cases)
    return tuple(link for link in found if link.url)[:_MOST_LINKS]
