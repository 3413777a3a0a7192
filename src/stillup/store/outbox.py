"""The outbox: what was decided to be said, and how far each message is; and the state that decisions rest on.

A ``party`` is one set of rules (the configuration's, or those of one command line): each decides and sends its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import BigInteger, Row, Text, bindparam, delete, func, select, update

from stillup.model.verdict import Verdict
from stillup.response.alerts.values import AlertState, Message
from stillup.store import owner
from stillup.store.codec import VERDICT, Codec, micros, moment
from stillup.store.dialect import one_at_a_time, upsert
from stillup.store.engine import Access
from stillup.store.tables import alerts, outbox, transitions

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_WAITING = 20_000
"""For one channel: beyond it the oldest are given up, and kept as such."""

STANDS = timedelta(seconds=8)
"""So long the one who sends is waited for when nothing is heard of it."""

_SENDING = "sending/"
_STATE: Codec[AlertState] = Codec("the state of alerts", AlertState)
_MESSAGE: Codec[Message] = Codec("a message", Message)


class Status(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    ATTEMPTING = "attempting"
    """It is being sent; or the process ended meanwhile, and nobody knows whether it was."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; it is kept, and ``why`` says why."""


_PENDING = (Status.WAITING.value, Status.ATTEMPTING.value)


class Queued(Struct, frozen=True, kw_only=True):
    """A message in the outbox. ``why`` is how the last try went; ``done_at`` when it was delivered or given up."""

    seq: int
    party: str
    channel: str
    status: Status
    tries: int
    queued_at: datetime
    due_at: datetime
    done_at: datetime | None
    why: str
    message: Message

    def settled(self, how: Settled) -> Queued:
        """As it is after a try that went so."""
        return replace(
            self,
            status=how.status,
            why=how.why,
            due_at=how.due_at or self.due_at,
            done_at=how.done_at or self.done_at,
        )


class Settled(Struct, frozen=True, kw_only=True):
    """How a try to deliver message ``seq`` went: it waits again until ``due_at``, or is done with at ``done_at``.

    ``key`` is the message's: a database that was restored from a backup gives its number to another. Empty: not asked.
    """

    seq: int
    key: str = ""
    status: Status
    why: str = ""
    due_at: datetime | None = None
    done_at: datetime | None = None


