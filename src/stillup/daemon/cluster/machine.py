"""The judge as a state machine: what arrives, then a minute; a minute's verdicts follow from what stood before it.

:class:`Machine` is the part that every way of running shares: ``stillup watch``, ``stillup up`` and the demo drive it
with their own clock. :class:`LogJudge` drives it from a partition's log and from nothing else, so that whoever reads
the same records judges the same, however often and wherever: times are the records' own, not the reader's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, structs

from stillup.bus.base import Record
from stillup.daemon.cluster.pooled import Pooled, PooledState, Total, counts
from stillup.daemon.cluster.records import Heard, Minute, Partial, Read, unpack
from stillup.errors import BadDataError
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Counted, Signal
from stillup.model.verdict import Verdict
from stillup.store.values import Key
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import TICK_S

LATE = timedelta(minutes=5)
_A_MOMENT = timedelta(milliseconds=1)
_TICK = timedelta(seconds=TICK_S)
_AHEAD = timedelta(seconds=TICK_S)
"""A minute that the bus's own clock has not begun is no minute: its owner's clock is wrong."""
_MOST_READS = 4_096

Numbered = tuple[int, Signal]
"""A signal with the number of the record that brought it (0: none did)."""


class Step(Struct, kw_only=True):
    """One minute that was judged: what had arrived, what changed, and on what grounds."""

    at: datetime
    seq: int
    arrived: list[Numbered]
    changes: list[Verdict]
    incidents: list[Incident]
    evidence: dict[Key, tuple[Evidence, ...]]
    known: list[str]
    """The services of which something is known now."""


class Machine:
    """Takes in what arrives and judges minutes. ``judged`` is the newest minute that was."""

    def __init__(self, monitor: Monitor, judged: datetime | None = None) -> None:
        self.monitor = monitor
        self.judged = judged
        self._arrived: list[Numbered] = []

    def hear(self, signals: Iterable[Signal], now: datetime, seq: int = 0) -> None:
        """Take signals in; they are judged with the next minute.

        ``now`` is when they came. One whose minute was judged already belongs to the minute it came in; one that is
        later than five minutes is dropped.
        """
        self._arrived += [(seq, s) for signal in signals if (s := in_time(signal, self.judged, now)) is not None]

    def minute(self, tick: datetime, seq: int = 0) -> Step:
        """Judge everything up to ``tick``."""
        arrived, self._arrived = self._arrived, []
        changes = self.monitor.step(tick, [signal for _, signal in arrived])
        self.judged = tick
        return Step(
            at=tick,
            seq=seq,
            arrived=arrived,
            changes=changes,
            incidents=self.monitor.incidents(),
            evidence=self.grounds(changes),
            known=self.monitor.known(),
        )

    def grounds(self, changes: Sequence[Verdict]) -> dict[Key, tuple[Evidence, ...]]:
        """What changes rest on: a minute's grounds are the service's, kept once, beside its first change."""
        told: dict[str, Key] = {}
        for change in changes:
            told.setdefault(change.service, Key.of(change))
        return {key: tuple(self.monitor.evidence(service)) for service, key in told.items()}


def in_time(signal: Signal, judged: datetime | None, now: datetime) -> Signal | None:
    """A signal as it is judged when it comes at ``now`` and everything up to ``judged`` was; None: it is too late."""
    if judged is None or signal.at > judged:
        return signal
    # The past that a source tells at its first reading is of use only before the first minute is judged.
    if signal.at <= judged - LATE:
        return None
    if isinstance(signal, Counted):
        # The quarter of an hour that was over a moment ago must not be taken for the one that has begun.
        return structs.replace(signal, at=now, until=signal.until or signal.at)
    return structs.replace(signal, at=now)


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

    def __init__(self, monitor: Monitor, services: Collection[str], total: Total = counts) -> None:
        self.machine = Machine(monitor)
        self.pooled = Pooled(services, total)
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
        self, seq: int, judged: datetime, reads: Iterable[tuple[str, str, datetime]], pooled: PooledState
    ) -> None:
        """Take over where another stood, whose monitor this one's is, restored."""
        self.seq, self.machine.judged = seq, judged
        self.reads = {(service, source): at for service, source, at in reads}
        self.pooled.go_on(pooled)

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
            self.pooled.hear(said, self.judged, now)
        else:
            self._heard(said, now, record.seq)
        return Applied(reason=Why.HEARD, lost=lost)

    def _heard(self, said: Heard, now: datetime, seq: int) -> None:
        self.machine.hear((s for s in said.signals if s.service in self._services), now, seq)
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
        self.machine.hear(self.pooled.due(said.at), said.at, record.seq)
        trace, self._trace = self._trace, ""
        return Applied(reason=Why.JUDGED, step=self.machine.minute(said.at, record.seq), trace=trace)

    def _came(self, record: Record) -> datetime:
        """When a record came, as the minutes see it: behind the newest that was judged, and before the next."""
        if self.judged is None:
            return record.at
        return min(max(record.at, self.judged + _A_MOMENT), self.judged + _TICK)
