"""Azure: the feed of what is open now, and the page with its tables. What is over is gone from both."""

from __future__ import annotations

from datetime import UTC, datetime

from stillup.model.service import State
from stillup.sim.wire.reply import HTML, RSS, Reply, not_found, xml
from stillup.sim.wire.statuspage import Site, rows

_REGIONS = 4
_LABELS = {
    State.DEGRADED: ("Warning", "Good", "Good"),
    State.PARTIAL_OUTAGE: ("Critical", "Good", "Good"),
    State.MAJOR_OUTAGE: ("Critical", "Critical", "Critical"),
}


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the base URL."""
    if path == "/feed/":
        return Reply(body=_feed(site).encode(), content_type=RSS)
    if path == "/":
        return Reply(body=_table(site).encode(), content_type=HTML)
    return not_found()


def _feed(site: Site) -> str:
    items = "".join(
        f"    <item>\n      <title>{xml(i.title)}</title>\n"
        f"      <description>{xml(f'<p>{i.updates[-1].body}</p>')}</description>\n"
        f"      <pubDate>{i.updated_at.astimezone(UTC):%a, %d %b %Y %H:%M:%S} Z</pubDate>\n"
        f"      <link>{xml(site.url)}</link>\n    </item>\n"
        for i in site.page.incidents
        if not i.stage.is_over
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0">\n  <channel>\n    <title>Azure Status</title>\n'
        f"    <link>{xml(site.url)}</link>\n    <description>Azure Status</description>\n{items}  </channel>\n</rss>\n"
    )


def _table(site: Site) -> str:
    def row(name: str, state: State) -> str:
        labels = ("Not available", *_LABELS.get(state, ("Good",) * (_REGIONS - 1)))
        cells = "".join(f'<td class="status-cell"><span data-label="{label}"></span></td>' for label in labels)
        return f'<tr class="capability-row"><td>{xml(name)}</td>{cells}</tr>\n'

    body = "".join(row(c.name, site.page.components[c.id]) for _, c in rows(site.service))
    return (
        "<!DOCTYPE html>\n<html><head><title>Azure status</title></head><body>\n"
        f"<table><tr><th>Products and services</th></tr>\n{body}</table>\n</body></html>\n"
    )
