"""The judge as a state machine: what arrives, then a minute; a minute's verdicts follow from what stood before it.

Every way of running drives this one: ``stillup watch``, ``stillup up`` and the demo with their own clock, a cluster
from a log (:mod:`stillup.daemon.cluster.log_judge`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Counted, Signal
from stillup.model.verdict import Verdict
from stillup.store.values import Key
from stillup.verdict.monitor import Monitor

LATE = timedelta(minutes=5)

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
