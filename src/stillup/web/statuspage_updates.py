"""An incident's course as Statuspage tells it: its updates, and how ids, texts and times are written there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

from stillup.model import incident as own
from stillup.model.service import Family, Stage
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import FAMILY_WORDS, STATE_WORDS
from stillup.verdict.telling.units import span
from stillup.web import statuspage_shapes as shapes

TITLE, BODY = 300, 4000
"""The longest title and text."""


def updates_of(found: own.Incident, *, is_open: bool) -> tuple[shapes.Update, ...]:
    """What is known of the incident's course, newest first: suspected, confirmed, said by the page, over."""
    told: list[tuple[datetime, Stage, str]] = []
    seen = sorted(found.first_seen, key=lambda each: each[1])
    official = dict(seen).get(Family.OFFICIAL)
    if found.confirmed_at is None or found.confirmed_at > found.opened_at:
        told.append((found.opened_at, Stage.INVESTIGATING, _opened(found, seen)))
    if found.confirmed_at is not None:
        says = f"Confirmed: {STATE_WORDS[found.state]}. The official page, or more than one independent side, says so."
        told.append((found.confirmed_at, Stage.IDENTIFIED, says))
    if official is not None and official > (found.confirmed_at or found.opened_at):
        told.append((official, Stage.IDENTIFIED, f"The official page says so too: {name_of(found)}"))
    if found.recovered_at is not None:
        lasted = span((found.recovered_at - found.since).total_seconds())
        sure = "" if found.confirmed_at else " It was never confirmed."
        told.append((found.recovered_at, Stage.RESOLVED, f"Over. It lasted {lasted}.{sure}"))
    elif not is_open:
        told.append((told[-1][0], Stage.MONITORING, "It is no longer seen; its end was not watched."))
    return tuple(_update(found.id, *each, place) for place, each in reversed(list(enumerate(told))))


def _opened(found: own.Incident, seen: Sequence[tuple[Family, datetime]]) -> str:
    first = f" First seen by: {FAMILY_WORDS[seen[0][0]]}." if seen else ""
    early = found.opened_at - found.since > timedelta(minutes=1)
    onset = f" It began at about {found.since.astimezone(UTC):%H:%M} UTC." if early else ""
    return f"Suspected: {STATE_WORDS[found.state]}.{onset}{first}"


def _update(incident: str, at: datetime, stage: Stage, body: str, place: int) -> shapes.Update:
    told = millis(at)
    return shapes.Update(
        id=made_id("update", f"{incident} {place}"),
        status=stage.value,
        body=plain(body, BODY),
        incident_id=incident,
        created_at=told,
        updated_at=told,
        display_at=told,
    )


def name_of(found: own.Incident) -> str:
    """What an incident is called: its title, else its state."""
    return plain(found.title or "", TITLE) or f"{found.service}: {STATE_WORDS[found.state]}"


def plain(text: str, limit: int) -> str:
    """One clean line that is no markup even to a client that puts it into a page as it is."""
    return clean(text, limit).replace("<", "‹")


def made_id(kind: str, what: str) -> str:
    """An id of twelve signs that follows from what it names, and so never changes."""
    number = int.from_bytes(blake2s(f"{kind} {what}".encode("utf-8", "surrogatepass"), digest_size=8).digest())
    signs = ""
    for _ in range(12):
        number, rest = divmod(number, 36)
        signs += "0123456789abcdefghijklmnopqrstuvwxyz"[rest]
    return signs


def millis(at: datetime) -> str:
    """A moment as Statuspage writes it: UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
