"""Trouble that is the user's own: this machine, its network, or a quota, key or bill. Never a vote for an outage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from math import inf

from stillup.model.service import Family, Layer
from stillup.model.signal import Outcome, Signal
from stillup.verdict.here import HERE, Here
from stillup.verdict.outcomes.stream import ErrorKind, kind_of

_OWN_HUB = "hub"
_RATE_LIMIT_LASTS_S = 15 * 60
_QUOTA_LASTS_S = 5 * 3600
_LONGEST_S = 8 * 86_400
_UNTIL = re.compile(r" until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z$")
"""How an error says when a limit opens again."""


def opens_at(error: str | None) -> datetime | None:
    """When the limit that an error names opens again; None when it does not say."""
    found = _UNTIL.search((error or "")[:200])
    try:
        return datetime.fromisoformat(f"{found[1]}+00:00") if found else None
    except ValueError:
        return None


class OwnTrouble:
    """The newest word of this machine about itself."""

    def __init__(self) -> None:
        self._local = Here()
        self._quota: dict[str, tuple[float, float]] = {}

    def look_here(self, lines: Iterable[Signal], tick: int) -> None:
        """Take in what a tick's lines say of this machine and its network; most tries decide."""
        self._local.look(lines, tick)

    def take(self, line: Outcome, at_s: float) -> bool:
        """Note an outcome; True when it speaks of the user's own side only and must not be judged further."""
        n_ok, n_failed = line.tally
        if line.layer in HERE:
            return True
        if n_failed and kind_of(line.error) is ErrorKind.YOURS:
            self._quota[line.source] = (at_s, lasts_s(line.error or "", at_s))
            return True
        if n_ok and line.layer in (Layer.INFERENCE, Layer.API_GATEWAY):
            self._quota.pop(line.source, None)
        return False

    def is_blind(self, family: Family, source: str, now_s: float) -> bool:
        """Whether this machine's network fails and this is what it sees by itself: nobody reports to who is cut off."""
        return (family is Family.PROBE or source == _OWN_HUB) and self.here(now_s) is not None

    def here(self, now_s: float) -> float | None:
        """Since when this machine or its network fails, None when it does not."""
        return self._local.since(now_s)

    def quota(self, now_s: float) -> float | None:
        """Since when a limit, key or bill of the user's stands in the way, None when none does."""
        return min((at for at, lasts in self._quota.values() if now_s - at < lasts), default=None)

    def stands(self, now_s: float) -> tuple[bool, bool]:
        """Whether this machine or its network fails, and whether a limit, key or bill stands in the way."""
        return self.here(now_s) is not None, self.quota(now_s) is not None

    def next_expiry_s(self, now_s: float) -> float:
        """When the next of these words lapses; infinite where none stands."""
        ends = (at + lasts for at, lasts in self._quota.values())
        return min((end for end in (*ends, *self._local.expiries_s()) if end > now_s), default=inf)


def lasts_s(error: str, at_s: float) -> float:
    """How long a word of the user's own limit, key or bill stands without a new one."""
    opens = opens_at(error)
    if opens is not None:
        return min(_LONGEST_S, max(0.0, opens.timestamp() - at_s))
    return _RATE_LIMIT_LASTS_S if error.startswith(("rate_limit", "429")) else _QUOTA_LASTS_S
