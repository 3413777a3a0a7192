from __future__ import annotations

import os
import socket
from contextlib import AsyncExitStack

import pytest

from stillup.net import Address, Net
from stillup.testing import FakeClock, serving


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def serve():
    """Start a server that plays a script; it ends with the test."""
    async with AsyncExitStack() as running:

        async def start(script, tls=None):
            return await running.enter_async_context(serving(script, tls))

        yield start


@pytest.fixture
async def connect(clock):
    """Open a Net with these settings; it is closed when the test ends."""
    async with AsyncExitStack() as open_nets:

        async def start(**settings):
            return await open_nets.enter_async_context(Net(clock, **{"timeout_s": 5.0, **settings}))

        yield start


@pytest.fixture
def to_loopback():
    """A resolver to which every name is this machine: hosts not called loopback, and yet here."""

    async def resolve(_host, _port):
        return [Address(socket.AF_INET, "127.0.0.1")]

    return resolve
