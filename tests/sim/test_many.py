"""Many services in one world: each with its own servers, sites and day, and a scenario may tell of several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.errors import BadDataError
from stillup.model.signal import Alive, Declared, Outcome
from stillup.registry import usable_sources
from stillup.sim.load import load
from stillup.sim.modes import Mode
from stillup.sim.scenario import Stream
from stillup.sim.signals import Step, sources_of, told_by
from stillup.sim.stories import Stories, calm
from stillup.sim.story import Story
from stillup.sim.texts import communities_of
from stillup.sim.wire import reddit
from stillup.sim.world import World
from stillup.testing import FakeClock

APRIL = load("2026-04-07")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ALSO = """
[[faults]]
id = "sign-in"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T12:40:00Z
layer = "auth"
targets = { sign_in = "server_error" }

[[trends]]
query = "is claude down"
geo = "US"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T14:00:00Z
traffic = "500+"

[[also]]
service = "chatgpt"

[[also.faults]]
id = "api"
from = 2026-01-05T12:20:00Z
to = 2026-01-05T12:50:00Z
layer = "inference"
targets = { inference = "unavailable" }

[[also.reactions]]
stream = "posts"
fault = "api"
peak_per_min = 6
delay_s = 0
ramp_s = 0

[[also.official]]
at = 2026-01-05T12:30:00Z
posted_at = 2026-01-05T12:30:00Z
stage = "investigating"
title = "Errors"
body = "We are looking into it."

