"""A program that keeps asking: whole answers count, and every way to get none has its words."""

from __future__ import annotations

import asyncio

import pytest

from stillup.sim.asker import Client, PlainClient, SdkClient, Told, ask_once, client_for, keep_asking
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer
from stillup.testing import FakeClock

WAYS = ["sdk", "plain", "openai"]


@pytest.fixture
async def provider():
    async with ProviderServer("A") as server:
        yield server


@pytest.fixture(params=WAYS)
async def client(request, provider):
    if request.param == "sdk":
        pytest.importorskip("anthropic", reason="the official SDK is not installed")
        asked: Client = SdkClient(provider.url, "m")
    else:
        asked = PlainClient(provider.url, "m", "openai" if request.param == "openai" else "anthropic")
    yield asked
    await asked.close()


async def test_a_whole_answer_is_told_with_who_gave_it(provider, client):
    provider.set(Behaviour(tokens=3, headers={"x-stillup-upstream": "b", "x-stillup-reason": "outage_confirmed"}))
    told = await ask_once(client, FakeClock())
    now = FakeClock().now()
    assert told == Told(asked_at=now, at=now, ok=True, says="A0 A1 A2", upstream="b", reason="outage_confirmed")


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (Failure.STATUS, "500 "),
        (Failure.RESET, "no connection"),
        (Failure.CLOSED, "no connection"),
        (Failure.CUT, ""),
        (Failure.ENDS_EARLY, ""),
        (Failure.ERROR_EVENT, ""),
        (Failure.ERROR_FIRST, ""),
        (Failure.EMPTY, ""),
        (Failure.HTML, ""),
    ],
)
async def test_no_whole_answer_is_a_failure_that_says_why(provider, client, failure, says):
    provider.set(Behaviour(failure=failure, status=500))
    told = await ask_once(client, FakeClock())
    assert not told.ok
    assert told.says.startswith(says)
    assert told.says


async def test_an_asker_asks_on_through_failures(provider, client):
    provider.script([Behaviour(failure=Failure.STATUS, status=529), Behaviour(failure=Failure.RESET)])
    heard: list[Told] = []
    enough = asyncio.Event()

    def hear(told: Told) -> None:
        heard.append(told)
        if len(heard) == 4:
            enough.set()

    asking = asyncio.create_task(keep_asking(client, FakeClock(), 0.0, hear))
    await enough.wait()
    asking.cancel()
    await asyncio.wait([asking])
    assert [told.ok for told in heard[:4]] == [False, False, True, True]


async def test_the_official_sdk_is_taken_where_there_is_one(provider, monkeypatch):
    async with client_for(provider.url, "m", "openai") as other:
        assert other.name == PlainClient.name
    monkeypatch.setitem(__import__("sys").modules, "anthropic", None)
    async with client_for(provider.url, "m") as plain:
        assert plain.name == PlainClient.name
