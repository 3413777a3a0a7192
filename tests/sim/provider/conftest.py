"""A scripted provider for each test that wants one, and a plain client that shows every byte."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
import pytest

from stillup.sim.provider_server import ProviderServer


@pytest.fixture
async def provider():
    async with ProviderServer("A") as server:
        yield server


@pytest.fixture
async def client():
    async with AsyncExitStack() as stack:
        timeout = aiohttp.ClientTimeout(total=10)
        yield await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout, auto_decompress=False))
