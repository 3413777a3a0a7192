"""Datadog's status pages: all of the page in one document, posts set back to the time they are about."""

from __future__ import annotations

from datetime import datetime

from stillup.catalog.load import Component
from stillup.model.service import Stage, State
from stillup.sim.page import PageIncident, Update, page_id
from stillup.sim.wire.reply import Reply, json_reply, millis, not_found
from stillup.sim.wire.statuspage import BORN, Site, rows, shown

_STATE = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded",
    State.PARTIAL_OUTAGE: "partial_outage",
    State.MAJOR_OUTAGE: "major_outage",
    State.MAINTENANCE: "maintenance",
    State.UNKNOWN: "operational",
}


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL."""
    return json_reply(_config(site)) if path == "/config.json" else not_found()


def _config(site: Site) -> dict[str, object]:
    """Empty lists are null."""
    return {
        "id": page_id("page", site.service.id),
        "name": site.service.name,
        "domainPrefix": site.service.id,
        "pageUrl": site.url,
        "pageType": "public",
        "enabled": True,
        "public": True,
        "created": millis(BORN),
        "components": [_place(site, component, at) for at, component in enumerate(shown(site.service))],
        "incidents": [_incident(site, i) for i in site.page.incidents] or None,
        "maintenances": None,
    }


def _place(site: Site, component: Component, position: int) -> dict[str, object]:
    """A component; one with several rows is a group of them."""
    listed = [
        _component(code, component, site.page.components[component.id])
        for code, _ in rows(site.service, [component.id])
    ]
    if len(listed) == 1:
        return listed[0] | {"position": position}
    return {
        "id": page_id("group", component.id),
        "name": component.name,
        "position": position,
        "type": "ComponentGroup",
        "components": listed,
    }


def _component(code: str, component: Component, state: State) -> dict[str, object]:
    return {"id": code, "name": component.name, "position": 0, "status": _STATE[state], "type": "Component"}


def _incident(site: Site, incident: PageIncident) -> dict[str, object]:
    hit = {c for u in incident.updates for c in u.changes}
    is_over = incident.stage.is_over
    return {
        "id": incident.id,
        "title": incident.title,
        "description": incident.updates[-1].body,
        "currentStatus": _stage(incident.stage),
        "resolved": is_over,
        "publishedDate": millis(incident.started_at),
        "lastModifiedAt": millis(incident.updated_at),
        "componentsAffected": _affected(site, {c: site.page.components[c] for c in hit}),
        "timeline": [_post(site, u) for u in reversed(incident.updates)],
    } | ({"resolvedDate": millis(incident.reached(Stage.RESOLVED))} if is_over else {})


def _post(site: Site, update: Update) -> dict[str, object]:
    affected = _affected(site, {c: new for c, (_, new) in update.changes.items()})
    return {
        "id": update.id,
        "status": _stage(update.stage),
        "description": update.body,
        "startedAt": millis(update.at),
        "createdAt": millis(update.posted_at),
        "lastModifiedAt": millis(update.posted_at),
    } | ({"componentsAffected": affected} if affected else {})


def _affected(site: Site, states: dict[str, State]) -> list[dict[str, object]]:
    return [_component(code, component, states[component.id]) for code, component in rows(site.service, states)]


def _stage(stage: Stage) -> str:
    return "resolved" if stage.is_over else stage.value
