"""What was seen from here of each service and its components, as figures of downtime need it: from the database.

Down is what the archive counts as down: a confirmed outage, partial or major, from its onset. Degraded is not down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from stillup.daemon.past import Past, reading
from stillup.daemon.spells import Span, Spell, down, spells_of
from stillup.errors import StoreError
from stillup.model.service import Confidence, State
from stillup.risk.stretches import meet
from stillup.risk.values import Subject, Watched

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.model.verdict import Verdict
    from stillup.store.store import Store

LOOKED_BACK = timedelta(days=3 * 365)
"""What is older says little of a service that has been rebuilt since."""

_MOST_CHANGES, _MOST_STRETCHES, _MOST_INCIDENTS = 20_000, 20_000, 2_000


def own_record(
    config: Config, environ: Mapping[str, str], services: Iterable[str], now: datetime, past: Past | None = None
) -> dict[Subject, Watched]:
    """Of all those services; empty where no database is kept. Blocks. ``past`` is for who has it open.

    :raises StoreError: there is one, and it cannot be read.
    """
    found: dict[Subject, Watched] = {}
    with reading(config, environ, past) as store:
        if store is not None:
            for service in dict.fromkeys(services):
                found |= watched_of(store, service, now)
    return found


def own_record_or_none(
    config: Config, environ: Mapping[str, str], services: Iterable[str], now: datetime, past: Past | None = None
) -> tuple[dict[Subject, Watched], str]:
    """The same, and why there is none where it cannot be read: figures that come with stillup serve meanwhile."""
    try:
        return own_record(config, environ, services, now, past), ""
    except StoreError as exc:
        return {}, str(exc)


def watched_of(store: Store, service: str, now: datetime) -> dict[Subject, Watched]:
    """The service as a whole and each component that was spoken of, as far as they were watched at all.

    A component was watched while its service was and something was known of it.

    :raises StoreError: the database cannot be read.
    """
    begin = now - LOOKED_BACK
    stretches = meet(store.watched(service, begin, _MOST_STRETCHES), [(begin, now)])
    if not stretches:
        return {}
    changes: dict[str | None, list[Verdict]] = {None: []}
    inside = store.changes_within(service, begin, now, _MOST_CHANGES)
    for change in (*store.standing(service, begin), *inside):
        changes.setdefault(change.component, []).append(change)
    incidents = store.incidents(service, begin, _MOST_INCIDENTS)
    confirmed = {i.id for i in incidents if i.confidence is Confidence.CONFIRMED}
    found = {}
    for component, told in changes.items():
        spells = spells_of(told, confirmed, now)
        seen = stretches if component is None else meet(stretches, _spoken(spells))
        if seen:
            fell = meet(seen, down(spells))
            found[Subject(service, component)] = Watched(watched=_seconds(seen), down=_seconds(fell))
    return found


def _spoken(spells: Iterable[Spell]) -> list[Span]:
    return [s.span for s in spells if s.state is not State.UNKNOWN]


def _seconds(spans: Iterable[Span]) -> tuple[tuple[float, float], ...]:
    return tuple((a.timestamp(), b.timestamp()) for a, b in spans)
