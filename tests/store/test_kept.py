"""What history is read from: pages of changes and incidents behind a cursor, what stood at a time, who was watched."""

from datetime import timedelta

import pytest

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.signal import Alive, Counted, Declared
from stillup.store import Key


@pytest.fixture
def incident(minute):
    def make(n, service="claude", **rest):
        given = {"state": State.DEGRADED, "confidence": Confidence.SUSPECTED, "since": minute(n), **rest}
        return Incident(id=f"{service}{n}", service=service, opened_at=minute(n), **given)

    return make


def pages(ask, cursor_of, size):
    """Everything, page by page."""
    before, out = None, []
    while page := ask(before, size):
        out += page
        before = cursor_of(page[-1])
    return out


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_of_changes_hold_each_change_once_newest_first(store, verdict, size):
    changes = [verdict(n // 3, service=s, component=c) for n in range(6) for s in ("a", "b") for c in (None, "web")]
    changes = list({Key.of(c): c for c in changes}.values())
    store.commit_step(changes, [], {})

    def key(c):
        return c.at, f"{c.service}/{c.component or ''}"

    everything = pages(lambda before, n: store.changes_before(None, before, n), key, size)
    assert everything == sorted(changes, key=key, reverse=True)
    of_a = pages(lambda before, n: store.changes_before("a", before, n), key, size)
    assert of_a == [c for c in everything if c.service == "a"]


@pytest.mark.parametrize("size", [1, 2, 50])
def test_pages_of_incidents_hold_each_incident_once_newest_first(store, incident, size):
    made = [incident(n, service=s) for n in (0, 0, 5, 7) for s in ("a", "b")]
    made = list({i.id: i for i in made}.values())
    store.commit_step([], made, {})

    def key(i):
        return i.opened_at, i.id

    assert pages(lambda before, n: store.incidents_before(None, before, n), key, size) == sorted(
        made, key=key, reverse=True
    )
    assert [i.id for i in store.incidents_before("b", None, 9)] == ["b7", "b5", "b0"]


def test_one_incident_is_found_by_its_id(store, incident):
    store.commit_step([], [incident(1)], {})
    assert store.incident("claude1") == incident(1)
    assert store.incident("claude2") is None
    assert store.incident("'; drop table incidents; --") is None


def test_what_stood_at_a_time_is_the_newest_change_of_each_subject_before_it(store, verdict, minute):
    early, late = verdict(1, component="web"), verdict(3, State.OPERATIONAL, component="web")
    whole = verdict(2)
    store.commit_step([early, whole, late, verdict(2, service="chatgpt")], [], {})
    assert {Key.of(v) for v in store.standing("claude", minute(3))} == {Key.of(early), Key.of(whole)}
    assert {Key.of(v) for v in store.standing("claude", minute(4))} == {Key.of(late), Key.of(whole)}
    assert store.standing("claude", minute(1)) == []


def test_changes_within_a_time_come_oldest_first_and_bounded(store, verdict, minute):
    store.commit_step([verdict(n) for n in range(9)], [], {})
    assert [v.at for v in store.changes_within("claude", minute(2), minute(5), 3)] == [minute(2), minute(3), minute(4)]


def test_the_grounds_of_a_minute_are_found_whichever_change_they_lie_with(store, verdict, minute):
    grounds = [Evidence(family=Family.CROWD, standing=Standing.ALARM)]
    change = verdict(1, component="web")
    store.commit_step([verdict(1), change], [], {Key.of(change): grounds})
    assert store.evidence_of_tick("claude", minute(1)) == grounds
    assert store.evidence_of_tick("claude", minute(2)) == []


def test_signals_are_read_by_source_and_those_that_name_an_incident_alone(store, minute):
    about = {"service": "claude", "source": "statuspage"}
    named = Declared(at=minute(1), state=State.DEGRADED, incident="i1", title='a "incident": in words', **about)
    plain = Declared(at=minute(1), state=State.DEGRADED, title=',"incident":"no"', **about)
    counted = Counted(at=minute(2), service="claude", source="hub", window_s=60, count=3)
    store.record([named, plain, counted, Alive(at=minute(3), service="chatgpt", source="hub")])
    window = (minute(0), minute(9), 10)
    assert store.signals_of("claude", {"statuspage"}, *window) == [named, plain]
    assert store.signals_of("claude", {"statuspage", "hub"}, *window, incidents_only=True) == [named]
    assert store.signals_of("claude", {"hub"}, *window) == [counted]
    assert store.signals_of("claude", set(), *window) == []


def test_minutes_in_a_row_are_one_stretch_and_a_few_missed_ones_are_closed(store, minute):
    store.watch([(minute(n), ["claude"]) for n in (1, 2, 3, 5, 6, 12)])
    assert store.watched("claude", minute(0), 10) == [(minute(0), minute(12))]


def test_a_pause_in_the_watching_begins_a_new_stretch(store, minute):
    store.watch([(minute(n), ["claude"]) for n in (1, 2, 10, 11)])
    assert store.watched("claude", minute(0), 10) == [(minute(0), minute(2)), (minute(9), minute(11))]
    assert store.watched("claude", minute(2), 10) == [(minute(9), minute(11))]
    assert store.watched("claude", minute(0), 1) == [(minute(9), minute(11))]
    assert store.watched("chatgpt", minute(0), 10) == []


def test_the_same_minute_twice_or_from_two_processes_changes_nothing(store, minute):
    ticks = [(minute(n), ["claude", "chatgpt"]) for n in (1, 2, 3)]
    store.watch(ticks)
    store.watch(ticks)
    store.watch([(minute(2) + timedelta(seconds=1), ["claude"])])
    assert store.watched("claude", minute(0), 10) == [(minute(0), minute(3))]
