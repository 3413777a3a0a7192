"""What was kept, read away from the event loop; without an archive what the board still holds of incidents."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from stillup.board import Story
from stillup.model.incident import Incident
from stillup.model.verdict import Verdict
from stillup.web.problems import Refusal

if TYPE_CHECKING:
    from stillup.web.site import Site

Before = tuple[datetime, str] | None


async def incidents(site: Site, service: str | None, before: Before, limit: int) -> Sequence[Incident]:
    """Newest first."""
    if site.archive is not None:
        return await to_thread(site.archive.incidents, service, before=before, limit=limit)
    found = held(site, service)
    return [i for i in found if before is None or (i.opened_at, i.id) < before][:limit]


def held(site: Site, service: str | None) -> list[Incident]:
    """What the board holds, newest first."""
    shown = (s for s in site.board().services.values() if service in (None, s.service.id))
    return sorted((i for s in shown for i in s.incidents), key=lambda i: (i.opened_at, i.id), reverse=True)


async def story(site: Site, incident_id: str) -> Story | None:
    """One incident; without an archive it has no timeline."""
    if site.archive is not None:
        return await to_thread(site.archive.story, incident_id)
    found = next((i for i in held(site, None) if i.id == incident_id), None)
    return None if found is None else Story(incident=found)


async def changes(site: Site, service: str | None, before: Before, limit: int) -> Sequence[Verdict]:
    """Changes of verdict, newest first.

    :raises Refusal: nothing is kept here.
    """
    if site.archive is None:
        raise Refusal(404, "nothing-kept", "This installation keeps no history of verdicts.")
    return await to_thread(site.archive.changes, service, before=before, limit=limit)
