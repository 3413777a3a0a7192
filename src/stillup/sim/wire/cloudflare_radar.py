"""Cloudflare Radar: a scenario's network faults as people note them late, and a cloud's as machines find them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from stillup.catalog.load import Service, catalogue
from stillup.model.service import Layer
from stillup.sim.scenario import Fault
from stillup.sim.wire.reply import Reply, json_reply, seconds
from stillup.sim.wire.routes import Desk, Visit

_NOTED = timedelta(minutes=45)
"""After so long an outage stands among the annotations."""
_FOUND, _VERIFIED = timedelta(minutes=10), timedelta(minutes=25)
"""After so long an anomaly is listed, and after so long a person has looked at it."""
_LISTED = timedelta(days=1)


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``radar/annotations/outages`` and ``radar/traffic_anomalies``, with a token."""
    if not visit.has_token:
        errors = [{"code": 10000, "message": "Authentication error"}]
        return json_reply({"success": False, "errors": errors, "messages": [], "result": None}, status=401)
    if rest == "radar/annotations/outages":
        return _good({"annotations": list(_annotations(desk, visit.now))})
    if rest == "radar/traffic_anomalies":
        return _good({"trafficAnomalies": list(_anomalies(desk, visit.now))})
    errors = [{"code": 7003, "message": "Could not route to the path"}]
    return json_reply({"success": False, "errors": errors, "messages": [], "result": None}, status=404)


def _good(result: object) -> Reply:
    return json_reply({"success": True, "errors": [], "messages": [], "result": result})


def _listed(desk: Desk, now: datetime, after: timedelta) -> Iterator[tuple[Service, Fault]]:
    for service_id in desk.stories.scenario.services:
        for fault in desk.story_of(service_id).scenario.faults:
            if fault.from_ + after <= now < fault.to + _LISTED:
                yield catalogue()[service_id], fault


def _annotations(desk: Desk, now: datetime) -> Iterator[dict[str, object]]:
    for _, fault in _listed(desk, now, _NOTED):
        if fault.layer is Layer.NETWORK and fault.regions:
            places = sorted({region.partition("-")[0] for region in fault.regions})
            yield {
                "id": _name(fault),
                "startDate": seconds(fault.from_),
                "endDate": seconds(fault.to) if fault.to <= now else None,
                "eventType": "OUTAGE",
                "dataSource": "ALL",
                "asns": [],
                "locations": places,
                "locationsDetails": [{"code": code, "name": code} for code in places],
                "origins": [],
                "outage": {"outageCause": "TECHNICAL_PROBLEM", "outageType": "REGIONAL"},
            }


def _anomalies(desk: Desk, now: datetime) -> Iterator[dict[str, object]]:
    for service, fault in _listed(desk, now, _FOUND):
        hint = service.sources.get("cloudflare_radar")
        if hint is None or not hint.slug:
            continue
        end: dict[str, object] = {"endDate": seconds(fault.to)} if fault.to <= now else {}
        found: dict[str, object] = {
            "uuid": _name(fault),
            "type": "ORIGIN",
            "status": "VERIFIED" if fault.from_ + _VERIFIED <= now else "UNVERIFIED",
            "startDate": seconds(fault.from_),
            "originDetails": {"origin": hint.slug.upper(), "name": service.name},
            "visibleInDataSources": ["HTTP_ORIGINS"],
        }
        yield found | end


def _name(fault: Fault) -> str:
    return sha256(f"{fault.id}{fault.from_}".encode()).hexdigest()[:32]
