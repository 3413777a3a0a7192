"""What was promised beside what was measured, over a database of days whose outages are known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.daemon.past import Past
from stillup.daemon.sla.ledger import Ledger, keeping
from stillup.daemon.sla.measure import Measuring, report
from stillup.daemon.sla.read import merge, read
from stillup.errors import StoreError
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.risk.credit import Standing
from stillup.risk.sla import SLOT_S, Side, Slot, month
from stillup.store import open_store
from stillup.testing import FakeClock
from tests.daemon.sla_world import fill, signals

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER = month("2026-10")
CLAUDE = catalogue()["claude"]
MINUTE = timedelta(minutes=1)
DAYS = 3
OUTAGES = {600: 30, 2 * 1440 + 700: 60}
"""In the minutes of these days: half an hour, and an hour."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Three days of October, and the folder they are kept in."""
    folder = tmp_path_factory.mktemp("sla")
    with open_store(folder / "stillup.db") as store:
        fill(store, BEGIN, DAYS, OUTAGES)
        yield store, folder


@pytest.fixture
def told(kept, tmp_path):
    """The report as it is told at the end of the three days."""
    store, _ = kept

    def make(text="", days=DAYS, service=CLAUDE, target=None):
        config = parse_config(f"data = '{tmp_path}'\n{text}")
        return report(config, store, service, OCTOBER, BEGIN + timedelta(days=days), target)

    return make


def rows(told, component):
    return {r.measured.side: r for h in told.parts if h.subject.component == component for r in h.rows}


def test_each_side_tells_the_same_outages_by_itself(told):
    api = rows(told(), "api")
    assert set(api) == {Side.PROBE, Side.TRAFFIC, Side.OFFICIAL, Side.VERDICT}
    assert api[Side.PROBE].measured.down_s == 90 * 60
    assert api[Side.PROBE].measured.seen == DAYS * 1440
    assert api[Side.OFFICIAL].measured.down_s == pytest.approx(90 * 60, abs=600)
    assert api[Side.VERDICT].measured.down_s == pytest.approx(90 * 60, abs=300)
    assert api[Side.TRAFFIC].measured.watched == pytest.approx(10 / 24, abs=0.01)


def test_people_in_alarm_are_told_apart_and_owe_nothing(told):
    people = rows(told(), None)[Side.PEOPLE]
    assert people.measured.failed == pytest.approx(90 * 60, abs=600)
    assert (people.burns, people.credit) == ((), None)


def test_a_part_that_the_page_calls_well_stays_well(told):
    assert rows(told(), "web")[Side.OFFICIAL].measured.available == 1.0


def test_a_target_comes_from_the_command_else_the_configuration_else_the_plan_else_the_default(told):
    text = "[[sla.agreements]]\nservice = 'claude'\ncomponent = 'api'\ntarget = 99\n"
    assert next(h for h in told().parts if h.subject.component == "api").target == 0.999
    assert next(h for h in told(text).parts if h.subject.component == "api").target == 0.99
    assert next(h for h in told(text).parts if h.subject.component == "web").target == 0.999
    assert all(h.target == 0.95 for h in told(text, target=0.95).parts)


def test_a_credit_is_told_by_each_side_that_counts(tmp_path):
    plan = "every paying account, for each region"
    config = parse_config(
        f"data = '{tmp_path}'\n[[sla.agreements]]\nservice = 'bedrock'\nplan = '{plan}'\nbill = 1000\n"
    )
    with open_store(tmp_path / "stillup.db") as store:
        fill(store, BEGIN, 1, {100: 400}, service="bedrock", every=5)
        late = report(config, store, catalogue()["bedrock"], OCTOBER, BEGIN + timedelta(days=40))
    probe = rows(late, "api")[Side.PROBE].credit
    assert (probe.standing, probe.share, probe.amount) == (Standing.DUE, 0.1, 100.0)
    assert probe.until.isoformat() == "2026-12-31"
    assert probe.partly
    assert rows(late, None)[Side.VERDICT].credit is None


def test_a_month_is_known_long_after_its_signals_are_gone(tmp_path):
    end_s = OCTOBER.begin_s + DAYS * 86_400
    with open_store(tmp_path / "stillup.db") as store:
        fill(store, BEGIN, DAYS, OUTAGES)
        ledger = Ledger(store, pytest.fail)
        first = ledger.slots(CLAUDE, OCTOBER.begin_s, OCTOBER.end_s, end_s + 9 * 86_400)
        store.prune(BEGIN + timedelta(days=60), timedelta(days=30))
        assert next(iter(store.signals("claude")), None) is None
        assert ledger.slots(CLAUDE, OCTOBER.begin_s, OCTOBER.end_s, end_s + 9e6) == first


