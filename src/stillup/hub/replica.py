"""One of several desks for reports: it counts for itself, and says what it counted to whoever adds it up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from stillup.hub import notes
from stillup.hub.admission import Admitted
from stillup.hub.crowd import leaf_of
from stillup.hub.desk import Intake
from stillup.hub.keyed import Entropy, SharedKey
from stillup.hub.notes import Noted
from stillup.hub.partial import Tallies, Word
from stillup.hub.token import SharedForms
from stillup.hub.values import CrowdReport
from stillup.hub.weight import Counts


class Batch(NamedTuple):
    """What is to be said now, at ``at_s``: up to the report of number ``upto``, by the end of its minute."""

    upto: int
    at_s: float
    words: dict[int, list[Word]]


class Replica(Intake):
    """Takes reports; calls may come from any thread. ``name`` is of this run of this process alone.

    ``handed`` numbers the reports that were taken and count: those up to ``said`` are in the log, and cannot be lost.
    """

    def __init__(
        self, name: str, entropy: Entropy, began: datetime, *, own: Iterable[str] = (), is_open: bool = True
    ) -> None:
        self._shared_key = SharedKey(entropy)
        self._shared_forms = SharedForms(entropy, began.timestamp())
        super().__init__(entropy, began, own=own, is_open=is_open, key=self._shared_key, forms=self._shared_forms)
        self._name = name
        self._tallies = Tallies()
        self._notes: deque[Noted] = deque(maxlen=notes.MOST)
        self._age = 0
        self.ahead_s = 0.0
        """How far this machine's clock is ahead of the bus's, by which minutes are told apart."""
        self.handed = self.said = 0

    def share(self, day: tuple[bytes, int], forms: tuple[bytes, int]) -> None:
        """Use the keys that all replicas use, each with the second it was made at."""
        with self._lock:
            self._shared_key.share(*day)
            self._shared_forms.share(forms[0], float(forms[1]))
            self._turn()

    def _taken(self, report: CrowdReport, found: Admitted, noted: Noted, counts: Counts, now_s: float) -> None:
        self._turn()
        self._notes.append(noted)
        if counts is Counts.COUNTED:
            at_s = now_s - self.ahead_s
            spent = noted.spent
            alone = spent.near if spent.near_alone else 0
            self._tallies.add(report.service, leaf_of(report), found.wide, alone, at_s)
            self.handed += 1

    def batch(self, now_s: float) -> Batch:
        """What has changed since it was said."""
        with self._lock:
            at_s = now_s - self.ahead_s
            self._tallies.drop(at_s)
            return Batch(self.handed, at_s, self._tallies.unsaid(self._shared_key.born_s, at_s))

    def was_said(self, batch: Batch) -> None:
        """The log has it."""
        with self._lock:
            for end_s, words in batch.words.items():
                self._tallies.said(end_s, words, batch.at_s)
            self.said = max(self.said, batch.upto)

    def note(self) -> bytes | None:
        """What the other replicas are to know of the reports that came since the last call; None: nothing."""
        with self._lock:
            if not self._notes or not self._shared_key.born_s:
                self._notes.clear()
                return None
            told = notes.pack(self._shared_key.born_s, self._name, self._notes)
            self._notes.clear()
            return told

    def heard(self, body: bytes, now_s: float) -> None:
        """What another replica has told; its own words, and those under another key, say nothing.

        :raises stillup.errors.BadDataError: nobody told that.
        """
        born_s, name, told = notes.unpack(body)
        with self._lock:
            if name == self._name or not born_s or born_s != self._shared_key.born_s:
                return
            self._turn()
            for found, spent, form, cost in told:
                self._gate.heard(found, now_s, cost)
                self._weights.heard(spent, now_s)
                if form:
                    self._shared_forms.spend(form)

    @property
    def lost(self) -> int:
        """Reports that could not be said within ten minutes; nobody was told that they were kept."""
        return self._tallies.lost

    def _turn(self) -> None:
        if self._age != self._key.age:
            self._age = self._key.age
            self._tallies.leave()
