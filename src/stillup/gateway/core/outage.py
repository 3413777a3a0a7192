"""Law 6: what is known from outside is a prior; own outcomes win."""

from __future__ import annotations

from math import inf

from stillup.gateway.core.slots import WINS, Slots
from stillup.gateway.core.views import HealthView, Prior

EVERY_S = 15.0
"""Between two trickles of a target whose outage is confirmed outside."""
TRUSTED_S = 300.0
"""So long after its last good answer a target that has shown itself well outranks the verdict."""
_READ_EVERY_S = 0.2
"""How old a prior may be: asking for every request of a thousand a second would say the same thing."""
_UNKNOWN = Prior()


class Outage:
    """What is known from outside of one target, and what its own answers say to it."""

    __slots__ = ("epoch", "next_at", "out", "prior", "read_at", "slots", "trusted_until", "wins")

    def __init__(self) -> None:
        self.prior = _UNKNOWN
        self.read_at = -inf
        self.out = False
        """Whether the prior is a confirmed outage."""
        self.epoch = 0
        self.next_at = -inf
        self.wins = 0
        self.trusted_until = -inf
        self.slots = Slots()

    def refresh(self, view: HealthView, service: str, component: str, model: str, now: float) -> None:
        """Read the prior when the last one is a fifth of a second old."""
        if now - self.read_at < _READ_EVERY_S:
            return
        self.read_at = now
        self.prior = view.prior(service, component, model.lower())
        out = self.prior.is_out
        if out != self.out:
            self.out = out
            self.epoch += 1
            self.wins = 0
            self.slots.clear()
            self.next_at = max(now + EVERY_S, self.trusted_until)

    @property
    def suspected(self) -> bool:
        """A fault is told of, but it is no confirmed outage: half the own evidence is enough then."""
        return not self.out and self.prior.state.is_fault

    def blocks(self, now: float) -> bool:
        """True when only a trickle may go."""
        return self.out and now >= self.trusted_until

    def may_trickle(self, now: float) -> bool:
        """True when it is time for one."""
        return now >= self.next_at and self.slots.free(now)

    def take(self, now: float) -> None:
        """A trickle goes."""
        self.slots.take(now)
        self.next_at = now + EVERY_S

    @property
    def until(self) -> float:
        """When the next trickle is due."""
        return self.next_at

    def good(self, epoch: int, now: float) -> None:
        """A try that began in ``epoch`` had a good answer: the next may go at once, and three are believed."""
        if not self.out or epoch != self.epoch:
            return
        self.wins += 1
        self.next_at = now
        if self.wins >= WINS:
            self.trusted_until = now + TRUSTED_S

    def bad(self, epoch: int, now: float) -> None:
        """A try that began in ``epoch`` failed: the verdict is right."""
        if not self.out or epoch != self.epoch:
            return
        self.wins = 0
        self.trusted_until = -inf
        self.next_at = now + EVERY_S
