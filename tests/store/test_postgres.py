"""What a server can do to a store: be gone, stand still, refuse, belong to somebody else; and what is said then."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import psycopg
import pytest

from stillup.errors import Blame, StoreError
from stillup.model.signal import Alive
from stillup.secret import Secret
from stillup.store import open_store
from stillup.store.engine import Access
from stillup.store.postgres import Postgres
from stillup.store.postgres_faults import SENTENCES, of_postgres
from stillup.store.store import Store
from tests.store.pgserver import PgServer

DAY = 24 * 60
HIDDEN = "not-to-be-shown"


@pytest.fixture
def address(new_database) -> str:
    return new_database()


@pytest.fixture
def store(address) -> Iterator[Store]:
    with open_store(address) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[PgServer]:
    """A server that a test may end."""
    server = PgServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def sql(address, postgres):
    name = address.rpartition("/")[2]
    return lambda statement, *values: postgres.sql(statement, name, values)


def refusal(address, **options) -> StoreError:
    with pytest.raises(StoreError) as caught, open_store(address, wait_s=1.0, **options) as store:
        store.transitions()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert HIDDEN not in shown
    return caught.value


def alive(at, service="claude"):
    return Alive(at=at, service=service, source="reddit")


# -- how it is reached ------------------------------------------------------------------------------------------------


def test_a_store_has_its_servers_name_and_never_the_password(postgres, address):
    url = f"postgresql://stillup:{HIDDEN}@127.0.0.1:{postgres.port}/{address.rpartition('/')[2]}"
    with open_store(Secret(url)) as store:
        assert store.where == address.replace("stillup@", "")
    with open_store(url.replace("postgresql://", "postgresql+psycopg://")) as store:
        assert store.transitions() == []


@pytest.mark.parametrize(
    ("change", "says", "blame"),
    [
        (lambda u, _: u.replace("/t", "/nobody-made-this-t"), "there is no database postgresql://127", Blame.USER),
        (lambda u, p: u.replace(str(p), "1"), "nothing listens at the database", Blame.NETWORK),
        (lambda u, _: u.replace("127.0.0.1", "nowhere.invalid"), "has no such host", Blame.NETWORK),
        (lambda u, _: u.replace("stillup@", f"stranger:{HIDDEN}@"), "refuses this user or password", Blame.USER),
        (lambda u, _: u + "?sslmode=require", "cannot be reached over TLS as asked", Blame.USER),
        (lambda u, _: u + f"?no_such_word={HIDDEN}", "the PostgreSQL address is not one", Blame.USER),
        (lambda _, __: f"postgresql://a:{HIDDEN}@[::/x", "the PostgreSQL address is not one", Blame.USER),
        (lambda _, __: f"postgresql://a:x@{HIDDEN}@b/x", "in a password are written %40", Blame.USER),
        (lambda _, __: f"postgresql://a:x@{HIDDEN}/y@b/x", "in a password are written %40", Blame.USER),
        (lambda _, __: f"postgresql://a:{HIDDEN}/y@b/x", "in a password are written %40", Blame.USER),
        (lambda _, __: f"postgresql://a:{HIDDEN}", "the PostgreSQL address is not one", Blame.USER),
        (lambda _, __: f"mysql://a:{HIDDEN}@b/x", "a database is a file, or postgresql://", Blame.USER),
    ],
)
def test_what_is_wrong_with_the_way_there_is_one_sentence_without_the_password(address, postgres, change, says, blame):
    error = refusal(change(address, postgres.port))
    assert says in str(error)
    assert error.blame is blame


def test_a_database_in_another_encoding_is_refused(postgres, new_database):
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "is encoded in LATIN1: make one in UTF8" in str(refusal(postgres.url("latin")))


def test_two_installations_share_a_database_in_schemas_of_their_own(postgres, address, sql, verdict):
    sql("CREATE SCHEMA ours")
    with open_store(f"{address}?options=-csearch_path%3Dours") as ours, open_store(address) as theirs:
        ours.commit_step([verdict(1)], [], {})
        ours.record([alive(verdict(1).at)])
        assert theirs.transitions() == []
        assert list(theirs.signals("claude")) == []


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_a_second_cluster_on_one_database_is_refused_plainly_until_it_is_released(store, address, minute):
    store.claim("first", minute(0))
    store.claim("first", minute(9))
    with open_store(address) as other:
        with pytest.raises(StoreError, match="belongs to the installation 'first', this is 'second'") as caught:
            other.claim("second", minute(1))
        assert caught.value.blame is Blame.USER
        other.release()
        other.claim("second", minute(1))
        assert store.installation() == "second"


def test_a_database_that_becomes_anothers_is_neither_read_nor_written(store, address, sql, minute, verdict):
    store.keep_to("first")
    store.commit_step([verdict(1)], [], {})
    assert store.installation() == "first"
    sql("UPDATE installation SET name = 'second'")
    uses = (
        store.transitions,
        store.outbox.parties,
        lambda: store.commit_step([verdict(2)], [], {}),
        lambda: store.outbox.hold("main", "me"),
        lambda: store.record([alive(verdict(1).at)]),
        lambda: store.prune(minute(0), timedelta(days=1)),
    )
    for use in uses:
        with pytest.raises(StoreError, match="belongs to the installation 'second', this is 'first'"):
            use()
    sql("DELETE FROM installation")  # nobody's: whoever writes first has it
    assert len(store.transitions()) == 1
    store.outbox.hold("main", "me")
    assert store.installation() == "first"


def test_of_two_that_claim_a_new_database_at_once_one_has_it(store, address, minute):
    barrier = Barrier(6)

    def claim(name):
        with open_store(address) as mine:
            barrier.wait()
            try:
                mine.claim(name, minute(0))
            except StoreError:
                return None
            return name

    with ThreadPoolExecutor(6) as pool:
        got = [name for name in pool.map(claim, "abcdef") if name]
    assert got == [store.installation()]


def test_another_programs_database_is_refused_and_left_alone(address, sql):
    sql("CREATE TABLE bookmarks (url text)")
    assert "belongs to another program" in str(refusal(address))
    assert sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == [(1,)]


def test_a_newer_schema_is_refused_and_left_alone(store, address, sql):
    sql("UPDATE alembic_version SET version_num = '9999'")
    error = refusal(address)
    assert "was made by a newer stillup (its schema is 9999" in str(error)
    assert error.blame is Blame.USER


def test_many_who_open_a_new_database_at_once_all_get_it(address, verdict):
    barrier = Barrier(5)

    def use(n):
        barrier.wait()
        with open_store(address, wait_s=30) as store:
            store.commit_step([verdict(n)], [], {})

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(use, range(5)))
    with open_store(address) as store:
        assert store.transitions() == [verdict(n) for n in range(5)]


# -- when it is gone --------------------------------------------------------------------------------------------------


def test_a_server_that_is_gone_midway_is_named_and_when_it_is_back_all_goes_on(own_server, verdict):
    with open_store(own_server.url("postgres"), wait_s=1.0) as store:
        store.commit_step([verdict(0)], [], {})
        own_server.stop()
        with pytest.raises(StoreError, match="nothing listens at the database") as caught:
            store.commit_step([verdict(1)], [], {})
        assert caught.value.blame is Blame.NETWORK
        own_server.start()
        store.commit_step([verdict(1)], [], {})
        assert store.transitions() == [verdict(0), verdict(1)]


def test_a_server_that_was_started_anew_costs_not_one_call(own_server, verdict):
    with open_store(own_server.url("postgres")) as store:
        store.commit_step([verdict(0)], [], {})
        own_server.stop()
        own_server.start()
        store.commit_step([verdict(1)], [], {})
        assert store.transitions() == [verdict(0), verdict(1)]


def test_a_server_that_is_not_there_at_the_start_is_no_error_when_it_may_come_late(own_server, verdict):
    own_server.stop()
    assert "nothing listens" in str(refusal(own_server.url("postgres")))
    with open_store(own_server.url("postgres"), wait_s=1.0, late=True) as store:
        with pytest.raises(StoreError, match="nothing listens"):
            store.record([alive(verdict(0).at)])
        own_server.start()
        assert store.record([alive(verdict(0).at)]) == 0
        assert len(list(store.signals("claude"))) == 1


def test_what_may_come_late_is_still_refused_when_it_must_not_be_used(address, sql):
    sql("CREATE TABLE bookmarks (url text)")
    assert "belongs to another program" in str(refusal(address, late=True))


def test_a_server_that_stands_still_is_not_waited_for_without_end(own_server, verdict):
    open_store(own_server.url("postgres")).close()  # to make the tables takes longer than what is allowed below
    database = Postgres(Secret(own_server.url("postgres")), wait_s=2.0, deadline_s=1.0)
    store = Store(database)
    store.commit_step([verdict(0)], [], {})
    pids = own_server.pids()
    own_server.signal_all(signal.SIGSTOP)
    with pytest.raises(StoreError, match="the connection to the database"):
        store.commit_step([verdict(1)], [], {})
    with pytest.raises(StoreError, match="does not answer"):
        store.transitions()
    for pid in pids:
        own_server.signal_one(pid, signal.SIGCONT)
    store.commit_step([verdict(1)], [], {})
    assert store.transitions() == [verdict(0), verdict(1)]
    store.close()


def test_a_server_that_dies_in_the_middle_of_a_step_keeps_all_of_it_or_nothing(own_server, verdict):
    with open_store(own_server.url("postgres"), wait_s=1.0) as store:
        store.commit_step([verdict(0)], [], {})

        def die():
            with store._begin(Access.DURABLE) as conn:
                conn.exec_driver_sql("DELETE FROM transitions")
                own_server.stop(signal.SIGQUIT)
                conn.exec_driver_sql("SELECT 1")

        with pytest.raises(StoreError, match=r"broke|being stopped"):
            die()
        own_server.start()
        assert store.transitions() == [verdict(0)]


def test_a_process_that_is_paused_within_a_step_holds_nobody_up_for_long(address, verdict):
    database = Postgres(Secret(address))
    database._settings = lambda: "SET idle_in_transaction_session_timeout = '50ms'"
    paused, other = Store(database), open_store(address)

    def pause():
        with paused._begin(Access.DURABLE) as conn:
            conn.exec_driver_sql("LOCK TABLE transitions IN EXCLUSIVE MODE")
            other.commit_step([verdict(0)], [], {})
            conn.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError, match=r"this process was paused|broke"):
        pause()
    assert other.transitions() == [verdict(0)]
    paused.close()
    other.close()


def test_a_read_only_server_is_read_from_and_named_when_written_to(store, address, sql, verdict, minute):
    store.commit_step([verdict(0)], [], {})
    sql(f'ALTER DATABASE "{address.rpartition("/")[2]}" SET default_transaction_read_only = on')
    with open_store(address) as standby:
        assert standby.transitions() == [verdict(0)]
        for write in (
            lambda: standby.commit_step([verdict(1)], [], {}),
            lambda: standby.record([alive(minute(1))]),
            lambda: standby.claim("ours", minute(0)),
        ):
            with pytest.raises(StoreError, match="takes no writing: it is read-only, or a standby"):
                write()


def test_a_new_database_on_a_read_only_server_is_named(address, sql):
    sql(f'ALTER DATABASE "{address.rpartition("/")[2]}" SET default_transaction_read_only = on')
    assert "takes no writing" in str(refusal(address))


def test_a_user_who_may_not_make_tables_is_told_so(postgres, address):
    postgres.sql("DROP ROLE IF EXISTS guest")
    postgres.sql("CREATE ROLE guest LOGIN")
    assert "make it the owner, or give it a schema" in str(refusal(address.replace("stillup@", "guest@")))


def test_a_lock_of_somebody_else_is_waited_for_and_then_named(address, store, verdict):
    with psycopg.connect(address) as other, open_store(address, wait_s=0.1) as mine:
        other.execute("LOCK TABLE transitions IN EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="stayed locked by somebody else"):
            mine.commit_step([verdict(0)], [], {})


def test_no_value_of_a_row_reaches_an_errors_text(store, sql, minute):
    sql("ALTER TABLE signals ADD CONSTRAINT small CHECK (length(value) < 10)")
    with pytest.raises(StoreError) as caught:
        store.record([Alive(at=minute(0), service="claude", source="reddit", id=HIDDEN)])
    shown = "".join(traceback.format_exception(caught.value))
    assert HIDDEN not in shown
    assert "23514" in str(caught.value)


@pytest.mark.parametrize("state", sorted(SENTENCES))
def test_every_failure_of_the_table_is_one_sentence_with_the_database(state):
    exc = psycopg.errors.lookup("40001")("DETAIL: Key (x)=(private)")
    exc.__class__ = type("Other", (psycopg.OperationalError,), {"sqlstate": state.ljust(5, "0")})
    error = of_postgres("postgresql://db/x", exc)
    assert "postgresql://db/x" in str(error)
    assert "private" not in str(error)
