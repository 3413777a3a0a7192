"""The way to the newest schema, from nothing and from every older one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from stillup.errors import StoreError
from stillup.store import Key, open_store
from stillup.store.codec import VERDICT, micros
from stillup.store.schema import MIGRATIONS
from stillup.store.tables import HEAD, metadata

config = Config()
config.set_main_option("script_location", str(MIGRATIONS))
scripts = ScriptDirectory.from_config(config)
revisions = [script.revision for script in scripts.walk_revisions()][::-1]


def schema(path):
    """Every table and index as the file spells it, white space aside."""
    with closing(sqlite3.connect(path)) as conn:
        rows = conn.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return {name: sql and " ".join(sql.split()).replace(" )", ")") for name, sql in rows}


@pytest.fixture
def migrated(tmp_path):
    """A file brought to some revision by the migrations alone."""
    made = []

    def make(revision):
        path = tmp_path / f"{revision}.db"
        engine = create_engine(f"sqlite:///{path}")
        made.append(engine)
        with engine.begin() as conn:
            config.attributes["connection"] = conn
            command.upgrade(config, revision)
        return path

    yield make
    for engine in made:
        engine.dispose()


def test_the_newest_revision_is_the_one_the_code_expects():
    assert scripts.get_heads() == [HEAD]


def test_no_migration_offers_a_way_back():
    for script in scripts.walk_revisions():
        assert not hasattr(script.module, "downgrade")


def test_the_migrations_make_the_tables_of_the_code(migrated):
    engine = create_engine(f"sqlite:///{migrated('head')}")
    with engine.connect() as conn:
        differences = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)
    engine.dispose()
    assert differences == []


def test_a_database_made_at_once_is_word_for_word_one_made_by_the_migrations(migrated, path):
    with open_store(path):
        pass
    assert schema(path) == schema(migrated("head"))


@pytest.mark.parametrize("revision", revisions)
def test_a_database_of_any_revision_opens_at_the_newest_and_works(migrated, revision, verdict):
    path, old, new = migrated(revision), verdict(0), verdict(1)
    row = ("claude", "", micros(old.at), old.state.value, VERDICT.pack(old))
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("INSERT INTO transitions (service, component, at, state, value) VALUES (?, ?, ?, ?, ?)", row)
    with open_store(path) as store:
        store.commit_step([new], [], {Key.of(new): []})
        assert store.transitions() == [old, new]
    assert schema(path) == schema(migrated("head"))


def test_an_empty_file_becomes_a_database(path):
    path.parent.mkdir()
    path.touch()
    with open_store(path) as store:
        assert store.transitions() == []


def test_an_upgrade_is_whole_or_nothing(migrated, tmp_path, monkeypatch, path):
    """A migration that fails in the middle leaves the older schema as it was."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    (folder / "versions" / "newest.py").write_text(f"revision = '{HEAD}'\ndown_revision = None\n")
    (folder / "versions" / "broken.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{HEAD}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half_way (x INTEGER)')\n"
        "    op.execute('this is no SQL')\n"
    )
    with open_store(path):
        pass
    before = schema(path)
    monkeypatch.setattr("stillup.store.schema.MIGRATIONS", folder)
    monkeypatch.setattr("stillup.store.schema.HEAD", "9999")

    with pytest.raises(StoreError, match="cannot be used"):
        open_store(path)

    assert schema(path) == before