class Deciding:
    """One transaction in which changes are read, decided on, and what follows is kept: all of it or nothing.

    A party that is new begins behind all there is: what was before there were any rules is nobody's news.
    """

    def __init__(self, conn: Connection, party: str) -> None:
        self._conn = conn
        self._party = party
        one_at_a_time(conn, "deciding", party)
        found = conn.execute(select(alerts.c.cursor, alerts.c.value).where(alerts.c.party == party)).one_or_none()
        self.cursor = int(found[0]) if found else conn.scalar(select(func.max(transitions.c.seq))) or 0
        """The number of the last change that was decided on."""
        self._text = str(found[1]) if found else ""
        self.state = _STATE.unpack(self._text) if found else AlertState()

    def changes(self, limit: int) -> list[tuple[int, Verdict]]:
        """The next changes behind the cursor, in the order they were committed."""
        table = transitions
        wanted = select(table.c.seq, table.c.value).where(table.c.seq > self.cursor).order_by(table.c.seq).limit(limit)
        return [(seq, VERDICT.unpack(value)) for seq, value in self._conn.execute(wanted)]

    def put(self, messages: Iterable[Message], now: datetime) -> int:
        """Queue messages, each key once; how many were new."""
        at = micros(now)
        rows: list[dict[str, Any]] = []
        for message in messages:
            row = {
                "party": self._party,
                "key": message.key,
                "channel": message.channel,
                "status": Status.WAITING.value,
                "tries": 0,
                "queued": at,
                "due": at,
                "why": "",
                "value": _MESSAGE.pack(message),
            }
            rows.append(row)
        put = upsert(self._conn, outbox).on_conflict_do_nothing().returning(outbox.c.seq)
        new = sum(self._conn.scalar(put, row) is not None for row in rows)
        for channel in {row["channel"] for row in rows}:
            self._bound(channel, at)
        return new

    def enter(self, messages: Iterable[Queued]) -> None:
        """Note how far messages are that were queued elsewhere; what is done with here stays as it is."""
        for known in messages:
            row = {
                "party": self._party,
                "key": known.message.key,
                "channel": known.channel,
                "status": known.status.value,
                "tries": known.tries,
                "queued": micros(known.queued_at),
                "due": micros(known.due_at),
                "done": None if known.done_at is None else micros(known.done_at),
                "why": known.why,
                "value": _MESSAGE.pack(known.message),
            }
            put = upsert(self._conn, outbox).values(row)
            news = {name: put.excluded[name] for name in ("status", "tries", "due", "done", "why")}
            is_pending = outbox.c.status.in_(_PENDING)
            self._conn.execute(
                put.on_conflict_do_update(index_elements=[outbox.c.party, outbox.c.key], set_=news, where=is_pending)
            )

    def save(self, state: AlertState, cursor: int) -> None:
        """Keep the state, where it is another."""
        text = _STATE.pack(state)
        if (text, cursor) == (self._text, self.cursor):
            return
        put = upsert(self._conn, alerts).values(party=self._party, cursor=cursor, value=text)
        news = {"cursor": put.excluded.cursor, "value": put.excluded.value}
        self._conn.execute(put.on_conflict_do_update(index_elements=[alerts.c.party], set_=news))
        self.state, self.cursor, self._text = state, cursor, text

    def _bound(self, channel: str, at: int) -> None:
        table = outbox
        mine = (table.c.party == self._party) & (table.c.channel == channel) & table.c.status.in_(_PENDING)
        over = (self._conn.scalar(select(func.count()).where(mine)) or 0) - MOST_WAITING
        if over > 0:
            oldest = select(table.c.seq).where(mine).order_by(table.c.seq).limit(over)
            why = f"more than {MOST_WAITING} were waiting for this channel"
            gone = update(table).where(table.c.seq.in_(oldest)).values(status=Status.DEAD.value, why=why, done=at)
            self._conn.execute(gone)


class Outbox:
    """Reached through :attr:`Store.outbox`. Calls block and raise :class:`~stillup.errors.StoreError`."""

    def __init__(self, begin: Callable[[Access], AbstractContextManager[Connection]]) -> None:
        self._begin = begin

    @contextmanager
    def deciding(self, party: str) -> Iterator[Deciding]:
        """Decide: what is read and written in this block is one transaction, on the disk when it ends."""
        with self._begin(Access.DURABLE) as conn:
            yield Deciding(conn, party)

    def state(self, party: str) -> AlertState | None:
        """The state as it was last kept; None where nothing was."""
        with self._begin(Access.READ) as conn:
            text = conn.scalar(select(alerts.c.value).where(alerts.c.party == party))
        return None if text is None else _STATE.unpack(text)

    def parties(self) -> list[str]:
        """Everybody who has a state."""
        with self._begin(Access.READ) as conn:
            return list(conn.scalars(select(alerts.c.party).order_by(alerts.c.party)).all())

    def next(self, party: str, channel: str) -> Queued | None:
        """The oldest message that the channel did not get yet: those behind it wait, so that their order holds."""
        with self._begin(Access.READ) as conn:
            return _next(conn, party, channel)

    def hold(self, party: str, who: str) -> bool:
        """Be the one who sends a party's messages, for :data:`STANDS` by the database's clock; False: another is."""
        with self._begin(Access.QUICK) as conn:
            return owner.hold(conn, _SENDING + party, who, STANDS)

    def let_go(self, party: str, who: str) -> None:
        """Let another send, at once."""
        with self._begin(Access.QUICK) as conn:
            owner.let_go(conn, _SENDING + party, who)

    def take(
        self, party: str, channel: str, now: datetime, before: Settled | None = None, who: str | None = None
    ) -> Queued | None:
        """Note how the message before went, and take the next one: where its time has come it is being sent from now.

        One transaction. The message is given as it was before: one that is ``attempting`` already was left so by a
        process that ended. ``who`` gets none unless the party is its to :meth:`hold`: a process that was paused in
        the middle must not go on as if nobody had come in its place.
        """
        with self._begin(Access.QUICK) as conn:
            if before is not None:
                _settle(conn, before)
            if who is not None and not owner.hold(conn, _SENDING + party, who, STANDS):
                return None
            row = _next(conn, party, channel)
            if row is not None and row.status is Status.WAITING and row.due_at <= now:
                conn.execute(_ATTEMPT, {"which": row.seq})
        return row

    def settle(self, settled: Settled) -> None:
        """Note how a message went."""
        with self._begin(Access.QUICK) as conn:
            _settle(conn, settled)

    def revive(self, party: str, now: datetime) -> int:
        """Try what was given up once more; how many it were."""
        table = outbox
        anew = {"status": Status.WAITING.value, "tries": 0, "queued": micros(now), "due": micros(now), "done": None}
        with self._begin(Access.DURABLE) as conn:
            dead = (table.c.party == party) & (table.c.status == Status.DEAD.value)
            return conn.execute(update(table).where(dead).values(anew)).rowcount

    def listed(self, statuses: Iterable[Status] = tuple(Status), limit: int = 50) -> list[Queued]:
        """The newest messages of any party, newest first."""
        table = outbox
        wanted = select(table).where(table.c.status.in_([s.value for s in statuses]))
        with self._begin(Access.READ) as conn:
            rows = conn.execute(wanted.order_by(table.c.seq.desc()).limit(limit)).all()
        return [_queued(row) for row in rows]

    def counts(self, party: str) -> dict[tuple[str, Status], int]:
        """How many messages there are, by channel and status."""
        table = outbox
        wanted = select(table.c.channel, table.c.status, func.count()).where(table.c.party == party)
        with self._begin(Access.READ) as conn:
            rows = conn.execute(wanted.group_by(table.c.channel, table.c.status)).all()
        return {(channel, Status(status)): count for channel, status, count in rows}

    def prune(self, now: datetime, keep: timedelta) -> int:
        """Delete what was delivered or given up longer ago than ``keep``, and what waited so long for nobody."""
        before, table = micros(now - keep), outbox
        with self._begin(Access.QUICK) as conn:
            return conn.execute(delete(table).where(func.coalesce(table.c.done, table.c.queued) < before)).rowcount


