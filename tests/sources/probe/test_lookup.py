"""Names that several probes ask for at the same time are looked up once."""

import asyncio
import socket

import pytest

from stillup.net import Address
from stillup.sources.ladder.lookup import Shared

HERE = [Address(socket.AF_INET, "127.0.0.1")]


class Resolver:
    """Counts what it is asked, and answers when it is let."""

    def __init__(self, error=None):
        self.asked = []
        self.let = asyncio.Event()
        self.error = error

    async def __call__(self, host, port):
        self.asked.append((host, port))
        await self.let.wait()
        if self.error:
            raise self.error
        return HERE


async def test_twenty_who_wait_for_one_name_ask_once_and_all_have_the_answer():
    resolver = Resolver()
    shared = Shared(resolver)
    waiting = asyncio.gather(*(shared("control.example", 443) for _ in range(20)), shared("other.example", 443))
    await asyncio.sleep(0)
    resolver.let.set()
    assert await waiting == [HERE] * 21
    assert sorted(resolver.asked) == [("control.example", 443), ("other.example", 443)]


async def test_who_gives_up_takes_nothing_from_the_others():
    resolver = Resolver()
    shared = Shared(resolver)
    hasty, patient = (asyncio.create_task(shared("a.example", 443)) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    resolver.let.set()
    assert await patient == HERE
    assert hasty.cancelled()


async def test_a_failure_is_everybodys_and_nothing_is_kept():
    resolver = Resolver(socket.gaierror("no such name"))
    resolver.let.set()
    shared = Shared(resolver)
    results = await asyncio.gather(*(shared("a.example", 443) for _ in range(3)), return_exceptions=True)
    assert [type(r) for r in results] == [socket.gaierror] * 3
    with pytest.raises(socket.gaierror):
        await shared("a.example", 443)
    assert len(resolver.asked) == 2
