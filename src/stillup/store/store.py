"""The store: what was heard, what was said of it, and on what grounds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy import select

from stillup.errors import Blame, StoreError
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.store import owner, read, write
from stillup.store.codec import EVIDENCE, INCIDENT, REPORT, SIGNAL, VERDICT, Codec, micros, moment
from stillup.store.dialect import now_micros, one_at_a_time
from stillup.store.engine import Access
from stillup.store.move import refuse_half_moved
from stillup.store.outbox import Outbox
from stillup.store.sums import Sums
from stillup.store.values import Key, Report

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from stillup.store.database import Database

T = TypeVar("T")

# Signals a transaction: large enough that its overhead is lost among them, small enough that no one waits for long.
_BATCH = 5000
_PAGE = 1000


class Store:
    """One database. Safe to use from several threads, beside other processes.

    Every method raises :class:`~stillup.errors.StoreError` when the database cannot do it.
    """

    def __init__(self, database: Database) -> None:
        self.where = database.where
        """Its name for a person."""
        self._database = database
        self._closed = False
        self._is_ready = False
        self._preparing = Lock()
        self._installation: str | None = None
        """Whose it has to be."""
        self.outbox = Outbox(self._begin)
        """What alerts have decided to say."""
        self.sums = Sums(self._begin)
        """What each side saw, beyond the signals."""

    def prepare(self) -> None:
        """Make or upgrade the tables, if this store has not looked at them yet; otherwise done with the first use."""
        with self._preparing:
            if not self._is_ready:
                self._database.prepare()
                self._is_ready = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections."""
        self._closed = True
        self._database.close()

    def record(self, signals: Iterable[Signal]) -> int:
        """Keep signals for replay, some thousands a transaction; how many were dropped.

        One that would not come back equal is dropped: it would fail again however often it were tried, and the others
        with it.

        They outlive the death of the process, not a power cut: what was recorded since the last
        :meth:`commit_step` can then be gone. That is accepted: waiting for the disk at each poll costs more than a
        minute of a recording is worth.
        """
        rest = iter(signals)
        dropped = 0
        while batch := list(islice(rest, _BATCH)):
            rows = write.signal_rows(batch)
            dropped += len(batch) - len(rows)
            if rows:
                self._make_room(rows)
                with self._begin(Access.QUICK) as conn:
                    write.put_signals(conn, rows)
        return dropped

    def record_from(self, log: str, upto: int, numbered: Iterable[tuple[int, Signal]]) -> int:
        """Keep signals of a numbered log, each once however often the log is read; how many were dropped.

        Those with a number up to what was kept of that log before are passed over, and all up to ``upto`` counts as
        kept now: one transaction, so a process that dies in it has kept all or nothing.
        """
        rows: list[tuple[int, write.Row]] = []
        told: list[int] = []
        for number, signal in numbered:
            told.append(number)
            rows += [(number, row) for row in write.signal_rows([signal])]
        self._make_room([row for _, row in rows])
        with self._begin(Access.DURABLE) as conn:
            one_at_a_time(conn, "log", log)
            kept = write.mark_of(conn, log)
            fresh = [row for number, row in rows if number > kept]
            for at in range(0, len(fresh), _BATCH):
                write.put_signals(conn, fresh[at : at + _BATCH])
            if upto > kept:
                write.set_mark(conn, log, upto)
        return sum(number > kept for number in told) - len(fresh)

    def kept_of(self, log: str) -> int:
        """Up to which number of a log its signals are kept; -1 where none are."""
        with self._begin(Access.READ) as conn:
            return write.mark_of(conn, log)

    def claim(self, installation: str, now: datetime) -> None:
        """Say whose database this is from now on; harmless when it is ours already.

        :raises StoreError: it is another installation's, or a move into it was not finished.
        """
        with self._of_anybody(Access.DURABLE) as conn:
            self._take(conn, installation, now)
        self._installation = installation

    def keep_to(self, installation: str) -> None:
        """Use it only as this installation's, whatever stands at its address one day; nobody's is taken when written.

        Another's is an error of each use, as of :meth:`claim`, which asks for the same.
        """
        self._installation = installation

    def _see_whose(self, conn: Connection, access: Access) -> None:
        """It may have gone away and come back as another: nothing of it is read or written before this."""
        if self._installation is None:
            return
        whose = owner.whose(conn)
        if whose is not None:
            self._refuse_another(whose, self._installation)
        elif access is not Access.READ:
            now = moment(conn.execute(select(now_micros(conn))).scalar_one())
            self._take(conn, self._installation, now)

    def _take(self, conn: Connection, installation: str, now: datetime) -> None:
        one_at_a_time(conn, "installation")
        refuse_half_moved(conn, self.where)
        self._refuse_another(owner.claim(conn, installation, now), installation)

    def _refuse_another(self, whose: str, installation: str) -> None:
        if whose != installation:
            msg = (
                f"the database {self.where} belongs to the installation {whose!r}, this is {installation!r}: two that "
                "judge into one would undo each other's word. Give each a database, or a schema, of its own "
                "(`stillup store release` frees one whose installation is no more)"
            )
            error = StoreError(msg)
            error.blame = Blame.USER
            raise error

    def installation(self) -> str | None:
        """Whose database it is; None while nobody's."""
        with self._of_anybody(Access.READ) as conn:
            return owner.whose(conn)

    def release(self) -> None:
        """Let it be nobody's, for the next who claims it."""
        with self._of_anybody(Access.DURABLE) as conn:
            owner.release(conn)

    def commit_step(
        self,
        changes: Sequence[Verdict],
        incidents: Sequence[Incident],
        evidence: Mapping[Key, Sequence[Evidence]],
        *,
        tick: datetime | None = None,
    ) -> None:
        """Record one step of the monitor: all of it, on the disk when this returns, or nothing.

        A change is known by its :class:`Key`; the first record of it stands and a repetition is harmless. Incidents
        are replaced by their newest word, newest by ``tick``, else by that of the step's changes; a step with neither
        is taken as the newest.

        :raises ValueError: ``evidence`` has a key that is not in ``changes``.
        """
        write.check_evidence(changes, evidence)
        tick = tick or max((change.at for change in changes), default=None)
        if not changes and not incidents:
            return
        with self._begin(Access.DURABLE) as conn:
            one_at_a_time(conn, "steps")  # whoever reads on from a number must not find a smaller one later
            for change in changes:
                write.put_change(conn, change, evidence.get(Key.of(change), ()))
            for incident in incidents:
                write.put_incident(conn, incident, tick)

    def save_reports(self, reports: Iterable[Report]) -> None:
        """Keep the newest report of each source and service; as durable as :meth:`record`."""
        with self._begin(Access.QUICK) as conn:
            write.put_reports(conn, reports)

    def watch(
        self,
        ticks: Iterable[tuple[datetime, Collection[str]]],
        beat: timedelta = timedelta(minutes=1),
        stands: timedelta = timedelta(minutes=5),
    ) -> None:
        """Keep that something was known of these services in the ``beat`` before each tick; as durable as `record`.

        A word ``stands`` so long: a pause no longer than that is closed.
        """
        with self._begin(Access.QUICK) as conn:
            for tick, services in ticks:
                for service in services:
                    write.put_watch(
                        conn, service, micros(tick - beat), micros(tick), stands // timedelta(microseconds=1)
                    )

    def prune(self, now: datetime, keep: timedelta) -> int:
        """Delete the signals older than ``keep``, nothing else; how many it were.

        In short transactions, so that no writer waits for long. The file does not shrink: its pages are used again.
        On PostgreSQL whole days go, at no cost to writers: up to a day more is kept.
        """
        before, gone, service = micros(now - keep), 0, ""
        with self._begin(Access.READ):
            pass  # it is there, and ours
        if (dropped := self._database.drop_before(before)) is not None:
            return dropped
        while (found := self._next_service(service)) is not None:
            service = found
            while True:
                with self._begin(Access.QUICK) as conn:
                    count = write.drop_signals(conn, service, before, _BATCH)
                gone += count
                if count < _BATCH:
                    break
        return gone

    def transitions(
        self, service: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Verdict]:
        """Changes from ``since`` on, oldest first; with ``limit`` the newest so many."""
        return self._values(VERDICT, read.transition_values(service, since, limit))[::-1]

    def incidents(
        self, service: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Incident]:
        """Incidents open at ``since`` or opened later, oldest first; with ``limit`` the newest so many."""
        return self._values(INCIDENT, read.incident_values(service, since, limit))[::-1]

    def evidence(self, at: datetime, service: str, component: str | None = None) -> list[Evidence]:
        """What a change rested on, in the order it was given; empty when there was no such change."""
        return self._values(EVIDENCE, read.evidence_values(Key(at, service, component)))

    def reports(self) -> list[Report]:
        """The last report of every source, by service and source."""
        return self._values(REPORT, read.report_values())

    def signals(self, service: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Signal]:
        """Recorded signals with ``since <= at < until``, by time and then in the order they were recorded.

        Read in pages, so that neither memory nor a lock grows with the recording; what is recorded meanwhile may or
        may not be among them.
        """
        cursor = read.START if since is None else (micros(since), 0)
        while True:
            with self._begin(Access.READ) as conn:
                page = conn.execute(read.signal_page(service, cursor, until, _PAGE)).all()
            for _, _, value in page:
                yield SIGNAL.unpack(value)
            if len(page) < _PAGE:
                return
            at, seq, _ = page[-1]
            cursor = (at, seq)

    def changes_before(self, service: str | None, before: tuple[datetime, str] | None, limit: int) -> list[Verdict]:
        """Changes, newest first, behind a cursor of time and ``service/component``."""
        return self._values(VERDICT, read.transitions_before(service, before, limit))

    def incidents_before(self, service: str | None, before: tuple[datetime, str] | None, limit: int) -> list[Incident]:
        """Incidents, newest first, opened before a cursor of time and id."""
        return self._values(INCIDENT, read.incidents_before(service, before, limit))

    def incident(self, incident_id: str) -> Incident | None:
        """One incident."""
        return next(iter(self._values(INCIDENT, read.incident_value(incident_id))), None)

    def changes_within(self, service: str, since: datetime, until: datetime, limit: int) -> list[Verdict]:
        """Changes with ``since <= at <= until``, oldest first."""
        return self._values(VERDICT, read.transitions_within(service, since, until, limit))

    def standing(self, service: str, at: datetime) -> list[Verdict]:
        """The newest change of each subject before a time."""
        return self._values(VERDICT, read.standing_values(service, at))

    def evidence_of_tick(self, service: str, at: datetime) -> list[Evidence]:
        """What the changes of one minute of a service rested on."""
        return self._values(EVIDENCE, read.evidence_of_tick(service, at))

    def signals_of(
        self,
        service: str,
        sources: Collection[str],
        since: datetime,
        until: datetime,
        limit: int,
        *,
        incidents_only: bool = False,
    ) -> list[Signal]:
        """Recorded signals of some sources, the oldest ``limit``; or only declarations that name an incident."""
        wanted = read.signals_of(service, sources, since, until, limit, incidents_only=incidents_only)
        return self._values(SIGNAL, wanted)

    def watched(self, service: str, since: datetime, limit: int) -> list[tuple[datetime, datetime]]:
        """When something was known of a service, oldest first: the newest ``limit`` stretches that end after then."""
        with self._begin(Access.READ) as conn:
            rows = conn.execute(read.watched_stretches(service, since, limit)).all()
        return [(moment(a), moment(b)) for a, b in rows]

    def _make_room(self, rows: Sequence[write.Row]) -> None:
        self.prepare()
        self._database.make_room(row["at"] for row in rows)

    @contextmanager
    def _begin(self, access: Access) -> Iterator[Connection]:
        with self._of_anybody(access) as conn:
            self._see_whose(conn, access)
            yield conn

    @contextmanager
    def _of_anybody(self, access: Access) -> Iterator[Connection]:
        if self._closed:
            # SQLAlchemy would quietly connect anew, and nobody would close that.
            msg = f"the database {self.where} was closed"
            raise StoreError(msg)
        if not self._is_ready:
            self.prepare()
        with self._database.begin(access) as conn:
            yield conn

    def _values(self, codec: Codec[T], wanted: Select[str]) -> list[T]:
        with self._begin(Access.READ) as conn:
            texts = conn.scalars(wanted).all()
        return [codec.unpack(text) for text in texts]

    def _next_service(self, after: str) -> str | None:
        with self._begin(Access.READ) as conn:
            return read.next_service(conn, after)
