"""What can be wrong with the file, and the sentence a person gets."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, event

from stillup.errors import Blame, StoreError
from stillup.model.signal import Alive
from stillup.store import open_store
from stillup.store.faults import SENTENCES, of_sqlite


@pytest.fixture
def public_folder():
    """A folder that an ordinary user may enter and read, not write."""
    folder = Path(tempfile.mkdtemp(prefix="stillup-"))
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def small_disk():
    """Every connection made from here on has room for a few pages more, then the disk is full."""

    def limit(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 4}")

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


def refusal(path, **options) -> StoreError:
    with pytest.raises(StoreError) as caught, open_store(path, wait_s=0.05, **options) as store:
        store.transitions()
    assert str(path) in str(caught.value)
    return caught.value


def test_the_file_is_for_its_owner_alone_and_so_is_the_folder_made_for_it(path, verdict):
    old = os.umask(0)
    try:
        with open_store(path) as store:
            store.commit_step([verdict(0)], [], {})
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"stillup.db": 0o600, "stillup.db-wal": 0o600, "stillup.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    with open_store(tmp_path / "stillup.db"):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_every_level_of_a_missing_folder_is_for_its_owner_alone(tmp_path):
    old = os.umask(0)
    try:
        with open_store(tmp_path / "a" / "b" / "c" / "stillup.db"):
            pass
    finally:
        os.umask(old)
    assert {stat.S_IMODE((tmp_path / level).stat().st_mode) for level in ("a", "a/b", "a/b/c")} == {0o700}


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    error = refusal(tmp_path / "stillup.db")
    assert "others can write to its folder" in str(error)
    assert error.blame is Blame.USER
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_belongs_to_somebody_else_is_refused(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    assert "belongs to somebody else" in str(refusal(folder / "stillup.db"))


def test_a_link_that_leads_nowhere_is_refused_and_nothing_is_made_there(tmp_path):
    path, there = tmp_path / "stillup.db", tmp_path / "there.db"
    path.symlink_to(there)
    assert "a link to a file that does not exist" in str(refusal(path))
    assert not there.exists()


def test_the_write_ahead_log_is_on(file_store, sql):
    assert sql("PRAGMA journal_mode") == [("wal",)]


def test_the_path_may_be_a_string(path):
    with open_store(str(path)) as store:
        assert store.where == str(path)


def test_nothing_is_made_when_it_may_not_be(path):
    assert "there is no database" in str(refusal(path, create=False))
    assert not path.parent.exists()


def test_an_existing_database_opens_when_none_may_be_made(file_store, path, verdict):
    file_store.commit_step([verdict(0)], [], {})
    with open_store(path, create=False) as other:
        assert other.transitions() == [verdict(0)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, not a database\n" * 40)
    before = path.read_bytes()

    error = refusal(path)

    assert "is not a database" in str(error)
    assert error.blame is Blame.USER
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()

    assert "belongs to another program" in str(refusal(path))
    assert path.read_bytes() == before


def test_a_database_newer_than_the_code_is_refused_and_left_alone(path, sql):
    with open_store(path):
        pass
    sql("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    error = refusal(path)

    assert "made by a newer stillup" in str(error)
    assert "9999" in str(error)
    assert path.read_bytes() == before


def test_a_damaged_database_is_named_and_never_deleted(path, verdict):
    with open_store(path) as store:
        for n in range(400):
            store.commit_step([verdict(n)], [], {})
    whole = path.read_bytes()
    torn = whole[:4096] + b"\xa5" * (len(whole) - 8192) + whole[-4096:]
    path.write_bytes(torn)

    error = refusal(path)

    assert "is damaged; it was left as it is" in str(error)
    assert path.read_bytes() == torn


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    assert "cannot be opened" in str(refusal(tmp_path))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    assert "cannot be opened" in str(refusal(tmp_path / "data" / "stillup.db"))


def test_a_read_only_folder_is_named(public_folder, ordinary_user):
    assert "Permission denied" in str(refusal(public_folder / "stillup.db"))


def test_a_database_in_a_read_only_folder_is_named(public_folder, path, request):
    with open_store(path):
        pass
    public_folder.chmod(0o755)
    copy = public_folder / "stillup.db"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o444)
    public_folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")

    assert "cannot be" in str(refusal(copy))


def test_a_full_disk_is_named_and_what_was_there_stays(path, verdict, minute, request):
    with open_store(path) as store:
        store.commit_step([verdict(0)], [], {})
    request.getfixturevalue("small_disk")

    with open_store(path) as store:
        with pytest.raises(StoreError, match="the disk is full") as caught:
            store.record(Alive(at=minute(n), service="claude", source="reddit") for n in range(2000))
        assert str(path) in str(caught.value)
        assert list(store.signals("claude")) == []
        assert store.transitions() == [verdict(0)]


def test_a_writer_that_never_ends_is_waited_for_and_then_named(path, verdict):
    with open_store(path), closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with open_store(path, wait_s=0.05) as store:
            with pytest.raises(StoreError, match="stayed locked by another process") as caught:
                store.commit_step([verdict(0)], [], {})
            assert str(path) in str(caught.value)
            assert store.transitions() == []
        other.execute("ROLLBACK")


def test_readers_do_not_wait_for_a_writer(path, verdict):
    with open_store(path, wait_s=0.05) as store:
        store.commit_step([verdict(0)], [], {})
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.transitions() == [verdict(0)]
            other.execute("ROLLBACK")


def test_a_new_file_that_another_process_is_just_making_is_waited_for(path, request):
    """SQLite itself does not wait while it changes the journal mode; the other lets go when we ask for its lock."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def let_go(statement):
            if statement == "BEGIN IMMEDIATE" and other.in_transaction:
                other.execute("ROLLBACK")

        def listen(connection, _record):
            connection.set_trace_callback(let_go)

        event.listen(Engine, "connect", listen)
        request.addfinalizer(lambda: event.remove(Engine, "connect", listen))
        with open_store(path) as store:
            assert store.transitions() == []


