"""How what commands wait for is: a running monitor's word counts, else a look of our own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stillup.clock import ScaledClock, SystemClock
from stillup.config import parse_config
from stillup.daemon.later.command import Health
from stillup.daemon.later.health import LOOK_EVERY_S, READ_EVERY_S, Healths, check_subject, health_of
from stillup.errors import UsageError
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.registry import usable_sources
from stillup.sim.load import load
from stillup.sim.world import World
from tests.daemon.test_store_view import START, Watch

OFF = "\n".join(f"[sources.{s.id}]\nenabled = false" for s in usable_sources())


def verdict(state, component=None):
    return Verdict(at=START, service="claude", component=component, state=state)


@pytest.mark.parametrize(
    ("subject", "states", "health"),
    [
        ("claude", {None: State.OPERATIONAL}, Health(START.timestamp(), "operational")),
        ("claude", {None: State.MAJOR_OUTAGE}, Health(None, "major outage")),
        ("claude", {None: State.DEGRADED}, Health(None, "degraded")),
        ("claude", {None: State.MAINTENANCE}, Health(None, "maintenance")),
        ("claude", {None: State.UNKNOWN}, Health(None, "nobody knows how it is")),
        ("claude", {}, Health(None, "nobody knows how it is")),
        (
            "claude/api",
            {None: State.PARTIAL_OUTAGE, "api": State.OPERATIONAL},
            Health(START.timestamp(), "operational"),
        ),
        ("claude/api", {None: State.PARTIAL_OUTAGE, "web": State.OPERATIONAL}, Health(None, "partial outage")),
    ],
)
def test_a_component_counts_by_itself_where_something_is_said_of_it(subject, states, health):
    assert health_of(subject, {part: verdict(state, part) for part, state in states.items()}) == health


@pytest.mark.parametrize(("said", "known"), [("claude", "claude"), ("Claude", "claude"), ("claude/api", "claude/api")])
def test_what_is_waited_for_is_in_the_catalogues_words(said, known):
    assert check_subject(said) == known


@pytest.mark.parametrize(
    ("said", "says"),
    [("claud", "no service called"), ("claude/ap", "there are: web, console, api"), ("", "no service")],
)
def test_what_nobody_knows_is_refused_with_what_there_is(said, says):
    with pytest.raises(UsageError, match=says):
        check_subject(said)


async def test_a_running_monitor_is_believed_and_asked_again_after_a_while(tmp_path):
    config = parse_config(f'data = "{tmp_path}"\n{OFF}')
    watch = Watch(config.database)
    try:
        healths = Healths(config, {}, watch.clock)
        await watch.says(State.MAJOR_OUTAGE)
        assert await healths.of(["claude/api", "claude"]) == {
            "claude/api": Health(None, "major outage"), "claude": Health(None, "partial outage"),
        }  # fmt: skip
        await watch.says(State.OPERATIONAL)
        back_s = watch.clock.now().timestamp()
        assert await healths.of(["claude/api"]) == {"claude/api": Health(back_s, "operational")}
        await watch.clock.advance(READ_EVERY_S)
        assert (await healths.of(["claude/api"]))["claude/api"].well_since_s == back_s
    finally:
        watch.close()


async def test_where_nobody_watches_a_look_is_asked_once_a_minute_and_the_first_well_one_counts(tmp_path):
    config = parse_config(f'data = "{tmp_path}"\n{OFF}')
    watch = Watch(config.database)  # of which the last word is old
    looks = [State.MAJOR_OUTAGE, State.OPERATIONAL, State.OPERATIONAL]
    clock = watch.clock
    try:
        await watch.says(State.OPERATIONAL)
        await clock.advance(600)

        async def look(service):
            return {None: Verdict(at=clock.now(), service=service, state=looks.pop(0))}

        healths = Healths(config, {}, clock, look)
        assert await healths.of(["claude"]) == {"claude": Health(None, "major outage")}
        await clock.advance(READ_EVERY_S)
        assert len(looks) == 2
        await clock.advance(LOOK_EVERY_S)
        first = await healths.of(["claude"])
        await clock.advance(LOOK_EVERY_S)
        assert await healths.of(["claude"]) == first == {
            "claude": Health((clock.now() - timedelta(seconds=LOOK_EVERY_S)).timestamp(), "operational")
        }  # fmt: skip
        assert not looks
    finally:
        watch.close()


async def test_a_look_that_reaches_nobody_knows_nothing(tmp_path):
    config = parse_config(f'data = "{tmp_path}"\n{OFF}')
    assert await Healths(config, {}, SystemClock()).of(["claude"]) == {"claude": Health(None, "nobody knows how it is")}


async def test_a_look_of_our_own_sees_an_outage(tmp_path):
    clock = ScaledClock(datetime(2026, 7, 14, 13, 40, tzinfo=UTC), 1.0)
    async with World(load("cloud-down"), clock) as world:
        config = parse_config(f'data = "{tmp_path}"\n{world.config()}')
        found = await Healths(config, world.environ(), clock).of(["claude", "claude/api"])
    assert found["claude"].well_since_s is None
    assert found["claude"].says in {"partial outage", "major outage", "degraded"}
