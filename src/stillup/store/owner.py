"""Whose database it is, and who does in it what only one may do."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select

from stillup.store.codec import micros
from stillup.store.dialect import now_micros, upsert
from stillup.store.tables import holders, installation


def claim(conn: Connection, name: str, now: datetime) -> str:
    """Take the database for an installation if it is nobody's; whose it is then."""
    found = whose(conn)
    if found is None:
        conn.execute(insert(installation).values(name=name, since=micros(now)))
    return found or name


def whose(conn: Connection) -> str | None:
    """The installation it belongs to; None: nobody's yet."""
    return conn.scalar(select(installation.c.name).limit(1))


def release(conn: Connection) -> None:
    """Let it be nobody's."""
    conn.execute(delete(installation))


def hold(conn: Connection, what: str, who: str, stands: timedelta) -> bool:
    """Take or renew a hold that stands so long by the database's own clock; False: somebody else has it."""
    until = now_micros(conn) + stands // timedelta(microseconds=1)
    put = upsert(conn, holders).values(what=what, who=who, until=until)
    is_free = or_(holders.c.who == put.excluded.who, holders.c.until < now_micros(conn))
    news = {"who": put.excluded.who, "until": put.excluded.until}
    taken = put.on_conflict_do_update(index_elements=[holders.c.what], set_=news, where=is_free)
    return conn.scalar(taken.returning(holders.c.who)) is not None


def let_go(conn: Connection, what: str, who: str) -> None:
    """Give a hold up at once, if it is this one's."""
    conn.execute(delete(holders).where(holders.c.what == what, holders.c.who == who))
