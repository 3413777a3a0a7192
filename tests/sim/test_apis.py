"""The world's APIs: every protocol at each of them, every mode, and the probe finds what the record says of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.model.signal import Outcome
from stillup.net import Net
from stillup.sim.climbed import climbed
from stillup.sim.load import load
from stillup.sim.modes import LASTING, ONLY_STREAMS, STATUS, Mode
from stillup.sources.base import Context
from stillup.sources.probe import Probe

APRIL = load("2026-04-07")
NOW = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
SILENT = {Mode.HANG, Mode.SLOW_HEADERS, Mode.SLOW_FIRST_TOKEN, Mode.PINGS, Mode.STREAM_STALL}
"""Found by waiting for as long as the probe does, which is too long for a test."""
KEY = {"x-api-key": "dummy"}
ASKS = {
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": []},
    "/v1/chat/completions": {"model": "m", "messages": []},
    "/v1/responses": {"model": "m", "input": "Hello"},
    "/v1beta/models/m:generateContent": {"contents": []},
}


def broken(mode: str, targets: str, more: str = "") -> str:
    return f"""
[[faults]]
id = "f"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T13:00:00Z
layer = "inference"
targets = {{ {targets.replace("?", f'"{mode}"')} }}
{more}
"""


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("target", ["requests", "stand_in", "inference"])
async def test_every_api_speaks_every_protocol(play, client, path, target):
    world, _ = await play(APRIL, APRIL.starts)

    async with client.post(world.url(target) + path, json=ASKS[path], headers=KEY) as answer:
        assert answer.status == 200
        assert b"simulated." in await answer.read()


async def test_programs_here_meet_what_claude_code_meets_and_another_provider_is_fine(play, client):
    world, clock = await play(APRIL, datetime(2026, 4, 7, 14, 40, tzinfo=UTC))

    async def status(target: str) -> int:
        async with client.post(f"{world.url(target)}/v1/messages", json=ASKS["/v1/messages"], headers=KEY) as answer:
            return answer.status

    assert [await status(t) for t in ("requests", "stand_in", "inference")] == [500, 200, 200]
    clock.set(datetime(2026, 4, 7, 15, 12, tzinfo=UTC))
    assert await status("requests") == 200


@pytest.mark.parametrize(
    ("targets", "more", "status"),
    [
        ("inference = ?", "", 529),
        ("inference = ?", "transcript_status = 500", 500),
        ('inference = ?, requests = "unavailable"', "transcript_status = 500", 503),
        ('"*" = ?', "", 529),
        ("sign_in = ?", "", 200),
    ],
)
async def test_programs_meet_what_is_said_of_them_else_what_the_models_endpoint_meets(
    play, client, made_up, targets, more, status
):
    world, _ = await play(made_up(broken("overloaded", targets, more)), NOW)

    async with client.post(f"{world.url('requests')}/v1/messages", json=ASKS["/v1/messages"], headers=KEY) as answer:
        assert answer.status == status


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("mode", STATUS)
async def test_every_status_comes_with_and_without_a_time_to_come_again(play, client, made_up, mode, path):
    scenario = made_up(broken(mode, "requests = ?, stand_in = ?", "retry_after_s = 7"))
    world, _ = await play(scenario, NOW)
    wanted = STATUS[mode] if STATUS[mode] != 529 or "messages" in path else 503

    async with client.post(world.url("requests") + path, json=ASKS[path], headers=KEY) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (wanted, "7")
    without, _ = await play(made_up(broken(mode, "requests = ?")), NOW)
    async with client.post(without.url("requests") + path, json=ASKS[path], headers=KEY) as answer:
        assert (answer.status, "Retry-After" in answer.headers) == (wanted, False)


@pytest.mark.parametrize("mode", sorted(ONLY_STREAMS))
async def test_what_breaks_streams_leaves_other_answers_whole(play, client, made_up, mode):
    world, _ = await play(made_up(broken(mode, "requests = ?")), NOW)

    async with client.post(f"{world.url('requests')}/v1/messages", json=ASKS["/v1/messages"], headers=KEY) as answer:
        assert (await answer.json())["stop_reason"] == "end_turn"


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in LASTING | SILENT | {Mode.STALE}])
async def test_the_probe_finds_what_the_record_of_the_scenario_says(play, made_up, monkeypatch, mode):
    world, clock = await play(made_up(broken(mode, "inference = ?, api_auth = ?")), NOW)
    for name, value in world.environ().items():
        monkeypatch.setenv(name, value)
    setting = parse_config(world.config()).setting("probe", "claude", world.environ())
    since = NOW - timedelta(minutes=1)
    context = Context(now=NOW, service=catalogue()["claude"], setting=setting, since=since)

    async with AsyncExitStack() as running:
        net = await running.enter_async_context(Net(clock))
        reading = await Probe().read(context, net)

    def told(signals) -> dict[str, str | None]:
        rungs = [s for s in signals if isinstance(s, Outcome) and s.component == "api"]
        return {s.layer.value: s.error for s in rungs if s.layer.value != "edge"}

    assert told(reading.signals) == told(climbed(world.stories, world.service, NOW))


async def test_one_model_of_an_api_fails_and_the_others_answer(play, client, made_up):
    world, _ = await play(made_up(broken("overloaded", "requests = ?", "models = { opus = 1 }")), NOW)

    async def status(model: str) -> int:
        body = {"model": model, "max_tokens": 9, "messages": []}
        async with client.post(f"{world.url('requests')}/v1/messages", json=body, headers=KEY) as answer:
            return answer.status

    assert [await status(m) for m in ("claude-opus-4-8", "claude-haiku-4-5")] == [529, 200]
