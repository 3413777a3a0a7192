"""What a type checker makes of the API: mypy reads this file, nobody runs it."""

from __future__ import annotations

import asyncio
from typing import assert_type

import stillup


async def looks() -> None:
    found = await stillup.check("claude")
    assert_type(found, stillup.Check)
    assert_type(found.is_up, bool | None)
    assert_type((await stillup.alternatives("claude", task="coding")).best, stillup.Alternative | None)
    assert_type(stillup.check_sync("claude"), stillup.Check)


async def goes_on(url: str) -> None:
    async with stillup.failover() as f:
        assert_type(f, stillup.Through)
        url = f.url
    with stillup.failover(own=True, config=url) as f:
        url = f.url


async def in_turn() -> None:
    async def number() -> int:
        await asyncio.sleep(0)
        return 1

    async with stillup.failover("claude", "chatgpt", told=print) as f:
        assert_type(f, stillup.Turns)
        assert_type(await f.call(number, number, timeout_s=3), int)
    stillup.failover("claude", own=True)  # type: ignore[call-overload]
    stillup.failover(told=print)  # type: ignore[call-overload]
