"""The judgement of another process on this machine, read from its database: fresh, or it says nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.daemon.store_view import REFRESH_S, StoreView
from stillup.daemon.view import STANDS_S
from stillup.gateway.core.views import Prior
from stillup.model.service import Confidence, State
from stillup.model.signal import Declared
from stillup.store import Report, open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 4, 7, 12, tzinfo=UTC)
OPUS = "claude-opus-4-5"


class Quiet:
    def heard(self, report): ...

    def judged(self, now, changes): ...

    def trouble(self, why): ...


class Watch:
    """Another process that watches: a monitor, its database, and whoever looks at it from outside."""

    def __init__(self, path):
        self.path = path
        self.clock = FakeClock(START)
        self.store = open_store(path)
        self.live = Live(Monitor(profile_of), self.clock, Quiet(), self.store)
        self.view = StoreView(path, self.clock, ["claude", "chatgpt"])

    async def says(self, state, component="api", service="claude", **rest):
        """A minute passes in which the page says this; it is judged, and the view is read."""
        await self.clock.advance(60)
        about = {"at": self.clock.now(), "service": service, "source": "statuspage", "incident": "i"}
        self.live.take([Declared(**about, state=state, component=component, **rest)])
        self.store.save_reports([Report(source="statuspage", service=service, at=self.clock.now(), ok=True)])
        await self.live.judge(self.clock.now())
        self.view.refresh()

    def close(self):
        self.view.close()
        self.store.close()


@pytest.fixture
def watch(tmp_path):
    found = Watch(tmp_path / "stillup.db")
    yield found
    found.close()


async def test_a_confirmed_outage_that_another_process_knows_is_out(watch):
    await watch.says(State.MAJOR_OUTAGE)
    prior = watch.view.prior("claude", "api", OPUS)
    assert (prior.state, prior.confidence) == (State.MAJOR_OUTAGE, Confidence.CONFIRMED)
    assert prior.is_out
    await watch.says(State.OPERATIONAL)
    assert watch.view.prior("claude", "api", OPUS).state is State.OPERATIONAL


async def test_its_limits_bind_as_they_do_in_one_process(watch):
    await watch.says(State.MAJOR_OUTAGE, model="opus")
    assert watch.view.prior("claude", "api", OPUS).is_out
    assert not watch.view.prior("claude", "api", "claude-sonnet-4-5").is_out
    assert watch.view.prior("chatgpt", "api", "gpt-5") == Prior()


async def test_a_service_nobody_named_is_read_from_the_first_time_it_is_asked_about(watch):
    await watch.says(State.MAJOR_OUTAGE, service="mistral")
    watch.view.prior("mistral", "api", "mistral-large")
    watch.view.refresh()
    assert watch.view.prior("mistral", "api", "mistral-large").is_out


async def test_a_monitor_silent_for_five_minutes_is_not_believed(watch):
    await watch.says(State.MAJOR_OUTAGE)
    await watch.clock.advance(STANDS_S - 10)
    watch.view.refresh()
    assert watch.view.prior("claude", "api", OPUS).is_out
    await watch.clock.advance(20)
    watch.view.refresh()
    assert watch.view.prior("claude", "api", OPUS) == Prior()


async def test_a_service_that_is_not_watched_any_more_is_not_believed_although_others_are(watch):
    await watch.says(State.MAJOR_OUTAGE)
    for _ in range(6):
        await watch.says(State.OPERATIONAL, service="chatgpt")
    assert watch.view.prior("claude", "api", OPUS) == Prior()
    assert watch.view.prior("chatgpt", "api", "gpt-5").state is State.OPERATIONAL


async def test_a_view_that_is_not_renewed_has_no_word_left(watch):
    await watch.says(State.MAJOR_OUTAGE)
    watch.view._closed = True  # as if reading hung
    await watch.clock.advance(STANDS_S + 1)
    assert watch.view.prior("claude", "api", OPUS) == Prior()


async def test_an_outage_of_an_earlier_day_whose_end_nobody_saw_is_forgotten(watch):
    await watch.says(State.MAJOR_OUTAGE)
    await watch.clock.advance(timedelta(days=1, minutes=1).total_seconds())
    watch.store.save_reports([Report(source="statuspage", service="claude", at=watch.clock.now(), ok=True)])
    watch.view.refresh()
    assert watch.view.prior("claude", "api", OPUS) == Prior()


async def test_asking_reads_the_database_in_a_thread_of_its_own_and_at_most_every_five_seconds(watch):
    await watch.says(State.OPERATIONAL)
    assert watch.view.prior("claude", "api", OPUS).state is State.OPERATIONAL
    await watch.clock.advance(60)
    about = {"at": watch.clock.now(), "service": "claude", "source": "statuspage", "incident": "j"}
    watch.live.take([Declared(**about, state=State.MAJOR_OUTAGE, component="api")])
    await watch.live.judge(watch.clock.now())
    watch.view.prior("claude", "api", OPUS)  # asks for a reading
    watch.view._thread.submit(lambda: None).result()
    assert watch.view.prior("claude", "api", OPUS).is_out
    read_s = watch.view._read_s
    await watch.clock.advance(REFRESH_S - 1)
    watch.view.prior("claude", "api", OPUS)
    watch.view._thread.submit(lambda: None).result()
    assert watch.view._read_s == read_s


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_a_missing_or_broken_database_says_nothing_and_is_left_alone(tmp_path, content):
    path = tmp_path / "stillup.db"
    if content is not None:
        path.write_bytes(content)
    view = StoreView(path, FakeClock(START), ["claude"])
    view.refresh()
    assert view.prior("claude", "api", OPUS) == Prior()
    view.close()
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_database_that_appears_later_is_found(tmp_path):
    clock = FakeClock(START)
    view = StoreView(tmp_path / "stillup.db", clock, ["claude"])
    view.refresh()
    watch = Watch(tmp_path / "stillup.db")
    watch.store.save_reports([Report(source="statuspage", service="claude", at=START, ok=True)])
    view.refresh()
    assert view._store is not None
    view.close()
    watch.close()
