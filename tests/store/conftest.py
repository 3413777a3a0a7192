"""A store of its own for each test, and a small story to put in it."""

from __future__ import annotations

import os
import runpy
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from stillup.model.reason import Reason
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.store.store import Store

WRITER = str(Path(__file__).with_name("writer.py"))
NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made, in a folder that does not exist yet."""
    return tmp_path / "data" / "stillup.db"


@pytest.fixture(scope="module")
def start():
    """Start a writer; the server it is forked from has done the slow imports."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["stillup.store.store"])

    def run(where, first, last):
        listen, say = context.Pipe(duplex=False)
        names = {"DATABASE": where, "SAY": say, "FIRST": first, "LAST": last}
        process = context.Process(target=runpy.run_path, args=(WRITER, names, "writer"))
        process.start()
        say.close()
        return process, listen

    return run


def hear(listen):
    """What a writer says, to its end."""
    with closing(listen):
        while True:
            try:
                yield listen.recv()
            except EOFError:
                return


@pytest.fixture
def file_store(path: Path) -> Iterator[Store]:
    with open_store(path) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, path: Path) -> Path | str:
    """Where a database may be made: what is promised of one kind is promised of both."""
    return path if request.param == "sqlite" else request.getfixturevalue("new_database")()


@pytest.fixture
def store(where: Path | str) -> Iterator[Store]:
    with open_store(where) as store:
        yield store


@pytest.fixture
def minute() -> Callable[[int], datetime]:
    """The time so many minutes after noon."""
    return lambda n: NOON + timedelta(minutes=n)


@pytest.fixture
def verdict(minute: Callable[[int], datetime]) -> Callable[..., Verdict]:
    """A verdict so many minutes after noon."""

    def make(n: int, state: State = State.PARTIAL_OUTAGE, **rest: object) -> Verdict:
        given: dict[str, object] = {"service": "claude", "confidence": Confidence.SUSPECTED, **rest}
        return Verdict(at=minute(n), state=state, reason=Reason.ONE_FAMILY_ALARMS, **given)

    return make


@pytest.fixture
def sql(path: Path) -> Callable[..., list[tuple[object, ...]]]:
    """Ask or change the file behind the store's back, as another program would."""

    def run(statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as conn, conn:
            return conn.execute(statement, values).fetchall()

    return run


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Permissions bind inside the test, even where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
