"""The store: what was heard, what was said of it, and on what grounds."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from stillup.errors import StoreError
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.private import make_file, private_folder
from stillup.store import read, write
from stillup.store.codec import EVIDENCE, INCIDENT, REPORT, SIGNAL, VERDICT, Codec, micros, moment
from stillup.store.engine import Access, engine_for, make_engine
from stillup.store.faults import store_errors
from stillup.store.outbox import Outbox
from stillup.store.schema import prepare
from stillup.store.values import Key, Report

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

T = TypeVar("T")

# Signals a transaction: large enough that its overhead is lost among them, small enough that no one waits for long.
_BATCH = 5000
_PAGE = 1000


class Store:
    """One database. Safe to use from several threads, beside other processes.

    Every method raises :class:`~stillup.errors.StoreError` when the database cannot do it.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine
        self._closed = False
        self._engines = {access: engine_for(engine, access) for access in Access}
        self.outbox = Outbox(self._begin)
        """What alerts have decided to say."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections. The last one to close folds the write-ahead log into the file."""
        self._closed = True
        self._engine.dispose()

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
            rows: list[write.Row] = []
            for signal in batch:
                try:
                    rows.append(write.signal_row(signal))
                except StoreError:
                    dropped += 1
            if rows:
                with self._begin(Access.QUICK) as conn:
                    write.put_signals(conn, rows)
        return dropped

    def commit_step(
        self,
        changes: Sequence[Verdict],
        incidents: Sequence[Incident],
        evidence: Mapping[Key, Sequence[Evidence]],
    ) -> None:
        """Record one step of the monitor: all of it, on the disk when this returns, or nothing.

        A change is known by its :class:`Key`; the first record of it stands and a repetition is harmless. Incidents
        are replaced by their newest word, newest by the tick of the step's changes; a step without changes is taken
        as the newest.

        :raises ValueError: ``evidence`` has a key that is not in ``changes``.
        """
        write.check_evidence(changes, evidence)
        tick = max((change.at for change in changes), default=None)
        if not changes and not incidents:
            return
        with self._begin(Access.DURABLE) as conn:
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
        """
        before, gone, service = micros(now - keep), 0, ""
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

    @contextmanager
    def _begin(self, access: Access) -> Iterator[Connection]:
        if self._closed:
            # SQLAlchemy would quietly connect anew, and nobody would close that.
            msg = f"the database {self.path} was closed"
            raise StoreError(msg)
        with store_errors(self.path), self._engines[access].begin() as conn:
            yield conn

    def _values(self, codec: Codec[T], wanted: Select[str]) -> list[T]:
        with self._begin(Access.READ) as conn:
            texts = conn.scalars(wanted).all()
        return [codec.unpack(text) for text in texts]

    def _next_service(self, after: str) -> str | None:
        with self._begin(Access.READ) as conn:
            return read.next_service(conn, after)


def open_file(path: Path, *, create: bool, wait_s: float) -> Store:
    """The store in the SQLite file at ``path``; see :func:`stillup.store.open_store`."""
    with store_errors(path):
        if create:
            _make_private(path)
        elif not path.exists():
            msg = f"there is no database at {path}"
            raise StoreError(msg)
        engine = make_engine(path, wait_s)
        try:
            prepare(engine)
        except BaseException:
            engine.dispose()
            raise
    return Store(path, engine)


def _make_private(path: Path) -> None:
    private_folder(path.parent)
    if path.exists():
        return
    if path.is_symlink():  # SQLite would make the file wherever the link points
        raise FileNotFoundError(errno.ENOENT, "it is a link to a file that does not exist")
    # Made under another name and linked: to open and close the database itself would drop every lock that SQLite
    # holds on it in this process, and a file that SQLite makes is open to others for a moment.
    make_file(path)
