"""Google's dashboards, Cloud and Workspace alike: the list of incidents, and the list of products."""

from __future__ import annotations

from datetime import datetime

from stillup.model.service import State
from stillup.sim.page import PageIncident
from stillup.sim.wire.parts import by_state
from stillup.sim.wire.reply import Reply, json_reply, not_found, seconds
from stillup.sim.wire.statuspage import BORN, Site, rows

_OTHERS = "hV87iK5DcEXKgWU2kDri", "Cloud SQL"
_WORD = {State.MAJOR_OUTAGE: "SERVICE_OUTAGE", State.MAINTENANCE: "SERVICE_INFORMATION"}
_SEVERITY = {State.MAJOR_OUTAGE: "high", State.PARTIAL_OUTAGE: "medium"}


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the dashboard's base URL."""
    if path == "/products.json":
        ours = [{"id": code, "title": c.name} for code, c in rows(site.service)]
        return json_reply({"products": [*ours, {"id": _OTHERS[0], "title": _OTHERS[1]}]})
    if path == "/incidents.json":
        return json_reply([*(one for i in site.page.incidents for one in _incidents(site, i)), _of_others()])
    return not_found()


def _incidents(site: Site, incident: PageIncident) -> list[dict[str, object]]:
    """One for each state that it left its products in: all products of an incident are in one."""
    return [
        _incident(site, incident, state, [(code, c.name) for code, c in rows(site.service, hit)])
        for state, hit in by_state(site, incident)
    ]


def _incident(site: Site, incident: PageIncident, state: State, products: list[tuple[str, str]]) -> dict[str, object]:
    word = _WORD.get(state, "SERVICE_DISRUPTION")
    updates = [
        {
            "affected_locations": [],
            "created": _at(u.posted_at),
            "modified": _at(u.posted_at),
            "status": "AVAILABLE" if u.stage.is_over else word,
            "text": u.body,
            "when": _at(u.at),
        }
        for u in reversed(incident.updates)
    ]
    said: dict[str, object] = {
        "affected_products": [{"current_title": name, "id": code, "title": name} for code, name in products],
        "begin": _at(incident.started_at),
        "created": _at(incident.created_at),
        "currently_affected_locations": [],
        "external_desc": incident.title,
        "id": f"{incident.id}{state.value[0]}",
        "modified": _at(incident.updated_at),
        "most_recent_update": updates[0],
        "previously_affected_locations": [],
        "service_key": products[0][0] if products else "",
        "service_name": products[0][1] if products else site.service.name,
        "severity": _SEVERITY.get(state, "low"),
        "status_impact": word,
        "updates": updates,
        "uri": f"incidents/{incident.id}",
    }
    return said | ({"end": _at(incident.updated_at)} if incident.stage.is_over else {})


def _of_others() -> dict[str, object]:
    """What is always on such a list: someone else's trouble, long over."""
    born = _at(BORN)
    update = {"created": born, "modified": born, "status": "AVAILABLE", "text": "It is over.", "when": born}
    return {
        "affected_products": [{"current_title": _OTHERS[1], "id": _OTHERS[0], "title": _OTHERS[1]}],
        "begin": born,
        "created": born,
        "end": born,
        "currently_affected_locations": [],
        "external_desc": "Some instances could not be reached.",
        "id": "OtherProductsPast001",
        "modified": born,
        "most_recent_update": update,
        "severity": "high",
        "status_impact": "SERVICE_OUTAGE",
        "updates": [update],
        "uri": "incidents/OtherProductsPast001",
    }


def _at(at: datetime) -> str:
    return seconds(at).replace("Z", "+00:00")
