"""The outbox: a decision and its messages are one; order, keys and bounds hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import AlertState, Message, Thread
from stillup.store import open_store
from stillup.store import outbox as outbox_module
from stillup.store.outbox import Settled, Status


@pytest.fixture
def message(minute):
    def make(key, channel="ops", **rest):
        given = {"rule": "r", "service": "claude", "incident": "a", "revision": 1, "title": "t", "short": "s", **rest}
        return Message(
            key=key, channel=channel, kind=Kind.BROKE, reason=Reason.BROKE, at=minute(0), long="l\nl", **given
        )

    return make


@pytest.fixture
def put(store, message, minute):
    def run(*keys, party="main", **rest):
        with store.outbox.deciding(party) as deciding:
            return deciding.put([message(key, **rest) for key in keys], minute(0))

    return run


def done(row, at, status=Status.DELIVERED, why=""):
    return Settled(seq=row.seq, status=status, done_at=at, why=why)


def keys(rows):
    return [row.message.key for row in rows]


def test_a_state_that_was_kept_is_there_again(store, where, minute):
    state = AlertState(threads={"r/claude": Thread(incident="a", since=minute(1))}, seen_at=minute(2))
    with store.outbox.deciding("main") as deciding:
        deciding.save(state, 7)
    store.close()

    with open_store(where) as again, again.outbox.deciding("main") as deciding:
        assert (deciding.state, deciding.cursor) == (state, 7)
        assert again.outbox.state("main") == state
        assert again.outbox.state("other") is None


def test_a_decision_that_fails_leaves_neither_state_nor_message(store, message, minute):
    def half():
        with store.outbox.deciding("main") as deciding:
            deciding.put([message("k1")], minute(0))
            deciding.save(AlertState(seen_at=minute(0)), 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()

    assert store.outbox.state("main") is None
    assert store.outbox.listed() == []


def test_a_message_that_was_queued_is_not_queued_again(store, put):
    assert put("k1", "k2", "k1") == 2
    assert put("k2", "k3") == 1
    assert keys(store.outbox.listed()) == ["k3", "k2", "k1"]
    assert put("k1", party="other") == 1


def test_changes_are_read_in_the_order_they_were_committed_from_the_cursor_on(store, verdict, minute):
    late = verdict(0, service="chatgpt")
    with store.outbox.deciding("main") as deciding:
        deciding.save(AlertState(), deciding.cursor)
    store.commit_step([verdict(3), verdict(5)], [], {})
    store.commit_step([late], [], {})

    with store.outbox.deciding("main") as deciding:
        assert [v for _, v in deciding.changes(10)] == [verdict(3), verdict(5), late]
        (seq, _), *_ = deciding.changes(1)
        deciding.save(AlertState(), seq)
        assert [v for _, v in deciding.changes(10)] == [verdict(5), late]


def test_what_was_before_there_were_any_rules_is_nobodys_news(store, verdict):
    store.commit_step([verdict(3)], [], {})
    with store.outbox.deciding("main") as deciding:
        assert deciding.changes(10) == []
        deciding.save(AlertState(), deciding.cursor)
    store.commit_step([verdict(5)], [], {})
    with store.outbox.deciding("main") as deciding:
        assert [v for _, v in deciding.changes(10)] == [verdict(5)]


def test_a_channel_gets_its_messages_in_their_order_and_no_other_channels(store, put, minute):
    put("k1", "k2")
    put("x1", channel="boss")
    first = store.outbox.take("main", "ops", minute(0))
    store.outbox.settle(Settled(seq=first.seq, status=Status.WAITING, due_at=minute(5), why="busy"))

    again = store.outbox.take("main", "ops", minute(4))
    assert (again.message.key, again.tries, again.due_at, again.why) == ("k1", 1, minute(5), "busy")
    assert store.outbox.next("main", "ops").status is Status.WAITING
    store.outbox.settle(done(again, minute(6)))
    assert store.outbox.next("main", "ops").message.key == "k2"
    assert store.outbox.next("main", "boss").message.key == "x1"
    assert store.outbox.next("other", "ops") is None


def test_what_was_being_sent_when_the_process_ended_is_seen_to_be_in_doubt(store, put, where, minute):
    put("k1")
    assert store.outbox.take("main", "ops", minute(0)).status is Status.WAITING
    store.close()
    with open_store(where) as again:
        found = again.outbox.take("main", "ops", minute(9))
    assert (found.status, found.tries) == (Status.ATTEMPTING, 1)


def test_what_was_given_up_is_kept_said_and_can_be_tried_again(store, put, minute):
    put("k1", "k2")
    store.outbox.settle(done(store.outbox.next("main", "ops"), minute(1), Status.DEAD, "refused"))

    assert store.outbox.next("main", "ops").message.key == "k2"
    (dead,) = store.outbox.listed([Status.DEAD])
    assert (dead.message.key, dead.why, dead.done_at) == ("k1", "refused", minute(1))
    assert store.outbox.counts("main") == {("ops", Status.DEAD): 1, ("ops", Status.WAITING): 1}
    assert store.outbox.revive("main", minute(2)) == 1
    assert store.outbox.next("main", "ops").message.key == "k1"


def test_no_channel_has_more_waiting_than_is_bounded(store, put, monkeypatch):
    monkeypatch.setattr(outbox_module, "MOST_WAITING", 3)
    put("k1", "k2")
    put("k3", "k4", "k5")
    dead = store.outbox.listed([Status.DEAD])
    assert keys(dead) == ["k2", "k1"]
    assert "were waiting" in dead[0].why


def test_old_messages_are_pruned_whether_they_arrived_or_waited_for_nobody(store, put, minute):
    put("k1", "k2")
    store.outbox.settle(done(store.outbox.next("main", "ops"), minute(60)))
    assert store.outbox.prune(minute(61), timedelta(minutes=30)) == 1
    assert keys(store.outbox.listed()) == ["k1"]
    assert store.outbox.prune(minute(120), timedelta(minutes=30)) == 1


def test_how_one_went_and_that_the_next_is_being_sent_is_one_write(store, put, minute):
    put("k1", "k2")
    first = store.outbox.take("main", "ops", minute(0))
    second = store.outbox.take("main", "ops", minute(0), done(first, minute(1)))
    assert second.message.key == "k2"
    assert [r.status for r in store.outbox.listed()] == [Status.ATTEMPTING, Status.DELIVERED]


def test_one_of_several_sends_and_another_when_it_gives_up_or_is_not_heard_of(store, monkeypatch):
    box = store.outbox
    assert box.hold("main", "a")
    assert box.hold("main", "a")
    assert not box.hold("main", "b")
    assert box.hold("other", "b")
    box.let_go("main", "b")
    assert not box.hold("main", "b")
    box.let_go("main", "a")
    assert box.hold("main", "b")
    monkeypatch.setattr(outbox_module, "STANDS", timedelta(seconds=-1))
    assert box.hold("main", "b")
    assert box.hold("main", "a")


def test_how_a_message_went_is_noted_at_no_other_that_has_its_number_in_a_restored_database(store, put, minute):
    put("a")
    row = store.outbox.take("main", "ops", minute(0))
    for key in ("of-before", ""):
        assert store.outbox.next("main", "ops") is not None
        gone = Settled(seq=row.seq, key=key, status=Status.DELIVERED, done_at=minute(1))
        store.outbox.settle(gone)
    assert store.outbox.next("main", "ops") is None
