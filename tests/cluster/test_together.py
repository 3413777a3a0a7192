"""Tasks that live and die together: none is left behind, and the first failure is the one that is told."""

from __future__ import annotations

import asyncio
import gc

import pytest

from stillup.daemon.cluster.together import end, together


async def stubborn(ended, *, loses=1):
    """A task that loses its first cancellations, as a wait with a timeout can."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            loses -= 1
            if loses < 0:
                ended.append("stubborn")
                raise


async def fails():
    raise LookupError


async def test_what_fails_ends_the_others_and_is_raised():
    ended = []
    with pytest.raises(LookupError):
        await together(fails(), stubborn(ended, loses=0))
    assert ended == ["stubborn"]


async def test_a_task_that_loses_a_cancellation_is_asked_again():
    ended = []
    task = asyncio.create_task(stubborn(ended))
    await asyncio.sleep(0)
    await end((task,), again_s=0.01)
    assert ended == ["stubborn"]


async def test_who_is_cancelled_while_it_waits_for_an_end_waits_all_the_same():
    ended, put_away = [], asyncio.Event()

    async def slow():
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(asyncio.CancelledError):  # asked again: the one that waits was cancelled
                await put_away.wait()
            ended.append("slow")

    group = asyncio.create_task(together(slow()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    group.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    group.cancel()
    with pytest.raises(asyncio.CancelledError):
        await group
    assert ended == ["slow"]


async def fails_when_ended():
    try:
        await asyncio.Event().wait()
    finally:
        raise KeyError


@pytest.fixture
def complaints():
    """What asyncio says of failures that nobody looked at."""
    told = []

    def watch():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        return told

    return watch


async def test_of_what_fails_beside_the_first_failure_nobody_complains(complaints):
    told = complaints()
    with pytest.raises(LookupError):
        await together(fails(), fails_when_ended(), fails())
    for _ in range(5):
        await asyncio.sleep(0)  # what holds the tasks still is let go with the next turns
    gc.collect()
    assert told == []


async def test_who_is_cancelled_leaves_no_failure_behind_that_nobody_looked_at(complaints):
    told = complaints()
    running = asyncio.create_task(together(fails_when_ended(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    for _ in range(5):
        await asyncio.sleep(0)  # what holds the tasks still is let go with the next turns
    gc.collect()
    assert told == []
