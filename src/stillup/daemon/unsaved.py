"""What was judged and is not on the disk yet; bounded, so that a full disk does not fill the memory too."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from stillup.daemon.cluster.machine import Numbered, Step
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.verdict import Verdict
from stillup.store import Key
from stillup.store import Report as KeptReport

if TYPE_CHECKING:
    from stillup.store.store import Store

_SIGNALS_KEPT = 100_000
_CHANGES_KEPT = 100_000
_TICKS_KEPT = 1_440


class Unsaved:
    """Minutes that wait to be written. ``kept`` are the services whose history is to be kept; None: all.

    ``log`` is the log the minutes were read from: then a signal is known by its record's number, and what is written
    twice is kept once.
    """

    def __init__(self, kept: Container[str] | None = None, log: str = "") -> None:
        self._kept = kept
        self._log = log
        self.signals: list[Numbered] = []
        self.changes: list[Verdict] = []
        self.incidents: dict[str, Incident] = {}
        self.evidence: dict[Key, tuple[Evidence, ...]] = {}
        self.ticks: list[tuple[datetime, list[str]]] = []
        self.seq = 0
        """The number of the newest record whose minute is among these."""

    def add(self, step: Step) -> None:
        """Take a judged minute in."""
        self.seq = step.seq
        self.signals += [(n, s) for n, s in step.arrived if self._is_kept(s.service)]
        self.ticks.append((step.at, [service for service in step.known if self._is_kept(service)]))
        self.incidents |= {i.id: i for i in step.incidents if self._is_kept(i.service)}
        changes = [c for c in step.changes if self._is_kept(c.service)]
        if len(self.changes) + len(changes) <= _CHANGES_KEPT:
            self.changes += changes
            self.evidence |= {key: told for key, told in step.evidence.items() if self._is_kept(key.service)}
        del self.signals[:-_SIGNALS_KEPT], self.ticks[:-_TICKS_KEPT]

    def write(self, store: Store, reports: Sequence[KeptReport] = ()) -> int:
        """Write all of it; how many signals had to be left out. Blocks. Harmless when repeated, of a log.

        :raises stillup.errors.StoreError: it cannot be written now.
        """
        tick = self.ticks[-1][0] if self.ticks and self._log else None
        store.commit_step(self.changes, list(self.incidents.values()), self.evidence, tick=tick)
        store.watch(self.ticks)
        if self._log:  # last: what the log's number vouches for is there
            dropped = store.record_from(self._log, self.seq, self.signals)
        else:
            dropped = store.record(signal for _, signal in self.signals)
        store.save_reports(list(reports))
        return dropped

    def _is_kept(self, service: str) -> bool:
        return self._kept is None or service in self._kept
