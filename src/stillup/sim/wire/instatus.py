"""Instatus: a summary with the open incidents, and the list of components."""

from __future__ import annotations

from datetime import datetime

from stillup.model.service import Stage, State
from stillup.sim.page import PageIncident
from stillup.sim.wire.reply import Reply, json_reply, millis, not_found
from stillup.sim.wire.statuspage import Site, rows

_STATE = {
    State.OPERATIONAL: "OPERATIONAL",
    State.DEGRADED: "DEGRADEDPERFORMANCE",
    State.PARTIAL_OUTAGE: "PARTIALOUTAGE",
    State.MAJOR_OUTAGE: "MAJOROUTAGE",
    State.MAINTENANCE: "UNDERMAINTENANCE",
    State.UNKNOWN: "OPERATIONAL",
}
_IMPACT = {"minor": "MINOROUTAGE", "major": "PARTIALOUTAGE", "critical": "MAJOROUTAGE"}


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL."""
    if path == "/summary.json":
        return json_reply(_summary(site))
    if path == "/v2/components.json":
        return json_reply({"components": _components(site)})
    return not_found()


def _summary(site: Site) -> dict[str, object]:
    """``activeIncidents`` is left out while there are none."""
    states = site.page.components.values()
    open_ones = [i for i in site.page.incidents if not i.stage.is_over]
    if open_ones or any(s.is_fault for s in states):
        status = "HASISSUES"
    else:
        status = "UNDERMAINTENANCE" if State.MAINTENANCE in states else "UP"
    head = {"page": {"name": site.service.name, "url": site.url, "status": status}}
    return head | ({"activeIncidents": [_incident(site, i) for i in open_ones]} if open_ones else {})


def _incident(site: Site, incident: PageIncident) -> dict[str, object]:
    """It names no components, and of its updates only when the last one came."""
    return {
        "id": incident.id,
        "name": incident.title,
        "started": millis(incident.started_at),
        "status": _stage(incident.stage),
        "impact": _IMPACT.get(incident.impact, "OPERATIONAL"),
        "url": f"{site.url}/incident/{incident.id}",
        "updatedAt": millis(incident.updated_at),
    }


def _components(site: Site) -> list[dict[str, object]]:
    return [
        {
            "id": code,
            "name": component.name,
            "description": "",
            "status": _STATE[site.page.components[component.id]],
            "group": None,
        }
        for code, component in rows(site.service)
    ]


def _stage(stage: Stage) -> str:
    return "RESOLVED" if stage.is_over else stage.value.upper()
