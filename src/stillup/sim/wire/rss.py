"""RSS in two manners: xAI's own, an item for each component of an incident, and Better Stack's, monitors."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from stillup.catalog.load import Component
from stillup.model.service import State
from stillup.sim.page import PageIncident
from stillup.sim.wire.reply import RSS, Reply, not_found, xml
from stillup.sim.wire.statuspage import Site, rows


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """``/feed.rss`` is Better Stack's manner; any other address of a feed xAI's."""
    if path == "/feed.rss":
        return _channel(site, "".join(_monitors(site, i) for i in site.page.incidents))
    if path.endswith((".rss", ".xml")):
        return _channel(site, "".join(_items(site, i) for i in site.page.incidents))
    return not_found()


def _channel(site: Site, items: str) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n  <channel>\n'
        f"    <title>{xml(site.service.name)} System Status</title>\n    <link>{xml(site.url)}</link>\n"
        f"    <description>Status</description>\n    <ttl>30</ttl>\n{items}  </channel>\n</rss>\n"
    )
    return Reply(body=text.encode(), content_type=RSS)


def _items(site: Site, incident: PageIncident) -> str:
    hit = {c for u in incident.updates for c in u.changes}
    return "".join(_item(site, incident, code, c) for code, c in rows(site.service, hit))


def _item(site: Site, incident: PageIncident, code: str, component: Component) -> str:
    state = site.page.components[component.id]
    is_over = incident.stage.is_over
    status = "resolved" if is_over else "active"
    severity = "available" if is_over else "degraded" if state is State.DEGRADED else "outage"
    number = f"INC{incident.id}{code}"
    updates = "".join(
        f"<div><p><strong>{_mail(u.posted_at)}</strong></p><h3>{u.stage.value.capitalize()}</h3><p>{xml(u.body)}</p></div>"
        for u in incident.updates
    )
    said = f"<h3>Status: {status.upper()}</h3><p>Severity: {severity}</p><hr /><h4>Updates:</h4>{updates}"
    return (
        f"    <item>\n      <title>{xml(f'[{component.name}] {incident.title}')}</title>\n"
        f'      <link>{xml(site.url)}/{code}/{number}</link>\n      <guid isPermaLink="false">{number}</guid>\n'
        f"      <description>{xml(said)}</description>\n      <pubDate>{_mail(incident.started_at)}</pubDate>\n"
        f"      <category>{severity}</category>\n      <category>{status}</category>\n    </item>\n"
    )


def _monitors(site: Site, incident: PageIncident) -> str:
    """When each monitor of the incident went down, and when it recovered."""
    hit = {c for u in incident.updates for c in u.changes}
    words = [("went down", incident.created_at)]
    words += [("recovered", incident.updated_at)] if incident.stage.is_over else []
    return "".join(
        f"    <item>\n      <title>{xml(f'{c.name} {word}')}</title>\n      <description>{xml(f'{c.name} {word}.')}"
        f"</description>\n      <pubDate>{_mail(at)}</pubDate>\n      <link>{xml(site.url)}/</link>\n"
        f"      <guid>{xml(site.url)}/#{code}-{incident.id}</guid>\n    </item>\n"
        for _code, c in rows(site.service, hit)
        for code in [_code]
        for word, at in words
    )


def _mail(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
