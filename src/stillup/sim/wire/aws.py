"""AWS Health's events in UTF-16: an outage lies in several regions, and one that nobody ends stays open elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from stillup.model.service import State
from stillup.sim.page import PageIncident
from stillup.sim.wire.reply import Reply, not_found
from stillup.sim.wire.statuspage import BORN, Site, rows

_EVERYWHERE = (
    ("us-east-1", "N. Virginia"),
    ("us-west-2", "Oregon"),
    ("eu-west-1", "Ireland"),
    ("eu-central-1", "Frankfurt"),
    ("ap-northeast-1", "Tokyo"),
)
_STANDING = ("me-central-1", "UAE")
_LEVEL = {State.DEGRADED: "1", State.PARTIAL_OUTAGE: "2", State.MAJOR_OUTAGE: "3"}
_BOM = b"\xfe\xff"


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the base URL."""
    if path != "/public/currentevents":
        return not_found()
    events = [_event(site, i, *region) for i in site.page.incidents for region in _EVERYWHERE]
    text = msgspec.json.encode([*events, _standing(site)]).decode()
    return Reply(body=_BOM + text.encode("utf-16-be"), content_type="application/json;charset=utf-16")


def _event(site: Site, incident: PageIncident, region: str, name: str) -> dict[str, object]:
    hit = {c for u in incident.updates for c in u.changes}
    is_over = incident.stage.is_over
    levels = {c: "0" if is_over else _LEVEL.get(site.page.components[c], "0") for c in hit}
    event = _shape(site, region, name, f"{incident.id.upper()}", incident.started_at, levels.items())
    event |= {
        "status": "0" if is_over else max(levels.values(), default="1"),
        "summary": f"[RESOLVED] {incident.title}" if is_over else incident.title,
        "event_log": [
            {"summary": incident.title, "message": u.body, "status": 1, "timestamp": int(u.posted_at.timestamp())}
            for u in incident.updates
        ],
    }
    return event | ({"end_time": str(int(incident.updated_at.timestamp()))} if is_over else {})


def _standing(site: Site) -> dict[str, object]:
    """An event that has been open since long before the scenario."""
    region, name = _STANDING
    event = _shape(site, region, name, "5E6B8", BORN, [(c.id, "3") for _, c in rows(site.service)[:1]])
    return event | {"status": "3", "summary": "Increased Error Rates", "event_log": []}


def _shape(
    site: Site, region: str, name: str, number: str, began: datetime, levels: Iterable[tuple[str, str]]
) -> dict[str, object]:
    kind = "AWS_MULTIPLE_SERVICES_OPERATIONAL_ISSUE"
    current = dict(levels)
    return {
        "date": str(int(began.timestamp())),
        "arn": f"arn:aws:health:{region}::event/MULTIPLE_SERVICES/{kind}/{kind}_{number}_{region}",
        "region_name": name,
        "service": f"multipleservices-{region}",
        "service_name": "Multiple services",
        "impacted_services": {
            f"{code}-{region}": {"service_name": c.name, "current": current[c.id], "max": current[c.id]}
            for code, c in rows(site.service, current)
        },
    }
