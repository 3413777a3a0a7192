"""The APIs of the world's services: each answers in its own words, and the probe finds what the record says of it."""

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
from stillup.sim.load import parse
from stillup.sim.modes import LASTING, Mode
from stillup.sources.base import Context
from stillup.sources.probe import Probe

NOW = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
SILENT = {Mode.HANG, Mode.SLOW_HEADERS, Mode.SLOW_FIRST_TOKEN, Mode.PINGS, Mode.STREAM_STALL, Mode.DRIP}
"""Found by waiting for as long as the probe does, which is too long for a test, or slow in itself."""
MODES = [mode for mode in Mode if mode not in LASTING | SILENT | {Mode.STALE}]
HEAD = """
id = "made-up"
title = "made up"
service = "SERVICE"
starts = 2026-01-05T12:00:00Z
ends = 2026-01-05T14:00:00Z

[[faults]]
id = "f"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T13:00:00Z
layer = "inference"
targets = { inference = "MODE", api_auth = "MODE" }
"""


def scenario(service: str, mode: str):
    text = HEAD.replace("SERVICE", service).replace("MODE", mode)
    if service in ("openrouter", "bedrock"):
        text = text.replace("api_auth", "api")
    return parse(text, "made-up.toml")


@pytest.mark.parametrize(
    "service", ["gemini", "deepl", "deepseek", "openrouter", "mistral", "grok", "chatgpt", "bedrock"]
)
@pytest.mark.parametrize("mode", MODES)
async def test_the_probe_finds_what_the_record_of_the_scenario_says(play, monkeypatch, service, mode):
    world, clock = await play(scenario(service, mode), NOW)
    for name, value in world.environ().items():
        monkeypatch.setenv(name, value)
    setting = parse_config(world.config()).setting("probe", service, world.environ())
    context = Context(now=NOW, service=catalogue()[service], setting=setting, since=NOW - timedelta(minutes=1))

    async with AsyncExitStack() as running:
        net = await running.enter_async_context(Net(clock))
        reading = await Probe().read(context, net)

    def told(signals) -> dict[str, str | None]:
        rungs = [s for s in signals if isinstance(s, Outcome) and s.component == "api"]
        return {s.layer.value: s.error for s in rungs if s.layer.value != "edge"}

    assert told(reading.signals) == told(climbed(world.stories, world.service, NOW))


ASKED = {
    "deepl": ("/v2/translate", {"text": ["Hi"], "target_lang": "DE"}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": []}),
}
CHAT = ("/v1/chat/completions", {"model": "m", "messages": []})


@pytest.mark.parametrize(
    ("service", "mode", "status", "says"),
    [
        ("deepl", "quota", 456, '{"message":"Quota Exceeded"}'),
        ("deepl", "unauthorized", 403, "authentication key"),
        ("deepl", "overloaded", 503, "Temporary service outage"),
        ("gemini", "overloaded", 503, '"status":"UNAVAILABLE"'),
        ("gemini", "quota", 429, "PerDay"),
        ("deepseek", "overloaded", 503, "Service is too busy"),
        ("deepseek", "quota", 402, "Insufficient Balance"),
        ("openrouter", "overloaded", 503, "provider_overloaded"),
        ("openrouter", "no_credit", 402, "Insufficient credits"),
        ("mistral", "rate_limited", 429, '"object":"error"'),
        ("grok", "unavailable", 503, '"code":"The service is currently unavailable"'),
        ("perplexity", "rate_limited", 429, '"code":429'),
        ("chatgpt", "unavailable", 503, "server_is_overloaded"),
    ],
)
async def test_each_services_api_fails_in_its_own_words(play, service, mode, status, says):
    text = HEAD.replace("SERVICE", service).replace(
        '{ inference = "MODE", api_auth = "MODE" }', f'{{ requests = "{mode}" }}'
    )
    world, _ = await play(parse(text, "made-up.toml"), NOW)
    path, body = ASKED.get(service, CHAT)

    async with (
        aiohttp.ClientSession() as client,
        client.post(world.url("requests") + path, json=body, headers={"authorization": "Bearer dummy"}) as answer,
    ):
        found = await answer.text()

    assert answer.status == status
    assert says in found
