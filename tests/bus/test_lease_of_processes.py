"""Leases between real processes over a real server: one is stopped, one is killed, one comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

HOLDER = Path(__file__).with_name("holder.py")


@pytest.fixture
async def holder(nats) -> AsyncIterator[Callable[[str], Awaitable[Process]]]:
    """Starts a process that wants the lease."""
    started: list[Process] = []

    async def start(name: str) -> Process:
        args = (str(HOLDER), nats.servers[0], nats.prefix, name, "2.0")
        started.append(await asyncio.create_subprocess_exec(sys.executable, *args, stdout=PIPE))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def says(process: Process) -> tuple[str, int]:
    async with asyncio.timeout(60):
        word, number = (await process.stdout.readline()).split()
    return word.decode(), int(number)


async def test_a_stopped_holder_is_followed_and_knows_it_when_it_goes_on_and_a_killed_one_too(holder):
    a = await holder("a")
    word, first = await says(a)
    assert word == "held"
    b = await holder("b")
    a.send_signal(signal.SIGSTOP)
    word, second = await says(b)
    assert word == "held"
    assert second > first
    a.send_signal(signal.SIGCONT)
    assert await says(a) == ("lost", first)
    b.kill()
    word, third = await says(a)
    assert word == "held"
    assert third > second
