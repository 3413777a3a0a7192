"""How what commands wait for is: by a monitor that runs (a cluster's, too), else by a look of our own now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.daemon.later.command import Health
from stillup.daemon.view import STANDS_S
from stillup.errors import StillupError, UsageError
from stillup.model.service import State

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.model.verdict import Verdict

LOOK_EVERY_S = 60.0
"""A look asks strangers' servers: that often at most, as a monitor does."""
READ_EVERY_S = 5.0
_WAIT_S = 1.0
_TICK = timedelta(minutes=1)
"""What stands *before* a time is read, and what was judged just now counts."""
Verdicts = Mapping[str | None, "Verdict"]


def check_subject(subject: str) -> str:
    """A service, or ``service/component``, in the catalogue's words.

    :raises UsageError: there is none of that name.
    """
    from stillup.catalog.load import find_service

    name, slash, part = subject.partition("/")
    service = find_service(name)
    if not slash:
        return service.id
    if service.component(part) is None:
        known = ", ".join(c.id for c in service.components) or "none"
        msg = f"{service.id} has no component {part!r}; there are: {known}"
        raise UsageError(msg)
    return f"{service.id}/{part}"


def health_of(subject: str, verdicts: Verdicts) -> Health:
    """What verdicts, by component, say of a subject; that of the service where there is none of the component."""
    part = subject.partition("/")[2] or None
    verdict = verdicts.get(part) or verdicts.get(None)
    if verdict is None or verdict.state is State.UNKNOWN:
        return Health(None, "nobody knows how it is")
    if verdict.state is not State.OPERATIONAL:
        return Health(None, verdict.state.value.replace("_", " "))
    return Health(verdict.at.timestamp(), "operational")


class Healths:
    """Asked by the line; of looks the first that was operational in a row counts. ``look`` is how one looks."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        look: Callable[[str], Awaitable[Verdicts]] | None = None,
    ) -> None:
        self._config, self._environ, self._clock = config, environ, clock
        self._look = look or self._ask_all
        self._known: dict[str, Health] = {}
        self._asked_s: dict[str, float] = {}
        self._looked_s: dict[str, float] = {}

    async def of(self, subjects: Iterable[str]) -> dict[str, Health]:
        """How each is."""
        wanted = dict.fromkeys(subjects)
        now_s = self._clock.monotonic_s()
        for service in dict.fromkeys(s.partition("/")[0] for s in wanted):
            mine = [s for s in wanted if s.partition("/")[0] == service]
            is_new = any(s not in self._known for s in mine)
            if is_new or now_s - self._asked_s.get(service, float("-inf")) >= READ_EVERY_S:
                self._asked_s[service] = now_s
                await self._ask(service, mine)
        return {s: self._known.get(s, Health()) for s in wanted}

    async def _ask(self, service: str, subjects: Iterable[str]) -> None:
        watched = await asyncio.to_thread(self._watched, service)
        if watched is not None:
            self._known |= {s: health_of(s, watched) for s in subjects}
            return
        now_s = self._clock.monotonic_s()
        fresh = now_s - self._looked_s.get(service, float("-inf")) < LOOK_EVERY_S
        if fresh and all(s in self._known for s in subjects):
            return
        self._looked_s[service] = now_s
        looked = await self._look(service)
        for subject in subjects:
            before, found = self._known.get(subject, Health()), health_of(subject, looked)
            if found.well_since_s is not None:  # one look has not seen what was a minute before
                found = replace(found, well_since_s=before.well_since_s or self._clock.wall_s())
            self._known[subject] = found

    def _watched(self, service: str) -> Verdicts | None:
        """What a running monitor says; None where none watches this service."""
        from stillup.store import is_kept, open_store

        now = self._clock.now()
        try:
            where = self._config.store_at(self._environ)
            if not is_kept(where):
                return None
            with open_store(where, create=False, wait_s=_WAIT_S) as store:
                fresh = now - timedelta(seconds=STANDS_S)
                if not any(r.service == service and r.at >= fresh for r in store.reports()):
                    return None
                return {v.component: v for v in store.standing(service, now + _TICK)}
        except (StillupError, OSError):  # being moved, locked for long, or of a newer stillup
            return None

    async def _ask_all(self, service: str) -> Verdicts:
        from stillup.catalog.load import find_service
        from stillup.daemon.ask import ask

        try:
            found = await ask(find_service(service), self._config, self._environ, self._clock, task=None)
        except (StillupError, OSError):
            return {}
        said: dict[str | None, Verdict] = {None: found.verdict}
        return said | dict(found.components)
