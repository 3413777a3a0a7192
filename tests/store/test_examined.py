"""What `stillup doctor --cluster` finds of a server's database, which it never changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from stillup.daemon.roles.examine import Mark, database_says
from stillup.errors import StoreError
from stillup.store import open_store
from stillup.store.engine import Access
from stillup.store.opening import database_at
from stillup.store.tables import HEAD
from tests.store.conftest import NOON
from tests.store.pgserver import PgServer


@pytest.fixture
def address(new_database: Callable[[], str]) -> str:
    """A database of the installation `ours`."""
    address = new_database()
    with open_store(address) as store:
        store.claim("ours", NOON)
    return address


def looked_at(address: str, prefix: str = "ours") -> tuple[Mark, str]:
    with closing(database_at(address, create=False)) as database, database.begin(Access.READ) as conn:
        return database_says(conn, database.where, prefix)


@pytest.mark.parametrize(
    ("statement", "mark", "says"),
    [
        ("SELECT 1", Mark.WELL, f"PostgreSQL, schema {HEAD}"),
        ("UPDATE alembic_version SET version_num = '9999'", Mark.WRONG, "made by a newer stillup"),
        ("UPDATE alembic_version SET version_num = '0004'", Mark.WORTH_A_WORD, f"brings it to {HEAD}"),
        ("UPDATE installation SET name = 'theirs'", Mark.WRONG, "belongs to the installation 'theirs'"),
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", Mark.WRONG, "takes no writing"),
    ],
)
def test_what_processes_would_refuse_or_wait_for_is_wrong(address, postgres: PgServer, statement, mark, says):
    name = address.rpartition("/")[2]
    postgres.sql(statement.format(name=name), name)
    found, told = looked_at(address)
    assert found is mark
    assert says in told


def test_a_move_that_was_not_finished_is_told(address, postgres: PgServer):
    postgres.sql("INSERT INTO marks VALUES ('moving', 0)", address.rpartition("/")[2])
    with pytest.raises(StoreError, match="a move into it was not finished"):
        looked_at(address)
