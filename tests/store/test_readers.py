"""Whoever reads what monitors left behind reads it from a server as from a file, and waits for none for long."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from stillup.cli.statusline.command import command
from stillup.cli.statusline.kept import last_word, renew
from stillup.clock import SystemClock
from stillup.config import load_config
from stillup.daemon.later.health import Healths
from stillup.daemon.store_view import StoreView
from stillup.model.incident import Incident
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.secret import Secret
from stillup.store import Report, open_store
from stillup.store.peek import peek, peek_recovered

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """Each test has its own: what a monitor left ten minutes ago is no word any more, and a whole run lasts longer."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


def fill(where):
    """What a monitor leaves behind of an outage that goes on, and of one that is over."""
    over = Incident(
        id="i1", service="claude", opened_at=NOW - 90 * MINUTE, since=NOW - 90 * MINUTE, state=State.MAJOR_OUTAGE,
        confidence=Confidence.CONFIRMED, recovered_at=NOW - 60 * MINUTE,
    )  # fmt: skip
    told = Verdict(
        at=NOW,
        service="claude",
        state=State.MAJOR_OUTAGE,
        confidence=Confidence.CONFIRMED,
        since=NOW - 12 * MINUTE,
        incident="i2",
    )
    with open_store(where) as store:
        store.commit_step([told], [over], {})
        store.save_reports([Report(source="statuspage", service="claude", at=NOW, ok=True)])
    return told, over


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path):
    """A database with that in it, and the variables that name it."""
    if request.param == "sqlite":
        place, environ = tmp_path / "data" / "stillup.db", {}
    else:
        place = Secret(request.getfixturevalue("new_database")())
        environ = {"STILLUP_DATABASE_URL": place.reveal()}
    return place, environ


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "stillup.toml"
    file.write_text("data = 'data'\n")
    return load_config(file, {})


def test_the_newest_verdict_and_the_last_outage_are_read_at_once(where):
    place, _ = where
    assert peek(place, "claude") is None
    told, over = fill(place)
    found = peek(place, "claude")
    assert (found.verdict, found.heard_at) == (told, NOW)
    assert peek(place, "chatgpt") is None
    assert peek_recovered(place, "claude", NOW - 100 * MINUTE) == over
    assert peek_recovered(place, "claude", NOW) is None


def test_a_gateway_beside_knows_what_the_monitor_says(where):
    place, _ = where
    fill(place)
    view = StoreView(place, SystemClock(), ["claude"])
    view.refresh()
    assert view.prior("claude", "", "").says.startswith("claude: major outage, confirmed")
    view.close()


async def test_what_waits_for_a_service_hears_of_it(where, config):
    place, environ = where
    fill(place)
    found = await Healths(config, environ, SystemClock(), look=None).of(["claude"])
    assert found["claude"].says == "major outage"


def test_a_server_that_takes_what_is_sent_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr("stillup.store.peek._SERVER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = Secret(f"postgresql://u:p@127.0.0.1:{mute.getsockname()[1]}/d")
        assert peek(address, "claude") is None
        assert peek_recovered(address, "claude", NOW) is None


def test_the_status_line_shows_a_servers_last_word_and_lets_another_process_read_on(
    new_database, config, tmp_path, monkeypatch
):
    address, begun = new_database(), []
    monkeypatch.setenv("STILLUP_DATABASE_URL", address)
    monkeypatch.setattr("stillup.cli.statusline.kept._start", begun.append)
    fill(Secret(address))

    def bar():
        words = ["--no-color", "--within", "20", "--config", str(config.path)]
        return CliRunner().invoke(command, words, catch_exceptions=False).output

    assert bar() == "? Claude unknown · the database is being asked\n"
    assert bar() == "? Claude unknown · the database is being asked\n"
    (program,) = begun  # one is enough for some seconds
    assert program[0] == sys.executable
    told = list(program[program.index("statusline") + 1 :])
    assert CliRunner().invoke(command, told, catch_exceptions=False).output == ""
    assert bar().startswith("■ Claude major outage ")
    kept = tmp_path / "data" / "statusline"
    assert (kept.stat().st_mode & 0o777, (kept / "claude.json").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_server_that_is_away_leaves_the_last_word_and_a_spoilt_file_says_nothing(new_database, config, tmp_path):
    address = Secret(new_database())
    told, _ = fill(address)
    renew(config, {"STILLUP_DATABASE_URL": address.reveal()}, "claude")
    renew(config, {"STILLUP_DATABASE_URL": "postgresql://u:p@127.0.0.1:9/d"}, "claude")
    assert last_word(config, "claude", NOW, lambda _: None)[1].verdict == told
    for spoilt in (b"", b"{", b"[1]", b'{"verdict":{},"heard_at":"x"}'):
        (tmp_path / "data" / "statusline" / "claude.json").write_bytes(spoilt)
        assert last_word(config, "claude", NOW, lambda _: None) == (False, None)


def test_a_server_that_was_asked_and_knows_nothing_is_not_asked_for_ever(new_database, config):
    assert last_word(config, "claude", NOW, lambda _: None) == (False, None)
    renew(config, {"STILLUP_DATABASE_URL": new_database()}, "claude")
    assert last_word(config, "claude", NOW, lambda _: None) == (True, None)
