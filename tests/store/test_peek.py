"""The newest verdict read without the database library: the same as with it, or nothing at all."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from stillup.model.incident import Incident
from stillup.model.service import Confidence, State
from stillup.model.verdict import Forecast, Verdict
from stillup.store import Report, open_store
from stillup.store.peek import peek, peek_recovered

NOW = datetime(2026, 4, 7, 15, 4, tzinfo=UTC)


def verdict(minutes, **rest):
    return Verdict(at=NOW + timedelta(minutes=minutes), service="claude", **rest)


def test_it_is_what_the_store_has(tmp_path):
    newest = verdict(2, state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED, forecast=Forecast(60.0, 6.0, 600.0))
    part = verdict(3, state=State.OPERATIONAL, component="api")
    with open_store(tmp_path / "stillup.db") as store:
        store.commit_step([verdict(1, state=State.DEGRADED)], [], {})
        store.commit_step([newest], [], {})
        store.commit_step([part], [], {})
        assert peek(tmp_path / "stillup.db", "claude") is None  # nothing was heard: nobody watches
        store.save_reports([Report(source="statuspage", service="claude", at=NOW, ok=True)])
        found = peek(tmp_path / "stillup.db", "claude")  # while another process has it open
    assert (found.verdict, found.heard_at) == (newest, NOW)
    assert peek(tmp_path / "stillup.db", "chatgpt") is None


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_a_missing_or_broken_file_says_nothing(content, tmp_path):
    if content is not None:
        (tmp_path / "stillup.db").write_bytes(content)
    assert peek(tmp_path / "stillup.db", "claude") is None
    assert (tmp_path / "stillup.db").exists() is (content is not None)


def test_the_database_library_is_not_loaded(tmp_path):
    code = "import sys, stillup.store.peek; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, timeout=60).returncode == 0


def incident(minutes, over):
    since = NOW + timedelta(minutes=minutes)
    return Incident(
        id=f"i{minutes}", service="claude", opened_at=since, since=since, state=State.MAJOR_OUTAGE,
        confidence=Confidence.CONFIRMED, recovered_at=None if over is None else NOW + timedelta(minutes=over),
    )  # fmt: skip


def test_the_outage_that_was_over_last_is_found_as_long_as_that_was_lately(tmp_path):
    path = tmp_path / "stillup.db"
    assert peek_recovered(path, "claude", NOW) is None
    with open_store(path) as store:
        store.commit_step([], [incident(-90, -60), incident(-50, -20), incident(-10, None)], {})
        assert peek_recovered(path, "claude", NOW - timedelta(hours=1)).id == "i-50"
        assert peek_recovered(path, "claude", NOW) is None
        assert peek_recovered(path, "chatgpt", NOW - timedelta(hours=1)) is None
