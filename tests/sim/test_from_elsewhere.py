"""What others see of the world from elsewhere, and what command lines on this machine note of it."""

import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.model.signal import Declared, Outcome
from stillup.net import Net
from stillup.registry import load_source
from stillup.sim.scenario import Scenario
from stillup.sim.world import World
from stillup.sources.base import Context
from stillup.testing import FakeClock

STARTS = datetime(2026, 3, 3, 12, tzinfo=UTC)
BEGINS, ENDS = STARTS + timedelta(hours=1), STARTS + timedelta(hours=3)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def read(tmp_path):
    """Read a source of a world with one fault, so long after it began."""
    async with AsyncExitStack() as running:
        clock = FakeClock()
        net = await running.enter_async_context(Net(clock))

        async def ask(source, service, after, **fault):
            told = {"id": "broken", "from": BEGINS, "to": ENDS, "layer": "inference"} | fault
            raw = {
                "id": "one", "title": "One", "service": service, "starts": STARTS, "ends": ENDS + timedelta(hours=1),
                "usual": {"requests_per_hour": 40.0}, "faults": [told],
            }  # fmt: skip
            clock.set(BEGINS + after)
            world = World(msgspec.convert(raw, Scenario), clock, tmp_path / "sessions")
            await running.enter_async_context(world)
            setting = parse_config(world.config()).setting(source, service, world.environ())
            ctx = Context(now=clock.now(), service=catalogue()[service], setting=setting)
            return await load_source(source).read(ctx, net)

        yield ask


def outcomes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome)]


HALF_AN_HOUR = timedelta(minutes=30)


async def test_openrouter_sees_the_models_fail_and_only_those_that_do(read):
    broken = {"targets": {"inference": "overloaded"}, "models": {"opus": 1.0}}
    tallies = {o.model: o.n_failed for o in outcomes(await read("openrouter", "claude", HALF_AN_HOUR, **broken))}
    assert tallies["opus"] == 20
    assert {n for model, n in tallies.items() if model != "opus"} == {0}


async def test_openrouter_counts_no_limits(read):
    limited = {"targets": {"inference": "rate_limited"}}
    assert {o.n_failed for o in outcomes(await read("openrouter", "claude", HALF_AN_HOUR, **limited))} == {0}


async def test_globalping_sees_which_countries_get_no_answer(read):
    away = {"layer": "network", "regions": {"IN": 1.0}, "targets": {"edge": "reset"}}
    told = {o.region: o.ok for o in outcomes(await read("globalping", "claude", HALF_AN_HOUR, **away))}
    assert told == {"US": True, "DE": True, "IN": False, "BR": True, "JP": True}


async def test_globalping_sees_an_edge_that_is_down_everywhere(read):
    told = outcomes(await read("globalping", "claude", HALF_AN_HOUR, targets={"edge": "unavailable"}))
    assert {(o.ok, o.error) for o in told} == {(False, "http 503")}


@pytest.mark.parametrize(("after", "states"), [(5, {"operational"}), (15, {"operational"}), (40, {"degraded"})])
async def test_radar_speaks_of_a_cloud_once_people_have_looked(read, after, states):
    reading = await read("cloudflare_radar", "aws", timedelta(minutes=after), targets={"s3": "unavailable"})
    assert {s.state.value for s in reading.signals if isinstance(s, Declared)} == states


async def test_radar_notes_a_country_without_network_late(read):
    away = {"layer": "network", "regions": {"KE": 1.0}, "targets": {"edge": "reset"}}
    assert outcomes(await read("cloudflare_radar", "aws", timedelta(minutes=20), **away)) == []
    told = outcomes(await read("cloudflare_radar", "aws", timedelta(minutes=50), **away))
    assert [o.region for o in told] == ["KE"]


@pytest.mark.parametrize(("source", "service"), [("codex", "chatgpt"), ("gemini_cli", "gemini")])
@pytest.mark.parametrize(("status", "error"), [(503, "overloaded"), (500, "server_error"), (401, "authentication")])
async def test_a_command_lines_sessions_tell_of_its_services_trouble(read, source, service, status, error):
    told = outcomes(await read(source, service, timedelta(hours=1), transcript_status=status))
    assert {o.error for o in told if o.ok is False} == {error}
    assert all(BEGINS <= o.at <= ENDS for o in told if o.ok is False)
    assert sum(o.n_ok or 0 for o in told) > 0
