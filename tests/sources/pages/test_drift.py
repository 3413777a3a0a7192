"""A page that changes under us: another platform, other ids, another size. It is read all the same, or is no data."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.catalog.load import SourceHint
from stillup.errors import Malformed, Refused
from stillup.model.service import State
from stillup.model.signal import Alive, Declared
from stillup.net import Request
from stillup.sources.decode import decode_json
from stillup.sources.pages.page import Page, Row
from stillup.sources.pages.source import PageSource
from stillup.sources.statuspage import SOURCE as STATUSPAGE

ELSEWHERE = b"<!DOCTYPE html><html><head><title>Status</title></head><body></body></html>"


class Old(PageSource):
    """The platform that the catalogue still names: ``/old.json`` is a list of names that work."""

    id = "instatus"

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/old.json", tag="old"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        names = decode_json(answers["old"], list[str])
        return Page(rows=tuple(Row(name, name, State.OPERATIONAL) for name in names))


OLD = Old()


@pytest.fixture
def on(context):
    """A context in which the catalogue says that Claude's page is made by the old platform."""

    def make(base: str, **more):
        ctx = context(base_url=base, **more)
        return replace(ctx, service=replace(ctx.service, sources={"instatus": SourceHint(url="https://old.example")}))

    return make


def state_of(reading, component=None):
    said = [s for s in reading.signals if isinstance(s, Declared) and s.component == component and not s.incident]
    return said[-1].state


def moved(reading):
    return [note for note in reading.notes if "made by" in note]


async def test_a_page_in_its_own_platforms_format_is_read_and_nothing_else_is_asked(site, on):
    server, net = await site({"/old.json": b'["Claude API"]'})
    reading = await OLD.read(on(server.url()), net)
    assert state_of(reading, "api") is State.OPERATIONAL
    assert not moved(reading)
    assert len(server.heads) == 1


@pytest.mark.parametrize("old", [{}, {"/old.json": ELSEWHERE}])
async def test_a_page_that_moved_to_another_platform_is_read_there_and_it_is_said(old, site, on, answer):
    server, net = await site({"/": ELSEWHERE, "/api/v2/summary.json": answer("statuspage/outage.json"), **old})
    reading = await OLD.read(on(server.url().rstrip("/")), net)
    assert state_of(reading, "api").is_fault or state_of(reading, "web").is_fault
    assert {s.source for s in reading.signals} == {"instatus"}  # whoever heard of a fault from it hears of its end
    assert moved(reading) == ["127.0.0.1 is made by statuspage now, no longer by instatus; read so all the same"]


async def test_a_page_that_moved_and_has_nothing_of_the_service_is_said_to_be_both(site, on, answer):
    other = json.loads(answer("statuspage/good.json"))
    other["components"] = [{"id": "x1", "name": "Another thing", "status": "operational"}]
    server, net = await site({"/": ELSEWHERE, "/api/v2/summary.json": json.dumps(other).encode()})
    with pytest.raises(Malformed, match="made by statuspage now, no longer by instatus, and none of this service's"):
        await OLD.read(on(server.url().rstrip("/")), net)


async def test_where_it_moved_to_is_remembered(site, on, answer):
    server, net = await site({"/": ELSEWHERE, "/api/v2/summary.json": answer("statuspage/quiet.json")})
    ctx = on(server.url().rstrip("/"))
    await OLD.read(ctx, net)
    asked = len(server.heads)
    again = await OLD.read(ctx, net)
    assert len(server.heads) == asked + 1
    assert moved(again)


async def test_a_page_that_moves_back_is_read_at_home_again(site, on, answer):
    served = {"/": ELSEWHERE, "/api/v2/summary.json": answer("statuspage/quiet.json")}
    server, net = await site(served)
    ctx = on(server.url().rstrip("/"))
    assert moved(await OLD.read(ctx, net))
    del served["/api/v2/summary.json"]
    served["/old.json"] = b'["Claude API", "claude.ai"]'
    assert not moved(await OLD.read(ctx, net))


async def test_a_page_that_is_only_broken_is_no_data_and_is_looked_at_once_an_hour(site, on, now):
    server, net = await site({"/": ELSEWHERE, "/old.json": b"{}"})
    base = server.url().rstrip("/")
    with pytest.raises(Malformed):
        await OLD.read(on(base), net)
    first = len(server.heads)
    with pytest.raises(Malformed):
        await OLD.read(on(base, now=now + timedelta(minutes=1)), net)
    assert len(server.heads) == first + 1
    with pytest.raises(Malformed):
        await OLD.read(on(base, now=now + timedelta(hours=1)), net)
    assert len(server.heads) > first + 2


async def test_a_page_that_fails_itself_is_not_taken_for_one_that_moved(on, answer):
    from stillup.net import Net
    from stillup.testing import FakeClock, answers, http, serving

    async with serving(answers(http(503))) as server, Net(FakeClock(), timeout_s=5.0) as net:
        with pytest.raises(Refused) as refused:
            await OLD.read(on(server.url().rstrip("/")), net)
        assert refused.value.status == 503
        assert len(server.heads) == 1


# -- ids ------------------------------------------------------------------------------------------------------------


def summary(answer, change):
    page = json.loads(answer("statuspage/quiet.json"))
    page["components"] = [c for c in page["components"] if change(c) is not False]
    return json.dumps(page).encode()


def test_ids_that_vanish_leave_their_component_without_a_word_and_are_said(answer, context):
    reading = STATUSPAGE.parse(summary(answer, lambda c: c["name"] != "claude.ai"), context())
    assert "web" not in {s.component for s in reading.signals if isinstance(s, Declared)}
    assert any(note.startswith("no longer on the page: claude.ai") for note in reading.notes)


def test_a_row_with_a_new_id_is_known_by_its_name(answer, context):
    def renumber(c):
        c["id"] = f"new{c['position']}"

    reading = STATUSPAGE.parse(summary(answer, renumber), context())
    assert state_of(reading, "api") is State.OPERATIONAL
    assert not [note for note in reading.notes if note.startswith("no longer")]


def test_a_page_with_none_of_the_ids_and_names_is_another_page(answer, context):
    def strange(c):
        c["id"], c["name"] = f"new{c['position']}", f"Other {c['position']}"

    with pytest.raises(Malformed, match="none of this service's components"):
        STATUSPAGE.parse(summary(answer, strange), context())


def test_a_row_that_the_catalogue_does_not_know_is_read_and_said(answer, context):
    page = json.loads(answer("statuspage/quiet.json"))
    page["components"].append({**page["components"][-1], "id": "fresh0000001", "name": "Claude on the Moon"})
    reading = STATUSPAGE.parse(json.dumps(page).encode(), context())
    assert state_of(reading, "claude-on-the-moon") is State.OPERATIONAL
    assert reading.notes == ("on the page and not in the catalogue: Claude on the Moon",)


def test_five_thousand_rows_are_read_and_those_in_trouble_are_among_what_is_kept(answer, context):
    page = json.loads(answer("statuspage/quiet.json"))
    row = page["components"][-1]
    more = [{**row, "id": f"r{n:011}", "name": f"Region {n}", "group_id": None} for n in range(5000)]
    more[4321]["status"] = "major_outage"
    page["components"] += more
    reading = STATUSPAGE.parse(json.dumps(page).encode(), context())
    assert state_of(reading, "region-4321") is State.MAJOR_OUTAGE
    assert state_of(reading, "api") is State.OPERATIONAL
    assert any(isinstance(s, Alive) for s in reading.signals)
    assert len(reading.signals) <= 2000
    assert len(reading.says) <= 300