# Built once: to build them costs as much as to run them, and they run for every message.
_NEXT = (
    select(outbox)
    .where(outbox.c.party == bindparam("of"), outbox.c.channel == bindparam("by"), outbox.c.status.in_(_PENDING))
    .order_by(outbox.c.seq)
    .limit(1)
)
_ATTEMPT = (
    update(outbox)
    .where(outbox.c.seq == bindparam("which"))
    .values(status=Status.ATTEMPTING.value, tries=outbox.c.tries + 1)
)
_SETTLE = (
    update(outbox)
    .where(
        outbox.c.seq == bindparam("which"), outbox.c.key == func.coalesce(bindparam("named", type_=Text), outbox.c.key)
    )
    .values(
        status=bindparam("how"),
        why=bindparam("because"),
        due=func.coalesce(bindparam("until", type_=BigInteger), outbox.c.due),
        done=func.coalesce(bindparam("end", type_=BigInteger), outbox.c.done),
    )
)


def _next(conn: Connection, party: str, channel: str) -> Queued | None:
    row = conn.execute(_NEXT, {"of": party, "by": channel}).one_or_none()
    return None if row is None else _queued(row)


def _settle(conn: Connection, settled: Settled) -> None:
    until, end = settled.due_at, settled.done_at
    said = {
        "which": settled.seq,
        "named": settled.key or None,
        "how": settled.status.value,
        "because": settled.why,
        "until": until and micros(until),
        "end": end and micros(end),
    }
    conn.execute(_SETTLE, said)


def _queued(row: Row[Any]) -> Queued:
    known = row._mapping  # noqa: SLF001 - SQLAlchemy's own, public name of it
    return Queued(
        seq=known["seq"],
        party=known["party"],
        channel=known["channel"],
        status=Status(known["status"]),
        tries=known["tries"],
        queued_at=moment(known["queued"]),
        due_at=moment(known["due"]),
        done_at=None if known["done"] is None else moment(known["done"]),
        why=known["why"],
        message=_MESSAGE.unpack(known["value"]),
    )
