"""The shape of Statuspage's ``summary.json`` and ``incidents.json``: what is read of them, and no more.

incident.io's compatible pages have the same shape; they leave ``incidents`` out when quiet and name no affected
components.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Stage, State
from stillup.sources._statuspage_words import stage_of

_MOST_POSTS = 30


class PageState(StrEnum):
    """A component's state in the page's words; any other word makes the whole answer malformed."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"
    MAINTENANCE = "under_maintenance"

    @property
    def state(self) -> State:
        """The same in our words."""
        return _STATES[self]


_STATES = {
    PageState.OPERATIONAL: State.OPERATIONAL,
    PageState.DEGRADED: State.DEGRADED,
    PageState.PARTIAL: State.PARTIAL_OUTAGE,
    PageState.MAJOR: State.MAJOR_OUTAGE,
    PageState.MAINTENANCE: State.MAINTENANCE,
}


class PageInfo(Struct, frozen=True):
    """Whose page it is."""

    id: str
    name: str


class PageComponent(Struct, frozen=True):
    """One row of the page, or the head of a group of rows."""

    id: str
    name: str
    status: PageState
    group: bool = False
    group_id: str | None = None


class Affected(Struct, frozen=True):
    """A component as an incident's update leaves it; unknown words of history are let pass here."""

    code: str
    new_status: str | None = None

    @property
    def state(self) -> State:
        """The state it was left in, unknown when the word is."""
        return _BY_WORD.get(self.new_status or "", State.UNKNOWN)

    @property
    def in_trouble(self) -> bool:
        """Whether it was left in a fault or in maintenance."""
        return self.state.is_fault or self.state is State.MAINTENANCE


_BY_WORD = {word.value: state for word, state in _STATES.items()}


class Post(Struct, frozen=True):
    """One update of an incident."""

    status: str | None = None
    body: str | None = None
    created_at: str | None = None
    affected_components: tuple[Affected, ...] | None = None


class Incident(Struct, frozen=True):
    """An incident or a maintenance with its updates, newest first."""

    id: str
    name: str
    status: str
    impact: str | None = None
    shortlink: str | None = None
    components: tuple[PageComponent, ...] | None = None
    incident_updates: tuple[Post, ...] | None = None

    @property
    def stage(self) -> Stage | None:
        """Where it stands; None for a word nobody knows, which is never read as ended."""
        return stage_of(self.status)

    @property
    def is_open(self) -> bool:
        """Neither ended nor only planned."""
        return self.stage is not Stage.SCHEDULED and not (self.stage and self.stage.is_over)

    @property
    def posts(self) -> tuple[Post, ...]:
        """Its updates, newest first, bounded."""
        return (self.incident_updates or ())[:_MOST_POSTS]


class Summary(Struct, frozen=True):
    """``/api/v2/summary.json``. Its own ``status`` is left out on purpose."""

    page: PageInfo
    components: tuple[PageComponent, ...]
    incidents: tuple[Incident, ...] | None = None
    scheduled_maintenances: tuple[Incident, ...] | None = None


class Incidents(Struct, frozen=True):
    """``/api/v2/incidents.json``: the newest fifty, ended ones too."""

    page: PageInfo
    incidents: tuple[Incident, ...]
