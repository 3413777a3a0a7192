"""The newest verdict on a service, read without the database library: for what has a tenth of a second in all.

It reads the two columns it needs and writes nothing. Whatever is wrong with the file, there is no verdict.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from stillup.model.incident import Incident
from stillup.model.verdict import Verdict

_WAIT_S = 0.05
_NEWEST = "SELECT value FROM transitions WHERE service = ? AND component = '' ORDER BY at DESC LIMIT 1"
_HEARD = "SELECT max(at) FROM reports WHERE service = ?"
_OVER = (
    "SELECT value FROM incidents WHERE service = ? AND opened_at >= ? AND recovered_at >= ? "
    "ORDER BY recovered_at DESC LIMIT 1"
)
_LONGEST = timedelta(days=30)
"""An incident that was open for longer is not looked for: its index goes by when they were opened."""


class Peeked(Struct, frozen=True):
    """The verdict, and when a source of the service was last asked: the only sign of life a monitor leaves."""

    verdict: Verdict
    heard_at: datetime


def peek(path: Path, service: str) -> Peeked | None:
    """The newest verdict on the service as a whole; None where there is none, or it cannot be read at once."""
    import sqlite3

    try:
        link = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            value = link.execute(_NEWEST, (service,)).fetchone()
            heard = link.execute(_HEARD, (service,)).fetchone()
        finally:
            link.close()
        if value is None or heard is None or heard[0] is None:
            return None
        verdict = msgspec.json.decode(value[0], type=Verdict)
        return Peeked(verdict, datetime.fromtimestamp(heard[0] / 1e6, UTC))
    except (sqlite3.Error, msgspec.DecodeError, OSError, OverflowError, ValueError):
        return None


def peek_recovered(path: Path, service: str, since: datetime) -> Incident | None:
    """The incident of a service that was over last, if that was after ``since``; else, or unreadable, None."""
    import sqlite3

    try:
        link = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            after = round(since.timestamp() * 1e6), round((since - _LONGEST).timestamp() * 1e6)
            value = link.execute(_OVER, (service, after[1], after[0])).fetchone()
        finally:
            link.close()
        return msgspec.json.decode(value[0], type=Incident) if value is not None else None
    except (sqlite3.Error, msgspec.DecodeError, OSError, OverflowError, ValueError):
        return None
