"""Four platforms of status pages in the world: each serves what was posted by then, and its source reads it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.catalog.load import SourceHint, catalogue
from stillup.errors import Refused
from stillup.model.service import Stage, State
from stillup.model.signal import Declared
from stillup.net import Request
from stillup.registry import load_source
from stillup.sim.load import load
from stillup.sim.page import page_at
from stillup.sim.wire.statuspage import BORN, shown
from stillup.sources.base import Context, Setting
from stillup.sources.incidentio import impacts_of
from stillup.sources.pages.recognise import recognise

PLATFORMS = ("incidentio", "instatus", "betterstack", "datadog")
each_platform = pytest.mark.parametrize("platform", PLATFORMS)
APRIL = load("2026-04-07")
OVERLOAD = load("api-overload")


def april(hour: int, minute: int) -> datetime:
    return datetime(2026, 4, 7, hour, minute, tzinfo=UTC)


MOMENTS = {
    "before the fault": (APRIL, april(13, 0)),
    "while the page is silent": (APRIL, april(14, 54)),
    "when it has spoken": (APRIL, april(14, 56)),
    "when it watches": (APRIL, april(15, 30)),
    "after the end": (APRIL, april(16, 30)),
    "in another outage": (OVERLOAD, datetime(2026, 3, 10, 14, 0, tzinfo=UTC)),
    "and as it is watched": (OVERLOAD, datetime(2026, 3, 10, 14, 20, tzinfo=UTC)),
}


def states(reading, now):
    """The page's general word now, by component."""
    return {
        s.component: s.state
        for s in reading.signals
        if isinstance(s, Declared) and s.incident is None and s.component and s.at == now
    }


def as_told(platform: str, state: State) -> State:
    """Better Stack has no word between slow and down."""
    return State.DEGRADED if platform == "betterstack" and state is State.PARTIAL_OUTAGE else state


@pytest.mark.parametrize(("scenario", "now"), MOMENTS.values(), ids=MOMENTS)
@each_platform
async def test_a_source_reads_back_how_every_component_of_the_page_is(look, platform, scenario, now):
    reading = await look(platform, scenario, now)

    ids = [c.id for c in shown(catalogue()["claude"])]
    page = page_at("any", scenario.official, ids, now, BORN)
    assert states(reading, now) == {c: as_told(platform, s) for c, s in page.components.items()}


@each_platform
async def test_an_incident_opens_when_it_is_posted_and_closes_when_it_is_over(look, platform):
    def open_ones(reading):
        return {s.title for s in reading.signals if isinstance(s, Declared) and s.incident}

    assert not open_ones(await look(platform, APRIL, april(14, 54)))
    assert len(open_ones(await look(platform, APRIL, april(14, 56)))) == 1
    assert len(open_ones(await look(platform, APRIL, april(15, 30)))) == 1
    assert not open_ones(await look(platform, APRIL, april(16, 30)))


@each_platform
async def test_what_was_posted_is_dated_by_when_it_could_be_read_not_by_what_it_shows(look, platform):
    reading = await look(platform, APRIL, april(15, 30))

    # The page dates its first words back to 14:32; they appeared at 14:55.
    told = sorted({s.at for s in reading.signals if isinstance(s, Declared) and s.at < april(15, 30)})
    assert told
    assert told[0] >= april(14, 55)


@each_platform
async def test_another_service_of_the_same_world_has_a_page_of_its_own_and_it_is_calm(look, platform):
    reading = await look(platform, APRIL, april(14, 56), service="chatgpt")

    found = states(reading, april(14, 56))
    assert found.keys() >= {"web", "sign_in", "api", "codex"}
    assert set(found.values()) == {State.OPERATIONAL}


@pytest.mark.parametrize(("now", "out"), [(april(14, 0), set()), (april(14, 56), {"web", "console", "code"})])
async def test_incidentios_copy_of_statuspages_format_says_the_same_of_each_component(look, now, out):
    base = await look.url(APRIL, now)
    answer = await look.net.fetch(Request(url=f"{base}/incidentio/claude/api/v2/summary.json"))

    ctx = Context(now=now, service=catalogue()["claude"], setting=Setting())
    found = states(load_source("incidentio").parse(answer.body, ctx, "summary"), now)
    assert {c for c, s in found.items() if s is State.MAJOR_OUTAGE} == out
    assert (b'"indicator":"minor"' in answer.body) is bool(out), "it is never worse than minor"


async def test_the_times_of_impact_are_the_pages_own_and_end_with_the_fault(look):
    base = await look.url(APRIL, april(16, 30))
    answer = await look.net.fetch(Request(url=f"{base}/incidentio/claude/proxy/any/component_impacts"))

    found = impacts_of(answer.body)
    assert {i.state for i in found} == {State.MAJOR_OUTAGE}
    assert {i.start for i in found} == {april(14, 32)}
    assert all(i.end is not None and i.end - i.start < timedelta(hours=2) for i in found)


async def test_the_record_of_incidents_ends_with_the_end(look):
    base = await look.url(APRIL, april(16, 30))
    answer = await look.net.fetch(Request(url=f"{base}/incidentio/claude/proxy/any/incidents"))

    ctx = Context(now=april(16, 30), service=catalogue()["claude"], setting=Setting())
    told = load_source("incidentio").parse(answer.body, ctx, "incidents").signals
    assert (told[-1].stage, told[-1].state) == (Stage.RESOLVED, State.OPERATIONAL)


@each_platform
async def test_a_page_has_no_other_paths(look, platform):
    base = await look.url(APRIL, april(14, 0))

    with pytest.raises(Refused, match="404"):
        await look.net.fetch(Request(url=f"{base}/{platform}/claude/anything"))


@pytest.mark.parametrize("platform", ["statuspage", *PLATFORMS, "flashcat", "checkly"])
async def test_each_platform_is_recognised_by_its_answers(platform, look):
    now = april(14, 56)
    found = await recognise(f"{await look.url(APRIL, now)}/{platform}/claude", look.net, now)
    assert found.source.id == platform
    assert len([row for row in found.page.rows if not row.group]) == len(shown(catalogue()["claude"]))
    assert len([i for i in found.page.incidents if i.is_open]) == 1


async def test_a_page_that_another_platform_makes_by_now_is_read_all_the_same_and_it_is_said(look):
    now, base = april(14, 56), await look.url(APRIL, april(14, 56))
    service = replace(catalogue()["claude"], sources={"instatus": SourceHint()})
    for place in ("instatus", "incidentio", "instatus"):
        ctx = Context(now=now, service=service, setting=Setting(base_url=f"{base}/{place}/claude"))
        reading = await load_source("instatus").read(ctx, look.net)
        assert states(reading, now)["web"] is State.MAJOR_OUTAGE
        assert {s.source for s in reading.signals} == {"instatus"}
        assert bool(reading.notes) is (place == "incidentio")
