"""The way to the newest schema on a server: from an older one that is whole or nothing, never from a file's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from stillup.errors import Blame, StoreError
from stillup.store import open_store
from stillup.store.schema import MIGRATIONS
from stillup.store.tables import HEAD, metadata
from tests.store.pgserver import PgServer

NEWEST = "9999"
FIRST = "0004"
"""The oldest that a server had."""
UNDONE = {"0005": "DROP TABLE sums"}
"""What takes a database back to before each revision since."""
_SHAPE = (
    "SELECT table_name, column_name, data_type, collation_name, is_nullable FROM information_schema.columns "
    "WHERE table_schema = 'public' UNION ALL "
    "SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'"
)


@pytest.fixture
def address(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def shape(address: str, postgres: PgServer) -> Callable[[], list[tuple]]:
    """Every column and index there is."""
    return lambda: sorted(postgres.sql(_SHAPE, address.rpartition("/")[2]), key=repr)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on the code is of a version with one migration more, which does this."""

    def become(body: str) -> None:
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text((MIGRATIONS / "env.py").read_text())
        (folder / "versions" / "newest.py").write_text(f"revision = '{HEAD}'\ndown_revision = None\n")
        (folder / "versions" / "next.py").write_text(
            f"from alembic import op\nrevision, down_revision = '{NEWEST}', '{HEAD}'\ndef upgrade():\n{body}\n"
        )
        monkeypatch.setattr("stillup.store.schema.MIGRATIONS", folder)
        monkeypatch.setattr("stillup.store.schema.HEAD", NEWEST)

    return become


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_a_schema_that_only_files_had_is_refused_on_a_server_and_left_alone(address, shape, revision):
    """No stillup made one there; what the migrations would add to it lacks the days and the order of words."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
    engine.dispose()
    before = shape()
    with pytest.raises(StoreError, match=f"its schema is {revision}, which no stillup has made on a server") as caught:
        open_store(address)
    assert caught.value.blame is Blame.USER
    assert "stillup store move" in str(caught.value)
    assert shape() == before


def test_a_new_database_has_the_tables_of_the_code(address):
    """Whatever the days of signals are called, and but for their number, which is the server's own to give."""
    with open_store(address):
        pass
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as conn:
        found = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)
    engine.dispose()
    differing = [one for one in found if not (one[0].endswith(("_table", "_index")) and "signals_" in repr(one))]
    assert differing == []


@pytest.mark.parametrize("back_to", [FIRST, *UNDONE][:-1])
def test_a_database_of_any_revision_that_servers_had_becomes_the_same_as_a_new_one(
    address, postgres, shape, verdict, back_to
):
    name = address.rpartition("/")[2]
    with open_store(address) as store:
        store.commit_step([verdict(0)], [], {})
    new = shape()
    for revision in sorted(UNDONE, reverse=True):
        if revision > back_to:
            postgres.sql(UNDONE[revision], name)
    postgres.sql(f"UPDATE alembic_version SET version_num = '{back_to}'", name)
    with open_store(address) as store:
        assert store.transitions() == [verdict(0)]
    assert shape() == new
    assert max(UNDONE) == HEAD, "each revision since the first has a way back here"


def test_an_older_database_is_brought_up_by_the_first_that_comes_and_keeps_what_it_has(
    address, shape, next_version, verdict
):
    with open_store(address) as store:
        store.commit_step([verdict(0)], [], {})
    next_version("    op.execute('CREATE TABLE added (x integer)')")
    together = Barrier(4)

    def open_it(_: int) -> list:
        together.wait()
        with open_store(address) as store:
            return store.transitions()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_it, range(4))) == [[verdict(0)]] * 4
    assert ("added", "x") in [column[:2] for column in shape()]


def test_who_has_an_older_schema_open_goes_on_with_it_and_one_that_comes_later_is_refused(
    address, next_version, verdict, monkeypatch
):
    """As in a rolling upgrade: migrations only add, so a process that is still of the older version may finish."""
    with open_store(address) as old:
        next_version("    op.execute('CREATE TABLE added (x integer)')")
        with open_store(address) as new:
            new.commit_step([verdict(0)], [], {})
        monkeypatch.undo()
        old.commit_step([verdict(1)], [], {})
        assert old.transitions() == [verdict(0), verdict(1)]
        with pytest.raises(StoreError, match="was made by a newer stillup"):
            open_store(address)


def test_an_upgrade_of_a_server_is_whole_or_nothing(address, shape, next_version):
    with open_store(address):
        pass
    before = shape()
    next_version("    op.execute('CREATE TABLE half_way (x integer)')\n    op.execute('this is no SQL')")
    with pytest.raises(StoreError):
        open_store(address)
    assert shape() == before


def test_who_only_reads_on_a_server_changes_nothing_there_and_reads_once_a_monitor_came(
    address, shape, next_version, verdict
):
    with pytest.raises(StoreError, match=r"it is empty.*brings it up to date") as caught:
        open_store(address, create=False)
    assert caught.value.blame is Blame.NETWORK, "it is tried again"
    with open_store(address) as store:
        store.commit_step([verdict(0)], [], {})
    before = shape()
    next_version("    op.execute('CREATE TABLE added (x integer)')")
    with pytest.raises(StoreError, match=rf"its schema is {HEAD}.*brings it up to date"):
        open_store(address, create=False)
    assert shape() == before
    with open_store(address, create=False, late=True) as late:
        with open_store(address):
            pass
        assert late.transitions() == [verdict(0)]
