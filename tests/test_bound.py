"""What hangs fails, wherever it hangs."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import suppress

import pytest

from tests.bound import bounded

FAILS = pytest.raises(pytest.fail.Exception, match=r"not over within 0\.05 s")


def test_what_waits_for_a_lock_fails():
    with FAILS, bounded(0.05):
        threading.Event().wait()


def test_what_waits_in_an_event_loop_fails_and_the_loop_ends():
    ended = []

    async def hangs():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with FAILS, bounded(0.05), asyncio.Runner() as runner:
        runner.run(hangs())
    assert ended


def test_what_lets_nothing_through_is_told_again():
    told = []
    with FAILS, bounded(0.05, 0.05):
        while True:
            with suppress(BaseException):
                told.append(threading.Event().wait())
            told.append(True)
            if len(told) > 2:
                threading.Event().wait()


def test_what_is_over_in_time_is_left_alone():
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[1]
    with bounded(60.0):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 30
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[1]) == before
