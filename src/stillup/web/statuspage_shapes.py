"""The shapes of Statuspage's public API v2, field by field as its clients expect them. Times have milliseconds."""

from __future__ import annotations

from msgspec import Struct


class PageInfo(Struct, frozen=True, kw_only=True):
    """Whose page it is."""

    id: str
    name: str
    url: str
    time_zone: str = "Etc/UTC"
    updated_at: str


class Status(Struct, frozen=True, kw_only=True):
    """The page in a word: ``none minor major critical maintenance``."""

    indicator: str
    description: str


class Component(Struct, frozen=True, kw_only=True):
    """A row: ``operational degraded_performance partial_outage major_outage under_maintenance``."""

    id: str
    name: str
    status: str
    created_at: str
    updated_at: str
    position: int
    description: str | None = None
    showcase: bool = True
    start_date: str | None = None
    group_id: str | None = None
    page_id: str
    group: bool = False
    only_show_if_degraded: bool = False


class Group(Component, frozen=True, kw_only=True):
    """The head of a group of rows; ``components`` are their ids."""

    components: tuple[str, ...]


class Update(Struct, frozen=True, kw_only=True):
    """One update of an incident."""

    id: str
    status: str
    body: str
    incident_id: str
    created_at: str
    updated_at: str
    display_at: str
    affected_components: None = None
    """Which row changed with which update is not known here."""
    deliver_notifications: bool = False
    custom_tweet: str | None = None
    tweet_id: int | None = None


class Incident(Struct, frozen=True, kw_only=True):
    """An incident: ``investigating identified monitoring resolved``; its updates newest first."""

    id: str
    name: str
    status: str
    created_at: str
    updated_at: str
    monitoring_at: str | None = None
    resolved_at: str | None = None
    impact: str
    shortlink: str
    started_at: str | None = None
    page_id: str
    incident_updates: tuple[Update, ...]
    components: tuple[Component, ...]


class Maintenance(Incident, frozen=True, kw_only=True):
    """Planned work: ``scheduled in_progress verifying completed``. Null where the official page says no time."""

    scheduled_for: str | None
    scheduled_until: str | None


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """``status.json``."""

    page: PageInfo
    status: Status


class ComponentsAnswer(Struct, frozen=True, kw_only=True):
    """``components.json``."""

    page: PageInfo
    components: tuple[Component, ...]


class IncidentsAnswer(Struct, frozen=True, kw_only=True):
    """``incidents.json``, ``incidents/unresolved.json``."""

    page: PageInfo
    incidents: tuple[Incident, ...]


class MaintenancesAnswer(Struct, frozen=True, kw_only=True):
    """``scheduled-maintenances.json`` and its parts."""

    page: PageInfo
    scheduled_maintenances: tuple[Maintenance, ...]


class SummaryAnswer(Struct, frozen=True, kw_only=True):
    """``summary.json``."""

    page: PageInfo
    components: tuple[Component, ...]
    incidents: tuple[Incident, ...]
    scheduled_maintenances: tuple[Maintenance, ...]
    status: Status
