"""What strangers are told: how a service is, and nothing of whoever watches it, as that a limit of theirs is met."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs

from stillup.board import Archive, Board, Joint, Record, ServiceBoard, Story
from stillup.model.reason import Reason
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.verdict.telling.explain import because, headline, outcome, page_is_read

if TYPE_CHECKING:
    from stillup.model.incident import Incident

_REASONS = {
    State.OPERATIONAL: Reason.ALL_CALM,
    State.MAINTENANCE: Reason.MAINTENANCE,
    State.UNKNOWN: Reason.NO_DATA,
}


def discreet(board: Board) -> Board:
    """The board as strangers may see it."""
    return structs.replace(board, services={name: _shown(shown) for name, shown in board.services.items()})


def discreet_verdict(verdict: Verdict) -> Verdict:
    """A verdict as strangers may see it: as its state is, where its scope was the watcher's own."""
    if not verdict.is_yours:
        return verdict
    reason = _REASONS.get(verdict.state, verdict.reason)
    return structs.replace(verdict, scope=None, reason=reason, diagnosis=())


def _shown(shown: ServiceBoard) -> ServiceBoard:
    verdict = discreet_verdict(shown.verdict)
    if verdict is shown.verdict:
        return shown
    is_read = page_is_read(shown.evidence)
    sides, arrow, _ = shown.rule.rpartition("→ ")
    return structs.replace(
        shown,
        verdict=verdict,
        headline=headline(verdict, shown.service.name),
        because=because(verdict, page_is_read=is_read),
        rule=f"{sides}{arrow}{outcome(verdict, page_is_read=is_read)}",
        who="",
        likely=None,
        likely_p=None,
        steps=(),
    )


class DiscreetArchive:
    """An :class:`~stillup.board.Archive` as strangers may read it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def changes(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Verdict]:
        """Changes of verdict, newest first."""
        return [discreet_verdict(v) for v in self._archive.changes(service, before=before, limit=limit)]

    def story(self, incident_id: str) -> Story | None:
        """One incident; trouble of one's own is none."""
        return self._archive.story(incident_id)

    def incidents(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Incident]:
        """Newest first; likewise."""
        return self._archive.incidents(service, before=before, limit=limit)

    def record(self, service: str, now: datetime, days: int = 90) -> Sequence[Record]:
        """Of the service as a whole (first) and each component."""
        return self._archive.record(service, now, days)

    def joint(self, services: Sequence[str], now: datetime, days: int = 90) -> Sequence[Joint]:
        """Each service alone, then each pair, then all together."""
        return self._archive.joint(services, now, days)
