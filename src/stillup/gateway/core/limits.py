"""What answers say of limits: when to come back, and how much is left. Nothing here raises, whatever was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from msgspec import Struct

_LONGEST_S = 86_400.0
"""Nobody is obeyed for longer than a day."""
_UNSAID_S = 10.0
"""A used-up limit whose reset is not said is believed for so long; a minute's limit for a minute."""
_LONGEST_VALUE = 64
"""Longer header values are not read."""

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RETRY_DELAY = re.compile(rb'"retryDelay"\s*:\s*"([0-9.]{1,20}s)"')
_TRY_AGAIN = re.compile(rb"(?:try again|retry) in ([0-9][0-9a-z.]{0,30})(?: (second|minute|hour|day))?", re.IGNORECASE)
_WORDS = {b"second": "s", b"minute": "m", b"hour": "h", b"day": "d"}


class Bucket(Struct):
    """One limit as an answer told it: what is left, and, where anybody asks, until when that holds.

    Times are read when they are needed: that is seldom, and costs more than all the rest.
    """

    limit: float | None
    remaining: float
    reset: bytes
    unsaid_s: float
    at: datetime
    now: float
    read_until: float | None = None

    @property
    def until(self) -> float:
        """The monotonic time at which it is full again."""
        if self.read_until is None:
            after_s = _reset(self.reset.decode("latin-1"), self.at)
            self.read_until = self.now + min(self.unsaid_s if after_s is None else after_s, _LONGEST_S)
        return self.read_until


def seconds(text: str) -> float | None:
    """``"6m0s"``, ``"20ms"``, ``"1.5s"`` or a bare number of seconds; None for anything else."""
    text = text.strip()
    if not text or len(text) > _LONGEST_VALUE:
        return None
    number = _number(text)
    if number is not None:
        return number if number >= 0 else None
    total, end = 0.0, 0
    for part in _PARTS.finditer(text):
        if part.start() != end:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return min(total, 10 * _LONGEST_S) if end == len(text) else None


def retry_after_s(headers: Iterable[tuple[bytes, bytes]], body: bytes, at: datetime) -> float | None:
    """How long the upstream wants to be left alone, in seconds from ``at``; None where it does not say.

    Read in this order: ``retry-after-ms``, ``Retry-After`` (seconds or an HTTP date), Gemini's ``RetryInfo`` in the
    body, OpenAI's and Groq's "try again in 11.054s". Only the body's first 16 KiB are looked at.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in (b"retry-after", b"retry-after-ms") and len(value) <= _LONGEST_VALUE:
            found[lower] = value.decode("latin-1").strip()
    milliseconds = _number(found.get(b"retry-after-ms", ""))
    if milliseconds is not None and milliseconds >= 0:
        return min(milliseconds / 1000, _LONGEST_S)
    said = _after(found.get(b"retry-after", ""), at)
    if said is None and body:
        said = _in_body(body[:16_384])
    return None if said is None else min(said, _LONGEST_S)


def _after(text: str, at: datetime) -> float | None:
    if not text:
        return None
    plain = seconds(text)
    if plain is not None:
        return plain
    try:
        then = parsedate_to_datetime(text)
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        return max(0.0, (then - at).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None


def _in_body(body: bytes) -> float | None:
    match = _RETRY_DELAY.search(body)
    if match is not None:
        return seconds(match[1].decode("ascii"))
    match = _TRY_AGAIN.search(body)
    if match is None:
        return None
    number = match[1].decode("ascii").lower().rstrip(".")
    return seconds(number + _WORDS[match[2].lower()] if match[2] else number)


def _number(text: str | bytes) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


_LIMIT, _REMAINING, _RESET = 0, 1, 2


def _names() -> dict[bytes, tuple[str, int, float]]:
    """Header name -> what is counted, which of the three numbers it is, how long it holds when no reset is said."""
    names: dict[bytes, tuple[str, int, float]] = {}
    parts = ((b"limit", _LIMIT), (b"remaining", _REMAINING), (b"reset", _RESET))
    for word, which in parts:
        for of in ("requests", "input-tokens", "output-tokens"):
            names[b"anthropic-ratelimit-" + of.encode() + b"-" + word] = (of, which, _UNSAID_S)
        # Named apart: what Anthropic reads from its prompt cache is not counted, so a long prompt may well fit in.
        names[b"anthropic-ratelimit-tokens-" + word] = ("all-tokens", which, _UNSAID_S)
        for of in ("requests", "tokens"):  # OpenAI, Azure, Groq, xAI
            names[b"x-ratelimit-" + word + b"-" + of.encode()] = (of, which, _UNSAID_S)
        names[b"x-ratelimit-" + word] = ("requests", which, _UNSAID_S)  # OpenRouter
        names[b"x-ratelimit-" + word + b"-req-minute"] = ("requests", which, 60.0)  # Mistral
        names[b"x-ratelimit-" + word + b"-tokens-minute"] = ("tokens", which, 60.0)
    return names


_NAMES = _names()


def headroom(headers: Iterable[tuple[bytes, bytes]], at: datetime, now: float) -> dict[str, Bucket]:
    """What is left of each limit the headers name, by what is counted; empty where they name none.

    ``at`` and ``now`` are the same moment on the wall's and on the monotonic clock. Anthropic's ``unified`` headers of
    subscriptions are not read: they do not say what is left in numbers.
    """
    buckets: dict[str, Bucket] = {}
    read: dict[str, list[bytes]] = {}
    for name, value in headers:
        known = _NAMES.get(name.lower())
        if known is not None and len(value) <= _LONGEST_VALUE:
            row = read.get(known[0])
            if row is None:
                row = read[known[0]] = [b"", b"", b""]
            row[known[1]] = value
            if known[1] == _REMAINING:
                left = _number(value)
                if left is not None:
                    buckets[known[0]] = Bucket(None, left, b"", known[2], at, now)
    for of, bucket in buckets.items():
        bucket.limit = _number(read[of][_LIMIT])
        bucket.reset = read[of][_RESET]
    return buckets


def _reset(text: str, at: datetime) -> float | None:
    """Seconds from ``at``: a duration, seconds, an epoch in seconds or milliseconds, or an RFC 3339 time."""
    said = seconds(text)
    if said is None:
        try:
            then = datetime.fromisoformat(text.strip())
            return max(0.0, (then - at).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None
    if said > 1e11:
        said /= 1000
    if said > 1e9:
        return max(0.0, said - at.timestamp())
    return said
