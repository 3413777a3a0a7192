"""incident.io's Atom feed: titles in CDATA, the stage in bold, a list of the components an incident is about."""

from __future__ import annotations

from datetime import datetime

from stillup.model.service import State
from stillup.sim.page import PageIncident
from stillup.sim.wire.reply import ATOM, Reply, millis, not_found, xml
from stillup.sim.wire.statuspage import Site, rows

_WORD = {
    State.DEGRADED: "Degraded performance",
    State.PARTIAL_OUTAGE: "Partial outage",
    State.MAJOR_OUTAGE: "Full outage",
    State.MAINTENANCE: "Under maintenance",
}


def page(path: str, site: Site, now: datetime) -> Reply:  # noqa: ARG001 - it dates nothing itself
    """The answer for a path below the page's base URL."""
    if not path.endswith(".atom"):
        return not_found()
    entries = "".join(_entry(site, i) for i in site.page.incidents)
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <title>{xml(site.service.name)} status</title>\n  <generator>incident.io</generator>\n{entries}</feed>\n"
    )
    return Reply(body=body.encode(), content_type=ATOM)


def _entry(site: Site, incident: PageIncident) -> str:
    hit = {c for u in incident.updates for c in u.changes}
    listed = "".join(
        f"<li>{xml(c.name)} ({_WORD.get(site.page.components[c.id], 'Operational')})</li>"
        for _, c in rows(site.service, hit)
    )
    listed = f"<br/><b>Affected components</b><ul>{listed}</ul>"
    stage = incident.stage.value.replace("_", " ").capitalize()
    said = f"<b>Status: {stage}</b><br/><br/>{xml(incident.updates[-1].body)}"
    link = f"{xml(site.url)}//incidents/{incident.id}"
    return (
        f'  <entry>\n    <title type="html"><![CDATA[{_cdata(xml(incident.title))}]]></title>\n    <id>{link}</id>\n'
        f'    <link href="{link}"/>\n    <updated>{millis(incident.updated_at)}</updated>\n'
        f'    <summary type="html"><![CDATA[{_cdata(said)}{listed}]]></summary>\n'
        f'    <content type="html"><![CDATA[{_cdata(said)}]]></content>\n  </entry>\n'
    )


def _cdata(text: str) -> str:
    return text.replace("]]>", "]]&gt;")
