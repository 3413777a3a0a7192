"""What becomes of a message that a channel did not take: when it is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

FIRST_S, MOST_S = 0.5, 900.0
"""Between two tries: doubled from the first to the most."""
TRIES = 20
HOPELESS_FIRST_S, HOPELESS_TRIES = 15.0, 3
"""For what will hardly be taken another time; but what receives may be just being put up anew, and know nothing yet."""
GIVE_UP = timedelta(days=1)
MOST_RETRY_AFTER_S = 3_600.0
"""A channel may ask for so much rest, no more: a wrong header must not silence it for ever."""


class Sent(StrEnum):
    """How a try to deliver went."""

    DELIVERED = "delivered"
    UNREACHABLE = "unreachable"
    """No answer at all, and what was to be sent was not handed over."""
    IN_DOUBT = "in_doubt"
    """It was handed over and nobody said that it was taken; or this process ended meanwhile."""
    BUSY = "busy"
    """Taken not now: too many, or under repair."""
    FAILED = "failed"
    """The other side has trouble of its own."""
    REFUSED = "refused"
    """It will not be taken: wrong address, key or form."""
    MISSING = "missing"
    """The means are not there: a program, a channel's address."""


class Delivery(Struct, frozen=True, kw_only=True):
    """How one try went; ``says`` is one clean line without any secret."""

    sent: Sent
    says: str = ""
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """It was delivered."""
        return self.sent is Sent.DELIVERED


class Fate(StrEnum):
    """What becomes of it."""

    DONE = "done"
    AGAIN = "again"
    DEAD_TRIES = "dead_tries"
    """Too many tries."""
    DEAD_AGE = "dead_age"
    """Too old to be of use."""
    DEAD_DOUBT = "dead_doubt"
    """It may have arrived, and the channel must not get it twice."""


class Next(Struct, frozen=True):
    """What follows from a try; ``at`` is when to try again."""

    fate: Fate
    at: datetime | None = None


def after(
    delivery: Delivery, *, tries: int, queued_at: datetime, now: datetime, repeat_in_doubt: bool, luck: float
) -> Next:
    """What follows from the ``tries``-th try. ``luck`` from 0 to 1 spreads the waits of many."""
    if delivery.ok:
        return Next(Fate.DONE)
    if delivery.sent is Sent.IN_DOUBT and not repeat_in_doubt:
        return Next(Fate.DEAD_DOUBT)
    hopeless = delivery.sent in (Sent.REFUSED, Sent.MISSING)
    if tries >= (HOPELESS_TRIES if hopeless else TRIES):
        return Next(Fate.DEAD_TRIES)
    first_s = HOPELESS_FIRST_S if hopeless else FIRST_S
    at = now + timedelta(seconds=wait_s(tries, delivery.retry_after_s, luck, first_s))
    return Next(Fate.DEAD_AGE) if at - queued_at > GIVE_UP else Next(Fate.AGAIN, at)


def wait_s(tries: int, retry_after_s: float | None, luck: float, first_s: float = FIRST_S) -> float:
    """Seconds: half of the doubled wait for certain and half by luck; never less than the channel asked for."""
    wait = min(MOST_S, first_s * 2.0 ** min(tries - 1, 20))
    return max(wait * (0.5 + 0.5 * luck), min(retry_after_s or 0.0, MOST_RETRY_AFTER_S))
