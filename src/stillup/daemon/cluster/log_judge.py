"""A partition judged from its log, and from nothing else: whoever reads the same records judges the same.

However often and wherever it is read: times are the records' own, not the reader's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, structs

from stillup.bus.base import Record
from stillup.daemon.cluster.machine import Machine, Step
from stillup.daemon.cluster.records import Heard, Minute, Partial, Read, unpack
from stillup.errors import BadDataError
from stillup.hub.adding import Adding, AddingState
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import TICK_S

_A_MOMENT = timedelta(milliseconds=1)
_TICK = timedelta(seconds=TICK_S)
_AHEAD = timedelta(seconds=TICK_S)
"""A minute that the bus's own clock has not begun is no minute: its owner's clock is wrong."""
_MOST_READS = 4_096
_PAST, _FUTURE = timedelta(days=8), timedelta(days=1)
"""What a record says of a time further off is no signal: it would be judged minute by minute from there."""


class Why(StrEnum):
    """What became of a record."""

    HEARD = "heard"
    JUDGED = "judged"
    REPEATED = "repeated"
    """A minute that was judged, or a record that was read: two owners at once, or a log read again."""
    AHEAD = "ahead"
    """A minute that has not begun by the bus's clock."""
    UNREADABLE = "unreadable"
    """No record of ours, or of a newer stillup: passed over by everybody alike."""


class Applied(Struct, frozen=True, kw_only=True):
    """What became of one record. ``lost`` are the records before it that the log no longer had."""

    reason: Why
    step: Step | None = None
    lost: int = 0
    trace: str = ""


class LogJudge:
    """Judges a partition from its log. ``seq`` is the number of the last record that was applied.

    ``services`` are those of the partition: what is said of others is passed over.
    """

    def __init__(self, monitor: Monitor, services: Collection[str]) -> None:
        self.machine = Machine(monitor)
        self.adding = Adding(services)
        self.seq = 0
        self.reads: dict[tuple[str, str], datetime] = {}
        """The newest reading of each service's sources that stands in the log."""
        self._services = frozenset(services)
        self._trace = ""

    @property
    def judged(self) -> datetime | None:
        """The newest minute that was judged."""
        return self.machine.judged

    def go_on(
        self, seq: int, judged: datetime, reads: Iterable[tuple[str, str, datetime]], adding: AddingState
    ) -> None:
        """Take over where another stood, whose monitor this one's is, restored."""
        self.seq, self.machine.judged = seq, judged
        self.reads = {(service, source): at for service, source, at in reads}
        self.adding.go_on(adding)

    def apply(self, record: Record) -> Applied:
        """Take one record; records come in the order of their numbers."""
        if record.seq <= self.seq:
            return Applied(reason=Why.REPEATED)
        lost, self.seq = record.seq - self.seq - 1, record.seq
        try:
            said = unpack(record.body)
        except BadDataError:
            return Applied(reason=Why.UNREADABLE, lost=lost)
        if isinstance(said, Minute):
            return structs.replace(self._minute(said, record), lost=lost)
        now = self._came(record)
        if isinstance(said, Partial):
            self.adding.hear(said, self.judged, now)
        else:
            self._heard(said, now, record.seq)
        return Applied(reason=Why.HEARD, lost=lost)

    def _heard(self, said: Heard, now: datetime, seq: int) -> None:
        near = (s for s in said.signals if now - _PAST <= s.at <= now + _FUTURE)
        self.machine.hear((s for s in near if s.service in self._services), now, seq)
        self._trace = said.trace or self._trace
        if said.read is not None:
            self._note(said.read)

    def _note(self, read: Read) -> None:
        key = (read.service, read.source)
        if key in self.reads or len(self.reads) < _MOST_READS:
            self.reads[key] = max(read.at, self.reads.get(key, read.at))

    def _minute(self, said: Minute, record: Record) -> Applied:
        if self.judged is not None and said.at <= self.judged:
            return Applied(reason=Why.REPEATED)
        if said.at > record.at + _AHEAD or said.at.timestamp() % TICK_S:
            return Applied(reason=Why.AHEAD)
        # A minute takes in what was counted up to it; what is late of one before belongs to this one.
        self.machine.hear(self.adding.due(said.at), said.at, record.seq)
        trace, self._trace = self._trace, ""
        return Applied(reason=Why.JUDGED, step=self.machine.minute(said.at, record.seq), trace=trace)

    def _came(self, record: Record) -> datetime:
        """When a record came, as the minutes see it: behind the newest that was judged, and before the next."""
        if self.judged is None:
            return record.at
        return min(max(record.at, self.judged + _A_MOMENT), self.judged + _TICK)
