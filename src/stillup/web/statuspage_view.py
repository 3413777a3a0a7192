"""The board in Statuspage's words. Pure.

That format has no word for *unknown*, and whatever stood in for it would be a lie: *operational* claims calm, a word of
our own breaks strict clients. So a row of which nothing is known is left out, the description names what is left out,
and a page of which nothing at all is known is not served (:class:`NothingKnown`): to every client that is *no data*.

A service's own page has the service as a group and its components in it, under the ids that the official page gives
them where it has any, so that a client that is pointed here finds its rows again. The page of all services has one row
for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from stillup import board as known
from stillup.model import incident as own
from stillup.model.service import Confidence, Stage, State, worst
from stillup.web import statuspage_shapes as shapes
from stillup.web.statuspage_updates import BODY, TITLE, made_id, millis, name_of, plain, updates_of

MOST_INCIDENTS = 50
"""As many as the real pages tell."""

STATUS_WORDS = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded_performance",
    State.PARTIAL_OUTAGE: "partial_outage",
    State.MAJOR_OUTAGE: "major_outage",
    State.MAINTENANCE: "under_maintenance",
}
"""Statuspage's words for a row; there is none for *unknown*."""

_IMPACT = {
    State.DEGRADED: "minor",
    State.PARTIAL_OUTAGE: "major",
    State.MAJOR_OUTAGE: "critical",
    State.MAINTENANCE: "maintenance",
}
_DESCRIBED = {
    "none": "All Systems Operational",
    "minor": "Partially Degraded Service",
    "major": "Partial System Outage",
    "critical": "Major System Outage",
    "maintenance": "Service Under Maintenance",
}
_BORN = "2026-01-01T00:00:00.000Z"
"""When a row was made is not known here, and no client does anything with it; they only expect a time."""


class NothingKnown(Exception):
    """There is no row whose state is known."""