def test_many_who_open_a_new_database_at_once_all_get_it(tmp_path, verdict):
    def use(path, barrier, n):
        barrier.wait()
        with open_store(path) as store:
            store.commit_step([verdict(n)], [], {})

    for number in range(4):
        path, barrier = tmp_path / f"{number}.db", Barrier(6)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n, p=path, b=barrier: use(p, b, n), range(6)))
        with open_store(path) as store:
            assert store.transitions() == [verdict(n) for n in range(6)]
        assert [f.name for f in tmp_path.iterdir() if f.name.startswith(".")] == []


def test_no_parameter_of_a_statement_reaches_an_errors_text(file_store, sql, minute):
    sql("DROP TABLE signals")
    with pytest.raises(StoreError) as caught:
        file_store.record([Alive(at=minute(0), service="claude", source="reddit", id="private-words")])
    assert "private-words" not in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize(
    "code", sorted({getattr(sqlite3, n) & 0xFF for n in dir(sqlite3) if n.startswith("SQLITE_IOERR_")} | set(SENTENCES))
)
def test_every_failure_of_a_table_is_one_sentence_with_the_path(code):
    exc = sqlite3.OperationalError("near 'x'")
    exc.sqlite_errorcode, exc.sqlite_errorname = code | (3 << 8), "SQLITE_SOMETHING"

    error = of_sqlite(Path("/data/stillup.db"), exc)

    assert "/data/stillup.db" in str(error)
    assert "cannot be used" not in str(error)
    assert "near" not in str(error)


def test_a_failure_nobody_foresaw_has_sqlites_name_for_it():
    exc = sqlite3.OperationalError("?")
    exc.sqlite_errorcode, exc.sqlite_errorname = sqlite3.SQLITE_NOLFS, "SQLITE_NOLFS"
    assert str(of_sqlite(Path("/x.db"), exc)) == "the database /x.db cannot be used (SQLITE_NOLFS)"


def test_neither_making_nor_opening_a_database_imports_alembic_and_the_package_alone_not_even_sqlalchemy(tmp_path):
    script = (
        "import sys; from stillup.store import open_store\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "for _ in range(2):\n"
        "    with open_store(sys.argv[1]): pass\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "stillup.db"], check=True)