[[also.trends]]
query = "is chatgpt down"
geo = "US"
from = 2026-01-05T12:30:00Z
to = 2026-01-05T14:00:00Z
traffic = "2000+"
"""
BEARER = {"Authorization": "Bearer x"}


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


@pytest.fixture
def everyone():
    return tuple(catalogue())


async def test_every_service_of_the_catalogue_has_its_own_servers_in_one_world(client, everyone, tmp_path):
    clock = FakeClock(APRIL.faults[0].from_)
    async with World(APRIL, clock, tmp_path, everyone) as world:
        places = {world.url(e.id, s.id) for s in world.services for e in s.endpoints}
        assert len(places) == sum(len(s.endpoints) for s in catalogue().values())
        async with client.get(world.url("sign_in")) as hit:
            assert hit.status == 500
        for service in world.services[1:]:
            for endpoint in service.endpoints:
                url = world.url(endpoint.id, service.id) + urlsplit(endpoint.url).path
                async with client.request(endpoint.method, url) as answer:
                    assert answer.status in endpoint.up, (service.id, endpoint.id)


async def test_the_configuration_covers_every_service_and_points_nowhere_else(everyone, tmp_path):
    async with World(APRIL, FakeClock(APRIL.starts), tmp_path, everyone) as world:
        config = parse_config(world.config())
        environ = world.environ()

        assert config.services[0] == "claude"
        assert set(config.services) == set(everyone)
        for service in world.services:
            endpoints = config.setting("probe", service.id, environ).options.get("endpoints", {})
            assert endpoints == {e.id: endpoints[e.id] for e in service.endpoints}
            assert all(url.startswith("http://127.0.0.1:") for url in endpoints.values())
            for spec in usable_sources():
                setting = config.setting(spec.id, service.id, environ)
                if spec.page and setting.enabled:
                    assert setting.base_url == f"{world.base_url}/{spec.id}/{service.id}"
                    assert spec.id in service.sources


async def test_the_configuration_says_how_a_page_of_ones_own_is_asked_and_so_it_is(tmp_path):
    async with World(APRIL, FakeClock(APRIL.starts), tmp_path) as world:
        text = world.config()
        own = '\n[sources.statuspage.deepl]\nenabled = true\nbase_url = "http://127.0.0.1:9"\n'

        assert "# a page of your own is asked with `enabled = true` in its own table" in text
        assert not parse_config(text).setting("statuspage", "deepl", {}).enabled
        assert parse_config(text + own).setting("statuspage", "deepl", {}).enabled


async def test_one_scenario_breaks_several_services_each_at_its_own_time(play, client, made_up):
    world, clock = await play(made_up(ALSO), at(15))

    async def state() -> tuple[int, int, str]:
        async with client.get(world.url("sign_in")) as claude:
            pass
        url = world.url("inference", "chatgpt")
        async with client.post(f"{url}/v1/chat/completions", json={"model": "m"}, headers=BEARER) as chatgpt:
            pass
        async with client.get(f"{world.base_url}/statuspage/chatgpt/api/v2/incidents/unresolved.json") as page:
            open_ = (await page.json())["incidents"]
        return claude.status, chatgpt.status, ", ".join(i["name"] for i in open_)

    assert await state() == (500, 200, "")
    clock.set(at(35))
    assert await state() == (500, 503, "Errors")
    clock.set(at(45))
    assert await state() == (200, 503, "Errors")


async def test_one_list_of_trending_searches_names_every_service_that_trends(play, client, made_up):
    world, _ = await play(made_up(ALSO), at(35))

    async with client.get(f"{world.base_url}/trends/trending/rss?geo=US") as answer:
        body = await answer.text()
    assert "<title>is claude down</title>" in body
    assert "<title>is chatgpt down</title>" in body


def test_communities_of_several_services_are_one_list_newest_first(made_up):
    stories = Stories(Story(made_up(ALSO)))
    wanted = {name for s in ("claude", "chatgpt") for name in communities_of(catalogue()[s])}

    posts = reddit.posts(stories, "+".join(wanted), at(45), 50)

    assert [p.at for p in posts] == sorted((p.at for p in posts), reverse=True)
    assert {p.community for p in posts} <= wanted
    told = reddit.posts(stories, "+".join(communities_of(catalogue()["chatgpt"])), at(45), 100)
    assert len([p for p in told if p.at > at(20)]) > 60


def test_a_service_that_no_scenario_tells_of_lives_its_usual_day():
    stories = Stories(Story(APRIL))
    day = [*stories.of("chatgpt").happened(Stream.REPORTS, APRIL.starts - timedelta(days=2), APRIL.starts)]

    assert len(day) == pytest.approx(2 * calm(catalogue()["chatgpt"]).reports_per_day, rel=0.25)
    assert stories.of("chatgpt").mode("edge", APRIL.faults[0].from_) is Mode.OK


@pytest.mark.parametrize("service", catalogue())
def test_on_a_quiet_day_every_source_of_every_service_speaks_and_none_of_trouble(service):
    stories = Stories(Story(APRIL), (service,))
    step = Step(stories, catalogue()[service], APRIL.ends, APRIL.ends + timedelta(minutes=5))

    for source, told in sources_of(service):
        signals = list(told_by(step, source, told))
        assert any(isinstance(s, Alive) for s in signals), source
        assert not any(isinstance(s, Outcome) and s.ok is False for s in signals), source
        if source != "aws":  # on its page something is always open, somewhere
            assert not any(isinstance(s, Declared) and s.state.is_fault for s in signals), source


def test_two_quiet_services_do_not_swing_together():
    stories, span = Stories(Story(APRIL)), (APRIL.starts - timedelta(days=2), APRIL.starts)
    times = [{h.at for h in stories.of(s).happened(Stream.CHATTER, *span)} for s in ("chatgpt", "github")]

    assert len(times[0] & times[1]) < 0.2 * len(times[0])


async def test_a_network_that_fails_fails_for_every_service(client, tmp_path):
    only_you, chatgpt = load("only-you"), catalogue()["chatgpt"]
    async with (
        World(only_you, FakeClock(only_you.faults[0].from_), tmp_path, (chatgpt.id,)) as world,
        client.get(world.url(chatgpt.endpoints[0].id, chatgpt.id)) as answer,
    ):
        assert b"Guest network" in await answer.read()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('service = "chatgpt"', 'service = "chatgtp"', ":LINE: also[0].service: no service is called 'chatgtp'"),
        ('service = "chatgpt"', 'service = "claude"', ":LINE: also[0].service: 'claude' has a part already"),
        ('inference = "unavailable"', '"*" = "unavailable"', "also[0].faults[0].targets.'*': no target is called '*'"),
        ('inference = "unavailable"', 'inference = "hagn"', "also[0].faults[0].targets"),
        ('fault = "api"', 'fault = "sign-in"', ":LINE: also[0].reactions[0].fault: no fault is called 'sign-in'"),
        ('title = "Errors"\n', "", "also[0].official[0]: the first update of incident 'main' has no `title`"),
    ],
)
def test_a_part_that_cannot_be_played_is_refused_with_its_place(made_up, old, new, says):
    text = ALSO.replace(old, new, 1)
    line = 6 + 1 + text[: text.index(new or "[[also.official]]")].count("\n")

    with pytest.raises(BadDataError) as refused:
        made_up(text)

    assert says.replace("LINE", str(line)) in str(refused.value)
