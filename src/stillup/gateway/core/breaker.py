"""When an upstream is left alone, and how it comes back.

Evidence is a sequential likelihood ratio (Page's CUSUM, Biometrika 1954): of an upstream of which half the tries fail
against one of which one in a hundred does. A fault of weight w adds w ln(0.5 / 0.01), a good answer adds
ln(0.5 / 0.99), and the sum never falls below 0. It opens at ln 20.

Tries overlap, and what was sent before the breaker last changed says nothing new: fifty requests that hang together are
one hang. So every try carries the breaker's ``epoch`` of when it began, every change begins a new epoch, and results of
an older one are not counted, good or bad.
"""

from __future__ import annotations

from math import inf, log
from random import Random
from typing import TYPE_CHECKING

from stillup.gateway.core.slots import WINS, Slots

if TYPE_CHECKING:
    from stillup.gateway.core.fault import Fault

_FAULT = log(0.5 / 0.01)
_GOOD = log(0.5 / 0.99)
OPENS_AT = log(20)
"""Evidence that opens; half of it while an outage is suspected outside."""

FIRST_S = 1.0
LONGEST_S = 60.0
LONGEST_HERE_S = 10.0
"""For faults that this machine's own network may have: asking costs little, and laptops come back from sleep."""
_JITTER = 0.2
_STEADY_S = 60.0
"""One that opens again so soon after closing goes on with its longer pauses."""
_STALE_S = 600.0
"""Suspicion that nothing added to for so long is forgotten."""
_LONGEST_SAID_S = 3600.0
"""An upstream's own Retry-After is believed up to here."""


class Breaker:
    """Closed, open until a time, or (open and past that time) half open: then a trickle may look.

    ``until`` is monotonic seconds. Nothing here reads a clock or makes up randomness.
    """

    __slots__ = (
        "closed", "closed_at", "epoch", "evidence", "evidence_at", "fault", "heard", "level", "lost", "slots", "until",
        "wins",
    )  # fmt: skip

    def __init__(self) -> None:
        self.closed = True
        self.epoch = 0
        self.evidence = 0.0
        self.evidence_at = -inf
        self.until = -inf
        self.level = -1
        self.wins = 0
        self.lost = 0
        """Trickles lost by silence since it opened."""
        self.heard = False
        """Whether it is open by another replica's word alone."""
        self.fault: Fault | None = None
        """What opened it last; whoever tells it of a fault sets this."""
        self.closed_at = -inf
        self.slots = Slots()

    def may_trickle(self, now: float) -> bool:
        """True when it is half open and nobody is looking."""
        return not self.closed and now >= self.until and self.slots.free(now)

    def take(self, now: float) -> None:
        """A trickle goes."""
        self.slots.take(now)

    def good(self, epoch: int, now: float) -> None:
        """A try that began in ``epoch`` had a good answer."""
        if epoch != self.epoch:
            return
        if self.closed:
            if self.evidence:
                self.evidence = max(0.0, self.evidence + _GOOD)
                self.evidence_at = now
            return
        self.wins += 1
        if self.wins >= WINS:
            self._close(now)

    def bad(
        self,
        epoch: int,
        weight: float,
        now: float,
        random: Random,
        *,
        opens_at: float = OPENS_AT,
        longest_s: float = LONGEST_S,
        retry_after_s: float | None = None,
    ) -> bool:
        """A try that began in ``epoch`` failed; True when that opened it, or opened it again.

        ``retry_after_s``, the upstream's own word, is then kept exactly, without jitter.
        """
        if weight <= 0.0 or epoch != self.epoch:
            return False
        if self.closed:
            if now - self.evidence_at > _STALE_S:
                self.evidence = 0.0
            self.evidence += weight * _FAULT
            self.evidence_at = now
            if self.evidence < opens_at:
                return False
        elif now < self.until:
            # A last resort that went on although it is open: no news, and no reason for a longer pause.
            self.wins = 0
            return False
        self._open(now, random, longest_s, retry_after_s)
        return True

    def take_back(self, epoch: int, now: float) -> int:
        """The silence that opened ``epoch`` ended in an answer after all: as if it had not been. The new epoch."""
        if epoch == self.epoch and not self.closed:
            self.level -= 1
            self._close(now)
        return self.epoch

    def believe(self, for_s: float, level: int, fault: Fault | None, now: float) -> bool:
        """Another replica opened its own: leave the upstream alone as long. True when that opened this one.

        One that is open already goes on as it is: put off again and again by whoever fails for a reason of his own, it
        would never look for itself.
        """
        if not self.closed:
            return False
        self.level = max(level, self.level if now - self.closed_at < _STEADY_S else -1)
        self.closed, self.heard, self.fault, self.lost = False, True, fault, 0
        self.until = now + for_s
        self._turn_over()
        return True

    def relieved(self, now: float, *, by_all: bool) -> None:
        """Another replica had good answers: what was only heard is over when nobody says so any more.

        What was seen here itself may be looked at again now.
        """
        if self.closed:
            return
        if self.heard and by_all:
            self._close(now)
        else:
            self.until = min(self.until, now)

    def _open(self, now: float, random: Random, longest_s: float, retry_after_s: float | None) -> None:
        soon = not self.closed or now - self.closed_at < _STEADY_S
        self.level = min(self.level + 1, 10) if soon else 0
        if retry_after_s is None:
            pause = min(FIRST_S * 2.0**self.level, longest_s) * random.uniform(1 - _JITTER, 1 + _JITTER)
        else:
            pause = min(retry_after_s, _LONGEST_SAID_S)
        if self.closed:
            self.lost = 0
        self.closed = self.heard = False
        self.until = now + pause
        self._turn_over()

    def _close(self, now: float) -> None:
        self.closed, self.heard = True, False
        self.closed_at = now
        self.evidence = 0.0
        self._turn_over()

    def _turn_over(self) -> None:
        self.epoch += 1
        self.wins = 0
        self.slots.clear()
