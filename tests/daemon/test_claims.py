"""Of several processes with one data folder one keeps the history of a service."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from stillup.catalog.load import catalogue
from stillup.daemon.claims import claimed, told_only
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOLDER = """
import sys
from pathlib import Path
from stillup.daemon.claims import claimed
with claimed(Path(sys.argv[1]), ["claude"]) as kept:
    print(*kept, flush=True)
    sys.stdin.read()
"""


class Deaf:
    """Listens to nothing."""

    def heard(self, report):
        pass

    def judged(self, now, changes):
        pass

    def trouble(self, why):
        raise AssertionError(why)


def test_the_first_keeps_a_service_until_it_ends_however_it_ends(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "claude\n"
        with claimed(tmp_path, ["claude", "chatgpt"]) as kept:
            assert kept == {"chatgpt"}
        holder.kill()
        holder.wait()
    with claimed(tmp_path, ["claude", "chatgpt"]) as kept:
        assert kept == {"claude", "chatgpt"}


async def test_what_another_process_keeps_is_judged_and_told_and_not_kept_twice(tmp_path):
    clock = FakeClock()
    clock.set(START + timedelta(minutes=2))
    with open_store(tmp_path / "stillup.db") as store:
        live = Live(Monitor(profile_of), clock, Deaf(), store, kept=frozenset({"chatgpt"}))
        for service in ("claude", "chatgpt"):
            at = START + timedelta(minutes=1)
            line = Declared(at=at, service=service, source="statuspage", component="web", state=State.MAJOR_OUTAGE)
            live.take([line])
        changes = await live.judge(clock.now())
        assert {c.service for c in changes} == {"claude", "chatgpt"}
        assert {c.service for c in store.transitions()} == {"chatgpt"}
        assert {i.service for i in store.incidents()} == {"chatgpt"}
        assert list(store.signals("claude")) == []
        assert len(list(store.signals("chatgpt"))) == 1


def test_it_is_said_which_services_these_are():
    assert catalogue()["claude"].name in told_only([catalogue()["claude"].name])
