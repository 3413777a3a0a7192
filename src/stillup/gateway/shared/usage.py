"""What users did at other replicas: sums of each one's own word, the newest of each.

A limit of requests can be passed by what comes in at several replicas within the moment until they know of each other
(a few hundredths of a second for who comes fast, a quarter of one for who does not), and by no more: never by more than
the limit at each. What was spent is known the same moment after an answer ends. Cut off from the bus a
replica goes on with what it knows: others' requests are forgotten after the minute they are counted in, what others
spent is never less than was said of the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar
from zlib import crc32

from stillup.gateway.shared.words import MOST_USERS, Asked, Spent

_MINUTE_S = 60.0
_Number = TypeVar("_Number", int, float)


class OthersUse:
    """Others' words by the key under which each was said; an :class:`~stillup.gateway.core.allowance.Others`."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[float, Asked]] = {}
        self._requests: Counter[str] = Counter()
        self._spent: dict[str, Spent] = {}
        self._usd: dict[str, dict[str, float]] = {}

    def hear_asked(self, key: str, asked: Asked | None, now: float) -> None:
        """Requests of the last minute as one replica counts them; None: it says nothing any more."""
        _, before = self._asked.pop(key, (0.0, None))
        if before is not None:
            self._requests.subtract(before.users)
        if asked is not None:
            self._asked[key] = now, asked  # the newest behind all others
            self._requests.update(asked.users)
        if before is not None:
            for user in before.users:
                if not self._requests[user]:
                    del self._requests[user]

    def hear_spent(self, key: str, spent: Spent | None) -> None:
        """What was spent at one replica; None: the day is long over.

        Sums only grow: an older word that comes late takes nothing back.
        """
        before = self._spent.get(key)
        if spent is None:
            if before is not None:
                del self._spent[key]
                if not any(other.day == before.day for other in self._spent.values()):
                    self._usd.pop(before.day, None)
            return
        known = before.users if before is not None and before.day == spent.day else {}
        total = self._usd.setdefault(spent.day, {})
        for user, usd in spent.users.items():
            more = usd - known.get(user, 0.0)
            if more > 0.0:
                total[user] = total.get(user, 0.0) + more
        most = {user: max(usd, known.get(user, 0.0)) for user, usd in spent.users.items()}
        self._spent[key] = Spent(day=spent.day, users={**known, **most})

    def requests(self, user: str, now: float) -> int:
        """A user's requests of the last minute elsewhere."""
        while self._asked:
            key = next(iter(self._asked))
            if now - self._asked[key][0] < _MINUTE_S:
                break
            self.hear_asked(key, None, now)
        return self._requests[user]

    def usd(self, user: str, day: str) -> float:
        """What a user spent elsewhere on a day, ``2026-04-07``."""
        return self._usd.get(day, {}).get(user, 0.0)


def parts_of(users: Iterable[str], most: int = MOST_USERS) -> int:
    """Into how many words a gateway with these users divides what it says of them."""
    return 1 + sum(1 for _ in users) // most


def divided(of: Mapping[str, _Number], parts: int) -> list[dict[str, _Number]]:
    """The same users always in the same part, so that a word replaces what was said of them before."""
    divided: list[dict[str, _Number]] = [{} for _ in range(parts)]
    for user, value in of.items():
        divided[crc32(user.encode("utf-8", "surrogatepass")) % parts][user] = value
    return divided
