"""StatusGator's API v3: one board with a monitor for each service, which mirrors that service's page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.model.service import State
from stillup.registry import usable_sources
from stillup.sim.page import page_id
from stillup.sim.wire.reply import Reply, json_reply, seconds
from stillup.sim.wire.statuspage import Site

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_BOARD = page_id("statusgator", "board")
MONITORS = f"/boards/{_BOARD}/monitors"
_WORDS = {
    State.MAJOR_OUTAGE: "down",
    State.PARTIAL_OUTAGE: "down",
    State.DEGRADED: "warn",
    State.MAINTENANCE: "maintenance",
}


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``api/v3/boards`` and what lies below."""
    if not visit.has_token:
        return json_reply({"success": False, "error": "Unauthorized"}, status=401)
    if rest == "api/v3/boards":
        return _listed([{"id": _BOARD, "name": "Simulated", "public_token": None}])
    if rest == f"api/v3{MONITORS}":
        listed = (s for s in catalogue().values() if "statusgator" in s.sources)
        return mirrored(desk, listed, visit.base_url, visit.now)
    return json_reply({"success": False, "error": "Not found"}, status=404)


def mirrored(desk: Desk, services: Iterable[Service], base_url: str, now: datetime) -> Reply:
    """The monitors of some services: their pages as they stood a while ago, and the early warnings of now."""
    rows = []
    for position, service in enumerate(services, 1):
        mirror = desk.story_of(service.id).scenario.statusgator
        then = _last_read(desk, service, now - timedelta(seconds=mirror.delay_s))
        site = desk.page_site(service, f"{base_url}/statuspage", then)
        is_warned = any(w.from_ <= now < w.to for w in mirror.early_warnings)
        rows.append(_monitor(position, site, now, is_warned=is_warned))
    return _listed(rows)


def _last_read(desk: Desk, service: Service, then: datetime) -> datetime:
    """When the page could be read last: nobody mirrors what does not answer."""
    pages = (spec.id for spec in usable_sources() if spec.page and spec.id in service.sources)
    faults = (desk.stories.source_fault(page, (service.id,), then) for page in pages)
    return min((fault.from_ for fault in faults if fault is not None), default=then)


def _listed(rows: list[dict[str, object]]) -> Reply:
    paging = {"current_page": 1, "per_page": 100, "total_pages": 1, "total_count": len(rows)}
    return json_reply({"success": True, "data": rows, "pagination": paging | {"next_page": None, "prev_page": None}})


def _monitor(position: int, site: Site, now: datetime, *, is_warned: bool) -> dict[str, object]:
    service = site.service
    word = _WORDS.get(site.worst, "up")
    return {
        "id": page_id("monitor", service.id),
        "display_name": service.name,
        "monitor_type": "ServiceMonitor",
        "filtered_status": word,
        "unfiltered_status": word,
        "paused_at": None,
        "checked_at": seconds(now),
        "filter_count": 0,
        "icon_url": None,
        "position": position,
        "early_warning_signal": is_warned,
        "service": {
            "id": page_id("statusgator", service.id),
            "name": service.name,
            "slug": service.sources["statusgator"].slug,
            "home_page_url": service.home,
            "status_page_url": site.url,
        },
        "created_at": seconds(site.page.updated_at),
        "updated_at": seconds(site.page.updated_at),
    }
