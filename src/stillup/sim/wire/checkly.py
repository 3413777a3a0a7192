"""Checkly: services with the events of their days, and the list of what is not resolved."""

from __future__ import annotations

from datetime import datetime, timedelta

from stillup.model.service import State
from stillup.sim.page import PageIncident
from stillup.sim.wire.parts import by_state
from stillup.sim.wire.reply import Reply, json_reply, millis, not_found
from stillup.sim.wire.statuspage import Site, rows

_DAYS = 3
_SEVERITY = {State.PARTIAL_OUTAGE: "MAJOR", State.MAJOR_OUTAGE: "CRITICAL"}


def page(path: str, site: Site, now: datetime) -> Reply:
    """The answer for a path below the page's base URL, with the page's name or without."""
    name = path.rpartition("/")[2]
    if name == "uptime":
        return json_reply(_uptime(site, now))
    if name == "unresolved-incidents":
        open_ones = (i for i in site.page.incidents if not i.stage.is_over)
        return json_reply({"incidents": [event for i in open_ones for event in _events(site, i)]})
    return not_found()


def _events(site: Site, incident: PageIncident) -> list[dict[str, object]]:
    """One for each state that the incident left its components in: an event has one severity."""
    return [
        {
            "id": f"{incident.id}-{state.value}",
            "name": incident.title,
            "duration": int((incident.updated_at - incident.started_at).total_seconds()),
            "severity": _SEVERITY.get(state, "MEDIUM"),
            "lastUpdateStatus": incident.stage.value.upper(),
            "created_at": millis(incident.created_at),
            "services": [{"id": code, "name": c.name} for code, c in rows(site.service, hit)],
        }
        for state, hit in by_state(site, incident)
    ]


def _uptime(site: Site, now: datetime) -> dict[str, object]:
    events = [e for i in site.page.incidents for e in _events(site, i)]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    dates = [millis(today - timedelta(days=n)) for n in reversed(range(_DAYS))]
    services = [
        {"id": code, "name": c.name, "days": [_day(str(date), code, events) for date in dates], "uptime": 99.9}
        for code, c in rows(site.service)
    ]
    group = {"id": "group", "name": site.service.name}
    known = [{"id": code, "name": c.name, "order": n} for n, (code, c) in enumerate(rows(site.service))]
    return {
        "metadata": [group | {"order": 0, "services": known}],
        "uptime": [group | {"services": services, "uptime": 99.9}],
        "partialError": False,
    }


def _day(date: str, code: str, events: list[dict[str, object]]) -> dict[str, object]:
    """A day with the events that began on it and are about this service."""
    here = [
        {key: value for key, value in e.items() if key != "services"}
        for e in events
        if str(e["created_at"])[:10] == date[:10] and code in str(e["services"])
    ]
    return {"date": date, "events": here}
