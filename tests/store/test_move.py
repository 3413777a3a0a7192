"""A move: everything is there afterwards, the same, however often it was cut off; nothing is taken from the source."""

from __future__ import annotations

from itertools import count

import pytest

from stillup.errors import StoreError
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.signal import Alive
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import AlertState, Message
from stillup.store import Key, Report, open_store
from stillup.store import move as move_module
from stillup.store.move import move
from stillup.store.opening import database_at

DAY = 24 * 60
CROWD = Evidence(family=Family.CROWD, standing=Standing.ALARM, observed=12.0)


@pytest.fixture
def fill(verdict, minute):
    """Put something of everything into a store."""

    def run(store, changes=10, first=0):
        for n in range(first, first + changes):
            change = verdict(n, component="web" if n % 2 else None)
            incident = Incident(
                id=f"i{n // 5}", service="claude", opened_at=minute(n // 5 * 5), since=minute(n), state=State.DEGRADED,
                confidence=Confidence.SUSPECTED, title='"ünïcode", and\n\x00 what else',
            )  # fmt: skip
            store.commit_step([change], [incident], {Key.of(change): [CROWD, CROWD]})
        store.record(Alive(at=minute(n * DAY // 3), service=f"s{n % 3}", source="reddit") for n in range(3 * changes))
        store.record_from("signals.p0", 9, [(9, Alive(at=minute(1), service="s0", source="hub"))])
        store.save_reports([Report(source="reddit", service="claude", at=minute(1), ok=False, why="429")])
        store.watch([(minute(n), ["claude"]) for n in (1, 2, 30, 31)])
        store.sums.keep("claude", first, minute(first), '{"api/probe":[]}')
        with store.outbox.deciding("main") as deciding:
            message = {"rule": "r", "service": "claude", "incident": "a", "revision": 1, "title": "t", "short": "s"}
            deciding.put(
                [
                    Message(
                        key=f"k{first}",
                        channel="ops",
                        kind=Kind.BROKE,
                        reason=Reason.BROKE,
                        at=minute(0),
                        long="l",
                        **message,
                    )
                ],
                minute(0),
            )
            deciding.save(AlertState(seen_at=minute(first)), 3)

    return run


def everything(where):
    with open_store(where) as store:
        changes = store.transitions()
        return (
            changes,
            [store.evidence(*Key.of(c)) for c in changes],
            store.incidents(),
            [list(store.signals(f"s{n}")) for n in range(3)],
            store.reports(),
            store.watched("claude", changes[0].at, 9),
            store.outbox.listed(),
            store.outbox.state("main"),
            store.kept_of("signals.p0"),
            store.installation(),
        )


@pytest.fixture
def full(where, fill, minute):
    """A store of either kind, filled."""
    return filled(where, fill, minute)


@pytest.fixture
def full_file(path, fill, minute):
    """A file, filled."""
    return filled(path, fill, minute)


def filled(where, fill, minute):
    with open_store(where) as store:
        store.claim("ours", minute(0))
        fill(store)
    return where


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path):
    return tmp_path / "there.db" if request.param == "sqlite" else request.getfixturevalue("new_database")()


def moved(source, target, told=lambda *_: None):
    one, other = database_at(source), database_at(target)
    try:
        return move(one, other, told)
    finally:
        one.close()
        other.close()


def test_everything_is_there_afterwards_and_still_where_it_was(full, target):
    before = everything(full)
    done = moved(full, target)
    assert everything(target) == before == everything(full)
    rows = {t.table: t.rows for t in done.tables}
    assert rows["transitions"] == 10
    assert rows["evidence"] == 20
    assert rows["signals"] == 31
    assert all(len(t.digest) == 64 and t.copied == t.rows for t in done.tables)
    assert done.since == {}


def test_what_comes_after_a_move_has_numbers_of_its_own(full_file, target, fill):
    moved(full_file, target)
    with open_store(target) as store:
        fill(store, first=100)
        assert len(store.transitions()) == 20
        assert len(list(store.signals("s0"))) == 21
        assert [q.message.key for q in store.outbox.listed()] == ["k100", "k0"]


def test_a_move_that_is_cut_off_anywhere_goes_on_and_ends_the_same(full_file, new_database, monkeypatch):
    monkeypatch.setattr(move_module, "_PAGE", 5)
    target, before, cuts = new_database(), everything(full_file), 0
    for last in count(1, 3):
        left = iter(range(last))
        try:
            moved(full_file, target, lambda *_, left=left: next(left))
        except StopIteration:
            cuts += 1
        else:
            break
    assert cuts > 5
    assert everything(target) == before


def test_a_database_that_was_half_moved_into_is_not_taken_for_whole(full_file, target, minute):
    def cut(what, *_):
        if what == "copying incidents":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        moved(full_file, target, cut)
    with open_store(target) as store, pytest.raises(StoreError, match="a move into it was not finished"):
        store.claim("ours", minute(0))


def test_a_target_that_holds_something_is_refused_and_left_as_it_is(full_file, target, verdict):
    with open_store(target) as store:
        store.commit_step([verdict(5)], [], {})
    with pytest.raises(StoreError, match="a move needs an empty one"):
        moved(full_file, target)
    with open_store(target) as store:
        assert store.transitions() == [verdict(5)]


def test_what_the_source_gains_meanwhile_is_said_and_the_next_run_brings_it(full_file, target, verdict):
    def gain(what, *_):
        if what == "comparing marks":
            with open_store(full_file) as store:
                store.commit_step([verdict(70)], [], {})

    assert moved(full_file, target, gain).since == {"transitions": 1}
    done = moved(full_file, target)
    assert done.since == {}
    assert sum(t.copied for t in done.tables) == 1
    assert everything(target) == everything(full_file)


def test_a_row_that_differs_afterwards_is_named(full_file, target, minute):
    def spoil(what, *_):
        if what == "comparing installation":
            with open_store(target) as store:
                store.save_reports([Report(source="reddit", service="claude", at=minute(9), ok=True)])

    with pytest.raises(StoreError, match=r"a row of reports is not the same .*'reddit'"):
        moved(full_file, target, spoil)


def test_an_empty_database_moves_too(tmp_path, target):
    with open_store(tmp_path / "empty.db"):
        pass
    assert {t.rows for t in moved(tmp_path / "empty.db", target).tables} == {0}
