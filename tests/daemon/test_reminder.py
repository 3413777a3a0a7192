"""One is reminded to practise, once in that time, and where it was asked for."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

import pytest

from stillup.channels.desktop import Desktop
from stillup.config import parse_config
from stillup.daemon.drill.reminder import EVERY_S, FIRST_S, Reminding
from stillup.drill.history import keep
from stillup.testing import FakeClock
from tests.channels.receivers import FAIL, TAKE, http_receiver
from tests.drill import drills

NOW = drills.AT
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def desk(tmp_path):
    """A program in the place of ``notify-send`` that writes down what it is to show."""
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{tmp_path}/shown"\n')
    program.chmod(0o700)
    shown = tmp_path / "shown"
    return lambda: Desktop("drills", program=str(program)), lambda: shown.read_text() if shown.exists() else ""


@pytest.fixture
def reminding(tmp_path, desk):
    def make(more="", clock=None, said=None):
        config = parse_config(f"data = {json.dumps(str(tmp_path / 'data'))}\n{more}")
        told = [] if said is None else said
        return Reminding(config, {}, clock or FakeClock(NOW), told.append, on_desktop=desk[0])

    return make


def practised(tmp_path, days_ago, **rest):
    keep(tmp_path / "data" / "drills", drills.drill(days_ago=days_ago, **rest))


async def test_a_new_user_is_reminded_after_thirty_days_and_then_once_in_thirty(reminding, desk):
    clock, said = FakeClock(NOW), []
    reminder = reminding(clock=clock, said=said)
    for day, is_due in ((0, False), (29, False), (30, True), (30.5, False), (59, False), (60, True)):
        clock.set(NOW + timedelta(days=day))
        assert await reminder.look() is is_due, day
    assert len(said) == 2
    assert "time to practise an outage: No outage has been practised yet. `stillup drill plan` proposes" in said[0]
    assert desk[1]().count("stillup: time to practise an outage") == 2
    assert "--urgency=normal" in desk[1]()


async def test_a_drill_of_the_last_month_is_enough_and_one_that_was_broken_off_is_not(reminding, tmp_path):
    clock = FakeClock(NOW - timedelta(days=90))
    assert not await reminding(clock=clock).look()
    practised(tmp_path, 20)
    assert not await reminding().look()
    practised(tmp_path, 1, aborted=True)
    clock.set(NOW + timedelta(days=10))
    assert await reminding(clock=clock).look()


async def test_what_was_said_outlives_the_process_and_a_spoilt_file_begins_anew(reminding, tmp_path):
    clock = FakeClock(NOW - timedelta(days=40))
    await reminding(clock=clock).look()
    clock.set(NOW)
    assert await reminding(clock=clock).look()
    assert not await reminding(clock=clock).look()
    file = tmp_path / "data" / "drills" / "reminded"
    assert file.stat().st_mode & 0o777 == 0o600
    for spoilt in (b"\xff{", b'{"since": "2099-01-01T00:00:00Z"}', b"[]", b'{"since": "2026-01-01T00:00:00"}'):
        file.write_bytes(spoilt)
        assert not await reminding(clock=clock).look(), spoilt


async def test_channels_of_the_configuration_are_told_in_place_of_the_desktop(reminding, tmp_path, desk):
    practised(tmp_path, 45)
    async with http_receiver(TAKE) as receiver:
        more = f'[[alerts.channels]]\nid = "ops"\nurl = "http://{receiver.address}/x"\n[drill]\nremind_to = ["ops"]\n'
        await reminding(more, FakeClock(NOW - timedelta(days=80))).look()
        assert await reminding(more).look()
    (got,) = receiver.got
    assert (got["json"]["data"]["kind"], got["json"]["data"]["reason"]) == ("reminder", "drill_due")
    assert "The last drill was 45 days ago." in str(got["json"])
    assert desk[1]() == ""


async def test_a_channel_that_does_not_take_it_is_tried_again_and_named_once(reminding, tmp_path):
    practised(tmp_path, 45)
    said = []
    async with http_receiver(FAIL, FAIL, TAKE) as receiver:
        more = f'[[alerts.channels]]\nid = "ops"\nurl = "http://{receiver.address}/x"\n[drill]\nremind_to = ["ops"]\n'
        await reminding(more, FakeClock(NOW - timedelta(days=80))).look()
        reminder = reminding(more, said=said)
        assert [await reminder.look() for _ in range(4)] == [False, False, True, False]
    assert sum("was not taken by ops" in line for line in said) == 1
    assert "hush" not in "".join(said)


async def test_a_folder_that_cannot_be_written_is_said_and_ends_nothing(reminding, tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    said = []
    reminder = reminding(said=said)
    assert [await reminder.look() for _ in range(3)] == [False, False, False]
    assert len(said) == 1
    assert "nobody can be reminded" in said[0]


async def test_it_looks_a_minute_after_the_start_and_then_every_hour_or_never(reminding, tmp_path):
    practised(tmp_path, 45)
    clock = FakeClock(NOW - timedelta(days=80))
    assert not await reminding(clock=clock).look()
    clock.set(NOW)
    task = asyncio.create_task(reminding(clock=clock).go_on())
    await clock.advance(FIRST_S + EVERY_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await reminding("[drill]\nremind_days = 0", clock).go_on()
