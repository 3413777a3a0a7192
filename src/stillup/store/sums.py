"""Sums of a day, by service: what is asked for long after the signals they were made of are gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from stillup.store.codec import micros, moment
from stillup.store.dialect import upsert
from stillup.store.engine import Access
from stillup.store.tables import sums

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Sums:
    """A text for each service and day (of UTC, counted from 1970), and until when it sums things up.

    Every method raises :class:`~stillup.errors.StoreError` when the database cannot do it.
    """

    def __init__(self, begin: Callable[[Access], AbstractContextManager[Connection]]) -> None:
        self._begin = begin

    def of(self, service: str, first: int, last: int) -> dict[int, tuple[datetime, str]]:
        """Those of the days from ``first`` to ``last``, by day."""
        mine = sums.c.service == service, sums.c.day.between(first, last)
        with self._begin(Access.READ) as conn:
            rows = conn.execute(select(sums.c.day, sums.c.upto, sums.c.value).where(*mine)).all()
        return {day: (moment(upto), value) for day, upto, value in rows}

    def keep(self, service: str, day: int, upto: datetime, value: str) -> None:
        """Keep a day's, unless what is there goes on to a later time: several processes sum up."""
        until = micros(upto)
        with self._begin(Access.QUICK) as conn:
            put = upsert(conn, sums).values(service=service, day=day, upto=until, value=value)
            put = put.on_conflict_do_update(
                index_elements=[sums.c.service, sums.c.day],
                set_={"upto": until, "value": value},
                where=sums.c.upto < until,
            )
            conn.execute(put)

    def drop(self, before: int) -> None:
        """Delete those of the days before this one."""
        with self._begin(Access.QUICK) as conn:
            conn.execute(delete(sums).where(sums.c.day < before))
