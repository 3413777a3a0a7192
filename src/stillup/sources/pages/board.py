"""What a status page says now, in the catalogue's terms: which of its rows are ours, and how they are.

The page's own indicator is never used: it has said "minor" with 22 of 25 components in trouble.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.errors import Malformed
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.sources.base import Context
from stillup.sources.decode import clean
from stillup.sources.pages.page import Row
from stillup.sources.pages.words import Names, plain, slug, whole

_MOST_COMPONENTS, _MOST_OURS = 20_000, 200


class Board(Struct, frozen=True):
    """The page at one moment, as ``source`` read it.

    ``ours`` maps the page's ids to our components, ``others`` are its rows that are none of ours, ``titles`` are
    what to call our components, ``models`` are the models that some in trouble are there for; a page is ``shared``
    when only one of its rows is asked for.
    """

    source: str
    shared: bool = False
    ours: dict[str, str] = {}
    others: frozenset[str] = frozenset()
    states: dict[str, State] = {}
    titles: dict[str, str] = {}
    models: dict[str, str] = {}

    @property
    def whole(self) -> State:
        """The service's state, from its components alone."""
        return whole(self.states.values())

    def declared(self, ctx: Context) -> Iterator[Declared]:
        """One line for the service and one for each component: this page's newest word on each."""
        for component, state in chain([(None, self.whole)], self.states.items()):
            yield Declared(
                at=ctx.now,
                service=ctx.service.id,
                source=self.source,
                state=state,
                component=component,
                model=self.models.get(component or ""),
            )


def board_of(source: str, rows: tuple[Row, ...], ctx: Context) -> Board:
    """Read the rows of a page.

    :raises Malformed: none of the service's components is on it, so it is not its page; or there are far too many.
    """
    if len(rows) > _MOST_COMPONENTS:
        msg = f"the page lists more than {_MOST_COMPONENTS} components"
        raise Malformed(msg)
    names = Names(ctx.service)
    known = {c.id: names.known(c.id, c.name) for c in rows if not c.group}
    only = ctx.hint(source).component
    mine = _asked_for(rows, known, only) if only else _of_service(rows, known, ctx)
    if not mine:
        msg = "none of this service's components is on the page"
        raise Malformed(msg)
    heads, ids = {c.group_id for c in mine}, {c.id for c in mine}
    mine = _bounded(mine, known)
    ours = {c.id: known[c.id] or slug(c.name, c.id) for c in mine}
    states: dict[str, State] = {}
    for row in mine:
        # Several rows may be one component of ours (or bear one name): the worst of them is its state.
        states[ours[row.id]] = max(states.get(ours[row.id], State.UNKNOWN), row.state, key=_badness)
    return Board(
        source=source,
        ours=ours,
        others=frozenset(c.id for c in rows if c.id not in ids and not (c.group and c.id in heads)),
        states=states,
        titles={ours[c.id]: _title(ours[c.id], c.name, ctx) for c in mine},
        models=dict(_models(mine, ours, ctx.service)),
        shared=bool(only),
    )


def _asked_for(rows: tuple[Row, ...], known: dict[str, str | None], only: str) -> list[Row]:
    """The one row a hint names (by the page's id, ours, or its name), or the rows of the group it names."""
    heads = {c.id for c in rows if c.group and (c.id == only or plain(c.name) == plain(only))}
    return [
        c
        for c in rows
        if not c.group and (only in (c.id, known[c.id]) or plain(c.name) == plain(only) or c.group_id in heads)
    ]


def _of_service(rows: tuple[Row, ...], known: dict[str, str | None], ctx: Context) -> list[Row]:
    """The rows the catalogue knows and their neighbours, which it may not have caught up with.

    A group without any known row is left out: a network's page lists hundreds of cities, some always in maintenance.
    """
    if not any(c.page_ids for c in ctx.service.components):
        return [c for c in rows if not c.group]
    groups = {c.group_id for c in rows if known.get(c.id)}
    return [c for c in rows if not c.group and (known[c.id] or c.group_id in groups)]


def _bounded(mine: list[Row], known: dict[str, str | None]) -> list[Row]:
    """All rows of an ordinary page; of an endless one those the catalogue knows and then the worst."""
    if len(mine) <= _MOST_OURS:
        return mine
    return sorted(mine, key=lambda c: (bool(known[c.id]), _badness(c.state)), reverse=True)[:_MOST_OURS]


def _models(mine: list[Row], ours: dict[str, str], service: Service) -> Iterator[tuple[str, str]]:
    """The models that rows in trouble are named after. Some pages have one for each; the catalogue has none of them."""
    for row in mine:
        if row.state.is_fault and service.component(ours[row.id]) is None:
            # Loading the rules for titles costs some milliseconds: only a page with such a row pays them.
            from stillup.sources.text import title_facts

            models = title_facts(row.name, "", service).models
            if models:
                yield ours[row.id], models[0]


def _badness(state: State) -> tuple[int, bool]:
    return state.severity, state is not State.UNKNOWN


def _title(ours: str, name: str, ctx: Context) -> str:
    component = ctx.service.component(ours)
    return component.name if component else clean(name, 60) or ours
