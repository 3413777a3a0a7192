"""StatusGator's API v3: one board with a monitor for each service, which mirrors that service's page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from stillup.model.service import State
from stillup.sim.page import page_id
from stillup.sim.wire.reply import Reply, json_reply, seconds
from stillup.sim.wire.statuspage import Site

_BOARD = page_id("statusgator", "board")
MONITORS = f"/boards/{_BOARD}/monitors"
_WORDS = {
    State.MAJOR_OUTAGE: "down",
    State.PARTIAL_OUTAGE: "down",
    State.DEGRADED: "warn",
    State.MAINTENANCE: "maintenance",
}


def reply(path: str, sites: Sequence[Site], warned: Collection[str], now: datetime) -> Reply:
    """Boards, or the monitors of one; ``warned`` are the services with an early warning."""
    if path == "/boards":
        return _listed([{"id": _BOARD, "name": "Simulated", "public_token": None}])
    if path == MONITORS:
        rows = (_monitor(n, site, now, is_warned=site.service.id in warned) for n, site in enumerate(sites, 1))
        return _listed(list(rows))
    return json_reply({"success": False, "error": "Not found"}, status=404)


def _listed(rows: list[dict[str, object]]) -> Reply:
    paging = {"current_page": 1, "per_page": 100, "total_pages": 1, "total_count": len(rows)}
    return json_reply({"success": True, "data": rows, "pagination": paging | {"next_page": None, "prev_page": None}})


def _monitor(position: int, site: Site, now: datetime, *, is_warned: bool) -> dict[str, object]:
    service = site.service
    worst = max(site.page.components.values(), key=lambda s: s.severity, default=State.OPERATIONAL)
    word = _WORDS.get(worst, "up")
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
