"""What the store promises of steps, queries and pruning."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from stillup.errors import StoreError
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.signal import Alive
from stillup.store import Key, Report, open_store
from stillup.store import store as store_module

CROWD = Evidence(family=Family.CROWD, standing=Standing.ALARM, log_e=9.5, observed=12.0, usual=0.4, unit="reports/min")
DAY = 24 * 60
SOCIAL = Evidence(family=Family.SOCIAL, standing=Standing.NO_DATA)


@pytest.fixture
def incident(minute):
    def make(n, **rest):
        given = {"id": f"claude-{n}", "service": "claude", "state": State.PARTIAL_OUTAGE, **rest}
        return Incident(opened_at=minute(n), since=minute(n), confidence=Confidence.SUSPECTED, **given)

    return make


@pytest.fixture
def statements():
    """Every statement that is sent while the test runs."""
    sent = []

    def note(_conn, _cursor, statement, *_rest):
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def test_what_was_once_recorded_of_a_change_is_never_rewritten(store, verdict):
    first, second = verdict(0, State.DEGRADED), verdict(0, State.MAJOR_OUTAGE)
    store.commit_step([first], [], {Key.of(first): [CROWD]})

    store.commit_step([second], [], {Key.of(second): [SOCIAL, CROWD, CROWD]})

    assert store.transitions() == [first]
    assert store.evidence(first.at, "claude") == [CROWD]


def test_the_service_and_each_of_its_components_change_on_their_own(store, verdict):
    whole, web = verdict(0), verdict(0, component="web")
    store.commit_step([whole, web], [], {Key.of(whole): [SOCIAL], Key.of(web): [CROWD]})

    assert store.transitions("claude") == [whole, web]
    assert store.evidence(whole.at, "claude") == [SOCIAL]
    assert store.evidence(web.at, "claude", "web") == [CROWD]
    assert store.evidence(whole.at, "claude", "api") == []


def test_changes_are_asked_for_by_service_by_time_and_the_newest_few(store, verdict):
    mine = [verdict(n) for n in range(4)]
    other = verdict(2, service="chatgpt")
    for change in (*mine, other):
        store.commit_step([change], [], {})

    assert store.transitions("claude", since=mine[2].at) == mine[2:]
    assert store.transitions("claude", limit=2) == mine[2:]
    assert store.transitions(limit=3) == [mine[2], other, mine[3]]
    assert store.transitions("github") == []


def test_an_incident_has_its_newest_word(store, verdict, incident, minute):
    opened, over = incident(0), incident(0, recovered_at=minute(9))
    store.commit_step([verdict(0)], [opened], {})
    store.commit_step([verdict(9, State.OPERATIONAL)], [over], {})

    assert store.incidents() == [over]


def test_a_step_that_is_driven_again_never_takes_an_incident_back(store, verdict, incident, minute):
    opened, over = incident(0), incident(0, recovered_at=minute(9))
    store.commit_step([verdict(0)], [opened], {})
    store.commit_step([verdict(9, State.OPERATIONAL)], [over], {})

    store.commit_step([verdict(0)], [opened], {})

    assert store.incidents() == [over]


def test_an_incident_that_opens_again_is_open(store, verdict, incident, minute):
    store.commit_step([verdict(9, State.OPERATIONAL)], [incident(0, recovered_at=minute(9))], {})

    store.commit_step([verdict(12)], [incident(0)], {})

    assert store.incidents() == [incident(0)]


def test_a_step_without_changes_still_updates_its_incidents(store, verdict, incident, minute):
    store.commit_step([verdict(5)], [incident(0)], {})

    store.commit_step([], [incident(0, title="Sign-in fails")], {})

    assert store.incidents() == [incident(0, title="Sign-in fails")]


def test_incidents_since_a_time_are_those_still_open_then_or_later(store, incident, minute):
    over, late, still = (
        incident(0, recovered_at=minute(5)),
        incident(1, recovered_at=minute(30)),
        incident(2),
    )
    store.commit_step([], [over, late, still, incident(3, id="gpt", service="chatgpt")], {})

    assert store.incidents("claude", since=minute(10)) == [late, still]
    assert store.incidents("claude", limit=1) == [still]


def test_evidence_for_what_did_not_change_is_refused_and_nothing_is_recorded(store, verdict):
    change = verdict(0)

    with pytest.raises(ValueError, match="did not change"):
        store.commit_step([change], [], {Key(change.at, "claude", "web"): [CROWD]})

    assert store.transitions() == []


@pytest.mark.parametrize("part", ["evidence", "incident"])
def test_a_step_that_fails_in_the_middle_leaves_nothing_behind(store, verdict, incident, part):
    changes, lone_surrogate = [verdict(0), verdict(0, component="web")], "\ud800"
    bad_evidence = Evidence(family=Family.CROWD, standing=Standing.ALARM, note=lone_surrogate)
    pieces = [CROWD, bad_evidence] if part == "evidence" else [CROWD]
    opened = [incident(0), incident(1, title=lone_surrogate if part == "incident" else None)]

    with pytest.raises(StoreError, match=f"{part} cannot be stored"):
        store.commit_step(changes, opened, {Key.of(changes[1]): pieces})

    assert store.transitions() == []
    assert store.incidents() == []


def test_a_step_waits_for_the_disk_and_a_recording_does_not(file_store, verdict, statements, minute):
    file_store.commit_step([verdict(0)], [], {})
    assert statements[:2] == ["PRAGMA synchronous=FULL", "BEGIN IMMEDIATE"]
    del statements[:]

    file_store.record([Alive(at=minute(0), service="claude", source="reddit")])
    assert statements[:2] == ["PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE"]


def test_an_empty_step_does_not_touch_the_disk(store, statements):
    store.commit_step([], [], {})
    store.record([])

    assert statements == []


def test_one_signal_that_cannot_be_stored_costs_only_itself(store, minute):
    good = Alive(at=minute(0), service="claude", source="reddit")
    bad = [
        Alive(at=minute(0), service="claude", source="x" * 500),
        Alive(at=minute(0), service="\ud800", source="x"),
        Alive(at=minute(0).replace(tzinfo=None), service="claude", source="x"),
        Alive(at=None, service="claude", source="x"),
        Alive(at=minute(0), service=7, source="x"),
    ]

    assert store.record([*bad, good]) == len(bad)
    assert store.record([good]) == 0
    assert list(store.signals("claude")) == [good, good]


def test_a_fault_of_the_database_is_no_fault_of_the_signals(file_store, sql, minute):
    sql("DROP TABLE signals")
    with pytest.raises(StoreError):
        file_store.record([Alive(at=minute(0), service="claude", source="reddit")])


def test_a_recording_longer_than_a_page_is_whole_and_in_order_even_when_all_times_are_equal(store, minute, monkeypatch):
    monkeypatch.setattr(store_module, "_PAGE", 7)
    monkeypatch.setattr(store_module, "_BATCH", 10)
    recorded = [Alive(at=minute(n // 12), service="claude", source=f"s{n}") for n in range(50)]
    store.record(recorded)

    assert list(store.signals("claude")) == recorded


def test_a_reader_that_stops_half_way_holds_up_nobody(store, minute):
    store.record(Alive(at=minute(n), service="claude", source="reddit") for n in range(3))
    reader = store.signals("claude")
    next(reader)

    assert store.prune(minute(3 * DAY), timedelta(days=1)) == 3
    reader.close()


def test_pruning_takes_old_signals_of_every_service_and_nothing_else(store, verdict, incident, minute, monkeypatch):
    monkeypatch.setattr(store_module, "_BATCH", 4)
    services = ["claude", "chatgpt", "github"]
    store.record(Alive(at=minute(n * DAY), service=s, source="reddit") for n in range(10) for s in services)
    old = verdict(0)
    store.commit_step([old], [incident(0)], {Key.of(old): [CROWD]})

    assert store.prune(minute(12 * DAY), keep=timedelta(days=3)) == 27

    for service in services:
        assert [s.at for s in store.signals(service)] == [minute(9 * DAY)]
    assert store.transitions() == [old]
    assert store.evidence(old.at, "claude") == [CROWD]
    assert store.incidents() == [incident(0)]


def test_the_last_report_of_each_source_and_service_stands(store, minute):
    def report(source, service, n, **rest):
        return Report(source=source, service=service, at=minute(n), **{"ok": True, **rest})

    failed = report("reddit", "claude", 5, ok=False, why="429: asked too often")
    store.save_reports([report("reddit", "claude", 1), report("reddit", "chatgpt", 1), failed])
    store.save_reports([report("reddit", "claude", 3), report("probe", "claude", 2)])

    assert store.reports() == [report("reddit", "chatgpt", 1), report("probe", "claude", 2), failed]


def test_threads_share_one_store(store, verdict, minute):
    def work(n):
        store.commit_step([verdict(n)], [], {Key.of(verdict(n)): [CROWD]})
        store.record([Alive(at=minute(n), service="claude", source="reddit")])
        return len(store.transitions())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))

    assert [v.at for v in store.transitions()] == [minute(n) for n in range(40)]
    assert len(list(store.signals("claude"))) == 40


def test_a_closed_store_says_so(where):
    with open_store(where) as store:
        pass
    with pytest.raises(StoreError, match="was closed"):
        store.transitions()


def test_a_log_that_is_written_again_is_kept_once(store, minute):
    about = [Alive(at=minute(n), service="claude", source="reddit") for n in range(6)]
    assert store.kept_of("signals.p0") == -1
    assert store.record_from("signals.p0", 4, [(3, about[0]), (3, about[1]), (4, about[2])]) == 0
    assert store.record_from("signals.p0", 4, [(3, about[0]), (4, about[2])]) == 0
    assert store.record_from("signals.p0", 2, [(2, about[5])]) == 0
    assert store.record_from("signals.p0", 9, [(4, about[2]), (7, about[3])]) == 0
    assert store.record_from("signals.p1", 1, [(1, about[4])]) == 0

    assert list(store.signals("claude")) == about[:5]
    assert (store.kept_of("signals.p0"), store.kept_of("signals.p1")) == (9, 1)


def test_of_a_log_too_one_signal_that_cannot_be_stored_costs_only_itself(store, minute):
    good = Alive(at=minute(0), service="claude", source="reddit")
    bad = Alive(at=minute(0), service="\ud800", source="x")
    assert store.record_from("signals.p0", 2, [(1, bad), (2, good)]) == 1
    assert store.record_from("signals.p0", 3, [(1, bad), (3, bad)]) == 1
    assert list(store.signals("claude")) == [good]


def test_an_older_step_without_changes_leaves_a_newer_word_on_an_incident(store, incident, minute):
    store.commit_step([], [incident(0, recovered_at=minute(9))], {}, tick=minute(9))
    store.commit_step([], [incident(0)], {}, tick=minute(5))
    assert store.incidents() == [incident(0, recovered_at=minute(9))]


def test_a_name_with_a_nul_in_it_is_kept_and_found(store, verdict, minute):
    odd = verdict(0, component="we\x00b")
    store.commit_step([odd], [], {Key.of(odd): [CROWD]})
    store.record([Alive(at=minute(0), service="cl\x00", source="x\x00y")])
    assert store.evidence(odd.at, "claude", "we\x00b") == [CROWD]
    assert [s.source for s in store.signals("cl\x00")] == ["x\x00y"]
