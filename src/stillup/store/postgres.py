"""PostgreSQL: how it is reached, how long it is waited for, and what its transactions promise.

Every commit is on the server's disk when it returns, recordings too: another machine goes on from what this one has
acknowledged, so a server's crash must not take any of it back.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from stillup.clock import SystemClock
from stillup.errors import Blame, StoreError
from stillup.store import days
from stillup.store.address import plain_scheme
from stillup.store.deadline import Deadlines
from stillup.store.engine import Access
from stillup.store.postgres_faults import postgres_errors
from stillup.store.schema import prepare

if TYPE_CHECKING:
    from stillup.secret import Secret

OLDEST = 130_000
"""PostgreSQL 13, as the server says it."""

_CONNECTIONS = 5
_STATEMENT_S = 15
_STANDSTILL_S = 5
"""A process that is paused within a transaction holds others up no longer than that: less than a takeover takes."""
_DEADLINE_S = 20.0
_SHAPE = "the PostgreSQL address is not one: postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_DEADLINES = Deadlines(SystemClock())


def name_of(address: Secret) -> str:
    """The address for a person: servers, ports and database, nothing else.

    :raises StoreError: it is not one; the error does not quote it.
    """
    said = _parts_of(address)
    hosts = said.get("host", said.get("hostaddr", "")).split(",")
    ports = said.get("port", "").split(",")
    several = ports * len(hosts) if len(ports) == 1 else ports
    places = [f"{h}:{p}" if p and not h.startswith("/") else h for h, p in zip(hosts, several, strict=False)]
    return f"postgresql://{','.join(places)}/{said.get('dbname', said.get('user', ''))}"


def _parts_of(address: Secret) -> dict[str, str]:
    try:
        from psycopg import Error
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        msg = "PostgreSQL needs the driver: install stillup[cluster]"
        raise StoreError(msg) from None
    says = _SHAPE
    try:
        parts = conninfo_to_dict(plain_scheme(address.reveal()))
        found = {name: str(value) for name, value in parts.items() if value}
        if not _holds_password(found):
            return found
        says = f"{_SHAPE}, where `@` and `/` in a password are written %40 and %2F"
    except Error:
        pass
    error = StoreError(says)
    error.blame = Blame.USER
    raise error


def _holds_password(parts: Mapping[str, str]) -> bool:
    """Whether what would be shown holds a part of a password: ``a:se@cret@host`` is read as the host ``cret@host``."""
    places = (parts.get(name, "").removeprefix("@") for name in ("host", "hostaddr", "port", "dbname"))
    ports = parts.get("port", "").split(",")
    return any("@" in place for place in places) or not all(p.isdecimal() or not p for p in ports)


class Postgres:
    """A :class:`~stillup.store.database.Database` on a server. ``wait_s`` is for a connection, and for a lock.

    ``deadline_s`` bounds a whole transaction; None where one may take as long as it takes (a move). Without ``create``
    the tables are others': they are neither made nor brought up to date.
    """

    def __init__(
        self, address: Secret, wait_s: float = 5.0, deadline_s: float | None = _DEADLINE_S, *, create: bool = True
    ) -> None:
        self.where = name_of(address)
        self._create = create
        self._address = address
        self._wait_s = wait_s
        self._deadline_s = deadline_s
        self._days: set[int] = set()
        self._engine = self._make_engine()
        self._engines = {
            Access.READ: self._engine.execution_options(postgresql_readonly=True),
            Access.QUICK: self._engine,
            Access.DURABLE: self._engine,
        }

    @contextmanager
    def begin(self, access: Access) -> Iterator[Connection]:
        """One transaction; a reading one changes nothing and is taken by a standby, too."""
        with postgres_errors(self.where), self._engines[access].begin() as conn:
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One reading transaction in which nothing changes, however long it takes."""
        still = self._engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
        with postgres_errors(self.where), still.begin() as conn:
            yield conn

    def prepare(self) -> None:
        """Bring the tables to the newest schema, and make room for today and some days to come."""
        with postgres_errors(self.where):
            with self._engine.connect() as conn:
                self._check_server(conn)
            prepare(self._engine, self.where, may_change=self._create)

    def make_room(self, times: Iterable[int]) -> None:
        """Make the parts of these days, if they were not looked for by this process yet.

        Where that cannot be now, nothing is lost: what is of no part's day goes to the rest.
        """
        wanted = days.days_of(times) - self._days
        if not wanted:
            return
        with suppress(StoreError), self.begin(Access.DURABLE) as conn:
            days.make_days(conn, wanted)
            self._days |= wanted

    def drop_before(self, before: int) -> int:
        """Drop the days that ended before this; and see that there is room for the days to come."""
        self._days.clear()
        with self.begin(Access.DURABLE) as conn:
            days.make_days(conn, days.days_ahead(conn))
            return days.drop_days(conn, before)

    def close(self) -> None:
        """Give up the connections."""
        self._engine.dispose()

    def _make_engine(self) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=self._wait_s,
        )
        event.listen(engine, "checkout", self._checkout)
        event.listen(engine, "checkin", _checkin)
        event.listen(engine, "invalidate", lambda _conn, record, _exc: _checkin(None, record))
        return engine

    def _connect(self) -> Any:  # noqa: ANN401 - the driver's own connection
        import psycopg

        said = _parts_of(self._address)
        if "," in said.get("host", "") and "target_session_attrs" not in said:
            said["target_session_attrs"] = "read-write"  # of several servers, the one that takes writing
        said.setdefault("application_name", "stillup")
        said.setdefault("connect_timeout", str(max(2, round(self._wait_s))))
        # A machine that is gone says nothing: the system has to ask.
        said |= {"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3"}
        said.setdefault("tcp_user_timeout", "10000")
        conn = psycopg.connect(**said, autocommit=True)  # type: ignore[arg-type]
        try:
            conn.execute(self._settings())
        except BaseException:
            conn.close()
            raise
        conn.autocommit = False
        return conn

    def _settings(self) -> str:
        """As statements: what pools connections for many often takes no settings with the connection."""
        settings: dict[str, object] = {
            "lock_timeout": f"{max(100, round(self._wait_s * 1000))}ms",
            "idle_in_transaction_session_timeout": f"{_STANDSTILL_S}s",
            "statement_timeout": f"{_STATEMENT_S}s",
            "client_encoding": "UTF8",
            "timezone": "UTC",
        }
        if self._deadline_s is None:
            settings |= {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"}
        return "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())

    def _checkout(self, conn: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - SQLAlchemy's hook
        if conn.closed:
            raise DisconnectionError
        fileno = conn.fileno()
        # A server says nothing to an idle connection but that it is ending it, or has ended: without a question sent.
        asked = select.poll()  # select.select would take no number above a thousand
        asked.register(fileno, select.POLLIN)
        if asked.poll(0):
            raise DisconnectionError
        if self._deadline_s is not None:
            record.info["deadline"] = _DEADLINES.begin(fileno, self._deadline_s)

    def _check_server(self, conn: Connection) -> None:
        driver: Any = conn.connection.driver_connection
        encoding, version = driver.info.parameter_status("server_encoding"), driver.info.server_version
        why = ""
        if version < OLDEST:
            why = f"is of PostgreSQL {version // 10_000}: 13 or newer is needed"
        elif encoding != "UTF8":
            why = f"is encoded in {encoding}: make one in UTF8 (`createdb --encoding UTF8 --template template0`)"
        if why:
            error = StoreError(f"the database {self.where} {why}")
            error.blame = Blame.USER
            raise error


def _checkin(conn: Any, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's hook
    number = record.info.pop("deadline", None)
    if number is not None:
        _DEADLINES.end(number)
    if conn is not None and not conn.closed:
        conn.read_only = None  # as the server has it, not "may be written" whatever the server says