def test_read_in_parts_is_read_at_once(tmp_path):
    told = []
    for name, looks in (("a", (5, 30, 31, 60, 73)), ("b", (73,))):
        with open_store(tmp_path / f"{name}.db") as store:
            fill(store, BEGIN, DAYS, OUTAGES)
            ledger = Ledger(store, pytest.fail)
            for hours in looks:
                found = ledger.slots(CLAUDE, OCTOBER.begin_s, OCTOBER.end_s, OCTOBER.begin_s + hours * 3_600)
            told.append(found)
    assert told[0] == told[1]


def test_what_is_written_hours_late_is_in_the_sums_all_the_same(tmp_path):
    """A monitor whose database was away: its page is asked as soon as it is back, before the monitor has written."""
    told = list(signals(BEGIN, 0.5, {}))
    with open_store(tmp_path / "stillup.db") as store:
        store.record(s for s in told if s.at < BEGIN + timedelta(hours=6))
        store.watch([(BEGIN + timedelta(minutes=m), ["claude"]) for m in range(1, 361)])
        ledger, end_s = Ledger(store, pytest.fail), BEGIN.timestamp() + 86_400
        ledger.slots(CLAUDE, BEGIN.timestamp(), end_s, end_s)
        store.record(s for s in told if s.at >= BEGIN + timedelta(hours=6))
        found = ledger.slots(CLAUDE, BEGIN.timestamp(), end_s, end_s)
    assert sum(slot.all for slot in found["api", Side.PROBE].values()) == 720


