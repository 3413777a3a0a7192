"""What the incidents of a status page say: of which components, since when, and how bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from msgspec import Struct

from stillup.model.service import Stage, State, worst
from stillup.model.signal import Declared, Signal
from stillup.sources.base import Context
from stillup.sources.decode import clean, strip_html
from stillup.sources.pages.board import Board
from stillup.sources.pages.page import Affected, Incident, Post
from stillup.sources.pages.words import is_beside, names_service

PAST = timedelta(hours=24)
"""How far back posts are taken at the first reading, so that an open incident's onset and lead times are known."""
TITLE_LIMIT, BODY_LIMIT = 200, 2000
_MOST_AFFECTED = 20
_MOST_SIGNALS = 1999
"""Of one reading, beside the one that says that the page answers."""
_MAINTENANCE = (Stage.IN_PROGRESS, Stage.VERIFYING)


class Case(Struct, frozen=True):
    """An incident with our components it is about (None: the service as a whole) and the models its title names."""

    incident: Incident
    parts: tuple[str | None, ...]
    models: tuple[str | None, ...]


def case_of(incident: Incident, board: Board, ctx: Context) -> Case | None:
    """Which of our components an incident is about; None when it is someone else's, or beside the service.

    Updates also list components they leave alone, so a listed one counts only while the newest naming update leaves
    it in trouble, else when any did. When none ever did (one incident in ten), all that are listed count; when none
    is listed, those its title names.
    """
    # Loading the rules for titles costs some milliseconds: only a page with something open pays them.
    from stillup.sources.text import title_facts

    facts = title_facts(incident.title, "", ctx.service)
    codes = _codes(incident)
    parts: tuple[str | None, ...] = tuple(dict.fromkeys(board.ours[c] for c in codes if c in board.ours))
    if not parts and any(c in board.others for c in codes):
        return None
    if not parts and board.shared:
        parts = tuple(board.states) if names_service(incident.title, ctx.service) else ()
    elif not parts:
        parts = tuple(c for c in facts.components if c in board.states)
        parts = parts or (() if is_beside(incident.title, grave=incident.implies.is_outage) else (None,))
    return Case(incident, parts[:_MOST_AFFECTED], facts.models or (None,)) if parts else None


def _codes(incident: Incident) -> list[str]:
    named = _listings(incident)
    rungs = (
        [a.id for a in named[0] if a.in_trouble] if named else [],
        [a.id for post in named for a in post if a.in_trouble],
        [a.id for a in named[0]] if named else [],
        [c.id for c in incident.rows if c.state is not State.OPERATIONAL],
        [c.id for c in incident.rows],
    )
    return next((rung for rung in rungs if rung), [])


def _listings(incident: Incident) -> list[tuple[Affected, ...]]:
    """What the updates say of rows, newest first, once each: updates that leave the same rows alike share it."""
    return list({id(p.affected): p.affected for p in incident.posts if p.affected}.values())


def declared(case: Case, board: Board, ctx: Context) -> Iterator[Declared]:
    """What an incident says now, once for each component and each model."""
    newest = case.incident.posts[0].body if case.incident.posts else ""
    was_red = any(a.in_trouble for listed in _listings(case.incident) for a in listed)
    states = {part: _state_now(case.incident, part, board, was_red=was_red) for part in case.parts}
    yield from _lines(case, states, board, ctx, Post(at=ctx.now, stage=case.incident.stage, body=newest))


def posted(case: Case, board: Board, ctx: Context, after: datetime | None = None) -> Iterator[Declared]:
    """What an incident's updates said when they were posted, oldest first; only those later than ``after``."""
    for post in reversed(case.incident.posts):
        if post.at is not None and post.at <= ctx.now and (after is None or post.at > after):
            yield from _lines(case, _states_then(case, post, board), board, ctx, post)


def newest(past: Iterable[Signal], now: Iterable[Signal] = ()) -> tuple[Signal, ...]:
    """A bounded number of signals of one reading: those of now, most important first, then the newest of the past."""
    of_now = tuple(islice(now, _MOST_SIGNALS))
    by_time = sorted(past, key=lambda signal: signal.at)
    return (*by_time[max(0, len(by_time) + len(of_now) - _MOST_SIGNALS) :], *of_now)


def _state_now(incident: Incident, part: str | None, board: Board, *, was_red: bool) -> State:
    """The component's own state while it shows trouble, else what the incident's impact implies."""
    if incident.stage and incident.stage.is_over:
        return State.OPERATIONAL
    shown = board.states.get(part or "", State.UNKNOWN)
    if shown.is_fault or shown is State.MAINTENANCE:
        return shown
    implied = _implied(incident, incident.stage)
    # The page turned its components green again and only keeps watching: that is no outage any more.
    return State.DEGRADED if was_red and implied.is_outage else implied


def _states_then(case: Case, post: Post, board: Board) -> dict[str | None, State]:
    """What a post said of the incident's components when it was posted, without those it left alone."""
    if post.stage and post.stage.is_over:
        return dict.fromkeys(case.parts, State.OPERATIONAL)
    if not post.affected:
        return dict.fromkeys(case.parts, _implied(case.incident, post.stage))
    told: dict[str | None, State] = {}
    for a in post.affected:
        part = board.ours.get(a.id)
        if a.in_trouble and part in case.parts:
            told[part] = worst((told.get(part, a.state), a.state))
    return {part: told[part] for part in case.parts if part in told}


def _implied(incident: Incident, stage: Stage | None) -> State:
    return State.MAINTENANCE if stage in _MAINTENANCE else incident.implies


def _lines(case: Case, states: dict[str | None, State], board: Board, ctx: Context, post: Post) -> Iterator[Declared]:
    title = clean(case.incident.title, TITLE_LIMIT) or None
    # Once is enough: a text repeated for each component and model would fill the memory and the store.
    body = strip_html(post.body, BODY_LIMIT) or None
    for part, state in states.items():
        for model in case.models:
            yield Declared(
                at=post.at or ctx.now,
                service=ctx.service.id,
                source=board.source,
                state=state,
                component=part,
                stage=post.stage,
                incident=clean(case.incident.id, 80) or None,
                title=title,
                body=body,
                region=case.incident.region,
                model=model,
            )
            body = None
