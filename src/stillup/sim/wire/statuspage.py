"""Atlassian Statuspage v2, and its history feed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from stillup.catalog.load import Component, Service
from stillup.model.service import Stage, State, worst
from stillup.sim.page import Page, PageIncident, Update, page_id
from stillup.sim.wire.reply import ATOM, PAGE_STATE, Reply, json_reply, millis, not_found, seconds, xml

KEPT_INCIDENTS = 50
KEPT_ENTRIES = 30
BORN = datetime(2024, 1, 1, tzinfo=UTC)
"""When the components of a simulated page were made."""


class Site(Struct, frozen=True):
    """One service's page and where it stands."""

    service: Service
    page: Page
    url: str

    @property
    def worst(self) -> State:
        """The state of the component that is worst off."""
        return worst(self.page.components.values(), State.OPERATIONAL)


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL."""
    if path == "/history.atom":
        return Reply(body=_atom(site).encode(), content_type=ATOM, etag=True)
    incidents = site.page.incidents
    unresolved = [i for i in incidents if not i.stage.is_over]
    bodies: dict[str, dict[str, object]] = {
        "/api/v2/status.json": {"status": _status(site)},
        "/api/v2/components.json": {"components": _components(site)},
        "/api/v2/incidents.json": {"incidents": _incidents(site, incidents[:KEPT_INCIDENTS])},
        "/api/v2/incidents/unresolved.json": {"incidents": _incidents(site, unresolved)},
        "/api/v2/scheduled-maintenances.json": {"scheduled_maintenances": []},
        "/api/v2/summary.json": {
            "components": _components(site),
            "incidents": _incidents(site, unresolved),
            "scheduled_maintenances": [],
            "status": _status(site),
        },
    }
    body = bodies.get(path)
    return not_found() if body is None else json_reply({"page": _head(site)} | body, etag=True)


def _head(site: Site) -> dict[str, object]:
    return {
        "id": site_id(site.service),
        "name": site.service.name,
        "url": site.url,
        "time_zone": "Etc/UTC",
        "updated_at": millis(site.page.updated_at),
    }


def site_id(service: Service) -> str:
    """The page's own id."""
    return page_id("page", service.id)


def _status(site: Site) -> dict[str, str]:
    every = all(s is State.MAJOR_OUTAGE for s in site.page.components.values())
    if site.worst is State.MAJOR_OUTAGE and every:
        return {"indicator": "critical", "description": "Major System Outage"}
    return {
        State.MAJOR_OUTAGE: {"indicator": "major", "description": "Partial System Outage"},
        State.PARTIAL_OUTAGE: {"indicator": "major", "description": "Partial System Outage"},
        State.DEGRADED: {"indicator": "minor", "description": "Partially Degraded Service"},
        State.MAINTENANCE: {"indicator": "maintenance", "description": "Service Under Maintenance"},
    }.get(site.worst, {"indicator": "none", "description": "All Systems Operational"})


def shown(service: Service) -> list[Component]:
    """The components that stand on the page: those with an id there, or all where none has one."""
    return [c for c in service.components if c.page_ids] or list(service.components)


def rows(service: Service, only: Iterable[str] | None = None) -> list[tuple[str, Component]]:
    """The page's rows by id; a component may have several."""
    wanted = None if only is None else set(only)
    return [
        (page_id_, component)
        for component in shown(service)
        if wanted is None or component.id in wanted
        for page_id_ in component.page_ids or (page_id("component", component.id),)
    ]


def _components(site: Site, only: Iterable[str] | None = None) -> list[dict[str, object]]:
    return [
        {
            "id": code,
            "name": component.name,
            "status": PAGE_STATE[site.page.components[component.id]],
            "created_at": millis(BORN),
            "updated_at": millis(site.page.changed_at[component.id]),
            "position": position,
            "description": None,
            "showcase": True,
            "start_date": BORN.date().isoformat(),
            "group_id": None,
            "page_id": site_id(site.service),
            "group": False,
            "only_show_if_degraded": False,
        }
        for position, (code, component) in enumerate(rows(site.service, only), 1)
    ]


def _incidents(site: Site, incidents: Iterable[PageIncident]) -> list[dict[str, object]]:
    return [_incident(site, i) for i in incidents]


def _incident(site: Site, incident: PageIncident) -> dict[str, object]:
    hit = {c for u in incident.updates for c in u.changes}
    return {
        "id": incident.id,
        "name": incident.title,
        "status": incident.stage.value,
        "created_at": millis(incident.created_at),
        "updated_at": millis(incident.updated_at),
        "monitoring_at": millis(incident.reached(Stage.MONITORING)),
        "resolved_at": millis(incident.reached(Stage.RESOLVED)),
        "impact": incident.impact,
        "shortlink": f"{site.url}/incidents/{incident.id}",
        "started_at": millis(incident.started_at),
        "page_id": site_id(site.service),
        "incident_updates": [_update(site.service, incident.id, u) for u in reversed(incident.updates)],
        "components": _components(site, hit),
    }


def _update(service: Service, incident_id: str, update: Update) -> dict[str, object]:
    return {
        "id": update.id,
        "status": update.stage.value,
        "body": update.body,
        "incident_id": incident_id,
        "created_at": millis(update.posted_at),
        "updated_at": millis(update.posted_at),
        "display_at": millis(update.at),
        "affected_components": [
            {"code": code, "name": c.name, "old_status": PAGE_STATE[old], "new_status": PAGE_STATE[new]}
            for code, c in rows(service, update.changes)
            for old, new in [update.changes[c.id]]
        ]
        or None,
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _atom(site: Site) -> str:
    entries = "".join(_entry(site, i) for i in site.page.incidents[:KEPT_ENTRIES])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xml:lang="en-US" xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>tag:{xml(site.service.id)}.simulated,2005:/history</id>\n"
        f'  <link rel="alternate" type="text/html" href="{xml(site.url)}"/>\n'
        f"  <title>{xml(site.service.name)} Status - Incident History</title>\n"
        f"  <updated>{seconds(site.page.updated_at)}</updated>\n{entries}</feed>\n"
    )


def _entry(site: Site, incident: PageIncident) -> str:
    said = "".join(
        f"<p><small>{u.at.astimezone(UTC):%b %e, %H:%M} UTC</small><br>"
        f"<strong>{u.stage.value.capitalize()}</strong> - {xml(u.body)}</p>"
        for u in reversed(incident.updates)
    )
    return (
        f"  <entry>\n    <id>tag:{xml(site.service.id)}.simulated,2005:Incident/{incident.id}</id>\n"
        f"    <published>{seconds(incident.created_at)}</published>\n"
        f"    <updated>{seconds(incident.updated_at)}</updated>\n"
        f'    <link rel="alternate" type="text/html" href="{xml(site.url)}/incidents/{incident.id}"/>\n'
        f"    <title>{xml(incident.title)}</title>\n"
        f'    <content type="html">{xml(said)}</content>\n  </entry>\n'
    )