async def test_every_hour_the_sums_of_what_is_watched_are_kept_and_those_of_long_ago_go(tmp_path):
    clock = FakeClock(BEGIN + timedelta(days=DAYS))
    with open_store(tmp_path / "stillup.db") as store:
        fill(store, BEGIN, DAYS, OUTAGES)
        store.sums.keep("claude", 3, BEGIN, "{}")
        keeps = asyncio.create_task(keeping(Past(lambda: store, clock), [CLAUDE], clock))
        await clock.advance(3_700)
        days = [int(BEGIN.timestamp() // 86_400) + n for n in range(DAYS)]
        async with asyncio.timeout(20):
            while store.sums.of("claude", 0, 3) or list(store.sums.of("claude", days[0], days[-1])) != days:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        keeps.cancel()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"api/nobody":[]}',
        '{"api/probe":[[1,-5,0,0]]}',
        '{"api/probe":[[1,1e300,0,0]]}',
        '{"api/probe":[[1,1e-300,0,0]]}',
        '{"api/probe":[["x",1,0,0]]}',
        '{"api/probe":[[1,2,3]]}',
    ],
)
def test_sums_that_were_spoilt_are_named_and_what_is_still_there_is_read_anew(tmp_path, text):
    said: list[str] = []
    end_s, day = OCTOBER.begin_s + 86_400, int(BEGIN.timestamp() // 86_400)
    with open_store(tmp_path / "stillup.db") as store:
        fill(store, BEGIN, 1, {}, every=10)
        store.sums.keep("claude", day, BEGIN + timedelta(days=9), text)
        found = Ledger(store, said.append).slots(CLAUDE, OCTOBER.begin_s, OCTOBER.end_s, end_s)
    assert "the sums of claude of 2026-10-01 cannot be used" in said[0]
    assert sum(slot.all for slot in found["api", Side.PROBE].values()) == 144


def test_a_database_that_cannot_be_written_is_said_and_the_figures_are_told_all_the_same(tmp_path, monkeypatch):
    said: list[str] = []
    with open_store(tmp_path / "stillup.db") as store:
        fill(store, BEGIN, 1, {})

        def full(*_):
            msg = "the disk is full"
            raise StoreError(msg)

        monkeypatch.setattr(store.sums, "keep", full)
        found = Ledger(store, said.append).slots(CLAUDE, OCTOBER.begin_s, OCTOBER.end_s, OCTOBER.begin_s + 86_400)
    assert said == ["what was measured is not kept: the disk is full"]
    assert found


def test_a_month_of_which_there_is_nothing_leaves_no_row(kept, tmp_path):
    store, _ = kept
    config = parse_config(f"data = '{tmp_path}'")
    report(config, store, CLAUDE, month("1970-01"), BEGIN + timedelta(days=DAYS))
    assert store.sums.of("claude", 0, 31) == {}


def test_without_a_database_nothing_was_measured(tmp_path):
    config = parse_config(f"data = '{tmp_path}'")
    assert report(config, None, CLAUDE, OCTOBER, BEGIN + timedelta(days=2)).parts == ()


async def test_what_the_page_asks_is_answered_once_a_minute(kept, tmp_path):
    store, _ = kept
    clock = FakeClock(BEGIN + timedelta(days=2))
    asked = Measuring(parse_config(f"data = '{tmp_path}'"), Past(lambda: store, clock), clock)
    first = asked("claude", "2026-10")
    assert asked("claude", "2026-10") is first
    await clock.advance(120)
    assert asked("claude", "2026-10") is not first


def test_a_database_that_was_closed_is_an_error_and_not_a_quiet_month(tmp_path):
    store = open_store(tmp_path / "stillup.db")
    store.close()
    with pytest.raises(StoreError):
        report(parse_config(f"data = '{tmp_path}'"), store, CLAUDE, OCTOBER, BEGIN + timedelta(days=2))


# -- from signals to slots --------------------------------------------------------------------------------------------


def outcome(minute, source="probe", layer=Layer.INFERENCE, component="api", **rest):
    at = BEGIN + minute * MINUTE
    return Outcome(at=at, service="claude", source=source, layer=layer, component=component, **rest)


def total(slots, part):
    return sum(slots.get(part, {}).values(), Slot())


def test_a_reading_with_one_broken_rung_is_one_failure():
    found = read([outcome(0, layer=Layer.EDGE, ok=True), outcome(0, ok=False)], OCTOBER.begin_s + 60)
    assert total(found, ("api", Side.PROBE)) == Slot(0, 1)


def test_what_is_the_users_own_counts_for_nobody():
    lines = [
        outcome(0, ok=False, error="rate_limit until 2026-10-01T05:00:00Z"),
        outcome(1, layer=Layer.NETWORK, component=None, ok=False, error="offline"),
        outcome(2, layer=Layer.LOCAL, component=None, ok=False),
    ]
    assert read(lines, OCTOBER.begin_s + 300) == {}


def test_a_success_that_is_told_at_each_layer_where_something_failed_counts_once():
    lines = [
        outcome(0, "gateway", model="opus", ok=True),
        outcome(0, "gateway", layer=Layer.EDGE, ok=True),
        outcome(0, "gateway", layer=Layer.API_GATEWAY, ok=True),
        outcome(1, "claude_code", window_s=60, n_ok=3, n_failed=0),
        outcome(1, "claude_code", layer=Layer.API_GATEWAY, window_s=60, n_ok=3, n_failed=0),
        outcome(1, "gateway", model="opus", ok=False, error="overloaded"),
    ]
    assert total(read(lines, OCTOBER.begin_s + 300), ("api", Side.TRAFFIC)) == Slot(4, 1)


def test_others_requests_are_not_ours():
    lines = [outcome(n, source, ok=False) for n, source in enumerate(("openrouter", "pool", "globalping"))]
    assert read(lines, OCTOBER.begin_s + 300) == {}


def declared(minute, state, component="api", **rest):
    at = BEGIN + minute * MINUTE
    return Declared(at=at, service="claude", source="statuspage", component=component, state=state, **rest)


def test_a_page_that_falls_silent_says_nothing_of_the_time_after():
    lines = [declared(n, State.OPERATIONAL) for n in (0, 1, 2, 200, 201)]
    found = total(read(lines, OCTOBER.begin_s + 202 * 60), ("api", Side.OFFICIAL))
    assert found.good == pytest.approx(2 * 60 + 300 + 2 * 60)


def test_planned_work_and_a_fault_of_one_region_are_no_outage():
    lines = [
        declared(0, State.MAINTENANCE),
        declared(1, State.MAJOR_OUTAGE, incident="x", region="US"),
        declared(2, State.OPERATIONAL, component="web"),
    ]
    found = total(read(lines, OCTOBER.begin_s + 240), ("api", Side.OFFICIAL))
    assert (found.bad, found.degraded > 0) == (0.0, True)


def test_a_page_with_nothing_open_that_is_alive_is_up():
    alive = Alive(at=BEGIN, service="claude", source="statuspage")
    assert total(read([alive], OCTOBER.begin_s + 60), (None, Side.OFFICIAL)) == Slot(60.0)


@settings(max_examples=25)
@given(st.integers(1, 238))
def test_a_stretch_that_is_cut_anywhere_adds_up_to_itself(cut):
    lines = [s for s in signals(BEGIN, 240 / 1440, {60: 30}) if s.source == "probe"]
    at = BEGIN + cut * MINUTE
    whole = read(lines, OCTOBER.begin_s + 240 * 60)
    parts = read([s for s in lines if s.at < at], at.timestamp())
    merge(parts, read([s for s in lines if s.at >= at], OCTOBER.begin_s + 240 * 60))
    assert parts == whole
    assert all(slot.all <= SLOT_S for slot in whole["api", Side.PROBE].values())


def test_a_page_with_thousands_of_parts_fills_nothing(tmp_path):
    lines = [declared(0, State.OPERATIONAL, component=f"part {n}") for n in range(3_000)]
    assert len(read(lines, OCTOBER.begin_s + 60)) <= 200


def test_signals_that_nobody_has_judged_yet_are_measured_all_the_same(tmp_path):
    with open_store(tmp_path / "stillup.db") as store:
        store.record([outcome(n, ok=n % 10 > 0) for n in range(100)])
        told = report(parse_config(f"data = '{tmp_path}'"), store, CLAUDE, OCTOBER, BEGIN + timedelta(days=1))
    assert rows(told, "api")[Side.PROBE].measured.available == 0.9
