"""Better Stack: one JSON:API document of a section, its monitors, and reports with their updates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from stillup.model.service import State, worst
from stillup.sim.page import PageIncident, Update, page_id
from stillup.sim.wire.reply import Reply, json_reply, millis, not_found
from stillup.sim.wire.statuspage import BORN, Site, rows

_STATE = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded",
    State.PARTIAL_OUTAGE: "degraded",
    State.MAJOR_OUTAGE: "downtime",
    State.MAINTENANCE: "maintenance",
    State.UNKNOWN: "not_monitored",
}
"""There is no word between slow and down."""
_SECTION = 231960


def page(path: str, site: Site, now: datetime) -> Reply:
    """The answer for a path below the page's base URL."""
    return json_reply(_document(site, now)) if path == "/index.json" else not_found()


def _document(site: Site, now: datetime) -> dict[str, object]:
    section: dict[str, object] = {
        "id": str(_SECTION),
        "type": "status_page_section",
        "attributes": {"name": "Services", "position": 1},
    }
    included = [section, *_resources(site, now)]
    for incident in site.page.incidents:
        included += [*_updates(site, incident), _report(site, incident)]
    return {
        "data": {
            "id": page_id("page", site.service.id),
            "type": "status_page",
            "attributes": {
                "company_name": site.service.name,
                "subdomain": site.service.id,
                "custom_domain": None,
                "announcement": None,
                "aggregate_state": _STATE[site.worst],
                "created_at": millis(BORN),
                "updated_at": millis(BORN),
            },
            "relationships": {
                name: {"data": [{"id": i["id"], "type": i["type"]} for i in included if i["type"] == kind]}
                for name, kind in (
                    ("sections", "status_page_section"),
                    ("resources", "status_page_resource"),
                    ("status_reports", "status_report"),
                )
            },
        },
        "included": included,
    }


def _resources(site: Site, now: datetime) -> Iterator[dict[str, object]]:
    """Every monitor with two days of its history; a day on which something was down and is not has its own word."""
    for position, (code, component) in enumerate(rows(site.service), 1):
        state = site.page.components[component.id]
        fell = site.page.changed_at[component.id].date() == now.date()
        today = "recovered" if fell and state is State.OPERATIONAL else _STATE[state]
        days = {now - timedelta(days=1): "operational", now: today}
        yield {
            "id": code,
            "type": "status_page_resource",
            "attributes": {
                "status_page_section_id": _SECTION,
                "resource_id": position,
                "resource_type": "Monitor",
                "public_name": component.name,
                "explanation": None,
                "position": position,
                "availability": 0.9987,
                "status": _STATE[state],
                "status_history": [
                    {"day": day.date().isoformat(), "status": word, "downtime_duration": 0, "maintenance_duration": 0}
                    for day, word in days.items()
                ],
            },
        }


def _updates(site: Site, incident: PageIncident) -> Iterator[dict[str, object]]:
    for update in reversed(incident.updates):
        yield {
            "id": update.id,
            "type": "status_update",
            "attributes": {
                "message": update.body,
                "published_at": millis(update.posted_at),
                "published_at_timezone": None,
                "notify_subscribers": True,
                "affected_resources": _affected(site, update),
            },
        }


def _report(site: Site, incident: PageIncident) -> dict[str, object]:
    """A report has no stage: it is over when it is called resolved, and its end may stay empty even then."""
    reached = worst((s for u in incident.updates for _, s in u.changes.values()), State.DEGRADED)
    return {
        "id": incident.id,
        "type": "status_report",
        "attributes": {
            "title": incident.title,
            "report_type": "manual",
            "starts_at": millis(incident.started_at),
            "ends_at": None,
            "affected_resources": _affected(site, incident.updates[0]),
            "aggregate_state": "resolved" if incident.stage.is_over else _STATE[reached],
        },
        "relationships": {
            "status_updates": {"data": [{"id": u.id, "type": "status_update"} for u in reversed(incident.updates)]}
        },
    }


def _affected(site: Site, update: Update) -> list[dict[str, object]]:
    return [
        {"status_page_resource_id": code, "status": "resolved" if new is State.OPERATIONAL else _STATE[new]}
        for code, component in rows(site.service, update.changes)
        for _, new in [update.changes[component.id]]
    ]
