"""A server's port opens and closes with its mode."""

import asyncio
from contextlib import suppress

from aiohttp import web

from stillup.sim.gate import Gate
from stillup.sim.modes import Mode


async def _well(request):
    return web.Response()


async def _is_open(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_who_is_cancelled_while_a_port_opens_leaves_nothing_open():
    modes = [Mode.REFUSED]
    gate = Gate(lambda: modes[0], _well)
    await gate.open()
    modes[0] = Mode.OK
    opening = asyncio.create_task(gate.sync())
    await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    await gate.close()
    assert not await _is_open(gate.port)


async def test_two_that_open_it_at_once_open_it_once():
    modes = [Mode.REFUSED]
    gate = Gate(lambda: modes[0], _well)
    await gate.open()
    modes[0] = Mode.OK
    await asyncio.gather(gate.sync(), gate.sync())
    assert await _is_open(gate.port)
    modes[0] = Mode.REFUSED
    await gate.sync()
    assert not await _is_open(gate.port)
    await gate.close()
