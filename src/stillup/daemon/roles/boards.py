"""The page's board of a cluster, put together from what the judges say on the bus. Values only: no bus, no clock.

What nobody has judged for some minutes is unknown here, whatever was said of it last: its judge is gone, or we are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.board import Board, ServiceBoard
from stillup.daemon.board import first_board, never_judged
from stillup.daemon.cluster.publish import AHEAD, replaces
from stillup.model.verdict import Verdict

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.daemon.cluster.publish import Shown, Word

STANDS = timedelta(minutes=5)
"""A verdict is renewed each minute; so long it is believed without."""
_CHECK = timedelta(seconds=15)


class Boards:
    """All that was said of the services, newest first. :meth:`due` is the board when there is something new in it."""

    def __init__(self, services: Sequence[Service], now: datetime, seq: int = 0) -> None:
        self._services = tuple(services)
        self._first = first_board(services, now)
        self._judged: dict[str, datetime] = {}
        self._shown: dict[str, Shown] = {}
        self._is_new = False
        self._made_at = now
        self._made: Board | None = None
        self._seq = seq

    @property
    def judged(self) -> dict[str, datetime]:
        """The newest judged minute of each service."""
        return dict(self._judged)

    def judged_at(self, word: Word) -> None:
        """A service was judged; what its page shows comes by :meth:`take`."""
        known = self._judged.get(word.service)
        if known is None or replaces(word.at, known):
            self._heard(word.service, word.at)

    def take(self, shown: Shown) -> None:
        """What a service's page shows; an older minute than is known changes nothing."""
        service = shown.board.service.id
        before = self._shown.get(service)
        if service not in self._first.services or (
            before is not None and before.at != shown.at and not replaces(shown.at, before.at)
        ):
            return
        # What a service is called and where its links lead is this process's own catalogue's to say.
        own = replace(shown.board, service=self._first.services[service].service)
        self._shown[service] = replace(shown, board=own)
        self._is_new = True
        known = self._judged.get(service)
        if known is None or shown.at > known:  # told when it changed, which may be long ago
            self._heard(service, shown.at)

    def _heard(self, service: str, at: datetime) -> None:
        if service in self._first.services:
            self._judged[service] = at
            self._is_new = True

    def due(self, now: datetime) -> tuple[Board, list[Verdict]] | None:
        """The board and what changed in it since the last; None where nothing is new, or nothing was judged yet."""
        if not self._judged or not (self._is_new or now - self._made_at >= _CHECK):
            return None
        self._is_new, self._made_at = False, now
        services = {s.id: self._service(s, now) for s in self._services}
        before = self._made
        at = max(self._judged.values())
        if before is not None and before.at == at and services == before.services:
            return None
        self._seq += 1
        resumed = all(shown.resumed for shown in self._shown.values())
        self._made = Board(at=at, seq=self._seq, services=services, resumed=resumed)
        return self._made, [] if before is None else _changes(before, self._made)

    def _service(self, service: Service, now: datetime) -> ServiceBoard:
        shown, judged = self._shown.get(service.id), self._judged.get(service.id)
        if shown is None or judged is None:
            first = self._first.services[service.id]
            return first if now - self._first.at <= STANDS else replace(first, because=never_judged(self._first.at))
        if -AHEAD <= now - judged <= STANDS:
            return shown.board
        return replace(
            self._first.services[service.id],
            verdict=Verdict(at=judged, service=service.id),
            because=f"Nobody has judged it since {judged:%Y-%m-%d %H:%M} UTC: whatever was known then may be over.",
            incidents=shown.board.incidents,
        )


def _parts(shown: ServiceBoard) -> dict[str | None, Verdict]:
    parts: dict[str | None, Verdict] = {None: shown.verdict}
    parts.update(shown.components)
    return parts


def _changes(before: Board, now: Board) -> list[Verdict]:
    """The verdicts that say something else than before, each service's own first."""
    found = []
    for name, shown in now.services.items():
        old = before.services.get(name)
        if old is shown or old is None:
            continue
        known = _parts(old)
        for component, verdict in _parts(shown).items():
            was = known.get(component)
            if was is None or was.essence != verdict.essence:
                found.append(verdict)
    return found
