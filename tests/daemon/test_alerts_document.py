"""The document that stands in for the outbox: one writes it, and it never outgrows its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from zlib import compress

import msgspec
import pytest
from msgspec.structs import replace

from stillup.daemon.alerts import aside as module
from stillup.daemon.alerts.aside import Aside, Document, InMemory, waiting
from stillup.errors import StoreError
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.response.alerts.aside import is_news, taken_up
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import AlertState, Message, Said, Silence, Thread
from stillup.store import open_store
from stillup.store.outbox import Settled, Status

T = datetime(2026, 4, 7, 12, tzinfo=UTC)


class Ours:
    """It is always our turn."""

    who = None
    renew_s = None

    def taken(self):
        return True


@pytest.fixture
def place():
    place = InMemory()
    place.turn = Ours()
    return place


@pytest.fixture
def said():
    return []


@pytest.fixture
def aside_of(place, said):
    def make():
        aside = Aside(place, said.append)
        aside.sync()
        return aside

    return make


def message(key, long="long"):
    return Message(
        key=key, channel="ops", kind=Kind.BROKE, reason=Reason.BROKE, rule="r", service="claude", incident="i",
        revision=1, at=T, title="t", short="s", long=long,
    )  # fmt: skip


def put(aside, *messages):
    with aside.deciding(None) as deciding:
        return deciding.put(messages, T)


def done(row):
    return Settled(seq=row.seq, status=Status.DELIVERED, done_at=T)


def test_each_key_is_queued_once_and_they_go_out_in_their_order(aside_of):
    aside = aside_of()
    aside.begin(AlertState(), [])
    assert put(aside, message("a"), message("b"), message("a")) == 2
    assert put(aside, message("b"), message("c")) == 1
    row = aside.take("main", "ops", T)
    assert (row.message.key, row.status) == ("a", Status.WAITING)
    assert aside.take("main", "ops", T, done(row)).message.key == "b"
    assert aside.take("main", "mail", T) is None


def test_whoever_comes_next_finds_what_is_under_way_in_doubt(aside_of):
    first = aside_of()
    first.begin(AlertState(), [])
    put(first, message("a"))
    first.take("main", "ops", T)
    (row,) = aside_of().listed()
    assert (row.status, row.tries) == (Status.ATTEMPTING, 1)


def test_who_was_paused_and_comes_back_takes_nothing_more_to_send(aside_of):
    first = aside_of()
    first.begin(AlertState(), [])
    put(first, message("a"), message("b"))
    second = aside_of()
    row = second.take("main", "ops", T)
    with pytest.raises(StoreError, match="another process decides now"):
        first.take("main", "ops", T)
    second.take("main", "ops", T, done(row))
    with pytest.raises(StoreError):
        put(first, message("c"))
    first.sync()
    assert [m.message.key for m in first.listed()] == ["b", "a"]


def test_what_cannot_be_read_is_said_and_begun_anew(aside_of, place, said):
    for value in (b"no zlib at all", module.zlib.compress(b'{"state": 7}'), module.zlib.compress(b"[" * 100_000)):
        place.write(value, place.read()[1])
        aside = aside_of()
        assert not aside.is_open
        assert said.pop().startswith("what was kept on the bus cannot be read")
        aside.begin(None, [])
        assert aside.is_open
        assert said.pop().startswith("what was said before is not known here")


def test_what_was_done_with_first_makes_room_and_nothing_that_waits(aside_of, place, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 4_000)
    aside, noise = aside_of(), Random(7)
    aside.begin(AlertState(), [])
    put(aside, message("waits"))
    for number in range(20):
        put(aside, replace(message(f"m{number}", noise.randbytes(400).hex()), channel="mail"))
        aside.settle(done(aside.take("main", "mail", T)))
        assert len(place.read()[0]) <= 4_000
    kept = [m.message.key for m in aside_of().listed()]
    assert kept[0] == "m19"
    assert kept[-1] == "waits"
    assert "m0" not in kept


def test_a_change_is_news_unless_it_was_decided_on_while_the_database_was_away():
    def verdict(minute, component=None):
        at = T + timedelta(minutes=minute)
        return Verdict(at=at, service="claude", component=component, state=State.MAJOR_OUTAGE)

    state = taken_up(AlertState(), AlertState(verdicts={"claude/": verdict(5)}), "x.1")
    assert [is_news(state, verdict(n)) for n in (4, 5, 6)] == [False, False, True]
    assert is_news(state, verdict(4, "web"))
    again = taken_up(state, AlertState(verdicts={"claude/web": verdict(2, "web")}), "y.1")
    assert not is_news(again, verdict(5))
    assert not is_news(again, verdict(2, "web"))
    assert again.aside == "y.1"


def test_what_somebody_asked_for_after_the_last_look_at_the_database_is_kept():
    open_ = Thread(incident="i", said=Said(state=State.MAJOR_OUTAGE))
    threads = {"r/claude": open_, "r/gemini": replace(open_, incident="other"), "r/chatgpt": replace(open_, said=None)}
    acked = {key: replace(open_, acked=True) for key in threads}
    silence = Silence(service="claude")
    found = taken_up(AlertState(threads=acked, silences=(silence,)), AlertState(threads=threads), "x.1")
    assert {key: thread.acked for key, thread in found.threads.items()} == {
        "r/claude": True,
        "r/gemini": False,
        "r/chatgpt": False,
    }
    assert found.silences == (silence,)


def test_the_database_notes_how_far_messages_are_but_never_takes_back_what_is_done(aside_of, tmp_path):
    aside = aside_of()
    aside.begin(AlertState(), [])
    put(aside, message("a"), message("b"))
    row = aside.take("main", "ops", T)
    with open_store(tmp_path / "stillup.db") as store:
        with store.outbox.deciding("main") as deciding:
            deciding.put([message("a")], T)
        for _ in range(2):
            with store.outbox.deciding("main") as deciding:
                deciding.enter(aside.document.messages)
        assert [(r.message.key, r.status, r.tries) for r in store.outbox.listed()] == [
            ("b", Status.WAITING, 0),
            ("a", Status.ATTEMPTING, 1),
        ]
        aside.settle(done(row))
        with store.outbox.deciding("main") as deciding:
            deciding.enter(aside.document.messages)
        aside.begin(AlertState(), [replace(row, status=Status.WAITING)])
        with store.outbox.deciding("main") as deciding:
            deciding.enter(aside.document.messages)
        assert [r.status for r in store.outbox.listed()] == [Status.WAITING, Status.DELIVERED]


NAIVE, FAR = datetime(2026, 4, 7, 12), datetime.max.replace(tzinfo=UTC)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "forged",
    [
        Document(is_open=True, messages=(replace(waiting(message("a"), T), due_at=NAIVE),)),
        Document(is_open=True, messages=(replace(waiting(message("a"), T), queued_at=FAR),)),
        Document(is_open=True, messages=(replace(waiting(message("a"), T), tries=(1 << 64) - 1),)),
        Document(is_open=True, count=(1 << 64) - 1, messages=(waiting(message("a"), T),)),
        Document(state=AlertState(silences=(Silence(ends=NAIVE),))),
        Document(state=AlertState(heard={"claude/": NAIVE})),
    ],
    ids=str,
)
def test_one_that_nobody_could_count_with_is_as_none(aside_of, place, said, forged):
    place.write(compress(msgspec.json.encode(forged)), 0)
    aside = aside_of()
    assert aside.document == Document()
    assert "cannot be read" in said[0]
    aside.begin(AlertState(), [])
    put(aside, message("b"))
    assert aside.take("main", "ops", T).message.key == "b"
