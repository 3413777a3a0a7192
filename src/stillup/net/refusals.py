"""HTTP error statuses, turned into our errors, and how long the server asks us to stay away. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from stillup.errors import Blame, RateLimited, Refused

MAX_RETRY_AFTER_S = 86_400.0
"""A day: longer waits are taken for mistakes, and one wrong header must not blind a source for ever."""

_SECONDS = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*", re.ASCII)
_NOT_OURS_TO_SEE = frozenset((401, 402, 403, 407))


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from now that ``retry-after`` asks for, in either of its forms; None when it says nothing readable.

    A date is measured against the server's own ``date`` where it gives one: clocks differ.
    """
    text = headers.get("retry-after", "")
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        return min(float(seconds[1]), MAX_RETRY_AFTER_S)
    until = _date(text)
    if until is None:
        return None
    wait = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(0.0, wait), MAX_RETRY_AFTER_S)


def _date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(text[:60])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def refusal(host: str, status: int, wait_s: float | None, *, keyed: bool = False, note: str = "") -> Refused:
    """The error for a status that is no success. A refused key (``keyed``) is the user's to mend."""
    kind = RateLimited if status == 429 else Refused
    error = kind(f"{host} answered {_named(status)}{note}", status, wait_s)
    if keyed and status in _NOT_OURS_TO_SEE:
        error.blame = Blame.USER
    return error


def _named(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
