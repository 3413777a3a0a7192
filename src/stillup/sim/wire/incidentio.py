"""incident.io: the page's own proxy, and its copy of Statuspage's summary with all that is odd about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from stillup.catalog.load import Component
from stillup.model.service import Stage, State, worst
from stillup.sim.page import PageIncident, Update, page_id
from stillup.sim.wire.reply import PAGE_STATE, Reply, json_reply, millis, not_found, seconds
from stillup.sim.wire.statuspage import BORN, Site, rows, shown

_COPIED = 25
"""So many components the copy has at most."""
_STATE = PAGE_STATE | {State.MAJOR_OUTAGE: "full_outage"}
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL. The proxy takes any host: the world's pages share one."""
    if path == "/api/v2/summary.json":
        return json_reply(_copy(site))
    found = re.fullmatch(r"/proxy/[^/]{1,253}(?:/([a-z_]{1,40}))?", path)
    if found is None:
        return not_found()
    incidents = site.page.incidents
    if found[1] is None:
        return json_reply({"summary": _summary(site)})
    if found[1] == "incidents":
        return json_reply({"incidents": [_incident(site, i) for i in incidents]})
    if found[1] == "component_impacts":
        impacts = [impact for i in incidents for impact in _impacts(site, i)]
        return json_reply({"component_impacts": impacts, "component_uptimes": list(_uptimes(site))})
    return not_found()


def ulid(*name: object) -> str:
    """Twenty-six letters and digits as the platform's ids have them; equal names give equal ids."""
    number = int(page_id(*name), 36)
    digits = ""
    while len(digits) < 20:
        number, rest = divmod(number, 32)
        digits += _ULID[rest]
    return f"01SM00{digits}"


def _head(site: Site) -> dict[str, object]:
    return {"id": ulid("page", site.service.id), "name": site.service.name, "public_url": f"{site.url}/"}


def _summary(site: Site) -> dict[str, object]:
    head = _head(site)
    affected = [
        {"component_id": code, "status": _STATE[state]}
        for code, component in rows(site.service)
        if _STATE[state := site.page.components[component.id]] != _STATE[State.OPERATIONAL]
    ]
    return head | {
        "subpath": site.service.id,
        "components": [
            {"id": code, "name": component.name, "status_page_id": head["id"]} for code, component in rows(site.service)
        ],
        "affected_components": affected,
        "ongoing_incidents": [_incident(site, i) for i in site.page.incidents if not i.stage.is_over],
        "scheduled_maintenances": [],
        "structure": {
            "id": ulid("structure", site.service.id),
            "status_page_id": head["id"],
            "items": [_item(component, codes) for component, codes in _places(site)],
        },
        "page_type": "standalone",
        "data_available_since": seconds(BORN),
    }


def _places(site: Site) -> Iterator[tuple[Component, list[str]]]:
    """Each component with its rows; one with several is a group of the page."""
    for component in shown(site.service):
        yield component, [code for code, _ in rows(site.service, [component.id])]


def _item(component: Component, codes: list[str]) -> dict[str, object]:
    listed = [{"component_id": code, "display_uptime": True, "name": component.name, "hidden": False} for code in codes]
    if len(listed) == 1:
        return {"component": listed[0]}
    group = {"id": ulid("group", component.id), "name": component.name, "hidden": False, "components": listed}
    return {"group": group}


def _incident(site: Site, incident: PageIncident) -> dict[str, object]:
    reached = _worst(incident)
    return {
        "id": ulid("incident", incident.id),
        "status_page_id": _head(site)["id"],
        "name": incident.title,
        "status": "resolved" if incident.stage is Stage.POSTMORTEM else incident.stage.value,
        "type": "incident",
        "published_at": millis(incident.created_at),
        "updates": [_update(site, u) for u in incident.updates],
        "component_impacts": list(_impacts(site, incident)),
        "affected_components": [
            {
                "component_id": code,
                "status": _STATE[reached[component.id]],
                "current_status": _STATE[site.page.components[component.id]],
            }
            for code, component in rows(site.service, reached)
        ],
    }


def _update(site: Site, update: Update) -> dict[str, object]:
    return {
        "id": ulid("update", update.id),
        "published_at": millis(update.posted_at),
        "to_status": update.stage.value,
        "message_string": update.body,
        "component_statuses": [
            {"component_id": code, "status": _STATE[update.changes[component.id][1]]}
            for code, component in rows(site.service, update.changes)
        ],
        "automated_update": False,
    }


def _worst(incident: PageIncident) -> dict[str, State]:
    """The worst state each component was in while the incident lasted."""
    found: dict[str, State] = {}
    for update in incident.updates:
        for component, (_, new) in update.changes.items():
            found[component] = worst((found.get(component, new), new))
    return found


def _impacts(site: Site, incident: PageIncident) -> Iterator[dict[str, object]]:
    """How long each component was in which state, by the times the updates show; what lasts has no end."""
    for code, component in rows(site.service, _worst(incident)):
        turns = [(u.at, u.changes[component.id][1]) for u in incident.updates if component.id in u.changes]
        for (start, state), after in zip(turns, [*turns[1:], None], strict=True):
            if state is not State.OPERATIONAL:
                impact: dict[str, object] = {
                    "id": ulid("impact", incident.id, code, start),
                    "component_id": code,
                    "status_page_incident_id": ulid("incident", incident.id),
                    "status": _STATE[state],
                    "start_at": millis(start),
                }
                yield impact | ({"end_at": millis(after[0])} if after is not None else {})


def _uptimes(site: Site) -> Iterator[dict[str, str]]:
    """Rows of groups have no component; what has no uptime has that word, as a text."""
    for component, codes in _places(site):
        yield from ({"component_id": code, "uptime": "$undefined"} for code in codes)
        if len(codes) > 1:
            yield {"status_page_component_group_id": ulid("group", component.id), "uptime": "99.98"}


def _copy(site: Site) -> dict[str, object]:
    """Statuspage's format, nearly: no incidents while none are open, none of their components, and a mild indicator.

    ``updated_at`` is when somebody last edited the page's structure.
    """
    open_ones = [i for i in site.page.incidents if not i.stage.is_over]
    is_calm = all(s in (State.OPERATIONAL, State.UNKNOWN) for s in site.page.components.values())
    body: dict[str, object] = {
        "page": {"id": _head(site)["id"], "name": site.service.name, "url": site.url, "updated_at": seconds(BORN)},
        "status": {
            "indicator": "none" if is_calm else "minor",
            "description": "All Systems Operational" if is_calm else "Partial System Degradation",
        },
        "components": [
            {
                "id": code,
                "name": component.name,
                "status": PAGE_STATE[site.page.components[component.id]],
                "page_id": _head(site)["id"],
                "position": position,
                "created_at": seconds(BORN),
                "updated_at": seconds(BORN),
            }
            for position, (code, component) in enumerate(rows(site.service)[:_COPIED])
        ],
    }
    return body | ({"incidents": [_copied(i) for i in open_ones]} if open_ones else {})


def _copied(incident: PageIncident) -> dict[str, object]:
    return {
        "id": ulid("incident", incident.id),
        "name": incident.title,
        "status": incident.stage.value,
        "impact": "minor",
        "created_at": seconds(incident.created_at),
        "updated_at": seconds(incident.updated_at),
        "incident_updates": [
            {"id": ulid("update", u.id), "status": u.stage.value, "body": u.body}
            | dict.fromkeys(("created_at", "updated_at", "display_at"), seconds(u.posted_at))
            for u in reversed(incident.updates)
        ],
    }
