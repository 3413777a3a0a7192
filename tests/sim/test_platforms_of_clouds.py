"""The other platforms in the world: Flashcat, Checkly, Google, AWS, Azure and feeds serve what was posted by then, and
their sources read it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stillup.catalog.load import catalogue
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.net import Request
from stillup.sim.load import load
from stillup.sim.page import page_at
from stillup.sim.wire.statuspage import BORN, shown
from stillup.sources.pages.recognise import recognise

ROWS = ("flashcat", "checkly", "google_cloud", "google_workspace", "aws", "azure")
FEEDS = ("atom", "rss", "azure")
APRIL = load("2026-04-07")
OVERLOAD = load("api-overload")
TABLE = {"azure": {"table": True}}


def april(hour: int, minute: int) -> datetime:
    return datetime(2026, 4, 7, hour, minute, tzinfo=UTC)


MOMENTS = {
    "before the fault": (APRIL, april(13, 0)),
    "while the page is silent": (APRIL, april(14, 54)),
    "when it has spoken": (APRIL, april(14, 56)),
    "when it watches": (APRIL, april(15, 30)),
    "after the end": (APRIL, april(16, 30)),
    "in another outage": (OVERLOAD, datetime(2026, 3, 10, 14, 0, tzinfo=UTC)),
}
each_moment = pytest.mark.parametrize("moment", MOMENTS)


def of_world(scenario, now) -> dict[str, State]:
    """The states of the components as the world's page has them."""
    names = [c.id for c in shown(catalogue()["claude"])]
    return page_at("page", scenario.official, names, now, BORN).components


def of_rows(reading, now) -> dict[str, State]:
    lines = (s for s in reading.signals if isinstance(s, Declared) and s.at == now)
    return {s.component: s.state for s in lines if s.incident is None and s.component}


def of_incidents(reading) -> dict[str | None, State]:
    """What open incidents say now, by component."""
    lines = (s for s in reading.signals if isinstance(s, Declared) and s.incident and s.state.is_fault)
    return {s.component: s.state for s in lines}


def as_told(platform: str, state: State) -> State:
    """xAI's feed knows outages and degraded, nothing between."""
    return State.MAJOR_OUTAGE if platform == "rss" and state.is_outage else state


@each_moment
@pytest.mark.parametrize("platform", ROWS)
async def test_a_page_is_read_back_as_the_world_has_it(look, platform, moment):
    scenario, now = MOMENTS[moment]

    reading = await look(platform, scenario, now, **TABLE.get(platform, {}))

    assert of_rows(reading, now) == of_world(scenario, now)
    assert any(isinstance(s, Alive) for s in reading.signals)


@each_moment
@pytest.mark.parametrize("platform", ["atom", "rss"])
async def test_a_feed_names_the_faults_of_the_world(look, platform, moment):
    scenario, now = MOMENTS[moment]

    reading = await look(platform, scenario, now)

    faults = {c: as_told(platform, s) for c, s in of_world(scenario, now).items() if s.is_fault}
    assert of_incidents(reading) == faults
    assert ("nothing open" in reading.says) is not bool(faults)


async def test_azures_feed_holds_what_is_open_and_forgets_it_when_it_is_over(look):
    there, gone = april(14, 56), april(16, 30)

    open_ones = await look("azure", APRIL, there)
    after = await look("azure", APRIL, gone)

    assert of_incidents(open_ones)
    assert [s.incident for s in after.signals if isinstance(s, Declared) and s.incident] == []
    assert after.says == "page: nothing open in its feed"


async def test_better_stacks_monitors_go_down_and_recover(look):
    there, after = april(14, 56), april(16, 30)

    down = of_incidents(await look("rss", APRIL, there, path="/feed.rss"))
    again = await look("rss", APRIL, after, path="/feed.rss")

    assert down == {c: State.MAJOR_OUTAGE for c, s in of_world(APRIL, there).items() if s.is_fault}
    ended = {s.incident for s in again.signals if isinstance(s, Declared) and s.stage is Stage.RESOLVED}
    assert len(ended) == len(down)
    assert of_incidents(again) == {}


async def test_aws_answers_in_utf_16_and_its_oldest_event_is_no_fault(look):
    base = await look.url(APRIL, april(13, 0))
    answer = await look.net.fetch(Request(url=f"{base}/aws/claude/public/currentevents"))
    reading = await look("aws", APRIL, april(13, 0))

    assert answer.body[:4] == b"\xfe\xff\x00["
    assert "long open and not counted: UAE, open since 2024-01-01" in reading.says
    assert [s.state for s in reading.signals if isinstance(s, Declared) and s.region == "AE"] == [State.UNKNOWN]


@pytest.mark.parametrize("platform", ["google_cloud", "checkly", "flashcat"])
async def test_posts_are_dated_by_when_they_could_be_read_not_by_when_it_began(look, platform):
    reading = await look(platform, APRIL, april(14, 56))

    dated = {s.at for s in reading.signals if isinstance(s, Declared) and s.incident}
    assert min(dated) >= april(14, 55)


async def test_at_the_first_look_what_an_open_incident_said_before_is_told_at_its_time(look):
    now = april(15, 30)
    reading = await look("flashcat", APRIL, now)

    stages = [s.stage for s in reading.signals if isinstance(s, Declared) and s.incident and s.component == "web"]
    assert stages[0] is Stage.INVESTIGATING
    assert min(s.at for s in reading.signals) < now - timedelta(minutes=20)


@pytest.mark.parametrize("platform", ["flashcat"])
async def test_a_page_of_that_platform_is_recognised_by_its_address(look, platform):
    base = await look.url(APRIL, april(13, 0))

    found = await recognise(f"{base}/{platform}/claude", look.net, april(13, 0))

    assert found.source.id == platform
    assert found.page.rows
