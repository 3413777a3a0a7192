"""Globalping: a measurement is ordered, and its results are there at once. An order's id holds the order."""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from stillup.catalog.load import Endpoint, Service, catalogue
from stillup.sim.draw import chance
from stillup.sim.modes import STATUS, Mode
from stillup.sim.scenario import ENDPOINTS, Fault
from stillup.sim.wire.reply import Reply, json_reply, millis
from stillup.sim.wire.routes import Desk, Visit

_FIELDS = 3
_MOST_COUNTRIES = 500
_NO_ANSWER = "Request timeout - timeout of 10s exceeded."


class _Location(Struct, frozen=True):
    country: str


class _Order(Struct, frozen=True):
    type: str
    target: str
    locations: tuple[_Location, ...]


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``POST v1/measurements`` and ``GET v1/measurements/{id}``."""
    if rest == "v1/measurements" and visit.method == "POST":
        return _ordered(visit)
    order = _read(rest.removeprefix("v1/measurements/"))
    if order is None:
        return json_reply({"error": {"type": "not_found", "message": "Couldn't find the requested item."}}, status=404)
    target, at, countries = order
    return json_reply(
        {
            "id": rest.removeprefix("v1/measurements/"),
            "type": "http",
            "status": "finished",
            "createdAt": millis(at),
            "updatedAt": millis(visit.now),
            "target": target,
            "probesCount": len(countries),
            "results": [
                {"probe": {"country": c, "tags": []}, "result": _result(desk, target, c, at)} for c in countries
            ],
        }
    )


def concerns(visit: Visit, rest: str) -> Collection[str]:
    """The services whose front page is looked at."""
    order = _read(rest.removeprefix("v1/measurements/"))
    target = order[0] if order else _order(visit.body).target
    return [service.id for service, _ in _behind(target)]


def _order(body: bytes) -> _Order:
    try:
        return msgspec.json.decode(body, type=_Order)
    except msgspec.MsgspecError:
        return _Order("", "", ())


def _ordered(visit: Visit) -> Reply:
    order = _order(visit.body)
    countries = [place.country for place in order.locations][:_MOST_COUNTRIES]
    if order.type != "http" or not countries:
        error = {"type": "validation_error", "message": "Parameter validation failed.", "params": {}}
        return json_reply({"error": error}, status=400)
    text = "|".join((order.target, str(int(visit.now.timestamp())), ",".join(countries)))
    name = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return json_reply({"id": name, "probesCount": len(countries)}, status=202)


def _read(name: str) -> tuple[str, datetime, list[str]] | None:
    """What was ordered under that id: the target, when, and the countries."""
    try:
        parts = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode().split("|")
        target, at, countries = parts if len(parts) == _FIELDS else ("", "", "")
        return target, datetime.fromtimestamp(int(at), UTC), countries.split(",")
    except (ValueError, OverflowError, OSError):
        return None


def _behind(target: str) -> list[tuple[Service, Endpoint]]:
    """The endpoints that stand on that host; the first is the front page."""
    return [(s, e) for s in catalogue().values() for e in s.endpoints if e.url.split("/")[2] == target][:1]


def _result(desk: Desk, target: str, country: str, at: datetime) -> dict[str, object]:
    mode = next((_mode(desk, s, e, country, at) for s, e in _behind(target)), Mode.OK)
    status = STATUS.get(mode, 200 if mode is Mode.OK else None)
    if status is None:
        return {"status": "failed", "rawOutput": _NO_ANSWER}
    total = round(chance(desk.stories.scenario.seed, "globalping", target, country, at).uniform(60, 400))
    return {"status": "finished", "statusCode": status, "timings": {"total": total, "firstByte": total // 3}}


def _mode(desk: Desk, service: Service, endpoint: Endpoint, country: str, at: datetime) -> Mode:
    """How the endpoint answers someone in that country. What fails on this machine alone does not fail there."""
    for fault in desk.story_of(service.id).scenario.faults:
        mode = fault.targets.get(endpoint.id) or fault.targets.get(ENDPOINTS)
        if mode and fault.from_ <= at < fault.to and _hits(desk, fault, country, at):
            return mode
    return Mode.OK


def _hits(desk: Desk, fault: Fault, country: str, at: datetime) -> bool:
    there = {region.partition("-")[0] for region in fault.regions}
    minute = int(at.timestamp()) // 60
    share = chance(desk.stories.scenario.seed, "globalping", fault.id, country, minute).random()
    return (not there or country in there) and share < fault.share
