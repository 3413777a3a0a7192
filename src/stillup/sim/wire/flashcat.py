"""Flashcat: the components, and the changes that are going on, in two languages."""

from __future__ import annotations

import re
from datetime import datetime

from stillup.model.service import State
from stillup.sim.page import PageIncident, Update
from stillup.sim.wire.reply import Reply, json_reply, not_found
from stillup.sim.wire.statuspage import Site, rows

_ACTIVE = re.compile(r"(?:/api/status-page/[A-Za-z0-9]{1,40})?/summary/active")
_STATE = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded",
    State.PARTIAL_OUTAGE: "partial_outage",
    State.MAJOR_OUTAGE: "full_outage",
    State.MAINTENANCE: "under_maintenance",
    State.UNKNOWN: "operational",
}
_PAGE_ID = 6400000000001


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL, with the page's id or without."""
    if _ACTIVE.fullmatch(path) is None:
        return not_found()
    changes = [_change(site, i) for i in site.page.incidents if not i.stage.is_over]
    return json_reply({"request_id": "simulated", "data": {"page": _page(site), "active_changes": changes}})


def _page(site: Site) -> dict[str, object]:
    return {
        "page_id": _PAGE_ID,
        "name": site.service.name,
        "url_name": site.service.id,
        "type": "public",
        "custom_domain": "status.simulated",
        "components": [
            {"component_id": code, "name": f"服务({c.name})", "available_since_seconds": 1706745600, "order_id": n}
            for n, (code, c) in enumerate(rows(site.service), 1)
        ],
        "sections": [],
    }


def _change(site: Site, incident: PageIncident) -> dict[str, object]:
    hit = {c for u in incident.updates for c in u.changes}
    return {
        "change_id": int(incident.id, 36) % 10**13,
        "page_id": _PAGE_ID,
        "type": "incident",
        "title": f"服务异常（{incident.title}）",
        "description": "",
        "status": incident.stage.value,
        "affected_components": [
            {"component_id": code, "name": f"服务({c.name})", "status": _STATE[site.page.components[c.id]]}
            for code, c in rows(site.service, hit)
        ],
        "start_at_seconds": int(incident.started_at.timestamp()),
        "updates": [_update(site, u) for u in incident.updates],
    }


def _update(site: Site, update: Update) -> dict[str, object]:
    return {
        "update_id": update.id,
        "at_seconds": int(update.posted_at.timestamp()),
        "status": update.stage.value,
        "description": f"正在处理。\n\n{update.body}",
        "component_changes": [
            {"component_id": code, "component_name": c.name, "status": _STATE[update.changes[c.id][1]]}
            for code, c in rows(site.service, update.changes)
        ],
    }
