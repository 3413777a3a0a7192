"""The judgement of another process (``stillup watch``, ``stillup up``, a cluster's monitor), read from its database."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from stillup.clock import Clock
from stillup.daemon.view import STANDS_S, Known, Said
from stillup.errors import StoreError
from stillup.gateway.core.views import Prior
from stillup.model.evidence import Evidence
from stillup.model.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from stillup.secret import Secret
    from stillup.store.store import Store

REFRESH_S = 5.0
"""The database is read at most that often, and only while somebody asks."""

OLDEST = timedelta(days=1)
"""A fault of which nothing new was said for so long is of a monitor that never saw its end."""

_CHANGES = 200
_MOST_SERVICES = 256
_WAIT_S = 1.0
_NOTHING = Prior()


class StoreView:
    """A :class:`~stillup.gateway.core.views.HealthView` of a database; a missing or broken one says nothing.

    Reading happens in a thread of its own: whoever asks is answered at once from what was read last. A service counts
    while some source of it was read in the last five minutes, for that is the only sign of life a monitor leaves.
    ``where`` is as :func:`stillup.store.open_store` takes it; a server that does not answer is given up within seconds.
    ``services`` are known from the first reading on, others from the first after they were asked about.
    """

    def __init__(self, where: Path | Secret, clock: Clock, services: Iterable[str] = ()) -> None:
        self._where = where
        self._clock = clock
        self._services = dict.fromkeys(services)
        self._known = Known({})
        self._read_s = self._asked_s = float("-inf")
        self._thread = ThreadPoolExecutor(1, "store-view")
        self._lock = Lock()
        self._store: Store | None = None
        self._closed = False

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known of one component of a service, for one model; see :func:`~stillup.daemon.view.prior_of`."""
        now_s = self._clock.monotonic_s()
        if service not in self._services and len(self._services) < _MOST_SERVICES:
            self._services[service] = None
        if now_s - self._asked_s >= REFRESH_S and not self._closed:
            self._asked_s = now_s
            self._thread.submit(self.refresh)
        if now_s - self._read_s > STANDS_S:
            return _NOTHING
        return self._known.prior(service, component, model)

    def refresh(self) -> None:
        """Read the database now. Blocks."""
        with self._lock:
            if self._closed:
                return
            try:
                said = self._read(self._clock.now())
            except (StoreError, OSError):  # being moved, locked for long, or of a newer stillup
                said = {}
            self._known = Known(said)
            self._read_s = self._clock.monotonic_s()

    def close(self) -> None:
        """Give the database up."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._store is not None:
            self._store.close()
            self._store = None

    def _read(self, now: datetime) -> Said:
        if self._store is None:
            from stillup.store import is_kept, open_store

            if not is_kept(self._where):  # nothing to load the database library for
                return {}
            self._store = open_store(self._where, create=False, wait_s=_WAIT_S)
        fresh = now - timedelta(seconds=STANDS_S)
        watched = {r.service for r in self._store.reports() if r.at >= fresh}
        return {s: _said(self._store, s, now) for s in tuple(self._services) if s in watched}


def _said(store: Store, service: str, now: datetime) -> tuple[dict[str | None, Verdict], tuple[Evidence, ...]]:
    """The newest verdict of each subject, and what the newest of them rested on."""
    changes = store.transitions(service, limit=_CHANGES)
    verdicts = {c.component: c for c in changes if not (c.state.is_fault and now - c.at > OLDEST)}
    if not any(v.state.is_fault for v in verdicts.values()):
        return verdicts, ()
    newest = changes[-1].at
    subjects = sorted((c.component for c in changes if c.at == newest), key=lambda c: (c is not None, str(c)))
    grounds = (store.evidence(newest, service, subject) for subject in subjects)
    return verdicts, tuple(next((g for g in grounds if g), ()))