class View:
    """One page: of one service, or of all when ``only`` is None. ``base`` is what links begin with."""

    def __init__(self, board: known.Board, base: str, only: known.ServiceBoard | None = None) -> None:
        self._board = board
        self._base = base
        self._only = only
        self._shown = tuple(board.services.values()) if only is None else (only,)
        self._id = made_id("page", only.service.id if only else "")
        self._rows = {row.id: row for row in (_rows_of(only, self._id) if only else self._services())}

    @property
    def page(self) -> shapes.PageInfo:
        """Whose page it is."""
        only = self._only
        return shapes.PageInfo(
            id=self._id,
            name=f"{only.service.name} (stillup)" if only else "stillup",
            url=f"{self._base}/{only.service.id}" if only else self._base,
            updated_at=millis(self._board.at),
        )

    @property
    def components(self) -> tuple[shapes.Component, ...]:
        """The rows whose state is known.

        :raises NothingKnown: there is none.
        """
        if not self._rows:
            raise NothingKnown
        return tuple(self._rows.values())

    @property
    def status(self) -> shapes.Status:
        """The page in a word, and in a sentence that names what is only suspected and what is not known.

        :raises NothingKnown: nothing is.
        """
        states = [s.state for s in self._shown if s.state is not State.UNKNOWN]
        if not self._rows or (self._only and not states):
            raise NothingKnown
        state = worst(states, State.UNKNOWN)
        indicator = _IMPACT.get(state, "none")
        if self._only is None and indicator == "critical" and not all(s is state for s in states):
            indicator = "major"
        return shapes.Status(indicator=indicator, description=self._described(indicator, state))

    def _described(self, indicator: str, state: State) -> str:
        blank = [s.service.name for s in self._shown if s.state is State.UNKNOWN]
        says = "No Known Trouble" if blank and indicator == "none" else _DESCRIBED[indicator]
        bad = [s.verdict.confidence for s in self._shown if s.state is state]
        if state.is_fault and all(c is Confidence.SUSPECTED for c in bad):
            says += " (suspected)"
        return f"{says}; unknown: {', '.join(blank)}" if blank else says

    def _services(self) -> Iterator[shapes.Component]:
        for position, shown in enumerate(self._shown, 1):
            status = STATUS_WORDS.get(shown.state)
            if status is not None:
                yield shapes.Component(
                    id=made_id("service", shown.service.id),
                    name=shown.service.name,
                    status=status,
                    description=shown.service.vendor,
                    created_at=_BORN,
                    updated_at=millis(shown.verdict.at),
                    position=position,
                    page_id=self._id,
                )

    # -- incidents ------------------------------------------------------------------------------------------------

    @property
    def open(self) -> tuple[shapes.Incident, ...]:
        """Incidents that are going on, newest first."""
        found = [i for i in (s.open_incident for s in self._shown) if i is not None]
        return self.incidents(sorted(found, key=lambda i: i.opened_at, reverse=True))

    def incidents(self, found: Sequence[own.Incident]) -> tuple[shapes.Incident, ...]:
        """Incidents in that order, as many as real pages tell."""
        going_on = {i.id for s in self._shown if (i := s.open_incident) is not None}
        return tuple(self._incident(i, is_open=i.id in going_on) for i in found[:MOST_INCIDENTS])

    def _incident(self, found: own.Incident, *, is_open: bool) -> shapes.Incident:
        updates = updates_of(found, is_open=is_open)
        return shapes.Incident(
            id=found.id,
            name=name_of(found),
            status=updates[0].status,
            created_at=millis(found.opened_at),
            updated_at=updates[0].created_at,
            monitoring_at=updates[0].created_at if updates[0].status == Stage.MONITORING else None,
            resolved_at=millis(found.recovered_at) if found.recovered_at else None,
            impact=_IMPACT.get(found.state, "none"),
            shortlink=f"{self._base}/incidents/{found.id}",
            started_at=millis(found.since),
            page_id=self._id,
            incident_updates=updates,
            components=self._hit(found.service, found.components),
        )

    def _hit(self, service: str, components: Iterable[str]) -> tuple[shapes.Component, ...]:
        """The rows of the page that something is about, as they are now."""
        whole = made_id("service", service)
        parts = [] if self._only is None else [_row_id(self._only, c) for c in components]
        ids = parts or [whole]
        return tuple(self._rows[i] for i in ids if i in self._rows)

    # -- maintenance ----------------------------------------------------------------------------------------------

    def maintenances(self, *stages: Stage) -> tuple[shapes.Maintenance, ...]:
        """Planned work at these stages (none given: at any), soonest first."""
        listed = [(m, s.service.id) for s in self._shown for m in s.maintenances if not stages or m.stage in stages]
        listed.sort(key=lambda each: each[0].starts or self._board.at)
        return tuple(self._maintenance(m, service) for m, service in listed[:MOST_INCIDENTS])

    def _maintenance(self, found: known.Maintenance, service: str) -> shapes.Maintenance:
        made = made_id("maintenance", f"{service}/{found.id}")
        at = millis(found.updated_at or found.starts or self._board.at)
        begun = found.stage in (Stage.IN_PROGRESS, Stage.VERIFYING, Stage.COMPLETED)
        update = shapes.Update(
            id=made_id("update", f"{made} {found.stage}"),
            status=found.stage.value,
            body=plain(found.body, BODY) or plain(found.title, TITLE),
            incident_id=made,
            created_at=at,
            updated_at=at,
            display_at=at,
        )
        return shapes.Maintenance(
            id=made,
            name=plain(found.title, TITLE),
            status=found.stage.value,
            created_at=at,
            updated_at=at,
            impact="maintenance",
            shortlink=f"{self._base}/{service}",
            started_at=millis(found.starts) if begun and found.starts else None,
            resolved_at=at if found.stage is Stage.COMPLETED else None,
            page_id=self._id,
            incident_updates=(update,),
            components=self._hit(service, found.components),
            scheduled_for=millis(found.starts) if found.starts else None,
            scheduled_until=millis(found.ends) if found.ends else None,
        )


def _rows_of(shown: known.ServiceBoard, page_id: str) -> Iterator[shapes.Component]:
    """The service as a group, and in it the components whose state is known."""
    head = made_id("service", shown.service.id)
    names = {c.id: c.name for c in shown.service.components}
    listed = [*names, *(c for c in shown.components if c not in names)]
    rows = [
        shapes.Component(
            id=_row_id(shown, c),
            name=names.get(c) or plain(c, 80),
            status=status,
            created_at=_BORN,
            updated_at=millis(shown.components[c].at),
            position=position,
            group_id=head,
            page_id=page_id,
        )
        for position, c in enumerate(listed, 1)
        if c in shown.components and (status := STATUS_WORDS.get(shown.components[c].state))
    ]
    whole = STATUS_WORDS.get(shown.state)
    if whole is None:
        # A group must have a state; without one its components stand alone.
        yield from (_alone(row) for row in rows)
        return
    told = {
        "id": head,
        "name": shown.service.name,
        "status": whole,
        "description": shown.service.vendor,
        "created_at": _BORN,
        "updated_at": millis(shown.verdict.at),
        "position": 0,
        "page_id": page_id,
    }
    if rows:
        yield shapes.Group(**told, group=True, components=tuple(r.id for r in rows))  # type: ignore[arg-type]
    else:
        yield shapes.Component(**told)  # type: ignore[arg-type]
    yield from rows


def _alone(row: shapes.Component) -> shapes.Component:
    return structs.replace(row, group_id=None)


def _row_id(shown: known.ServiceBoard, component: str) -> str:
    """The id that the official page gives it, else one that is made from ours and as stable."""
    listed = shown.service.component(component)
    if listed is not None and listed.page_ids:
        return listed.page_ids[0]
    return made_id("component", f"{shown.service.id}/{component}")
