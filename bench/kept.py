"""What a cluster keeps of an ordinary day, in bytes, from what comes and what one of each takes.

`bench/cluster/day.py` lets just that come and prints what is held beside this; formulas in docs/scale.md.
"""

from __future__ import annotations

from math import exp

from msgspec import Struct, structs


class Volume(Struct, frozen=True, kw_only=True):
    """What comes in a minute of an ordinary day, for :func:`kept`; `bench/cluster/day.py` lets just that come."""

    services: int = 3
    partitions: int = 3
    desks: int = 2
    """Hubs that are reported to."""
    signing: int = 4
    """Processes with a desk (hubs and pages): each gives a sign of life a minute and partition."""
    turn_s: float = 20.0
    """Each service is heard of so often, in three signals."""
    asks: float = 12.0
    """Requests to gateways, each of which is told to the judges by itself (up to 20 a minute and gateway)."""
    gateways: int = 2
    tell_s: float = 2.5
    """What came in this time is one record: 1 s in earnest."""
    looks: float = 20.0
    quiet: float = 5.0
    loud: float = 100.0
    loud_each_h: int = 8
    """Reports a minute; one hour of so many is loud."""
    readers: int = 30
    """Open pages."""
    outage_each_h: float = 6.0
    """Of each service, twenty minutes."""
    kinds: int = 6
    """Of report."""
    gather_s: float = 5.0
    """So long a desk gathers before it says what came: 0.2 s in earnest, but the bench's days are that much quicker."""

    def is_loud(self, hour: int) -> bool:
        """Whether it is an hour of many reports."""
        return hour % self.loud_each_h == 0

    def as_came(self, hours: float, signals: int, asked: int) -> Volume:
        """The volume of so many hours in which a busy machine let so much come of it."""
        turns = max(1, signals) / 3
        return structs.replace(self, turn_s=hours * 3_600 * self.services / turns, asks=asked / (hours * 60))


class Sizes(Struct, frozen=True, kw_only=True):
    """Bytes of a record of the log as NATS counts them, and of a row of signals with its place in the index."""

    minute: float
    heard: float
    asked: float
    asked_too: float
    """Of one outcome, and of each further one in the same record."""
    sign: float
    quiet_words: float
    loud_words: float
    """What all desks say of a quiet and of a loud minute."""
    heard_rows: float
    """Of the three signals of a turn."""
    asked_row: float
    counted_row: float
    alive_row: float


LOG_KEPT_H = 24.25
"""A day; what is older goes each half hour."""
BLOCK_BYTES = 8 << 20
"""NATS writes files of so much, and gives back what is gone of one when the next is begun."""


def kept(since_hour: float, hours: float, said: Volume, sizes: Sizes) -> dict[str, float]:
    """What a cluster keeps, in bytes, after so many hours that began at that hour of the day (docs/scale.md)."""
    turns = said.services * 60 / said.turn_s
    each = said.asks / said.gateways * said.tell_s / 60
    told = said.gateways * 60 / said.tell_s * (1 - exp(-each))
    asked = told * (sizes.asked - sizes.asked_too) + said.asks * sizes.asked_too
    steady = said.partitions * (sizes.minute + said.signing * sizes.sign) + turns * sizes.heard + asked
    rows = turns * sizes.heard_rows + said.asks * sizes.asked_row + said.services * sizes.alive_row

    def minutes(last_h: float) -> tuple[float, float]:
        """Quiet and loud ones of the last hours."""
        first = since_hour + hours - last_h
        loud = sum(said.is_loud(int(first + n / 60) % 24) for n in range(round(last_h * 60)))
        return round(last_h * 60) - loud, float(loud)

    quiet, loud = minutes(min(hours, LOG_KEPT_H))
    log = quiet * (steady + sizes.quiet_words) + loud * (steady + sizes.loud_words)
    quiet, loud = minutes(hours)
    kinds = [said.kinds * (1 - (1 - 1 / said.kinds) ** n) for n in (said.quiet, said.loud)]
    signals = quiet * (rows + kinds[0] * sizes.counted_row) + loud * (rows + kinds[1] * sizes.counted_row)
    return {"log": log, "signals": signals, "log_disk": log + said.partitions * BLOCK_BYTES}
