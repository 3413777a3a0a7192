"""What tests of requests that are put off share."""

from __future__ import annotations

import asyncio
import json

from stillup.gateway.core.actions import Patience
from stillup.sim.provider.behaviour import Behaviour, Failure

DEFER = ("x-stillup-defer", "1")
DOWN = Behaviour(failure=Failure.STATUS, status=529)
QUICK = "defer_pause_s = 0"
ALWAYS = f"defer = true\n{QUICK}"
SHORT = Patience(deadline_s=0.4, ping_s=30.0)


async def until(true):
    """Wait for what another task brings about."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - states that nobody signals
            await asyncio.sleep(0.01)


async def put_off(client, speech, **more):
    """Ask for something that is put off; its id."""
    reply = await client.ask(speech, headers=[DEFER], **more)
    assert reply.status == 202, reply
    return json.loads(reply.body)["id"]


async def get(client, path):
    return await client.send("GET", f"/stillup/later{path}")


def only(gateway):
    (item,) = gateway.later.items
    return item
