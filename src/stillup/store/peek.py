"""The newest verdict on a service, read without the database library: for what has a tenth of a second in all.

It reads the columns it needs and writes nothing. Whatever is wrong with the database, there is no verdict. A file is
read at once; a server has some seconds, its driver alone takes a fifth of one to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from stillup.model.incident import Incident
from stillup.model.verdict import Verdict
from stillup.secret import Secret

_WAIT_S = 0.05
_SERVER_S = 4.0
_CONNECT_S = 2
_BRIEFLY = "SET statement_timeout = '2s'; SET default_transaction_read_only = on"
_NEWEST = "SELECT value FROM transitions WHERE service = ? AND component = '' ORDER BY at DESC LIMIT 1"
_HEARD = "SELECT max(at) FROM reports WHERE service = ?"
_OVER = (
    "SELECT value FROM incidents WHERE service = ? AND opened_at >= ? AND recovered_at >= ? "
    "ORDER BY recovered_at DESC LIMIT 1"
)
_LONGEST = timedelta(days=30)
"""An incident that was open for longer is not looked for: its index goes by when they were opened."""

_Question: TypeAlias = tuple[str, tuple[object, ...]]
_Row: TypeAlias = tuple[Any, ...] | None


class Peeked(Struct, frozen=True):
    """The verdict, and when a source of the service was last asked: the only sign of life a monitor leaves."""

    verdict: Verdict
    heard_at: datetime


def peek(where: Path | Secret, service: str) -> Peeked | None:
    """The newest verdict on the service as a whole; None where there is none, or it cannot be read at once."""
    value, heard = _rows(where, (_NEWEST, (service,)), (_HEARD, (service,)))
    if value is None or heard is None or heard[0] is None:
        return None
    try:
        verdict = msgspec.json.decode(value[0], type=Verdict)
        return Peeked(verdict, datetime.fromtimestamp(heard[0] / 1e6, UTC))
    except (msgspec.DecodeError, OSError, OverflowError, ValueError, TypeError):
        return None


def peek_recovered(where: Path | Secret, service: str, since: datetime) -> Incident | None:
    """The incident of a service that was over last, if that was after ``since``; else, or unreadable, None."""
    after = round(since.timestamp() * 1e6), round((since - _LONGEST).timestamp() * 1e6)
    (value,) = _rows(where, (_OVER, (service, after[1], after[0])))
    try:
        return msgspec.json.decode(value[0], type=Incident) if value is not None else None
    except (msgspec.DecodeError, TypeError):
        return None


def _rows(where: Path | Secret, *questions: _Question) -> Sequence[_Row]:
    """The first row of each answer; nothing where the database cannot be read in its time."""
    nothing = [None] * len(questions)
    return (_of_file(where, questions) if isinstance(where, Path) else _of_server(where, questions)) or nothing


def _of_file(path: Path, questions: Sequence[_Question]) -> list[_Row] | None:
    import sqlite3

    try:
        link = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            return [link.execute(*question).fetchone() for question in questions]
        finally:
            link.close()
    except (sqlite3.Error, OSError, ValueError):
        return None


def _of_server(address: Secret, questions: Sequence[_Question]) -> list[_Row] | None:
    try:
        import psycopg
    except ImportError:
        return None
    from stillup.store.address import plain_scheme

    found: list[_Row] = []

    def ask() -> None:
        try:
            link = psycopg.connect(plain_scheme(address.reveal()), connect_timeout=_CONNECT_S, autocommit=True)
            with link:
                link.execute(_BRIEFLY)
                told = [link.execute(words.replace("?", "%s"), given).fetchone() for words, given in questions]
            found.extend(told)
        except (psycopg.Error, OSError):
            return

    # In a thread: a server that takes a question and never answers, or a name that is looked up for ever, is left so.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_SERVER_S)
    return found or None
