"""The judgement of another process by way of the bus: how old it is, and whose it is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from stillup.bus.local import LocalBus
from stillup.daemon.bus_view import BusView
from stillup.daemon.cluster.publish import VERDICTS
from stillup.daemon.view import STANDS_S
from stillup.model.service import State
from stillup.testing import FakeClock
from tests.cluster.gateways import word

START = datetime(2026, 4, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def said():
    return []


@pytest.fixture
def view(clock, said):
    return BusView(LocalBus(clock), clock, said.append)


def is_out(view, service="claude"):
    return view.prior(service, "api", "claude-sonnet-4-5").is_out


def test_what_is_confirmed_is_out_and_of_what_nobody_speaks_nothing_is_known(view):
    view.hear("claude", word(START))
    assert is_out(view)
    assert view.prior("chatgpt", "api", "m").state is State.UNKNOWN


def test_the_later_minute_holds_in_whatever_order_they_come(view):
    view.hear("claude", word(START + MINUTE, State.OPERATIONAL))
    view.hear("claude", word(START))
    assert view.prior("claude", "api", "m").state is State.OPERATIONAL
    assert view.judged_at() == {"claude": START + MINUTE}


def test_a_word_of_a_clock_that_was_far_ahead_silences_none_that_follow(view):
    view.hear("claude", word(START + timedelta(days=9), State.OPERATIONAL))
    view.hear("claude", word(START))
    assert is_out(view)


async def test_a_word_that_is_not_renewed_is_nobodys_after_five_minutes_and_the_same_again_renews_nothing(view, clock):
    view.hear("claude", word(START))
    await clock.advance(STANDS_S - 1)
    view.hear("claude", word(START))
    assert is_out(view)
    await clock.advance(2)
    assert not is_out(view)
    view.hear("claude", word(START + MINUTE))
    assert is_out(view)


async def test_a_first_word_is_as_old_as_it_says_and_a_clock_that_is_off_makes_no_later_one_older(view, clock):
    view.hear("claude", word(START - timedelta(minutes=6)))
    assert not is_out(view)
    view.hear("claude", word(START - timedelta(minutes=5)))
    assert is_out(view)


def test_a_word_that_was_taken_away_is_said_no_more(view):
    view.hear("claude", word(START))
    view.hear("claude", None)
    view.hear("chatgpt", None)
    assert not is_out(view)


@pytest.mark.parametrize("value", [b"", b"nonsense", word(START, service="chatgpt")], ids=range(3))
def test_what_is_no_word_on_the_service_changes_nothing(view, value):
    view.hear("claude", word(START))
    view.hear("claude", value)
    assert is_out(view)


def test_what_cannot_be_read_is_said_once(view, said):
    for _ in range(3):
        view.hear("claude", b"nonsense")
    assert len(said) == 1


async def test_it_follows_the_table_from_what_stands_there_on(clock):
    bus = LocalBus(clock)
    table = bus.table(VERDICTS)
    await table.put("claude", word(START))
    view = BusView(bus, clock, print)
    await view.look()
    assert is_out(view)
    following = asyncio.create_task(view.go_on())
    await table.put("claude", word(START + MINUTE, State.OPERATIONAL))
    while is_out(view):  # noqa: ASYNC110 - what is waited for is another task
        await asyncio.sleep(0)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
