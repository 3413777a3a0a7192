"""What one key may do at one model of one upstream: limits are the key's and never touch health."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from random import Random

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.limits import Bucket
from stillup.gateway.core.why import Why

FIRST_S = 1.0
LONGEST_S = 60.0
KEY_BLOCKED_S = 300.0
"""After a refused key or used-up credit: somebody has to do something first, and asking early costs nothing."""
_JITTER = 0.2
_CALM_S = 120.0
"""A pause begins anew from a second when the last refusal is so long ago."""
_NEARLY = 0.02
"""Below this share of a limit it is nearly spent."""


class Lane:
    """``until`` is monotonic seconds, ``promised`` says that asking earlier breaks the upstream's own word or pace."""

    __slots__ = ("buckets", "heard", "level", "promised", "set_at", "until", "why")

    def __init__(self) -> None:
        self.until = -inf
        self.why = Why.RETRY_AFTER
        self.promised = False
        self.level = -1
        self.set_at = -inf
        self.heard = False
        """Whether it is shut by another replica's word alone."""
        self.buckets: dict[str, Bucket] = {}
        """What is left, by what is counted."""

    def refused(self, fault: Fault, began: float, now: float, random: Random, retry_after_s: float | None) -> None:
        """A try that began at ``began`` was refused.

        Many are refused together when a limit is reached; only what was sent after the last refusal says that the pause
        was too short.
        """
        if fault in (Fault.QUOTA, Fault.UNAUTHORIZED):
            self._shut(now, KEY_BLOCKED_S if retry_after_s is None else retry_after_s, Why.KEY_BLOCKED)
        elif retry_after_s is not None:
            self._shut(now, retry_after_s, Why.RETRY_AFTER)
        elif fault is Fault.RATE_LIMITED and began > self.set_at:
            self.level = min(self.level + 1, 10) if now - self.set_at < _CALM_S else 0
            pause = min(FIRST_S * 2.0**self.level, LONGEST_S) * random.uniform(1 - _JITTER, 1 + _JITTER)
            self._shut(now, pause, Why.RETRY_AFTER)

    def _shut(self, now: float, pause_s: float, why: Why) -> None:
        self.set_at = now
        until = now + pause_s
        if until >= self.until:
            self.until = until
            self.why = why
            self.promised = why is Why.RETRY_AFTER
            self.heard = False

    def believe(self, for_s: float, why: Why, now: float) -> None:
        """Another replica was refused with the same key, and for how long."""
        was_until = self.until
        self._shut(now, for_s, why)
        self.heard = self.heard or self.until > max(was_until, now)

    def worked(self, began: float) -> None:
        """A try that began at ``began`` was answered."""
        if began > self.set_at:
            self.level = -1
            self.until = -inf

    def told(self, buckets: Mapping[str, Bucket]) -> None:
        """The answer's headers say what is left."""
        self.buckets.update(buckets)

    def spent_until(self, tokens: int, now: float) -> float:
        """When there will be enough again for a request of so many tokens; minus infinity when there is.

        The estimate is held against OpenAI's way of counting only, where a cached prompt counts in full.
        """
        latest = -inf
        for of, bucket in self.buckets.items():
            left, limit = bucket.remaining, bucket.limit
            needed = tokens if of == "tokens" else 0
            is_low = left <= 0 or left < needed or (limit is not None and left < _NEARLY * limit)
            if is_low and bucket.until > now:
                latest = max(latest, bucket.until)
        return latest

    def sent(self) -> None:
        """A request goes: until the next answer says better, one is less."""
        requests = self.buckets.get("requests")
        if requests is not None:
            requests.remaining -= 1
